"""How an MP4 or QuickTime file describes its pictures, where FFmpeg keeps it to itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qc_plugin.decode.boxes import boxes, boxes_at

if TYPE_CHECKING:
    from typing import BinaryIO

_MEDIA: Final = (b"moov", b"trak", b"mdia", b"minf")
_ENTRY_BYTES: Final = 78  # of a visual sample entry, before the boxes inside
_DOLBY: Final = (b"dvcC", b"dvvC", b"dvwC")


@dataclass(frozen=True, slots=True)
class SampleEntry:
    """`codec_tag` as the file has it (`avc1`, `dvh1`); `dolby_profile` of Dolby Vision, None without."""

    codec_tag: str
    dolby_profile: int | None = None


def video_entries(path: str | Path) -> list[SampleEntry]:
    """The sample entries of all video tracks; empty for other containers and for what cannot be read."""
    found = []
    try:
        with Path(path).open("rb") as file:
            for start, end in boxes_at(file, 0, file.seek(0, 2), _MEDIA):
                if any(kind == b"vmhd" for kind, _, _ in boxes(file, start, end)):
                    for inside, last in boxes_at(file, start, end, (b"stbl", b"stsd")):
                        found += [_entry(file, *entry) for entry in boxes(file, inside + 8, last)]
    except OSError:
        return []
    return found


def _entry(file: BinaryIO, kind: bytes, start: int, end: int) -> SampleEntry:
    profile = None
    for name, inside, last in boxes(file, start + _ENTRY_BYTES, end):
        if name in _DOLBY and last - inside >= 3:
            file.seek(inside)
            profile = file.read(3)[2] >> 1
    return SampleEntry(kind.decode("ascii", "replace"), profile)
