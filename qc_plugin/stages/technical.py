"""Cheap technical measures, from the small luma and chroma of a `Preview` alone: no RGB is made for them.

Shots and perceptual hashes live in `shots` and `phash`; this module is their door too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qc_plugin.stages.bars import Agreed, Bars, agreed_bars, find_bars
from qc_plugin.stages.clipping import clipped
from qc_plugin.stages.combing import comb_ratio
from qc_plugin.stages.fades import Edge
from qc_plugin.stages.phash import perceptual_hash, similarity
from qc_plugin.stages.shots import ShotDetector, Shots

if TYPE_CHECKING:
    from qc_plugin.types import Preview

__all__ = [
    "Agreed",
    "Bars",
    "Edge",
    "ShotDetector",
    "Shots",
    "agreed_bars",
    "find_bars",
    "measure_preview",
    "perceptual_hash",
    "similarity",
]


def measure_preview(preview: Preview, bars: Bars | None = None) -> dict[str, float]:
    """Measures of one frame, all in [0, 1]; bars count for `bar_fraction` only.

    luma_mean, luma_p90: mean and 90th percentile of luma (0 black, 1 white). clipped_fraction: share of the
    picture at either end of the scale, crushed to black or blown to white. bar_fraction: share of the frame
    under letterbox or pillarbox bars, as this frame alone tells them (`agreed_bars` knows better; `bars`, if
    they are known already). comb_ratio: how combed the worst parts of an interlaced frame are, 0
    for a progressive one (see `combing`).
    """
    luma = preview.luma
    area = (bars or find_bars(luma)).area
    picture = luma[area]
    histogram = np.bincount(picture.ravel(), minlength=256)
    total = picture.size
    p90 = np.searchsorted(np.cumsum(histogram), 0.9 * total)
    return {
        "luma_mean": float(histogram @ np.arange(256) / total / 255.0),
        "luma_p90": float(p90 / 255.0),
        "clipped_fraction": float(clipped(picture).mean()),
        "bar_fraction": 1.0 - total / luma.size,
        "comb_ratio": comb_ratio(preview.rows),
    }
