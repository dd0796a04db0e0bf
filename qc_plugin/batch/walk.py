"""The assets of a catalogue, one after the other: no listing is ever held as a whole."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qc_plugin.errors import UsageError
from qc_plugin.store.address import Address
from qc_plugin.store.s3 import S3

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from qc_plugin.store.address import Place

# Beside media files in every catalogue; anything else is opened and judged by its content, not by its name.
_TEXTS = {".csv", ".tsv", ".txt", ".md", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".toml", ".log", ".srt"}
_OTHERS = {".html", ".htm", ".css", ".js", ".py", ".sh", ".vtt", ".ass", ".pdf", ".zip", ".gz", ".parquet"}
_NOT_MEDIA = _TEXTS | _OTHERS | {".sha256", ".md5", ".sqlite", ".ds_store", ".ini", ".cfg"}


@dataclass(frozen=True, slots=True)
class Found:
    """Something to look at. `root`: the folder it was found in, which no link may leave; None: named by hand.

    `state` and `n_bytes` only of an object: its listing tells them.
    """

    path: Place
    root: Path | None = None
    is_media: bool = True
    state: str = ""
    n_bytes: int = 0


def walk(places: Sequence[Place], *, but: Sequence[Place] = ()) -> Iterator[Found]:
    """Files named, then those below folders, sorted folder by folder, each once; then those of stores.

    Left out are hidden entries and the folders `but` (reports hold pictures too). Raises UsageError when
    nothing was named. A path that does not exist comes too: its row will say so.
    """
    if not places:
        raise UsageError("no paths given; name files or folders, e.g. `qc-plugin scan footage/`")
    paths = [place for place in places if isinstance(place, Path)]
    left_out = {os.path.abspath(place) for place in but if isinstance(place, Path)}  # noqa: PTH100 - no links
    by_hand = dict.fromkeys(path for path in paths if not path.is_dir())
    yield from map(Found, by_hand)
    folders = dict.fromkeys(path for path in paths if path not in by_hand)
    for folder in folders:
        if not any(folder != other and folder.is_relative_to(other) for other in folders):
            yield from (found for found in _below(folder, folder, left_out) if found.path not in by_hand)
    addresses = dict.fromkeys(place for place in places if isinstance(place, Address))
    if addresses:
        store = S3()
        for address in (a for a in addresses if not any(_holds(other, a) for other in addresses)):
            yield from _in_store(store, address, [place for place in but if isinstance(place, Address)])


def _below(folder: Path, root: Path, left_out: AbstractSet[str]) -> Iterator[Found]:
    with os.scandir(folder) as entries:
        listed = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda e: e.name)
    for entry in listed:
        if entry.is_dir(follow_symlinks=False):
            if os.path.abspath(entry.path) not in left_out:  # noqa: PTH100
                yield from _below(Path(entry.path), root, left_out)
        elif entry.is_file():  # a link to a folder, a pipe, a socket or a device is none
            path = Path(entry.path)
            yield Found(path, root, path.suffix.lower() not in _NOT_MEDIA)


def _is_hidden(part: str) -> bool:
    """Of a key, in which `..` is a name like any other."""
    return part.startswith(".") and part.strip(".") != ""


def _holds(folder: Address, other: Address) -> bool:
    """Whether `other` lies below `folder`."""
    return folder != other and folder.bucket == other.bucket and other.key.startswith(folder.prefix)


def _in_store(store: S3, address: Address, but: Sequence[Address]) -> Iterator[Found]:
    """The object of this key, else all below the folder of this name, by key."""
    named = store.find(address) if address.key.rstrip("/") == address.key != "" else None
    if named is not None:
        yield Found(address, state=named.state, n_bytes=named.n_bytes)
        return
    is_empty = True
    for each in store.below(address):
        is_empty, key = False, each.address.key
        hidden = any(map(_is_hidden, key.removeprefix(address.prefix).split("/")))
        ours = any(_holds(other, each.address) for other in but)
        if not hidden and not ours:
            is_media = each.address.suffix not in _NOT_MEDIA
            yield Found(each.address, is_media=is_media, state=each.state, n_bytes=each.n_bytes)
    if is_empty:
        yield Found(address)
