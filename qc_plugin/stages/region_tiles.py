"""A second look at large pictures: four overlapping windows at twice the scale, for faces the first missed.

Pure geometry: the windows, and which of what was found in them is new.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qc_plugin.stages.box_shares import share_of_smaller

if TYPE_CHECKING:
    from numpy.typing import NDArray

FROM_PX = 2880  # long side from which a second look sees more: 4K, not 1080p
OVERLAP = 1 / 16  # of a side: what one window cuts off, its neighbour sees whole if it is no larger than this
EDGE_PX = 2.0  # a box this near to an edge inside the picture is taken as cut off
COVERED = 0.5  # share of a box inside a known one from which it is a part of it, or itself once more

Window = tuple[int, int, int, int]  # x0, y0, x1, y1 in frame px


def windows(height: int, width: int) -> list[Window]:
    """Four windows of one size that cover a (height, width) frame and overlap by OVERLAP of each side."""
    high, wide = _half(height), _half(width)
    return [
        (x, y, x + wide, y + high)
        for y in dict.fromkeys((0, height - high))
        for x in dict.fromkeys((0, width - wide))
    ]


def _half(side: int) -> int:
    return min(side, -(-side // 2) + round(side * OVERLAP / 2))


def inside(rows: NDArray[np.float64], window: Window, height: int, width: int) -> NDArray[np.float64]:
    """Finds (n, 6) of a window, in frame px, that are small and not cut off by an edge inside the frame."""
    x0, y0, x1, y1 = window
    low = np.array([-np.inf if x0 == 0 else x0 + EDGE_PX, -np.inf if y0 == 0 else y0 + EDGE_PX])
    high = np.array([np.inf if x1 == width else x1 - EDGE_PX, np.inf if y1 == height else y1 - EDGE_PX])
    sides = rows[:, 2:4] - rows[:, :2]
    largest = OVERLAP * np.array([width, height])
    kept = (rows[:, :2] > low) & (rows[:, 2:4] < high) & (sides <= largest)
    return rows[kept.all(axis=1)]


def new(known: NDArray[np.float64], more: NDArray[np.float64]) -> NDArray[np.float64]:
    """Those of `more` (n, 6), best first, that are no known box (m, 6) of their class, nor a part of one."""
    kept = list(known)
    fresh = []
    for row in more[np.argsort(-more[:, 4], kind="stable")]:
        if not any(other[5] == row[5] and share_of_smaller(row[:4], other[:4]) >= COVERED for other in kept):
            kept.append(row)
            fresh.append(row)
    return np.array(fresh, np.float64).reshape(-1, 6)
