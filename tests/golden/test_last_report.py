"""A report of an older version is read for ever. Never rewrite one: add one beside it for a new schema."""

import json
import shutil
from pathlib import Path

import pytest

from qc_plugin.report.read import read_frames, read_report
from qc_plugin.report.write import write_report
from tests.support.fake_report import fake_artwork
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


def test_reports_with_and_without_a_column_that_is_gone_are_read_together(tmp_path):
    shutil.copy(HERE / "report-qc.frames-1.parquet", tmp_path)  # its regions have `eyes_open`, always null
    write_report(fake_artwork(), tmp_path)
    frames = read_frames(tmp_path)
    assert frames["asset_id"].nunique() == 2
    assert all(region["blur_coverage"] >= 0 for regions in frames["regions"] for region in regions)


def _only(value, expected):
    """`value` without the fields that were added since: an old file does not hold them."""
    if isinstance(expected, dict) and isinstance(value, dict):
        return {key: _only(value[key], expected[key]) for key in expected}
    if isinstance(expected, list) and isinstance(value, list) and len(value) == len(expected):
        return [_only(v, e) for v, e in zip(value, expected, strict=True)]
    return value
