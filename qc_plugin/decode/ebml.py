"""Elements of Matroska and WebM, by bounded reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

TRACK: Final = (0x18538067, 0x1654AE6B, 0xAE)  # where the description of each track lies
_MOST_ELEMENTS: Final = 4096  # on one level: beyond them lies no header that we need


def elements_at(file: BinaryIO, start: int, end: int, path: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """(start, end) of what lies in each element at `path`, such as `TRACK`."""
    for kind, inside, last in elements(file, start, end):
        if kind == path[0] and len(path) == 1:
            yield inside, last
        elif kind == path[0]:
            yield from elements_at(file, inside, last, path[1:])


def elements(file: BinaryIO, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(id, start and end of what is inside) of EBML elements that follow each other."""
    for _ in range(_MOST_ELEMENTS):
        file.seek(start)
        head = file.read(12)
        if start >= end or not head:
            return
        id_bytes = 9 - head[0].bit_length()
        if id_bytes > 4 or len(head) <= id_bytes:
            return
        size_bytes = 9 - head[id_bytes].bit_length()
        inside = start + id_bytes + size_bytes
        if size_bytes > 8 or inside > end:
            return
        unknown = (1 << 7 * size_bytes) - 1
        size = int.from_bytes(head[id_bytes : id_bytes + size_bytes], "big") & unknown
        last = end if size == unknown else min(inside + size, end)
        yield int.from_bytes(head[:id_bytes], "big"), inside, last
        start = last


def number_at(file: BinaryIO, start: int, end: int) -> int:
    """The unsigned number, of at most eight bytes, that lies there."""
    file.seek(start)
    return int.from_bytes(file.read(min(8, end - start)), "big")
