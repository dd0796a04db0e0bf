"""Letterbox and pillarbox bars: where the picture is inside the frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# A bar is video black, code 0 of full range; coding noise and ringing lift parts of it by a few codes.
_BLACK_MEAN, _BLACK_PEAK = 6.0, 20
# The picture begins with a step: within 3 lines (scaling mixes one or two) it is this much brighter ...
_STEP, _STEP_LINES = 6, 3
# ... along most of the border: a skyline or a title over black is not straight. A bar that faces an equally
# thick one on the other side needs less: scenes with a dark side are still letterboxed.
_STRAIGHT, _STRAIGHT_IF_SYMMETRIC = 0.5, 0.15
_MAX_SHARE = 0.45  # of the side; beyond that it is a dark picture, not a bar


def active_area(luma: NDArray[np.uint8]) -> tuple[slice, slice]:
    """Rows and columns of the picture inside black bars; the whole frame if there are none."""
    top, bottom = _bars(luma)
    left, right = _bars(luma[top : luma.shape[0] - bottom].T)
    return slice(top, luma.shape[0] - bottom), slice(left, luma.shape[1] - right)


def _bars(luma: NDArray[np.uint8]) -> tuple[int, int]:
    """Lines of black at the start and at the end of axis 0."""
    length = len(luma)
    near, far = _dark_lines(luma), _dark_lines(luma[::-1])
    near_straight = _straightness(luma, near)
    far_straight = _straightness(luma[::-1], far)
    symmetric = abs(near - far) <= max(1, length // 60) and max(near_straight, far_straight) >= _STRAIGHT
    needed = _STRAIGHT_IF_SYMMETRIC if symmetric else _STRAIGHT
    return (near if near_straight >= needed else 0), (far if far_straight >= needed else 0)


def _dark_lines(luma: NDArray[np.uint8]) -> int:
    """How many lines from the start are black all along; 0 if they go on beyond what a bar may take."""
    limit = int(len(luma) * _MAX_SHARE) + 1
    head = luma[:limit]
    dark = (head.max(axis=1) <= _BLACK_PEAK) & (head.mean(axis=1) <= _BLACK_MEAN)
    count = int(np.argmin(dark)) if not dark.all() else limit
    return 0 if count >= limit else count


def _straightness(luma: NDArray[np.uint8], n_lines: int) -> float:
    """Share of the border after `n_lines` lines along which the picture starts with a step up."""
    if n_lines == 0:
        return 0.0
    bar = luma[max(n_lines - 4, 0) : n_lines].max(axis=0).astype(np.int16)
    inside = luma[n_lines : n_lines + _STEP_LINES].max(axis=0)
    return float((inside - bar >= _STEP).mean())
