"""Measures as the limits of a rule set see them, so that stored ones can be judged by other rules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from qc_plugin.types.measures import BLUR_MEASURES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qc_plugin.types import FrameScore, RegionScore


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureLimits:
    """Product limits that measuring needs; they come from the `params` of the rule set, never from code.

    `evidence_needed`: mean evidence a region must have for its blur to be told. None keeps every value, for a
    report that any rule set can judge later; `apply_limits` then applies that of the rules.
    `sharp_face_blur`, `sharp_face_sharpness`: a face counts in `sharp_face_count` when its blur_coverage is
    at most the first and its sharpness at least the second; without both there is no such count.
    """

    evidence_needed: float | None = None
    sharp_face_blur: float | None = None
    sharp_face_sharpness: float | None = None


def apply_limits(score: FrameScore, limits: MeasureLimits) -> FrameScore:
    """`score` as these limits see it; lets stored measures be judged by other rules without a decode.

    Drops blur values with less evidence than needed and counts sharp faces anew. Values that were dropped
    before do not come back, so frames are best measured without limits.
    """
    regions = tuple(_enough_evidence(region, limits.evidence_needed) for region in score.regions)
    values, skipped = _drop_flat(score.measures, score.skipped, limits.evidence_needed)
    if limits.sharp_face_blur is None or limits.sharp_face_sharpness is None:
        values.pop("sharp_face_count", None)
        skipped["sharp_face_count"] = "the rule set names no `sharp_face_blur` and `sharp_face_sharpness`"
    else:
        values["sharp_face_count"] = float(sum(_is_sharp_face(region, limits) for region in regions))
        skipped.pop("sharp_face_count", None)
    return replace(score, regions=regions, measures=values, skipped=skipped)


def too_flat(evidence: float, needed: float) -> str:
    """Why there is no value where blur cannot be seen: "too flat to tell (evidence 0.04, needs 0.10)"."""
    return f"too flat to tell (evidence {evidence:.2f}, needs {needed:.2f})"


def _is_sharp_face(scored: RegionScore, limits: MeasureLimits) -> bool:
    blur, sharpness = scored.measures.get("blur_coverage"), scored.measures.get("sharpness")
    if scored.region.kind != "face" or blur is None or sharpness is None:
        return False
    assert limits.sharp_face_blur is not None
    assert limits.sharp_face_sharpness is not None
    return blur <= limits.sharp_face_blur and sharpness >= limits.sharp_face_sharpness


def _enough_evidence(scored: RegionScore, needed: float | None) -> RegionScore:
    measures, skipped = _drop_flat(scored.measures, scored.skipped, needed)
    return replace(scored, measures=measures, skipped=skipped)


def _drop_flat(
    measures: Mapping[str, float], skipped: Mapping[str, str], needed: float | None
) -> tuple[dict[str, float], dict[str, str]]:
    """Copies of both, without blur values when the evidence is known and too little."""
    evidence = measures.get("evidence")
    if needed is None or evidence is None or evidence >= needed:
        return dict(measures), dict(skipped)
    kept = {name: value for name, value in measures.items() if name not in BLUR_MEASURES}
    return kept, {**skipped, **dict.fromkeys(BLUR_MEASURES, too_flat(evidence, needed))}
