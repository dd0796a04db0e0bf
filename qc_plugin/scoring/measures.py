"""How one frame gets its numbers. Pure numpy.

A measure that cannot be taken is absent, never zero, and `skipped` says why in words.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from qc_plugin.scoring.blur import blur_mask, region_blur
from qc_plugin.scoring.measure_limits import MeasureLimits, apply_limits
from qc_plugin.types import BlurMap, Box, Frame, FrameScore, Region, RegionKind, RegionScore
from qc_plugin.types.measures import BLUR_MEASURES, MEASURES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "MeasureLimits",
    "apply_limits",
    "region_blur",
    "score_frame",
]

_OF_VIDEO = ("comb_ratio", "shot_edge_s", "similarity_prev")


def score_frame(
    frame: Frame,
    *,
    technical: Mapping[str, float],
    phash: int,
    regions: Sequence[Region],
    sharpness_frame: float,
    measured_regions: Sequence[Mapping[str, float]],
    blur_map: BlurMap | None,
) -> FrameScore:
    """Everything measured on one frame by itself, and no limits: what is stored must serve every rule set.

    `technical` holds measures of its preview, `measured_regions` the measures of each of `regions` but blur.
    `blur_map` None means that no blur engine ran. ValueError when regions and measures differ in number.
    """
    if len(regions) != len(measured_regions):
        raise ValueError(f"measured_regions: expected {len(regions)}, got {len(measured_regions)}")
    height, width = frame.rgb.shape[:2]
    values, skipped = _blur_of(blur_map, frame.box_xyxy, ellipse=False)
    values |= {name: value for name, value in technical.items() if name in MEASURES}
    values |= {"sharpness": sharpness_frame, "short_side_px": min(width, height)}
    lacking = (name for name in _OF_VIDEO if name not in technical)
    skipped |= dict.fromkeys(lacking, "has no meaning for this frame")
    values, more = _finite(values)
    score = FrameScore(
        frame_index=frame.index,
        pts=frame.pts,
        time_base=frame.time_base,
        pts_s=frame.pts_s,
        duration_s=frame.duration_s,
        phash=phash,
        measures=values,
        skipped=skipped | more,
        regions=_score_regions((width, height), regions, measured_regions, blur_map),
        blur=None if blur_map is None else blur_mask(blur_map),
    )
    return apply_limits(score, MeasureLimits())


def _score_regions(
    size_px: tuple[int, int],
    regions: Sequence[Region],
    measured: Sequence[Mapping[str, float]],
    blur_map: BlurMap | None,
) -> tuple[RegionScore, ...]:
    """Scores of all regions of a frame of `size_px` (width, height).

    Numbered from 1 per kind, largest first (equal areas: from the left). Predicted ones come after
    those that were found.
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
        values |= _geometry(region, *size_px)
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
