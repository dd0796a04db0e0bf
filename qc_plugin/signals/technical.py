"""Cheap technical measures, from the small luma and chroma of a `Preview` alone: no RGB is made for them.

Shots and perceptual hashes live in `shots` and `phash`; this module is their door too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qc_plugin.signals.bars import Agreed, Bars, agreed_bars, find_bars
from qc_plugin.signals.cards import measure_card
from qc_plugin.signals.clipping import clipped
from qc_plugin.signals.combing import comb_ratio
from qc_plugin.signals.fades import Edge
from qc_plugin.signals.phash import perceptual_hash, similarity
from qc_plugin.signals.shots import ShotDetector, Shots

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

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

_FEW = 0.001  # pixels that may be anything: a speck of dust is no picture


def measure_preview(
    preview: Preview, bars: Bars | None = None, beside: Iterable[Preview] = ()
) -> dict[str, float]:
    """Measures of one frame, all in [0, 1]; bars count for `bar_fraction` only.

    `beside`: the frames before and after it in its video, as far as there are any.

    luma_mean, luma_p90: mean and 90th percentile of luma (0 black, 1 white). contrast: the widest range that
    luma or a colour difference spans, but for a thousandth at either end. clipped_fraction: share of the
    picture at either end of the scale, crushed to black or blown to white. bar_fraction: share of the frame
    under letterbox or pillarbox bars, as this frame alone tells them (`agreed_bars` knows better; `bars`, if
    they are known already). comb_ratio: how combed the worst parts of an interlaced frame are, 0
    for a progressive one (see `combing`). And what tells test signals and cards, see `cards`.
    """
    luma = preview.luma
    area = (bars or find_bars(luma)).area
    picture = luma[area]
    histogram = _counts(picture)
    colours = [plane[_scaled(area, luma, plane)] for plane in preview.chroma]
    total = picture.size
    p90 = np.searchsorted(np.cumsum(histogram), 0.9 * total)
    return {
        "luma_mean": float(histogram @ np.arange(256) / total / 255.0),
        "luma_p90": float(p90 / 255.0),
        "contrast": max(_span(histogram), *(_span(_counts(part)) for part in colours)),
        "clipped_fraction": float(clipped(picture).mean()),
        "bar_fraction": 1.0 - total / luma.size,
        "comb_ratio": comb_ratio(preview.rows, [other.rows for other in beside]),
        **measure_card(picture, np.stack(colours)),
    }


def _counts(values: NDArray[np.uint8]) -> NDArray[np.intp]:
    return np.bincount(values.ravel(), minlength=256)


def _span(histogram: NDArray[np.intp]) -> float:
    """The range of codes that holds all but `_FEW` at either end, of 255."""
    reached = np.cumsum(histogram)
    low, high = np.searchsorted(reached, (_FEW * reached[-1], (1 - _FEW) * reached[-1]), side="right")
    return float(min(high, 255) - min(low, 255)) / 255.0


def _scaled(
    area: tuple[slice, slice], luma: NDArray[np.uint8], chroma: NDArray[np.uint8]
) -> tuple[slice, slice]:
    """`area` of the luma on a chroma plane of another size; the whole plane where nothing would be left."""
    found = []
    for part, size, target in zip(area, luma.shape, chroma.shape, strict=True):
        start, stop = -(-part.start * target // size), part.stop * target // size
        found.append(slice(start, stop) if stop > start else slice(None))
    return found[0], found[1]
