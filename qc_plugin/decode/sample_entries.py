"""How MP4, QuickTime and Matroska describe their pictures, where FFmpeg keeps it to itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qc_plugin.decode.boxes import boxes, boxes_at
from qc_plugin.decode.ebml import TRACK, elements, elements_at, number_at

if TYPE_CHECKING:
    from typing import BinaryIO

_DOLBY_RECORD_BYTES: Final = 3  # up to the profile
_ADDITION, _ADDITION_TYPE, _ADDITION_DATA = 0x41E4, 0x41E7, 0x41ED
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
        if name in _DOLBY:
            profile = _dolby_profile(file, inside, last)
    return SampleEntry(kind.decode("ascii", "replace"), profile)


def dolby_profiles(path: str | Path) -> set[int]:
    """Profiles of Dolby Vision that a file announces; empty for none and for what cannot be read."""
    found = {entry.dolby_profile for entry in video_entries(path)}
    try:
        with Path(path).open("rb") as file:
            for start, end in elements_at(file, 0, file.seek(0, 2), (*TRACK, _ADDITION)):
                parts = {kind: (inside, last) for kind, inside, last in elements(file, start, end)}
                if _ADDITION_TYPE in parts and _ADDITION_DATA in parts:
                    kind = number_at(file, *parts[_ADDITION_TYPE]).to_bytes(8, "big")[-4:]
                    found.add(_dolby_profile(file, *parts[_ADDITION_DATA]) if kind in _DOLBY else None)
    except OSError:
        return set()
    return {profile for profile in found if profile is not None}


def _dolby_profile(file: BinaryIO, start: int, end: int) -> int | None:
    """The profile in a configuration record."""
    file.seek(start)
    record = file.read(min(_DOLBY_RECORD_BYTES, end - start))
    return record[-1] >> 1 if len(record) == _DOLBY_RECORD_BYTES else None
