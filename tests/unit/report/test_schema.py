import re
from pathlib import Path

import pyarrow as pa
import pytest

from qc_plugin.report.meta import encode_meta
from qc_plugin.report.schema import FRAME_MEASURES, REGION_MEASURES, SCHEMA
from qc_plugin.report.timecode import timecode
from tests.support.fake_report import fake_report

DOCS = Path(__file__).parents[3] / "docs" / "report.md"


def test_every_measure_says_unit_range_and_what_is_worse():
    region = SCHEMA.field("regions").type.value_type
    fields = [SCHEMA.field(name) for name in FRAME_MEASURES] + [
        region.field(name) for name in REGION_MEASURES
    ]
    for field in fields:
        assert field.type == pa.float32()
        assert field.metadata[b"unit"]
        assert re.fullmatch(rb"\[0, (1|inf)\]", field.metadata[b"range"])
        assert field.metadata[b"worse"] in {b"higher", b"lower", b"neither"}


def test_measures_mean_what_scoring_says():
    measures = pytest.importorskip("qc_plugin.scoring.measures").MEASURES
    for name, column in (FRAME_MEASURES | REGION_MEASURES).items():
        if name in measures:
            theirs = measures[name]
            assert (column.low, column.high, column.worse) == (theirs.low, theirs.high, theirs.worse), name


def test_every_measure_that_scoring_takes_of_a_frame_has_a_column():
    measures = pytest.importorskip("qc_plugin.scoring.measures").MEASURES
    for name, measure in measures.items():
        assert measure.where == "region" or name in FRAME_MEASURES, name


def test_docs_describe_every_column_measure_and_metadata_key():
    text = DOCS.read_text(encoding="utf-8")
    words = set(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)))
    names = set(SCHEMA.names) | set(FRAME_MEASURES) | set(REGION_MEASURES) | set(encode_meta(fake_report(8)))
    assert names - words == set()


@pytest.mark.parametrize(
    ("pts_s", "fps", "expected"),
    [
        (0.0, 25.0, "00:00:00:00"),
        (3725.48, 25.0, "01:02:05:12"),
        (10.5, 24000 / 1001, "00:00:10:12"),
        (60.06, 30000 / 1001, "00:01:00;02"),  # frame 1800: numbers 0 and 1 of minute 1 do not exist
        (600.6, 30000 / 1001, "00:10:00;18"),  # the tenth minute drops none: 17982 frames end it
        (3599.9964, 30000 / 1001, "01:00:00;00"),  # an hour of drop-frame is 107892 frames
        (60.0, 30.0, "00:01:00:00"),
        (1.0, None, None),
        (-0.1, 25.0, None),
    ],
)
def test_timecode(pts_s, fps, expected):
    assert timecode(pts_s, fps) == expected
