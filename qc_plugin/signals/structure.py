"""Where a picture has anything that blur could show in: edges, and not only a plain tone or a smooth slope.

A network answers for a slope or a plain colour as well, most readily at the borders of small pictures; but
what has no edge has none that could be smeared. A smeared edge bends the tone twice, at its start and end, so
second differences tell it from a slope, however wide it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Second differences in codes of 255, far below those of a faint edge and above rounding: between neighbouring
# pixels, and between means of map cells two apart, where an edge smeared over 24 px still bends by a third of
# its height.
_FINE, _COARSE = 6.0, 5.0
_REACH_CELLS = 4  # a smear of 24 px is seen at its ends


def structured(rgb: NDArray[np.uint8], cells: tuple[int, ...], stride: int) -> NDArray[np.bool_]:
    """Which map cells (rows, columns), `stride` px of `rgb` (H, W, 3) at analysis scale, have edges near."""
    luma = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    below, right = (max(0, n * stride - side) for n, side in zip(cells, luma.shape, strict=True))
    padded = np.asarray(cv2.copyMakeBorder(luma, 0, below, 0, right, cv2.BORDER_REPLICATE))
    size = (cells[1], cells[0])
    means = cv2.resize(padded, size, interpolation=cv2.INTER_AREA)
    fine = cv2.resize((_bend(padded, 1) >= _FINE).astype(np.float32), size, interpolation=cv2.INTER_AREA)
    found = ((fine > 0) | (_bend(np.asarray(means), 2) >= _COARSE)).astype(np.uint8)
    side = 2 * _REACH_CELLS + 1
    return np.asarray(cv2.dilate(found, np.ones((side, side), np.uint8)) > 0)


def _bend(values: NDArray[Any], step: int) -> NDArray[Any]:
    """The larger second difference over `step` along rows and columns; 0 where a neighbour is missing."""
    bend = np.zeros_like(values)
    for turned, target in ((values, bend), (values.T, bend.T)):
        if turned.shape[1] > 2 * step:
            inner = np.abs(turned[:, 2 * step :] - 2 * turned[:, step:-step] + turned[:, : -2 * step])
            np.maximum(target[:, step:-step], inner, out=target[:, step:-step])
    return bend
