"""What a still says of its samples beside an ICC profile: code points, bit depth; from its own headers.

Pillow hands over 8 bits without the code points (ITU-T H.273) that AVIF has in `colr` boxes of kind `nclx`
and PNG in the chunk `cICP`, and by which an HDR picture is one.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from qc_plugin.decode.boxes import boxes, boxes_at

if TYPE_CHECKING:
    from collections.abc import Iterator

UNSPECIFIED: Final = 2
_MOST_BYTES: Final = 1 << 20  # of a box or a chunk that is read
_MOST_CHUNKS: Final = 4096
_PNG: Final = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Stated:
    """Code points of primaries and transfer (2: not said), bits a sample, (width, height); None: not said."""

    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    bits: int | None = None
    size: tuple[int, int] | None = None


def stated(path: str | Path) -> Stated:
    """What the headers of an AVIF or a PNG say; nothing for every other file, and for damaged ones."""
    with Path(path).open("rb") as file:
        head = file.read(16)
        try:
            if head.startswith(_PNG):
                return _of_png(file)
            if head[4:8] == b"ftyp":
                return _of_avif(file, file.seek(0, 2))
        except (struct.error, IndexError):
            pass
    return Stated()


def png_chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """(kind, where its content starts, how many bytes) of each chunk up to the picture data and beyond."""
    at = len(_PNG)
    for _ in range(_MOST_CHUNKS):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            return
        length = int.from_bytes(head[:4], "big")
        yield head[4:], at + 8, length
        at += 12 + length


def _of_png(file: BinaryIO) -> Stated:
    found = Stated()
    for kind, start, length in png_chunks(file):
        file.seek(start)
        if kind == b"IHDR":
            width, height, bits = struct.unpack(">IIB", file.read(9))
            found = Stated(bits=bits, size=(width, height))
        elif kind == b"cICP" and length == 4:
            primaries, transfer = file.read(2)
            return Stated(primaries, transfer, found.bits, found.size)
        elif kind == b"IDAT":
            break
    return found


def _of_avif(file: BinaryIO, end: int) -> Stated:
    """Of the picture that is shown: a map or an alpha plane beside it has code points of its own."""
    for start, last in boxes_at(file, 0, end, (b"meta",)):
        inside = start + 4  # version and flags
        item = _primary(file, inside, last)
        shown = _properties_of(file, inside, last, item)
        found = [box for at in boxes_at(file, inside, last, (b"iprp", b"ipco")) for box in boxes(file, *at)]
        mine = [found[n - 1] for n in shown if 0 < n <= len(found)]
        return _of_boxes(file, mine)
    return Stated()


def _of_boxes(file: BinaryIO, properties: list[tuple[bytes, int, int]]) -> Stated:
    primaries, transfer, bits, size = UNSPECIFIED, UNSPECIFIED, None, None
    for kind, start, last in properties:
        file.seek(start)
        data = file.read(min(last - start, 64))
        if kind == b"colr" and data[:4] == b"nclx":
            primaries, transfer = struct.unpack(">HH", data[4:8])
        elif kind == b"pixi":
            bits = max(data[5 : 5 + data[4]], default=None)
        elif kind == b"ispe":
            size = struct.unpack(">II", data[4:12])
    return Stated(primaries, transfer, bits, size)


def _primary(file: BinaryIO, start: int, end: int) -> int:
    for at, last in boxes_at(file, start, end, (b"pitm",)):
        file.seek(at)
        data = file.read(last - at)
        return int.from_bytes(data[4:], "big")
    return 0


def _properties_of(file: BinaryIO, start: int, end: int, item: int) -> list[int]:
    """Numbers of the properties of `item`, from 1, by the boxes `ipma`."""
    for at, last in boxes_at(file, start, end, (b"iprp", b"ipma")):
        file.seek(at)
        data = file.read(min(last - at, _MOST_BYTES))
        wide_items, wide_numbers = data[0] >= 1, bool(data[3] & 1)
        place = 8
        for _ in range(int.from_bytes(data[4:8], "big")):
            width = 4 if wide_items else 2
            number, n_properties = int.from_bytes(data[place : place + width], "big"), data[place + width]
            place += width + 1
            step = 2 if wide_numbers else 1
            found = [
                int.from_bytes(data[p : p + step], "big") & (0x7FFF if wide_numbers else 0x7F)
                for p in range(place, place + step * n_properties, step)
            ]
            if number == item:
                return found
            place += step * n_properties
    return []
