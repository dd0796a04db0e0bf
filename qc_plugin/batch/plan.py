"""What a scan has to do: every file found, compared with what the ledger knows; nothing is opened."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from qc_plugin.batch.walk import walk
from qc_plugin.errors import UsageError
from qc_plugin.isolation.opening import file_state
from qc_plugin.store.address import place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from qc_plugin.batch.ledger import Entry, Ledger
    from qc_plugin.batch.walk import Found
    from qc_plugin.store.address import Place

Reason = Literal["done", "new", "changed", "rules", "settings", "again"]
REASONS: dict[Reason, str] = {
    "new": "new",
    "changed": "changed content",
    "rules": "other rules",
    "settings": "other engines or decode settings",
    "again": "to be tried again",
}
_AT_ONCE = 400  # paths a query; SQLite's own bound is 999 in old builds
_TRY_AGAIN = (70, 75)


@dataclass(frozen=True, slots=True)
class FoundFiles:
    """Files to check in a stable order, and files in folders that are not media by their name."""

    assets: tuple[Path, ...]
    ignored: tuple[Path, ...]


def find_files(paths: Sequence[Path]) -> FoundFiles:
    """All of `walk` at once."""
    found = [(each.path, each.is_media) for each in walk(paths) if isinstance(each.path, Path)]
    assets = tuple(path for path, is_media in found if is_media)
    return FoundFiles(assets, tuple(path for path, is_media in found if not is_media))


@dataclass(frozen=True, slots=True)
class Shard:
    """Every `of`-th asset by the hash of its path: `index` counts from 0."""

    index: int = 0
    of: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """From `3/10` (index from 0, then how many). Raises UsageError."""
        index, slash, of = text.partition("/")
        if not (slash and index.isdecimal() and of.isdecimal() and int(index) < int(of) <= 100_000):
            raise UsageError(f"--shard {text}: give INDEX/COUNT with INDEX from 0, e.g. 0/10 to 9/10")
        return cls(int(index), int(of))

    def has(self, path: Place) -> bool:
        """Whether `path`, as it was given, belongs to this shard."""
        if self.of == 1:
            return True
        return (
            int.from_bytes(hashlib.sha256(os.fsencode(str(path))).digest()[:8], "big") % self.of == self.index
        )


class Todo(NamedTuple):
    """One asset to check, with what is known of it."""

    path: Place
    root: Path | None
    state: str  # of its file or object, empty where there is none
    n_bytes: int
    reason: Reason
    sha256: str | None = None  # where its content is known not to have changed
    report: str | None = None  # of other rules
    attempts: int = 0

    def after_death(self) -> Todo:
        """The same, one dead worker later."""
        return self._replace(attempts=self.attempts + 1)


class Plan:
    """Every asset and why it is (or is not) to be checked, in SQLite's own temporary file.

    A million assets cost no memory. `counts` and `n_bytes` are by reason.
    """

    def __init__(self) -> None:
        self.counts: Counter[Reason] = Counter()
        self.n_bytes: Counter[Reason] = Counter()
        self.n_ignored = 0
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("PRAGMA cache_size = -4000")
        self._db.execute(
            "CREATE TABLE plan (n INTEGER PRIMARY KEY, path BLOB, root BLOB, state TEXT, n_bytes INTEGER, "
            "reason TEXT, sha256 TEXT, report TEXT, attempts INTEGER)"
        )

    @property
    def n_all(self) -> int:
        """Assets found."""
        return self.counts.total()

    @property
    def n_todo(self) -> int:
        """Assets to check."""
        return self.n_all - self.counts["done"]

    def estimated_s(self, cost: Mapping[str, tuple[float, int]], jobs: int) -> float | None:
        """Seconds by what other assets took a byte (`Ledger.cost`); None where nothing was checked yet."""
        seconds, n_bytes = (sum(column) for column in zip(*cost.values(), strict=True)) if cost else (0, 0)
        if not n_bytes:
            return None
        n_todo = sum(n for reason, n in self.n_bytes.items() if reason not in ("done", "rules"))
        return seconds / n_bytes * n_todo / jobs

    def add(self, items: Sequence[Todo]) -> None:
        """Put more assets in."""
        self.counts.update(item.reason for item in items)
        for item in items:
            self.n_bytes[item.reason] += item.n_bytes
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO plan VALUES (NULL,?,?,?,?,?,?,?,?)", map(_row, items))
        self._db.execute("COMMIT")

    def todo(self) -> Iterator[Todo]:
        """The assets to check; what needs a first look comes before what is only done anew."""
        late = "reason IN ('rules', 'settings')"
        for row in self._db.execute(f"SELECT * FROM plan WHERE reason != 'done' ORDER BY {late}, n"):  # noqa: S608
            _, path, root, state, n_bytes, reason, sha256, report, attempts = row
            yield Todo(
                path=place_of(os.fsdecode(path)),
                root=None if root is None else Path(os.fsdecode(root)),
                state=state,
                n_bytes=n_bytes,
                reason=reason,
                sha256=sha256,
                report=report,
                attempts=attempts,
            )

    def done(self) -> Iterator[Place]:
        """The assets that need nothing, in the order they were found."""
        rows = self._db.execute("SELECT path FROM plan WHERE reason = 'done' ORDER BY n")
        yield from (place_of(os.fsdecode(path)) for (path,) in rows)

    def all_paths(self) -> Iterator[Place]:
        """All assets, in the order they were found."""
        yield from (
            place_of(os.fsdecode(path)) for (path,) in self._db.execute("SELECT path FROM plan ORDER BY n")
        )


def _row(t: Todo) -> tuple[object, ...]:
    root = None if t.root is None else os.fsencode(t.root)
    return os.fsencode(str(t.path)), root, t.state, t.n_bytes, t.reason, t.sha256, t.report, t.attempts


def make_plan(
    paths: Sequence[Place],
    ledger: Ledger,
    keys: tuple[str, str],
    *,
    shard: Shard | None = None,
    but: Sequence[Place] = (),
    is_there: Callable[[Entry], bool] | None = None,
) -> Plan:
    """Compare what is found with what is known under `keys` (of the measures, of these and the rules).

    `is_there` asks whether the report of a finished asset is in place; None: the ledger is believed. `but`:
    folders to leave out.
    """
    plan, shard = Plan(), shard or Shard()
    listed = _of_shard(walk(paths, but=but), plan, shard)
    while chunk := list(islice(listed, _AT_ONCE)):
        names = [key_of(found.path) for found in chunk]
        known = ledger.known(names)
        pairs = zip(chunk, map(known.get, names), strict=True)
        plan.add([_compare(found, entry, keys, is_there) for found, entry in pairs])
    return plan


def _of_shard(listed: Iterable[Found], plan: Plan, shard: Shard) -> Iterator[Found]:
    """Media of this shard; the rest is counted."""
    for found in listed:
        if not found.is_media:
            plan.n_ignored += 1
        elif shard.has(found.path):
            yield found


def _compare(
    found: Found, entry: Entry | None, keys: tuple[str, str], is_there: Callable[[Entry], bool] | None
) -> Todo:
    state, n_bytes = _state(found.path) if isinstance(found.path, Path) else (found.state, found.n_bytes)
    same = entry is not None and entry.state == state != ""
    todo = Todo(path=found.path, root=found.root, state=state, n_bytes=n_bytes, reason="new")
    if entry is None:
        return todo
    if not same:
        # After a rebuild the state is not known; the asset is hashed and its report found.
        return _with(todo, "again" if entry.state == "" else "changed")
    # Refused in a folder, now named itself.
    freed = (
        entry.verdict == "error"
        and isinstance(found.path, Path)
        and found.root is None
        and found.path.is_symlink()
    )
    if freed or entry.exit_code in _TRY_AGAIN or (is_there is not None and not is_there(entry)):
        return _with(todo, "again", entry)
    if entry.settings == keys[1]:
        return _with(todo, "done", entry)
    return _with(todo, "rules" if entry.measures == keys[0] else "settings", entry)


def _with(todo: Todo, reason: Reason, entry: Entry | None = None) -> Todo:
    """`todo` for this reason, with what the entry of the same content tells."""
    if entry is None:
        return todo._replace(reason=reason)
    report = entry.report if reason == "rules" and entry.exit_code == 0 else None
    # The id of an asset in error may be no hash of its content.
    sha256 = entry.asset_id if entry.verdict != "error" else None
    return todo._replace(reason=reason, sha256=sha256, report=report, attempts=entry.attempts)


def key_of(path: Place) -> str:
    """What the ledger calls the file at `path`, or the object."""
    if not isinstance(path, Path):
        return str(path)
    return os.path.abspath(path)  # noqa: PTH100 - a link keeps its own entry, so nothing is resolved


def _state(path: Path) -> tuple[str, int]:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return "", 0
    return " ".join(map(str, file_state(status))), status.st_size
