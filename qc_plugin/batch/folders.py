"""The files below a folder, in order, whatever state it is in; one folder's listing is held at a time."""

from __future__ import annotations

import errno
import os
import stat
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from qc_plugin.batch.found import Found, LeftOut, Skipped, unreadable
from qc_plugin.batch.leftovers import CONTROL
from qc_plugin.report.text import plain_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from qc_plugin.batch.leftovers import Leftovers

_TO_NOTHING = (errno.ENOENT, errno.ELOOP, errno.ENOTDIR)  # what a link without a target gives
Met = Found | LeftOut | Skipped
_Level = tuple[list[os.DirEntry[str]], set[str], str]  # entries to come, control files, real path


class Folders:
    """The folders of a scan. `but` (absolute paths) are not entered: reports hold pictures too.

    Links to folders are followed after everything else, where they stay inside the root and lead to what no
    other way leads to, so that each real folder is entered once.
    """

    def __init__(self, roots: Sequence[Path], but: AbstractSet[str], leftovers: Leftovers) -> None:
        self._names, self._but = leftovers, {os.path.realpath(path) for path in but}
        self._entered: list[str] = []  # real paths of the roots and of links that were followed
        self._roots: list[tuple[Path, str]] = []
        for root in sorted(dict.fromkeys(roots), key=lambda path: len(path.parts)):
            real = os.path.realpath(root)
            if not self._is_entered(real):
                self._entered.append(real)
                self._roots.append((root, real))
        self._roots.sort(key=lambda pair: list(roots).index(pair[0]))

    def each(self) -> Iterator[tuple[Path, Iterator[Met]]]:
        """Each root that is not below another, and what is met below it."""
        for root, real in self._roots:
            yield root, self._below(root, real)

    def _below(self, root: Path, real: str) -> Iterator[Met]:
        links: deque[Path] = deque()
        yield from self._tree(root, root, real, links)
        while links:
            link = links.popleft()
            target = os.path.realpath(link)
            if self._is_entered(target) or target in self._but:
                yield LeftOut(link, "linked")
            elif not _is_below(target, real):
                yield _leads_out(link, root)
            else:
                self._entered.append(target)
                yield from self._tree(link, root, target, links)

    def _tree(self, folder: Path, root: Path, real: str, links: deque[Path]) -> Iterator[Met]:
        """Depth first; a stack of our own, because folders may be nested deeper than calls may be."""
        stack: list[_Level] = []
        start = len(str(root).rstrip("/")) + 1
        yield from self._enter(stack, str(folder), real)
        while stack:
            entries, beside, at = stack[-1]
            if not entries:
                stack.pop()
                continue
            entry = entries.pop()
            seen = self._judge(entry, start, beside)
            if not isinstance(seen, int):
                yield seen
            elif stat.S_ISREG(seen):
                yield Found(Path(entry.path), root)
            elif entry.is_symlink():
                links.append(Path(entry.path))
            else:
                inside = os.path.join(at, entry.name)  # noqa: PTH118 - `at` is text, like all in this loop
                if inside not in self._but and inside not in self._entered:
                    yield from self._enter(stack, entry.path, inside)

    def _enter(self, stack: list[_Level], folder: str, real: str) -> Iterator[Skipped]:
        """List a folder; what the system does not show is said, and the rest goes on."""
        try:
            with os.scandir(folder) as entries:
                listed = sorted(entries, key=lambda entry: entry.name, reverse=True)
        except (OSError, ValueError) as error:
            yield unreadable(Path(folder), error)
            return
        stack.append((listed, {entry.name for entry in listed if entry.name.endswith(CONTROL)}, real))

    def _judge(self, entry: os.DirEntry[str], start: int, beside: set[str]) -> LeftOut | Skipped | int:
        """What is said of an entry, or its mode; `start` is where its path below the root begins."""
        below = entry.path[start:]
        try:
            mode = entry.stat().st_mode if entry.is_symlink() else _mode(entry)
        except (OSError, ValueError) as error:
            reason = self._names.of_file(below, beside)
            return _unseen(entry, error) if reason is None else LeftOut(Path(entry.path), reason)
        is_folder = stat.S_ISDIR(mode)
        reason = self._names.of_folder(below) if is_folder else self._names.of_file(below, beside)
        if reason is None and not is_folder and not stat.S_ISREG(mode):
            reason = "special"
        return mode if reason is None else LeftOut(Path(entry.path), reason)

    def _is_entered(self, real: str) -> bool:
        """Whether the ordinary way leads to this real folder."""
        return any(_is_below(real, base) and self._is_reached(real, base) for base in self._entered)

    def _is_reached(self, real: str, base: str) -> bool:
        parts = Path(real).relative_to(base).parts
        return all(self._names.of_folder("/".join(parts[: n + 1])) is None for n in range(len(parts)))


def _mode(entry: os.DirEntry[str]) -> int:
    """The kind of an entry that is no link, from the listing where that tells it."""
    if entry.is_dir(follow_symlinks=False):
        return stat.S_IFDIR
    if entry.is_file(follow_symlinks=False):
        return stat.S_IFREG
    return entry.stat(follow_symlinks=False).st_mode


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _leads_out(link: Path, root: Path) -> Skipped:
    text = f"{link}: is a link that leads out of {root}: name its target too, or leave it out with --ignore"
    return Skipped(link, "link", plain_text(text))


def _unseen(entry: os.DirEntry[str], error: OSError | ValueError) -> Skipped:
    path = Path(entry.path)
    if not entry.is_symlink() or getattr(error, "errno", None) not in (
        errno.ENOENT,
        errno.ELOOP,
        errno.ENOTDIR,
    ):
        return unreadable(path, error)
    text = f"{path}: is a link to nothing: mend or remove it, or leave it out with --ignore"
    return Skipped(path, "link", plain_text(text))
