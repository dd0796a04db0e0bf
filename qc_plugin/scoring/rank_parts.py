"""The named parts of a rank score: each 0..1, higher better, absent where it has no meaning."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from qc_plugin.types import FrameScore, RegionKind, RegionScore

# Where a part reaches 1. These set the scale of a score, they let nothing pass or fail.
_CLOSE_UP = 0.25  # main faces that fill a quarter of the frame are as large as a poster needs
_FULL_FIGURE = 0.50  # people that fill half of it
_WELL_LIT = 0.60  # share of white that the brightest tenth of a well lit picture reaches
_BURNT_OUT = 0.25  # share of clipped pixels at which exposure is worth nothing


# Where other frames of the asset show a face, one without is not better for lacking a face to be soft.
NO_FACE: Mapping[str, float] = {"face_sharpness": 0.0}


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a score: what it says, and how it is taken from a frame and its main faces."""

    text: str
    take: Callable[[FrameScore, Sequence[RegionScore]], float | None]


def take_parts(
    score: FrameScore,
    faces: Sequence[RegionScore],
    names: Mapping[str, float],
    missing: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """The parts `names` of a frame with main `faces`; those that cannot be taken are absent.

    `missing`: parts that a frame without a main face has all the same, see `NO_FACE`.
    """
    taken = {name: PARTS[name].take(score, faces) for name in names}
    if missing and not faces:
        taken |= {name: value for name, value in missing.items() if name in names}
    return {name: value for name, value in taken.items() if value is not None}


def weigh(parts: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Weighted mean of the parts there are, 0..1; 0 if there is none."""
    total = sum(weights[name] for name in parts)
    return sum(weights[name] * value for name, value in parts.items()) / total if total else 0.0


def clean_sharpness(measures: Mapping[str, float]) -> float | None:
    """What is sharp and still, 0..1: sharpness x (1 - blur_coverage), or the one of them that is known."""
    known = [
        value
        for value in (measures.get("sharpness"), _inverse(measures.get("blur_coverage")))
        if value is not None
    ]
    return math.prod(known) if known else None


def _inverse(value: float | None) -> float | None:
    return None if value is None else 1.0 - value


def _face_sharpness(score: FrameScore, faces: Sequence[RegionScore]) -> float | None:  # noqa: ARG001
    values = [v for face in faces if (v := clean_sharpness(face.measures)) is not None]
    return min(values, default=None)


def _kind_sharpness(kind: RegionKind) -> Callable[[FrameScore, Sequence[RegionScore]], float | None]:
    def take(score: FrameScore, faces: Sequence[RegionScore]) -> float | None:  # noqa: ARG001
        weighed = [
            (region.measures.get("area_fraction", 0.0), value)
            for region in score.regions
            if region.region.kind == kind and (value := clean_sharpness(region.measures)) is not None
        ]
        total = sum(area for area, _ in weighed)
        return sum(area * value for area, value in weighed) / total if total > 0 else None

    return take


def _frame_sharpness(score: FrameScore, faces: Sequence[RegionScore]) -> float | None:  # noqa: ARG001
    return clean_sharpness(score.measures)


def _face_area(score: FrameScore, faces: Sequence[RegionScore]) -> float | None:  # noqa: ARG001
    return _filled(faces, _CLOSE_UP)


def _person_area(score: FrameScore, faces: Sequence[RegionScore]) -> float | None:  # noqa: ARG001
    return _filled([region for region in score.regions if region.region.kind == "person"], _FULL_FIGURE)


def _filled(regions: Sequence[RegionScore], full: float) -> float:
    """Square root of the share filled, so that it grows with height, which is what the eye judges size by."""
    area = sum(region.measures.get("area_fraction", 0.0) for region in regions)
    return min(1.0, math.sqrt(area / full))


def _exposure(score: FrameScore, faces: Sequence[RegionScore]) -> float | None:
    bright = score.measures.get("luma_p90")
    if bright is None:
        return None
    return min(1.0, bright / _WELL_LIT) * (1.0 - min(1.0, _clipped(score, faces) / _BURNT_OUT))


def _clipped(score: FrameScore, faces: Sequence[RegionScore]) -> float:
    """Clipped share of the worst main face, else person, else of the frame: a ground may be plain."""
    people = [region for region in score.regions if region.region.kind == "person"]
    for found in (faces, people):
        values = [v for each in found if (v := each.measures.get("clipped_fraction")) is not None]
        if values:
            return max(values)
    return score.measures.get("clipped_fraction", 0.0)


PARTS: dict[str, Part] = {
    "face_sharpness": Part(
        "sharpness x (1 - blur_coverage) of the worst main face; a frame without one has 0, or in an asset "
        "without any it is absent",
        _face_sharpness,
    ),
    "hand_sharpness": Part(
        "sharpness x (1 - blur_coverage) of all hands, by area; absent without one", _kind_sharpness("hand")
    ),
    "person_sharpness": Part(
        "sharpness x (1 - blur_coverage) of people, by area; absent without one", _kind_sharpness("person")
    ),
    "frame_sharpness": Part("sharpness x (1 - blur_coverage) of the whole frame", _frame_sharpness),
    "face_area": Part("size of the main faces; 1 at a quarter of the frame, 0 without one", _face_area),
    "person_area": Part("size of the people; 1 at half of the frame, 0 without one", _person_area),
    "exposure": Part(
        "1 when the brightest tenth is well lit and nothing is clipped: of faces, people, else the frame",
        _exposure,
    ),
}
