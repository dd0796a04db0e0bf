"""What a file is that looks like a video and has no pictures to decode: pieces of streams, odd stills.

Packagers leave thousands of segments (DASH, HLS, CMAF) in a folder; none can be decoded alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Final

from qc_plugin.decode.boxes import boxes, boxes_at

_FRAGMENT_BOXES: Final = (b"styp", b"sidx", b"moof")
_FIX: Final = "give the whole file or the playlist's source"
_PICTURE_FIX: Final = "export it as AVIF, JPEG or PNG"
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
    """What a file without usable pictures is and the fix, to follow its name; None where unknown."""
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
        brand = _brand(file)
    if b"meta" in kinds and not kinds & {b"moov", b"moof"}:
        return f"is a picture of a kind that is not read (brand '{brand}'): {_PICTURE_FIX}."
    found = [kind.decode() for kind in _FRAGMENT_BOXES if kind in kinds]
    if b"moov" not in kinds and found:
        return f"is one segment of a stream ({'/'.join(found)}) without its init segment: {_FIX}."
    return _INIT.format("moov") if is_fragmented(path) and not kinds & {b"mdat", b"moof"} else None


def _brand(file: BinaryIO) -> str:
    """The major brand of an ISO file, as it can be printed."""
    file.seek(0)
    head = file.read(12)
    brand = head[8:].decode("latin-1") if head[4:8] == b"ftyp" else ""
    return "".join(char for char in brand if char.isprintable()).strip()
