"""What a scan has to do: every file found, what is done already, what is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qc_plugin.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

# Beside media files in every catalogue; anything else is opened and judged by its content, not by its name.
_NOT_MEDIA = frozenset(
    [
        ".csv",
        ".tsv",
        ".txt",
        ".md",
        ".json",
        ".jsonl",
        ".xml",
        ".yaml",
        ".yml",
        ".toml",
        ".html",
        ".htm",
        ".css",
        ".js",
        ".py",
        ".sh",
        ".log",
        ".srt",
        ".vtt",
        ".ass",
        ".pdf",
        ".zip",
        ".gz",
        ".sha256",
        ".md5",
        ".parquet",
        ".sqlite",
        ".ds_store",
        ".ini",
        ".cfg",
    ]
)


@dataclass(frozen=True, slots=True)
class FoundFiles:
    """Files to check in a stable order, and files in folders that are not media by their name."""

    assets: tuple[Path, ...]
    ignored: tuple[Path, ...]


def find_files(paths: Sequence[Path]) -> FoundFiles:
    """Expand folders (recursively, hidden entries left out). A path named by hand is always checked.

    Raises UsageError when nothing was named. A path that does not exist stays: its row will say so.
    """
    if not paths:
        raise UsageError("no paths given; name files or folders, e.g. `qc-plugin scan footage/`")
    assets: dict[Path, None] = {}
    ignored: list[Path] = []
    for path in paths:
        if not path.is_dir():
            assets[path] = None
            continue
        for file in _walk(path):
            if file.suffix.lower() in _NOT_MEDIA:
                ignored.append(file)
            else:
                assets[file] = None
    return FoundFiles(tuple(assets), tuple(ignored))


def _walk(folder: Path) -> Iterable[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir() and not entry.is_symlink():
            yield from _walk(entry)
        elif entry.is_file():
            yield entry
