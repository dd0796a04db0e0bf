"""How far things move from frame to frame, and what that says of motion blur.

A shutter is open for part of the time between two frames. What stands still meanwhile cannot be blurred by
motion; what moves far likely is, although soft, compressed video may not show it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from qc_plugin.signals.context import posterior
from qc_plugin.signals.looks import CUT_CHANGE, change, look_at
from qc_plugin.signals.reduction import shrink

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from qc_plugin.types import BlurMap, Preview

# Of the longer side. The segmenter is trained to find blurs of 1.5 px at 640 px; a shutter open half of the
# time, as most are, leaves that of twice the way.
BLURRING = 3 / 640
LEAST_ODDS = 1 / 20  # nothing is certain: flow errs
# In a soft picture, which hides blur, and in a crisp one, which shows it, or that the shutter was fast.
MOST_ODDS = 8.0, 3.0
CRISPNESS = 0.5, 0.7  # of what counts as soft and as crisp
LONGEST_EXPOSURE_S = 1 / 24  # slower clips drop frames rather than keep the shutter open
NEAR_S = 0.11  # a neighbour further away in time says nothing: 10 frames a second are near
_REPEATED_CODES = 2.0  # no 8 x 8 px of a repeated frame differ by more
_LEAST_SIDE = 16  # px of a preview: less holds no neighbourhood to follow
_ANALYSIS_PX, _BLOCK_PX, _CONTRAST = 512, 16, 9.0


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


def odds_of_blur(moved: NDArray[np.float32], rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What motion says of each cell: how many times its odds of being blurred are those of one frame alone.

    The displacement over one that just blurs: at least `LEAST_ODDS`, at most what `MOST_ODDS` says for a
    picture as crisp as this one. `moved` (h, w) as `displacement` gives it, `rgb` (H, W, 3) uint8 its frame.
    """
    soft, crisp = CRISPNESS
    between = min(max((crispness(rgb) - soft) / (crisp - soft), 0.0), 1.0)
    most = MOST_ODDS[0] ** (1 - between) * MOST_ODDS[1] ** between
    return np.asarray(np.clip(moved / np.float32(BLURRING), LEAST_ODDS, most), np.float32)


def crispness(rgb: NDArray[np.uint8]) -> float:
    """How fine detail is where it is finest: 0.5 in soft clips, 0.6 to 1 in sharp photos, 0.3 to 0.7 in pans.

    Root of the energy of luma below 0.8 px over that from 0.8 to 3.2 px, at 512 px, in blocks of 16 px that
    have contrast: the 95th percentile. 0 for a picture without contrast.
    """
    luma = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
    sharp = _reduced(luma).astype(np.float32)
    near, far = (cv2.GaussianBlur(sharp, (0, 0), sigma) for sigma in (0.8, 3.2))
    blocks = tuple(max(side // _BLOCK_PX, 1) for side in sharp.shape[::-1])
    fine, coarse = (
        cv2.resize(np.square(band), blocks, interpolation=cv2.INTER_AREA)
        for band in (sharp - near, near - far)
    )
    told = coarse > _CONTRAST
    return float(np.sqrt(np.percentile(fine[told] / (coarse[told] + 4.0), 95))) if told.any() else 0.0


def _reduced(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """At most 512 px long. By halves first, because OpenCV averages fractions of pixels six times slower."""
    while max(luma.shape) >= 2 * _ANALYSIS_PX and min(luma.shape) > 1:
        luma = _halved(luma)
    return shrink(luma, _ANALYSIS_PX)


def judge_by_motion(blur: BlurMap, odds: NDArray[np.float32] | None) -> BlurMap:
    """`blur` with the odds of each cell multiplied by what its motion says.

    `odds` (h', w') as `odds_of_blur` gives them, of any size; None leaves the map as it is. The order among
    cells that move alike never changes.
    """
    if odds is None:
        return blur
    height, width = blur.probability.shape
    factor = np.asarray(cv2.resize(odds, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    return replace(blur, probability=posterior(blur.probability, factor).clip(0.0, 1.0))


def _tells(preview: Preview, other: Preview) -> bool:
    """Whether the way from one to the other is motion, and not a cut, a long time or nothing at all."""
    near = 0 < abs(other.pts_s - preview.pts_s) <= NEAR_S
    if not near or other.luma.shape != preview.luma.shape or min(preview.luma.shape) < _LEAST_SIDE:
        return False
    if change(look_at(preview), look_at(other)) > CUT_CHANGE:
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
