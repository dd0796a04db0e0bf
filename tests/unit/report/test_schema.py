import re
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qc_plugin.report.meta import encode_meta
from qc_plugin.report.schema import FRAME_MEASURES, REGION_MEASURES, SCHEMA
from qc_plugin.report.timecode import timecode, timecodes
from tests.support.fake_report import MEDIA, fake_report

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
    ("pts_s", "fps", "drop_frame", "expected"),
    [
        (0.0, 25.0, False, "00:00:00:00"),
        (3725.48, 25.0, False, "01:02:05:12"),
        (10.5, 24000 / 1001, False, "00:00:10:12"),
        (60.06, 30000 / 1001, False, "00:01:00:00"),  # drop-frame only where the source says so
        (60.06, 30000 / 1001, True, "00:01:00;02"),  # frame 1800: numbers 0 and 1 of minute 1 do not exist
        (600.6, 30000 / 1001, True, "00:10:00;18"),  # the tenth minute drops none: 17982 frames end it
        (3599.9964, 30000 / 1001, True, "01:00:00;00"),  # an hour of drop-frame is 107892 frames
        (60.0, 30.0, False, "00:01:00:00"),
        (60.0, 25.0, True, "00:01:00:00"),  # no numbers are dropped at this rate
        (1.0, None, False, None),
        (-0.1, 25.0, False, None),
    ],
)
def test_timecode(pts_s, fps, drop_frame, expected):
    assert timecode(pts_s, fps, drop_frame=drop_frame) == expected


@pytest.mark.parametrize(
    ("start", "fps", "pts_s", "expected"),
    [
        ("10:00:00;00", 60000 / 1001, 1.001, ("00:00:01;00", "10:00:01;00")),
        ("10:00:59;58", 60000 / 1001, 2 * 1001 / 60000, ("00:00:00;02", "10:01:00;04")),
        ("01:00:00:00", 24000 / 1001, 3600 * 1.001, ("01:00:00:00", "02:00:00:00")),
        ("01:00:00:00", 30000 / 1001, 60.06, ("00:01:00:00", "01:01:00:00")),
        ("23:59:59:24", 25.0, 0.04, ("00:00:00:01", "00:00:00:00")),  # past midnight
        ("23:59:59;29", 30000 / 1001, 0.0333667, ("00:00:00;01", "00:00:00;00")),
        (None, 25.0, 1.0, ("00:00:01:00", None)),
        ("01:00:00:29", 25.0, 1.0, ("00:00:01:00", None)),  # no such frame at this rate
        ("not one", 25.0, 1.0, ("00:00:01:00", None)),
        ("01:00:00:00", None, 1.0, (None, None)),
    ],
)
def test_the_sources_own_timecode(start, fps, pts_s, expected):
    assert timecodes(replace(MEDIA, average_fps=fps, start_timecode=start), pts_s) == expected


@given(st.integers(0, 24 * 107_892 - 1))
def test_drop_frame_counts_through_a_day_without_a_gap(number):
    at = number * 1001 / 30000
    text = timecode(at, 30000 / 1001, drop_frame=True)
    media = replace(MEDIA, average_fps=30000 / 1001, start_timecode=text)
    assert timecodes(media, 0.0)[1] == text
    assert timecodes(media, 1001 / 30000)[1] == timecode(
        (number + 1) * 1001 / 30000, 30000 / 1001, drop_frame=True
    )
