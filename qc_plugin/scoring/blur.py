"""Motion blur of a box: weighted by evidence, and silent where blur cannot be seen."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qc_plugin.rle import encode
from qc_plugin.scoring.measure_limits import too_flat
from qc_plugin.types.measures import BLUR_MEASURES

if TYPE_CHECKING:
    from qc_plugin.types import BlurMap, Box, Rle

Map = NDArray[np.float32]

# Weighting by less is division by the noise of float32 maps; the product limit is `evidence_needed`.
_NO_EVIDENCE = 1e-4


def region_blur(
    blur_map: BlurMap, box: Box, *, ellipse: bool = False, evidence_needed: float | None = None
) -> tuple[dict[str, float], dict[str, str]]:
    """Measures of blur in `box` (frame pixels), and the reason for each that could not be taken.

    blur_coverage = evidence where probability > threshold / all evidence. The severities are taken over the
    blurred pixels, weighted by evidence, and are 0 where nothing is blurred. blur_probability = the mean
    probability, weighted by evidence: it tells faint blur below the threshold too. `ellipse` looks at the
    ellipse inside the box only: the corners of a face box are background. All values in 0..1.
    """
    window = _window(blur_map, box)
    if window is None:
        return {}, dict.fromkeys(BLUR_MEASURES, "the region lies outside the frame")
    inside = _ellipse(window, box, blur_map.scale_xy) if ellipse else None
    evidence = blur_map.evidence[window]
    if inside is not None and inside.any():
        weights = np.where(inside, evidence, np.float32(0))
        mean = float(evidence[inside].mean(dtype=np.float64))
    else:
        weights, mean = evidence, float(evidence.mean(dtype=np.float64))
    needed = blur_map.evidence_floor if evidence_needed is None else evidence_needed
    measures = {"evidence": min(mean, 1.0)}
    if mean < max(needed, _NO_EVIDENCE):
        return measures, dict.fromkeys(BLUR_MEASURES, too_flat(mean, needed))
    blurred = blur_map.probability[window] > blur_map.threshold
    values = _blur_values(weights, blurred, blur_map.intensity[window])
    return measures | values | {"blur_probability": _mean(blur_map.probability[window], weights)}, {}


def blur_mask(blur_map: BlurMap) -> Rle:
    """The blurred pixels, at the size of the map: above the threshold, and where blur could be seen.

    The engine's `evidence_floor` leaves flat areas out, so that no outline is drawn around a plain wall.
    """
    seen = blur_map.evidence >= blur_map.evidence_floor
    return encode((blur_map.probability > blur_map.threshold) & seen)


def _window(blur_map: BlurMap, box: Box) -> tuple[slice, slice] | None:
    """Map pixels whose centre lies in `box`, at least one a side; None if the box is outside the map."""
    height, width = blur_map.probability.shape
    rows = _span(box[1] / blur_map.scale_xy[1], box[3] / blur_map.scale_xy[1], height)
    columns = _span(box[0] / blur_map.scale_xy[0], box[2] / blur_map.scale_xy[0], width)
    return None if rows is None or columns is None else (rows, columns)


def _span(start: float, end: float, size: int) -> slice | None:
    if end <= 0 or start >= size or size == 0:
        return None
    first = min(max(math.ceil(start - 0.5), 0), size - 1)
    return slice(first, max(first + 1, min(math.ceil(end - 0.5), size)))


def _ellipse(window: tuple[slice, slice], box: Box, scale_xy: tuple[float, float]) -> NDArray[np.bool_]:
    """Which pixels of the window lie in the ellipse that touches the sides of `box`."""
    offsets = []
    for axis, span in ((1, window[0]), (0, window[1])):
        low, high = box[axis] / scale_xy[axis], box[axis + 2] / scale_xy[axis]
        centre, radius = (low + high) / 2, max((high - low) / 2, 0.5)
        offsets.append((np.arange(span.start, span.stop) + 0.5 - centre) / radius)
    inside: NDArray[np.bool_] = offsets[0][:, None] ** 2 + offsets[1][None, :] ** 2 <= 1
    return inside


def _mean(values: Map, weights: Map) -> float:
    total = float(weights.sum(dtype=np.float64))
    return min(float((values * weights).sum(dtype=np.float64)) / total, 1.0) if total > 0 else 0.0


def _blur_values(weights: Map, blurred: NDArray[np.bool_], intensity: Map) -> dict[str, float]:
    total = float(weights.sum(dtype=np.float64))
    hit = weights[blurred].astype(np.float64)
    share = float(hit.sum())
    names = BLUR_MEASURES[:3]
    if share <= 0:
        return dict.fromkeys(names, 0.0)
    extent = intensity[blurred].astype(np.float64)
    order = np.argsort(extent, kind="stable")
    reached = np.cumsum(hit[order])
    p95 = extent[order][np.searchsorted(reached, 0.95 * reached[-1])]
    values = (share / total, float((hit * extent).sum()) / share, float(p95))
    return {name: min(value, 1.0) for name, value in zip(names, values, strict=True)}
