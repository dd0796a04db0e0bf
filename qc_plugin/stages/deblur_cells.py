"""Cells of the deblurrer: which to keep, who their neighbours are, and windows of a large picture. Pure.

A cell is 4 x 4 px. Lists are in row order; a neighbour that is not on the list is row K, which holds zeros.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]

CELL_PX = 4
GROW_CELLS = 2  # kept around what moved, so that the restorer sees its surroundings


def grow(found: Bools, margin: int = GROW_CELLS) -> Bools:
    """(h, w): `found` and every cell within `margin` cells of it, diagonals too."""
    square = np.ones((2 * margin + 1, 2 * margin + 1), np.uint8)
    return np.asarray(cv2.dilate(found.astype(np.uint8), square), np.bool_)


def cells_of(mask: Bools) -> Bools:
    """(H, W) pixels, sides multiples of CELL_PX -> (h, w): cells with any pixel set."""
    height, width = (side // CELL_PX for side in mask.shape)
    return np.asarray(mask.reshape(height, CELL_PX, width, CELL_PX).any(axis=(1, 3)))


def pixels_of(cells: Bools) -> Bools:
    """(h, w) cells -> (4h, 4w) pixels."""
    return np.asarray(np.repeat(np.repeat(cells, CELL_PX, axis=0), CELL_PX, axis=1))


def list_cells(kept: Bools) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Kept cells as (K, 2) rows and columns, and (K, 9) list positions of their 3 x 3 neighbours."""
    cells = np.argwhere(kept).astype(np.int64)
    numbers = np.full((kept.shape[0] + 2, kept.shape[1] + 2), len(cells), np.int64)
    numbers[1:-1, 1:-1][kept] = np.arange(len(cells))
    rows, columns = cells[:, 0], cells[:, 1]
    around = [numbers[rows + dy, columns + dx] for dy in range(3) for dx in range(3)]
    return cells, np.stack(around, axis=1)


@dataclass(frozen=True, slots=True)
class Window:
    """Part of a picture, px, half-open: what is read, and what of it is written (`keep_*`)."""

    top: int
    left: int
    bottom: int
    right: int
    keep_top: int
    keep_left: int
    keep_bottom: int
    keep_right: int

    @property
    def read(self) -> tuple[slice, slice]:
        """Of the picture."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def write(self) -> tuple[slice, slice]:
        """Of the picture."""
        return slice(self.keep_top, self.keep_bottom), slice(self.keep_left, self.keep_right)

    @property
    def inner(self) -> tuple[slice, slice]:
        """The written part, in the window."""
        rows = slice(self.keep_top - self.top, self.keep_bottom - self.top)
        return rows, slice(self.keep_left - self.left, self.keep_right - self.left)


def windows(height: int, width: int, *, tile_px: int, halo_px: int) -> list[Window]:
    """Tiles that cover a picture once, each reading `halo_px` further where the picture goes on.

    With the halo a multiple of the network's coarsest stride and at least its reach, what is written equals
    one pass over the whole picture.
    """
    return [
        Window(
            max(0, top - halo_px),
            max(0, left - halo_px),
            min(height, top + tile_px + halo_px),
            min(width, left + tile_px + halo_px),
            top,
            left,
            min(height, top + tile_px),
            min(width, left + tile_px),
        )
        for top in range(0, height, tile_px)
        for left in range(0, width, tile_px)
    ]


def windows_around(
    box: tuple[int, int, int, int], size: tuple[int, int], *, tile_px: int, halo_px: int, multiple: int
) -> list[Window]:
    """Windows on the grid of `multiple` px that write `box` (top, left, bottom, right) and read a halo.

    `size` (height, width) px is rounded up to the grid; a box outside the picture gives none.
    """
    height, width = (-(-side // multiple) * multiple for side in size)
    top, left = (max(0, side) // multiple * multiple for side in box[:2])
    bottom, right = (-(-max(side, 0) // multiple) * multiple for side in box[2:])
    bottom, right = min(bottom, height), min(right, width)
    parts = []
    for w in windows(max(bottom - top, 0), max(right - left, 0), tile_px=tile_px, halo_px=0):
        keep = (top + w.keep_top, left + w.keep_left, top + w.keep_bottom, left + w.keep_right)
        start = (max(0, keep[0] - halo_px), max(0, keep[1] - halo_px))
        end = (min(height, keep[2] + halo_px), min(width, keep[3] + halo_px))
        parts.append(Window(*start, *end, *keep))
    return parts
