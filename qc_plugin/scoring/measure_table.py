"""What is measured, in which unit and direction, and how a sentence says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Worse = Literal["higher", "lower", "neither"]
Where = Literal["frame", "region", "both"]


@dataclass(frozen=True, slots=True)
class Measure:
    """A number with its unit, range (`high` None: no upper end) and the direction that is worse.

    `says` is its part of a sentence: "{value} is motion-blurred".
    """

    name: str
    unit: Literal["share", "score", "count", "s", "ratio", "px"]
    low: float
    high: float | None
    worse: Worse
    where: Where
    text: str
    says: str


_ALL = (
    Measure(
        "blur_coverage", "share", 0, 1, "higher", "both",
        "share that is motion-blurred, weighted by evidence", "{value} is motion-blurred",
    ),
    Measure(
        "blur_severity_mean", "share", 0, 1, "higher", "both",
        "mean blur extent where blurred, of 24 px", "mean blur strength {value}",
    ),
    Measure(
        "blur_severity_p95", "share", 0, 1, "higher", "both",
        "95th percentile of the blur extent where blurred, of 24 px", "strongest blur {value}",
    ),
    Measure(
        "blur_probability", "share", 0, 1, "higher", "both",
        "mean probability of motion blur, weighted by evidence", "motion blur is {value} likely",
    ),
    Measure(
        "evidence", "share", 0, 1, "neither", "both",
        "how far blur could be seen at all (flat areas: low)", "evidence {value}",
    ),
    Measure(
        "sharpness", "score", 0, 1, "lower", "both",
        "fine detail against coarse detail", "sharpness {value}",
    ),
    Measure("count", "count", 0, None, "neither", "region", "number of regions selected", "{value} found"),
    Measure(
        "area_fraction", "share", 0, 1, "neither", "region",
        "area of the box in the frame", "takes {value} of the frame",
    ),
    Measure(
        "height", "share", 0, 1, "neither", "region",
        "height of the box in the frame", "height is {value} of the frame",
    ),
    Measure(
        "confidence", "score", 0, 1, "lower", "region",
        "how sure the detector is", "detected with confidence {value}",
    ),
    Measure(
        "sharp_face_count", "count", 0, None, "lower", "frame",
        "faces that are sharp and free of motion blur", "sharp faces: {value}",
    ),
    Measure(
        "luma_mean", "share", 0, 1, "neither", "frame",
        "mean luma, of white", "mean brightness {value}",
    ),
    Measure(
        "luma_p90", "share", 0, 1, "neither", "frame",
        "90th percentile of luma, of white", "nine tenths are darker than {value} of white",
    ),
    Measure(
        "contrast", "share", 0, 1, "lower", "frame",
        "range of luma or colour that the picture spans, of full scale", "contrast {value}",
    ),
    Measure(
        "short_side_px", "px", 0, None, "lower", "frame",
        "shorter side of the picture", "{value} on the shorter side",
    ),
    Measure(
        "clipped_fraction", "share", 0, 1, "higher", "both",
        "pixels clipped to black or white", "{value} is clipped to black or white",
    ),
    Measure(
        "bar_fraction", "share", 0, 1, "higher", "frame",
        "area of letterbox or pillarbox bars", "{value} is black bars",
    ),
    Measure(
        "test_signal_fraction", "share", 0, 1, "higher", "frame",
        "area in the colours of colour bars", "{value} is colour bars",
    ),
    Measure(
        "plain_fraction", "share", 0, 1, "higher", "frame",
        "area in the commonest tone", "{value} is one plain tone",
    ),
    Measure(
        "ground_fraction", "share", 0, 1, "neither", "frame",
        "area of plain ground, of five flat tones at most", "{value} is plain ground",
    ),
    Measure(
        "writing_fraction", "share", 0, 1, "higher", "frame",
        "writing, of what is not plain ground", "{value} of what stands on the ground is writing",
    ),
    Measure(
        "comb_ratio", "ratio", 0, None, "higher", "frame",
        "interlace combing", "interlace combing {value}",
    ),
    Measure(
        "corrupt", "count", 0, 1, "higher", "frame",
        "1 where the decoder marked the frame corrupt or concealed a part of it", "damaged: {value}",
    ),
    Measure(
        "corrupt_fraction", "share", 0, 1, "higher", "frame",
        "share of the frames within 2.5 s that are corrupt, concealed or lost",
        "{value} of the frames around it are damaged or lost",
    ),
    Measure(
        "shot_edge_s", "s", 0, None, "lower", "frame",
        "time to the nearest cut, fade or dissolve", "{value} to the nearest cut or fade",
    ),
    Measure(
        "similarity_prev", "share", 0, 1, "neither", "frame",
        "likeness to the sampled frame before", "{value} like the sampled frame before",
    ),
)  # fmt: skip
MEASURES: dict[str, Measure] = {measure.name: measure for measure in _ALL}
