"""The files of a catalogue, one after the other: a folder is never held as a whole."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qc_plugin.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Beside media files in every catalogue; anything else is opened and judged by its content, not by its name.
_TEXTS = {".csv", ".tsv", ".txt", ".md", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".toml", ".log", ".srt"}
_OTHERS = {".html", ".htm", ".css", ".js", ".py", ".sh", ".vtt", ".ass", ".pdf", ".zip", ".gz", ".parquet"}
_NOT_MEDIA = _TEXTS | _OTHERS | {".sha256", ".md5", ".sqlite", ".ds_store", ".ini", ".cfg"}


@dataclass(frozen=True, slots=True)
class Found:
    """A file to look at. `root`: the folder it was found in, which no link may leave; None: named by hand."""

    path: Path
    root: Path | None = None
    is_media: bool = True


def walk(paths: Sequence[Path]) -> Iterator[Found]:
    """Files named, then those below folders, sorted folder by folder, each once; hidden entries are left out.

    Raises UsageError when nothing was named. A path that does not exist comes too: its row will say so.
    """
    if not paths:
        raise UsageError("no paths given; name files or folders, e.g. `qc-plugin scan footage/`")
    by_hand = dict.fromkeys(path for path in paths if not path.is_dir())
    yield from map(Found, by_hand)
    folders = dict.fromkeys(path for path in paths if path not in by_hand)
    for folder in folders:
        if not any(folder != other and folder.is_relative_to(other) for other in folders):
            yield from (found for found in _below(folder, folder) if found.path not in by_hand)


def _below(folder: Path, root: Path) -> Iterator[Found]:
    with os.scandir(folder) as entries:
        listed = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda e: e.name)
    for entry in listed:
        if entry.is_dir(follow_symlinks=False):
            yield from _below(Path(entry.path), root)
        elif entry.is_file():  # a link to a folder, a pipe, a socket or a device is none
            path = Path(entry.path)
            yield Found(path, root, path.suffix.lower() not in _NOT_MEDIA)
