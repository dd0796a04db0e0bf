"""A report file of an older version must be read for ever. Never rewrite it: add one beside it for a new schema."""

from pathlib import Path

import pytest

from qc_plugin.report.read import read_frames, read_report
from tests.support.fake_report import fake_report
from tests.support.plain import plain

HERE = Path(__file__).parent


@pytest.mark.parametrize("name", ["report-qc.frames-1.parquet"])
def test_an_old_report_reads_as_it_was_meant(name):
    report = read_report(HERE / name)
    assert plain(report) == plain(fake_report(24, "golden.mp4"))
    frames = read_frames(HERE / name)
    assert frames.loc[10, "regions"][0]["kind"] == "face"
    assert frames["timecode"].iloc[10] == "00:00:04:20"
