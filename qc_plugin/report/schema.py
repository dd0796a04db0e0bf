"""The Arrow schema of a report: one row per scored frame, in presentation order.

Columns are only ever added; none changes its meaning. A reader ignores columns it does not know, and refuses
a file whose schema number is higher than its own. `docs/report.md` describes every column; a test holds both
together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from qc_plugin.types.measures import FRAME_COLUMNS, MEASURES, REGION_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qc_plugin.types.measures import Measure

SCHEMA_VERSION = "qc.frames/1"


RANK_COLUMNS = {"16:9": "rank_16x9", "2:3": "rank_2x3", "1:1": "rank_1x1"}

_TEXT_MAP = pa.map_(pa.string(), pa.string())
_NUMBER_MAP = pa.map_(pa.string(), pa.float32())
_DICTIONARY = pa.dictionary(pa.int32(), pa.string())
_MEASURE_UNITS = {"unit": "as the measure"}


def _field(name: str, kind: pa.DataType, text: str, *, unit: str = "", nullable: bool = False) -> pa.Field:
    """A column that says in its metadata what it holds."""
    metadata = ({"unit": unit} if unit else {}) | {"text": text}
    return pa.field(name, kind, nullable=nullable, metadata=metadata)


def _measure_metadata(measure: Measure) -> dict[str, str]:
    """What a reader must know to use a number: its unit, its range and which direction is worse."""
    high = "inf" if measure.high is None else f"{measure.high:g}"
    return {
        "unit": measure.unit,
        "range": f"[{measure.low:g}, {high}]",
        "worse": measure.worse,
        "text": measure.text,
    }


def _measure_fields(measures: Iterable[Measure]) -> list[pa.Field]:
    """One nullable float32 per measure: null is "could not be taken", and `skipped` says why."""
    return [pa.field(m.name, pa.float32(), metadata=_measure_metadata(m)) for m in measures]


_CONFIDENCE = _measure_metadata(MEASURES["confidence"])
_REGION = pa.struct(
    [
        pa.field("n", pa.int16(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("track", pa.int32()),
        pa.field("confidence", pa.float32(), nullable=False, metadata=_CONFIDENCE),
        pa.field("predicted", pa.bool_(), nullable=False),
        *(
            pa.field(name, pa.float32(), nullable=False, metadata={"unit": "px"})
            for name in ("x0", "y0", "x1", "y1")
        ),
        *_measure_fields(REGION_COLUMNS),
        pa.field("measures_other", _NUMBER_MAP, nullable=False),
        pa.field("skipped", _TEXT_MAP, nullable=False),
    ]
)
_BANDS = pa.struct(
    [
        pa.field("pass_limit", pa.float64(), nullable=False, metadata=_MEASURE_UNITS),
        pa.field("borderline_limit", pa.float64(), metadata=_MEASURE_UNITS),
        pa.field("worse", pa.string(), nullable=False),
    ]
)
_FINDING = pa.struct(
    [
        *(
            pa.field(name, pa.string(), nullable=False)
            for name in ("rule", "outcome", "severity", "action", "measure", "text")
        ),
        pa.field("value", pa.float64(), metadata=_MEASURE_UNITS),
        pa.field("limit", pa.float64(), metadata=_MEASURE_UNITS),
        pa.field("region_kind", pa.string()),
        pa.field("region_n", pa.int16()),
        pa.field("frame_index", pa.int64(), nullable=False),
        pa.field("start_s", pa.float64(), nullable=False, metadata={"unit": "s"}),
        pa.field("end_s", pa.float64(), nullable=False, metadata={"unit": "s"}),
        pa.field("bands", _BANDS),
    ]
)
_WHOLE_BOX = [
    pa.field(name, pa.int32(), nullable=False, metadata={"unit": "px"}) for name in ("x0", "y0", "x1", "y1")
]
_CROP = pa.struct(
    [
        pa.field("ratio", pa.string(), nullable=False),
        *_WHOLE_BOX,
        pa.field("score", pa.float32(), nullable=False),
    ]
)
_BLUR_RLE = pa.struct(
    [
        pa.field("h", pa.int32(), nullable=False, metadata={"unit": "px"}),
        pa.field("w", pa.int32(), nullable=False, metadata={"unit": "px"}),
        pa.field("counts", pa.string(), nullable=False),
    ]
)
_REPAIR = pa.struct(
    [
        pa.field("status", pa.string()),
        pa.field("pixels_changed", pa.int64(), metadata={"unit": "px"}),
        pa.field("share", pa.float32(), metadata={"unit": "share of the frame"}),
        pa.field("before", pa.float32(), metadata=_MEASURE_UNITS),
        pa.field("after", pa.float32(), metadata=_MEASURE_UNITS),
        pa.field("refused_why", pa.string()),
        pa.field("patch_uri", pa.string()),
    ]
)

_IDENTITY = [
    _field("asset_id", _DICTIONARY, "SHA-256 of the content, or the host's name for it"),
    _field("asset_uri", _DICTIONARY, "where it was read, without query or password"),
    _field("frame_index", pa.int64(), "decoded ordinal; not a time"),
]
_TIME = [
    _field(
        "pts",
        pa.int64(),
        "timestamp in time base units; the truth about time",
        unit="time base",
        nullable=True,
    ),
    _field("time_base_num", pa.int32(), "numerator of the time base"),
    _field("time_base_den", pa.int32(), "denominator of the time base"),
    _field("pts_s", pa.float64(), "time of the frame", unit="s"),
    _field("duration_s", pa.float64(), "how long the frame is shown", unit="s"),
    _field("timecode", pa.string(), "SMPTE text of pts_s, from zero, at the average rate", nullable=True),
    _field("shot", pa.int32(), "number of the shot, from 0"),
]
_DECISION = [
    _field("decision", pa.string(), "accept, deblur, review or reject: the worst action of its rules"),
    _field("outcome_worst", pa.string(), "skip, pass, borderline or fail"),
    _field("excluded", pa.string(), "exclude rule that kept it out of ranking", nullable=True),
]
_RANK = [
    _field(
        "rank",
        pa.int32(),
        "place among the frames of this asset, from 1; null when not ranked",
        nullable=True,
    ),
    *(
        _field(name, pa.int32(), f"place when cropped to {ratio}, from 1", nullable=True)
        for ratio, name in RANK_COLUMNS.items()
    ),
    _field("rank_other", pa.map_(pa.string(), pa.int32()), "places for other ratios"),
    _field("score", pa.float32(), "what the rank is made from: higher is better", unit="score"),
    _field("score_parts", _NUMBER_MAP, "the named sub-scores behind score", unit="score"),
    _field("duplicate_of", pa.int64(), "frame_index of the better frame it looks like", nullable=True),
    _field("unranked", pa.string(), "the one reason it has no rank", nullable=True),
]
_LISTS = [
    _field("measures_other", _NUMBER_MAP, "measures of installed packages; `qc.measures` tells of them"),
    _field("skipped", _TEXT_MAP, "measures that could not be taken, and why"),
    _field("regions", pa.list_(_REGION), "faces, hands and people; pixels of the upright frame, half-open"),
    _field("findings", pa.list_(_FINDING), "what each rule said about this frame"),
    _field("crops", pa.list_(_CROP), "crops that cut no main face; ranked frames only"),
    _field(
        "active_area",
        pa.struct(_WHOLE_BOX),
        "the picture inside bars, as its shot agrees on it; null where there are none",
        unit="px",
        nullable=True,
    ),
    _field("blur_rle", _BLUR_RLE, "blur mask, COCO compressed run lengths over columns", nullable=True),
    _field("repair", _REPAIR, "receipt of a repair", nullable=True),
    _field("phash", pa.uint64(), "colour-aware perceptual hash"),
]

_SOURCE = [
    _field("source_timecode", pa.string(), "SMPTE text as the source counts, where it does", nullable=True),
]

SCHEMA: pa.Schema = pa.schema(
    [*_IDENTITY, *_TIME, *_DECISION, *_RANK, *_measure_fields(FRAME_COLUMNS), *_LISTS, *_SOURCE]
)
# In what is read or joined from reports, never inside one: what is written once cannot know it.
ALSO_AT: pa.Field = _field("also_at", pa.list_(pa.string()), "other places of the same content")
