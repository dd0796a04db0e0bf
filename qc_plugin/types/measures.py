"""Every measure, once: what it is, its unit and range, which way is worse, and how people read it.

Columns of the report, titles on pages, words of rules and their sentences are derived from this table.
Standard library only: rules are read without numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Worse = Literal["higher", "lower", "neither"]
# `selection`: of the regions that a rule selects, together; `asset`: of all its frames (the `verdict` block).
Where = Literal["frame", "region", "both", "selection", "asset"]
Unit = Literal[
    "share", "share of white", "share of full scale", "share of 24 px", "probability", "score", "ratio",
    "count", "s", "px",
]  # fmt: skip
UNITS: tuple[Unit, ...] = get_args(Unit)
_DECIMALS = {"count": 0, "px": 0}  # elsewhere two, of percent none


@dataclass(frozen=True, slots=True)
class Measure:
    """A number with its unit, range (`high` None: no upper end) and the direction that is worse.

    `text` explains it, `says` is its part of a sentence: "{value} is motion-blurred"; `title` stands over the
    number. `unit` is "" for a measure of which nothing is known.
    """

    name: str
    unit: Unit | Literal[""]
    low: float
    high: float | None
    worse: Worse
    where: Where
    text: str
    says: str
    title: str

    @property
    def as_percent(self) -> bool:
        """Whether people read it as percent: shares of anything, and probabilities."""
        return self.unit.startswith("share") or self.unit == "probability"

    @property
    def decimals(self) -> int:
        """Decimals, of the percent where it is read as percent, that are enough unless a limit is close."""
        return 0 if self.as_percent else _DECIMALS.get(self.unit, 2)

    @property
    def suffix(self) -> str:
        """What stands behind a number that is not percent: " s", " px" or ""."""
        return f" {self.unit}" if self.unit in ("s", "px") else ""


_ALL = (
    Measure(
        "blur_coverage", "share", 0, 1, "higher", "both",
        "pixels in the motion blur mask, weighted by evidence",
        "{value} is motion-blurred", "Motion-blurred share",
    ),
    Measure(
        "blur_severity_mean", "share of 24 px", 0, 1, "higher", "both",
        "mean blur extent where blurred",
        "mean blur strength {value}", "Blur strength",
    ),
    Measure(
        "blur_severity_p95", "share of 24 px", 0, 1, "higher", "both",
        "95th percentile of the blur extent where blurred",
        "strongest blur {value}", "Strongest blur",
    ),
    Measure(
        "blur_probability", "probability", 0, 1, "higher", "both",
        "mean probability of motion blur, weighted by evidence",
        "motion blur is {value} likely", "Likely motion-blurred",
    ),
    Measure(
        "evidence", "share", 0, 1, "neither", "both",
        "how far blur could be seen at all; flat areas: low",
        "evidence {value}", "Evidence",
    ),
    Measure(
        "sharpness", "score", 0, 1, "lower", "both",
        "detail at fine scale against coarse scale",
        "sharpness {value}", "Sharpness",
    ),
    Measure(
        "luma_mean", "share of white", 0, 1, "neither", "frame",
        "mean luma",
        "mean brightness {value}", "Mean brightness",
    ),
    Measure(
        "luma_p90", "share of white", 0, 1, "neither", "frame",
        "90th percentile of luma",
        "nine tenths are darker than {value} of white", "Bright tenth",
    ),
    Measure(
        "contrast", "share of full scale", 0, 1, "lower", "frame",
        "range of luma or colour that the picture spans",
        "contrast {value}", "Contrast",
    ),
    Measure(
        "short_side_px", "px", 0, None, "lower", "frame",
        "shorter side of the picture",
        "{value} on the shorter side", "Shorter side",
    ),
    Measure(
        "clipped_fraction", "share", 0, 1, "higher", "both",
        "pixels at black or white; of a person without its black or white ground",
        "{value} is clipped to black or white", "Clipped share",
    ),
    Measure(
        "bar_fraction", "share", 0, 1, "higher", "frame",
        "area of letterbox or pillarbox bars",
        "{value} is black bars", "Black bars",
    ),
    Measure(
        "test_signal_fraction", "share", 0, 1, "higher", "frame",
        "area in the colours of colour bars",
        "{value} is colour bars", "Colour bars",
    ),
    Measure(
        "plain_fraction", "share", 0, 1, "higher", "frame",
        "area in the commonest tone",
        "{value} is one plain tone", "One plain tone",
    ),
    Measure(
        "ground_fraction", "share", 0, 1, "neither", "frame",
        "area of plain ground, of five flat tones at most",
        "{value} is plain ground", "Plain ground",
    ),
    Measure(
        "writing_fraction", "share", 0, 1, "higher", "frame",
        "writing, of what is not plain ground",
        "{value} of what stands on the ground is writing", "Writing",
    ),
    Measure(
        "comb_ratio", "ratio", 0, None, "higher", "frame",
        "interlace combing",
        "interlace combing {value}", "Combing",
    ),
    Measure(
        "corrupt", "count", 0, 1, "higher", "frame",
        "1: the decoder marked the frame as damaged, or concealed a part of it",
        "damaged: {value}", "Damaged",
    ),
    Measure(
        "corrupt_fraction", "share", 0, 1, "higher", "frame",
        "frames within 2.5 s that are damaged or lost",
        "{value} of the frames around it are damaged or lost", "Damaged frames around it",
    ),
    Measure(
        "shot_edge_s", "s", 0, None, "lower", "frame",
        "time to the nearest cut, fade or dissolve",
        "{value} to the nearest cut or fade", "Time to the nearest cut",
    ),
    Measure(
        "similarity_prev", "share", 0, 1, "neither", "frame",
        "likeness to the sampled frame before",
        "{value} like the sampled frame before", "Likeness to the frame before",
    ),
    Measure(
        "sharp_face_count", "count", 0, None, "lower", "frame",
        "faces that are sharp and free of motion blur",
        "sharp faces: {value}", "Sharp faces",
    ),
    Measure(
        "area_fraction", "share", 0, 1, "neither", "region",
        "area of the region in the frame",
        "takes {value} of the frame", "Share of the frame",
    ),
    Measure(
        "height", "share", 0, 1, "neither", "region",
        "height of the region in the frame",
        "height is {value} of the frame", "Height in the frame",
    ),
    Measure(
        "confidence", "score", 0, 1, "lower", "region",
        "how sure the detector is",
        "detected with confidence {value}", "Confidence",
    ),
    Measure(
        "count", "count", 0, None, "neither", "selection",
        "how many regions the rule selects",
        "{value} found", "Count",
    ),
    Measure(
        "share_rejected", "share", 0, 1, "higher", "asset",
        "judged frames that were rejected",
        "{value} of the judged frames are rejected", "Share rejected",
    ),
    Measure(
        "share_review", "share", 0, 1, "higher", "asset",
        "judged frames that need a look",
        "{value} of the judged frames need a look", "Share for a look",
    ),
    Measure(
        "share_excluded", "share", 0, 1, "higher", "asset",
        "frames that were left out",
        "{value} of the frames are left out", "Share left out",
    ),
    Measure(
        "share_corrupt", "share", 0, 1, "higher", "asset",
        "frames that are damaged or lost",
        "{value} of the frames are damaged or lost", "Share damaged",
    ),
    Measure(
        "best_available", "count", 0, None, "lower", "asset",
        "frames good enough to rank",
        "{value} frames can be offered", "Frames to offer",
    ),
    Measure(
        "error_findings", "count", 0, None, "higher", "asset",
        "findings that are errors",
        "{value} findings are errors", "Findings that are errors",
    ),
    Measure(
        "longest_error_s", "s", 0, None, "higher", "asset",
        "the longest error without a break",
        "{value} of errors without a break", "Longest error",
    ),
)  # fmt: skip
# What this process knows: those above, and those of installed packages once they were asked.
MEASURES: dict[str, Measure] = {measure.name: measure for measure in _ALL}
# Those with a column of their own in a report, in the order of the columns; no package adds to them.
FRAME_COLUMNS = tuple(m for m in _ALL if m.where in ("frame", "both"))
REGION_COLUMNS = tuple(m for m in _ALL if m.where in ("region", "both") and m.name != "confidence")
BLUR_MEASURES = ("blur_coverage", "blur_severity_mean", "blur_severity_p95", "blur_probability")
ASSET_FACTS = tuple(m.name for m in _ALL if m.where == "asset")


def measures_at(*places: Where) -> dict[str, Measure]:
    """What can be measured at any of `places`, by name."""
    return {name: measure for name, measure in MEASURES.items() if measure.where in places}


def unknown(name: str, title: str) -> Measure:
    """A measure of which only the name is known: of a package, in a report that does not tell of it."""
    return Measure(name, "", 0, None, "neither", "frame", "", "{value}", title)
