"""Pieces of streams (DASH, HLS, CMAF) that lie about as files and cannot be decoded alone."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from qc_plugin.decode.boxes import boxes, boxes_at

_FRAGMENT_BOXES: Final = (b"styp", b"sidx", b"moof")
_FIX: Final = "give the whole file or the playlist's source"
_INIT: Final = f"is the init segment of a stream ({{}} without pictures): {_FIX}."
CLUSTER: Final = b"\x1f\x43\xb6\x75"
_MATROSKA: Final = b"\x1aE\xdf\xa3"
_TRACKS: Final = b"\x16\x54\xae\x6b"
_MAX_INIT_BYTES: Final = 1 << 20


def is_fragmented(path: str | Path) -> bool:
    """Whether an MP4 announces fragments; False for other files."""
    with Path(path).open("rb") as file:
        return any(True for _ in boxes_at(file, 0, file.seek(0, 2), (b"moov", b"mvex")))


def why_no_pictures(path: str | Path) -> str | None:
    """What a file without usable pictures is and the fix, to follow its name; None where it is no segment."""
    with Path(path).open("rb") as file:
        head = file.read(len(CLUSTER))
        if head == CLUSTER:
            return f"is one segment of a stream (Matroska cluster) without its init segment: {_FIX}."
        end = file.seek(0, 2)
        if head == _MATROSKA:
            file.seek(0)
            start = file.read(_MAX_INIT_BYTES)
            is_init = end <= _MAX_INIT_BYTES and _TRACKS in start and CLUSTER not in start
            return _INIT.format("Matroska header") if is_init else None
        kinds = {kind for kind, _, _ in boxes(file, 0, end)}
    has_fragments = is_fragmented(path)
    found = [kind.decode() for kind in _FRAGMENT_BOXES if kind in kinds]
    if b"moov" not in kinds and found:
        return f"is one segment of a stream ({'/'.join(found)}) without its init segment: {_FIX}."
    return _INIT.format("moov") if has_fragments and not kinds & {b"mdat", b"moof"} else None
