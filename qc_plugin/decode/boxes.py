"""Boxes of ISO base media files (MP4, MOV, segments), by bounded reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_BOXES: Final = 4096  # on one level: beyond them lies no header that we need
_IS_64_BIT, _TO_THE_END = 1, 0


def boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(kind, start and end of what is inside) of boxes that follow each other, as far as sizes make sense."""
    for _ in range(_MOST_BOXES):
        file.seek(start)
        head = file.read(16)
        if len(head) < 8 or start >= end:
            return
        size, inside = int.from_bytes(head[:4], "big"), start + 8
        if size == _IS_64_BIT:
            size, inside = int.from_bytes(head[8:16], "big"), start + 16
        last = end if size == _TO_THE_END else min(start + size, end)
        if last < inside:
            return
        yield head[4:8], inside, last
        start = last


def boxes_at(file: BinaryIO, start: int, end: int, path: tuple[bytes, ...]) -> Iterator[tuple[int, int]]:
    """(start, end) of what lies in each box at `path`, such as `(b"moov", b"trak")`."""
    for kind, inside, last in boxes(file, start, end):
        if kind == path[0] and len(path) == 1:
            yield inside, last
        elif kind == path[0]:
            yield from boxes_at(file, inside, last, path[1:])
