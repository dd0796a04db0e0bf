"""Pictures made smaller."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def shrink(rgb: NDArray[np.uint8], long_side_px: int) -> NDArray[np.uint8]:
    """(H, W, 3) or (H, W), at most `long_side_px` on the longer side, never enlarged."""
    height, width = rgb.shape[:2]
    scale = long_side_px / max(height, width)
    if scale >= 1:
        return rgb
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
