"""A preview from RGB, for sources that have nothing else (stills, decord). Slower than from luma."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from qc_plugin.decode.strips import strips
from qc_plugin.types import Preview

if TYPE_CHECKING:
    from numpy.typing import NDArray

PREVIEW_SIDE_PX = 320
_BT709 = np.array([[0.2126, 0.7152, 0.0722]], np.float32)


def preview_of_rgb(rgb: NDArray[np.uint8], *, index: int, pts_s: float) -> Preview:
    """Preview of an upright (H, W, 3) picture; luma by bt709 weights, long side at most 320 px."""
    height, width = rgb.shape[:2]
    scale = min(1.0, PREVIEW_SIDE_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    luma = _luma(small)
    chroma_size = (max(1, size[0] // 2), max(1, size[1] // 2))
    half = cv2.resize(small, chroma_size, interpolation=cv2.INTER_AREA).astype(np.float32)
    y = half @ _BT709[0]
    blue = (half[..., 2] - y) / 1.8556 + 128
    red = (half[..., 0] - y) / 1.5748 + 128
    chroma = np.clip(np.rint(np.stack([blue, red])), 0, 255).astype(np.uint8)
    return Preview(index=index, pts_s=pts_s, luma=luma, chroma=chroma, rows=_luma(strips(rgb)))


def _luma(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(h, w) uint8 luma of an (h, w, 3) picture."""
    luma = np.asarray(cv2.transform(np.ascontiguousarray(rgb), _BT709), np.uint8)
    return luma.reshape(rgb.shape[:2])
