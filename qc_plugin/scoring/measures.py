"""How one frame gets its numbers. Pure numpy.

A measure that cannot be taken is absent, never zero, and `skipped` says why in words.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qc_plugin.scoring.blur import blur_mask, region_blur
from qc_plugin.scoring.measure_limits import MeasureLimits, apply_limits
from qc_plugin.types import BlurMap, Box, FrameScore, Region, RegionKind, RegionScore
from qc_plugin.types.measures import BLUR_MEASURES, MEASURES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "FrameFacts",
    "MeasureLimits",
    "apply_limits",
    "region_blur",
    "score_frame",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFacts:
    """What is known of a sampled frame before its regions and blur: identity, time, place, cheap measures.

    `technical` holds luma_mean, luma_p90, contrast, clipped_fraction, bar_fraction, comb_ratio, corrupt (or
    fewer: no comb_ratio of artwork).
    `shot_edge_s` and `similarity_prev` are None where they have no meaning (artwork; the first frame).
    """

    index: int
    pts: int | None
    time_base: tuple[int, int]
    pts_s: float
    duration_s: float
    width_px: int
    height_px: int
    technical: Mapping[str, float]
    phash: int
    shot: int = 0
    shot_edge_s: float | None = None
    similarity_prev: float | None = None


def score_frame(
    facts: FrameFacts,
    *,
    regions: Sequence[Region],
    sharpness_frame: float,
    measured_regions: Sequence[Mapping[str, float]],
    blur_map: BlurMap | None,
    limits: MeasureLimits,
) -> FrameScore:
    """Everything measured on one frame; `measured_regions` has the measures of each of `regions` but blur.

    `blur_map` None means that no blur engine ran. ValueError when regions and measures differ in number.
    """
    if len(regions) != len(measured_regions):
        raise ValueError(f"measured_regions: expected {len(regions)}, got {len(measured_regions)}")
    whole = (0.0, 0.0, float(facts.width_px), float(facts.height_px))
    values, skipped = _blur_of(blur_map, whole, ellipse=False)
    values |= {name: value for name, value in facts.technical.items() if name in MEASURES}
    values |= {"sharpness": sharpness_frame, "short_side_px": min(facts.width_px, facts.height_px)}
    of_video = {
        "comb_ratio": facts.technical.get("comb_ratio"),
        "shot_edge_s": facts.shot_edge_s,
        "similarity_prev": facts.similarity_prev,
    }
    for name, value in of_video.items():
        if value is None:
            skipped[name] = "has no meaning for this frame"
        else:
            values[name] = value
    values, more = _finite(values)
    score = FrameScore(
        frame_index=facts.index,
        pts=facts.pts,
        time_base=facts.time_base,
        pts_s=facts.pts_s,
        duration_s=facts.duration_s,
        shot=facts.shot,
        phash=facts.phash,
        measures=values,
        skipped=skipped | more,
        regions=_score_regions(facts, regions, measured_regions, blur_map),
        blur=None if blur_map is None else blur_mask(blur_map),
    )
    return apply_limits(score, limits)


def _score_regions(
    facts: FrameFacts,
    regions: Sequence[Region],
    measured: Sequence[Mapping[str, float]],
    blur_map: BlurMap | None,
) -> tuple[RegionScore, ...]:
    """Scores of all regions, numbered from 1 per kind, largest first (equal areas: from the left).

    Predicted ones come after those that were found.
    """
    boxes = [region.box_xyxy for region in regions]
    order = sorted(range(len(regions)), key=lambda i: (regions[i].predicted, -_area(boxes[i]), boxes[i]))
    seen: dict[RegionKind, int] = {}
    scored = []
    for i in order:
        region = regions[i]
        seen[region.kind] = seen.get(region.kind, 0) + 1
        face = region.kind == "face"
        values, skipped = _blur_of(blur_map, region.box_xyxy, ellipse=face)
        values |= _geometry(region, facts.width_px, facts.height_px)
        values, more = _finite(values | dict(measured[i]))
        scored.append(
            RegionScore(n=seen[region.kind], region=region, measures=values, skipped=skipped | more)
        )
    return tuple(scored)


def _geometry(region: Region, width_px: int, height_px: int) -> dict[str, float]:
    """Height and area as shares of the frame, and the detector's confidence."""
    _, y0, _, y1 = region.box_xyxy
    return {
        "height": float((y1 - y0) / height_px),
        "area_fraction": float(_area(region.box_xyxy) / (width_px * height_px)),
        "confidence": float(region.confidence),
    }


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _blur_of(blur_map: BlurMap | None, box: Box, *, ellipse: bool) -> tuple[dict[str, float], dict[str, str]]:
    """Blur of a box wherever there is any evidence; `apply_limits` drops what is not enough."""
    if blur_map is None:
        return {}, dict.fromkeys(BLUR_MEASURES, "no motion-blur engine ran")
    return region_blur(blur_map, box, ellipse=ellipse, evidence_needed=0.0)


def _finite(values: Mapping[str, float]) -> tuple[dict[str, float], dict[str, str]]:
    """Values that are numbers, and a reason for each that is not: NaN would pass or fail rules at random."""
    kept = {name: float(value) for name, value in values.items() if math.isfinite(value)}
    return kept, {name: "could not be measured (not a number)" for name in values if name not in kept}
