"""How far things move from frame to frame, and what that says of motion blur.

A shutter is open for part of the time between two frames. What stands still meanwhile cannot be blurred by
motion; what moves far likely is, although soft, compressed video may not show it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from qc_plugin.stages.looks import change, look_at

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from qc_plugin.types import BlurMap, Preview

# Of the longer side. The segmenter is trained to find blurs of 1.5 px at 640 px; a shutter open half of the
# time, as most are, leaves that of twice the way.
BLURRING = 3 / 640
LEAST_ODDS, MOST_ODDS = 1 / 20, 8.0  # nothing is certain: flow errs, and shutters may be fast
LONGEST_EXPOSURE_S = 1 / 24  # slower clips drop frames rather than keep the shutter open
NEAR_S = 0.11  # a neighbour further away in time says nothing: 10 frames a second are near
_ANOTHER_SHOT = 0.45  # `looks.change` above this between neighbours is a cut
_REPEATED_CODES = 2.0  # no 8 x 8 px of a repeated frame differ by more
_LEAST_SIDE = 16  # px of a preview: less holds no neighbourhood to follow


def displacement(preview: Preview, neighbours: Iterable[Preview | None]) -> NDArray[np.float32] | None:
    """Largest displacement of each cell to a neighbouring frame during one exposure at most.

    (h, w) float32, shares of the picture's longer side, at half the size of the preview; None where no
    neighbour tells: none near in time, a cut between, or the same picture again (a still, or a repeated
    frame, which may be blurred all the same). Dense flow: Farneback, "Two-Frame Motion Estimation Based on
    Polynomial Expansion" (SCIA 2003).
    """
    fields = [
        _flow(preview, other) * _exposed_share(preview, other)
        for other in neighbours
        if other is not None and _tells(preview, other)
    ]
    return np.maximum.reduce(fields) if fields else None


def judge_by_motion(blur: BlurMap, moved: NDArray[np.float32] | None) -> BlurMap:
    """`blur` with the odds of each cell multiplied by its displacement over one that just blurs.

    `moved` (h', w') as `displacement` gives it, of any size; None leaves the map as it is. The factor stays
    within `LEAST_ODDS` and `MOST_ODDS`; order among cells that move alike never changes.
    """
    if moved is None:
        return blur
    height, width = blur.probability.shape
    odds = np.clip(moved / np.float32(BLURRING), LEAST_ODDS, MOST_ODDS)
    odds = cv2.resize(odds, (width, height), interpolation=cv2.INTER_LINEAR)
    likely = blur.probability * odds
    judged = likely / (likely + (1 - blur.probability))
    return replace(blur, probability=np.asarray(judged.clip(0.0, 1.0), np.float32))


def _tells(preview: Preview, other: Preview) -> bool:
    """Whether the way from one to the other is motion, and not a cut, a long time or nothing at all."""
    near = 0 < abs(other.pts_s - preview.pts_s) <= NEAR_S
    if not near or other.luma.shape != preview.luma.shape or min(preview.luma.shape) < _LEAST_SIDE:
        return False
    if change(look_at(preview), look_at(other)) > _ANOTHER_SHOT:
        return False
    apart = cv2.blur(cv2.absdiff(preview.luma, other.luma).astype(np.float32), (8, 8))
    return bool(apart.max() > _REPEATED_CODES)


def _flow(preview: Preview, other: Preview) -> NDArray[np.float32]:
    """Length of the flow, shares of the longer side."""
    small, there = (_halved(p.luma) for p in (preview, other))
    flow = cv2.calcOpticalFlowFarneback(small, there, np.empty(0), 0.5, 4, 7, 2, 5, 1.1, 0)
    return np.asarray(np.linalg.norm(flow, axis=2) / max(small.shape), np.float32)


def _halved(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    size = (luma.shape[1] // 2, luma.shape[0] // 2)
    return np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint8)


def _exposed_share(preview: Preview, other: Preview) -> np.float32:
    """How much of the way from frame to frame one exposure may see: all, up to 24 frames a second."""
    return np.float32(min(1.0, LONGEST_EXPOSURE_S / abs(other.pts_s - preview.pts_s)))
