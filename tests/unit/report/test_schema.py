import re
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qc_plugin.report.meta import encode_meta
from qc_plugin.report.schema import SCHEMA
from qc_plugin.report.timecode import timecode, timecodes
from qc_plugin.types.measures import FRAME_COLUMNS, MEASURES, REGION_COLUMNS
from tests.support.fake_report import MEDIA, fake_report

DOCS = Path(__file__).parents[3] / "docs" / "report.md"


def test_every_column_of_a_measure_says_what_the_table_says():
    region = SCHEMA.field("regions").type.value_type
    fields = [SCHEMA.field(measure.name) for measure in FRAME_COLUMNS]
    fields += [region.field(measure.name) for measure in (*REGION_COLUMNS, MEASURES["confidence"])]
    for field in fields:
        measure = MEASURES[field.name]
        assert field.type == pa.float32()
        assert field.metadata[b"unit"].decode() == measure.unit
        assert field.metadata[b"range"] == (b"[0, inf]" if measure.high is None else b"[0, 1]")
        assert field.metadata[b"worse"].decode() == measure.worse
        assert field.metadata[b"text"].decode() == measure.text


def test_docs_describe_every_column_measure_and_metadata_key():
    text = DOCS.read_text(encoding="utf-8")
    words = set(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)))
    region = SCHEMA.field("regions").type.value_type
    names = {*SCHEMA.names, *(field.name for field in region), *encode_meta(fake_report(8))}
    assert names - words == set()


@pytest.mark.parametrize("measure", FRAME_COLUMNS, ids=lambda measure: measure.name)
def test_docs_give_a_measure_the_unit_of_the_table(measure):
    rows = [line.split("|") for line in DOCS.read_text("utf-8").splitlines() if line.startswith("| `")]
    (cells,) = [row for row in rows if f"`{measure.name}`" in row[1]]
    ends = "from 0" if measure.high is None else f"0..{measure.high:g}"
    worse = "" if measure.worse == "neither" else f", {measure.worse} is worse"
    assert cells[3].strip() == f"{measure.unit}, {ends}{worse}"


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
