"""Crop, tile, stitch: pure functions on images (H, W) or (H, W, C)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Scalar = TypeVar("Scalar", np.uint8, np.float32)


def round_up(value: int, multiple: int) -> int:
    """The smallest multiple of `multiple` that is at least `value`."""
    return -(-value // multiple) * multiple


def crop(image: NDArray[Scalar], height: int, width: int) -> NDArray[Scalar]:
    """The upper left (height, width) of `image`: undoes padding. Raises ValueError if too small."""
    if height > image.shape[0] or width > image.shape[1]:
        raise ValueError(f"crop: expected at least {height}x{width}, got shape {image.shape}")
    return image[:height, :width]


@dataclass(frozen=True, slots=True)
class Span:
    """One axis of a tile, px: `start:stop` is read, and of that only `keep_start:keep_stop` is kept."""

    start: int
    stop: int
    keep_start: int
    keep_stop: int


@dataclass(frozen=True, slots=True)
class Tile:
    """A window that is read, and the part of it that the stitched result takes."""

    rows: Span
    columns: Span


def spans(length: int, tile: int, halo: int, multiple: int) -> list[Span]:
    """Cut an axis of `length` (a multiple of `multiple`) into windows of at most `tile` px.

    The kept parts cover the axis once, without gap or overlap. Every window reads at least `halo` px beyond
    its kept part, except at the two ends, where there is nothing to read. All numbers are multiples of
    `multiple`, so that every window is on the grid of the network's coarsest layer: otherwise its pooling
    cells would shift and no halo could make the result equal to one pass.
    """
    halo = round_up(halo, multiple)
    tile = tile // multiple * multiple
    if length % multiple or length <= 0:
        raise ValueError(f"spans: expected a length that is a multiple of {multiple}, got {length}")
    if length <= tile:
        return [Span(0, length, 0, length)]
    step = tile - 2 * halo
    if step < multiple:
        raise ValueError(f"spans: a tile of {tile} px is too small for a halo of {halo} px on both sides")
    result: list[Span] = []
    position = 0
    while position < length:
        # The first window has no halo before it, so it keeps more. The last one is moved back rather than cut
        # short: networks have a smallest size, and one shape for all windows is prepared once.
        start = min(max(position - halo, 0), length - tile)
        stop = start + tile
        keep_stop = length if stop == length else stop - halo
        result.append(Span(start, stop, position, keep_stop))
        position = keep_stop
    return result


def tiles(height: int, width: int, *, tile: int, halo: int, multiple: int) -> list[Tile]:
    """Windows over a (height, width) image, row by row; see `spans`."""
    return [
        Tile(rows, columns)
        for rows in spans(height, tile, halo, multiple)
        for columns in spans(width, tile, halo, multiple)
    ]


def cut(image: NDArray[Scalar], tile: Tile) -> NDArray[Scalar]:
    """The window of `image` that a tile reads (a view)."""
    return image[tile.rows.start : tile.rows.stop, tile.columns.start : tile.columns.stop]


def stitch(
    parts: Sequence[NDArray[Scalar]], layout: Sequence[Tile], height: int, width: int, *, stride: int = 1
) -> NDArray[Scalar]:
    """One map (height / stride, width / stride) from the maps of all tiles, each at `stride` of its window.

    Raises ValueError if a part has not the size of its window.
    """
    result: NDArray[Scalar] = np.empty(
        (height // stride, width // stride, *parts[0].shape[2:]), parts[0].dtype
    )
    for part, tile in zip(parts, layout, strict=True):
        rows, columns = tile.rows, tile.columns
        expected = ((rows.stop - rows.start) // stride, (columns.stop - columns.start) // stride)
        if part.shape[:2] != expected:
            raise ValueError(f"stitch: expected a part of {expected}, got shape {part.shape}")
        inner = part[
            (rows.keep_start - rows.start) // stride : (rows.keep_stop - rows.start) // stride,
            (columns.keep_start - columns.start) // stride : (columns.keep_stop - columns.start) // stride,
        ]
        result[
            rows.keep_start // stride : rows.keep_stop // stride,
            columns.keep_start // stride : columns.keep_stop // stride,
        ] = inner
    return result
