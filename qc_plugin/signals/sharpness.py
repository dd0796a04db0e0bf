"""No-reference sharpness of a box, 0 .. 1: how much of the detail that could be there is there.

Compared are differences between neighbouring pixels and between neighbouring pixels of the picture at half
size, in four directions. A ramp (blurred edge) doubles its steps at half size: the energy ratio is 1/4. A
sharp edge keeps them: about 2/3. The ratio does not depend on contrast. What noise adds to either energy is
taken off first; where little is left beyond noise there is nothing to be sharp. A frame blurred by motion
is sharp across the motion, so the worst direction counts as much as the mean of all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from qc_plugin.types import Box

_SIDE_PX = 384  # boxes are looked at with at most this longer side, so that near and far faces compare
_MIN_PX = 8  # smaller boxes hold too few differences to tell
_BLURRED, _SHARP = 0.25, 0.8  # ratios that map to 0 and to 1: a ramp; what a fifth of sharp photos reach
_QUIET_BLOCK_PX, _QUIET_SHARE, _QUIET_BIAS = 16, 0.1, 1.35
_SILENCE = 0.3  # energy, codes squared: 8-bit rounding leaves a sixth of that
_NOISE_WEIGHT = 2.0  # detail of this many times the noise counts half


def sharpness(rgb: NDArray[np.uint8], boxes: Sequence[Box]) -> list[float]:
    """Sharpness of each box (x0, y0, x1, y1 in frame px) of `rgb` (H, W, 3) uint8, in [0, 1].

    A box is clipped to the frame. One that is smaller than 8 px on a side, or shows nothing but flat colour
    and noise, gives 0.0. Raises ValueError if `rgb` is not such an array.
    """
    if rgb.ndim != 3 or rgb.dtype != np.uint8 or rgb.shape[2] != 3:
        raise ValueError(f"rgb: expected an (H, W, 3) uint8 array, got shape {rgb.shape} {rgb.dtype}")
    return [_box_sharpness(rgb, box) for box in boxes]


def _box_sharpness(rgb: NDArray[np.uint8], box: Box) -> float:
    luma = _analysis_luma(rgb, box)
    if luma is None:
        return 0.0
    return _from_ratio(detail_ratio(luma))


def _analysis_luma(rgb: NDArray[np.uint8], box: Box) -> NDArray[np.float32] | None:
    """Luma of the box at analysis size, float32 codes; None if the box is too small."""
    height, width = rgb.shape[:2]
    x0, y0 = max(int(box[0]), 0), max(int(box[1]), 0)
    x1, y1 = min(int(np.ceil(box[2])), width), min(int(np.ceil(box[3])), height)
    if x1 - x0 < _MIN_PX or y1 - y0 < _MIN_PX:
        return None
    luma = cv2.cvtColor(np.ascontiguousarray(rgb[y0:y1, x0:x1]), cv2.COLOR_RGB2GRAY)
    scale = _SIDE_PX / max(luma.shape)
    if scale < 1:
        size = (max(round(luma.shape[1] * scale), _MIN_PX), max(round(luma.shape[0] * scale), _MIN_PX))
        luma = cv2.resize(luma, size, interpolation=cv2.INTER_AREA)
    return np.asarray(luma, dtype=np.float32)


def detail_ratio(luma: NDArray[np.float32]) -> float:
    """Fine over coarse energy of `luma` (h, w) beyond noise: 1/4 or less blurred, 0.6 and more sharp."""
    rows, columns = luma.shape[0] // 2 * 2, luma.shape[1] // 2 * 2
    even = luma[:rows, :columns]
    half = cv2.resize(even, (columns // 2, rows // 2), interpolation=cv2.INTER_AREA)
    noise = _noise_variance(even)
    fine = np.maximum(_energies(even) - 2 * noise, 0.0)  # a difference of two pixels has twice their variance
    coarse = np.maximum(_energies(np.asarray(half)) - noise / 2, 0.0)  # four pixels averaged: a quarter of it
    trust = coarse / (coarse + _NOISE_WEIGHT * noise / 2 + _SILENCE)
    ratio = np.minimum(fine / (coarse + _SILENCE), 1.0) * trust
    return float(ratio.min() + ratio.mean()) / 2


def _energies(image: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean squared difference to the next pixel: right, down and along both diagonals."""
    pairs = (
        (image[:, 1:], image[:, :-1]),
        (image[1:], image[:-1]),
        (image[1:, 1:], image[:-1, :-1]),
        (image[1:, :-1], image[:-1, 1:]),
    )
    return np.array([cv2.norm(a, b, cv2.NORM_L2SQR) / a.size for a, b in pairs])


def _noise_variance(luma: NDArray[np.float32]) -> float:
    """Variance of the noise, from the quietest tenth of 16 px blocks: noise is everywhere, detail is not.

    Taken from the diagonal Haar band, which edges along rows and columns do not reach.
    """
    haar = (luma[::2, ::2] - luma[::2, 1::2] - luma[1::2, ::2] + luma[1::2, 1::2]) / 2
    side = _QUIET_BLOCK_PX // 2
    size = (max(haar.shape[1] // side, 1), max(haar.shape[0] // side, 1))
    blocks = cv2.resize(haar * haar, size, interpolation=cv2.INTER_AREA)
    return float(np.quantile(blocks, _QUIET_SHARE)) * _QUIET_BIAS


def _from_ratio(ratio: float) -> float:
    """The documented curve: a straight line between the two anchors."""
    return float(np.clip((ratio - _BLURRED) / (_SHARP - _BLURRED), 0.0, 1.0))
