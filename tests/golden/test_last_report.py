"""A report of an older version is read for ever. Never rewrite one: add one beside it for a new schema."""

import json
from pathlib import Path

import pytest

from qc_plugin.report.read import read_frames, read_report
from tests.support.plain import plain

HERE = Path(__file__).parent


@pytest.mark.parametrize("name", ["report-qc.frames-1"])
def test_an_old_report_reads_as_it_was_meant(name):
    path = HERE / f"{name}.parquet"
    expected = json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))
    assert _only(plain(read_report(path)), expected) == expected
    frames = read_frames(path)
    assert frames.loc[10, "regions"][0]["kind"] == "face"
    assert frames["timecode"].iloc[10] == "00:00:04:20"


def _only(value, expected):
    """`value` without the fields that were added since: an old file does not hold them."""
    if isinstance(expected, dict) and isinstance(value, dict):
        return {key: _only(value[key], expected[key]) for key in expected}
    if isinstance(expected, list) and isinstance(value, list) and len(value) == len(expected):
        return [_only(v, e) for v, e in zip(value, expected, strict=True)]
    return value
