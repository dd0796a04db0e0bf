"""Stored reports that were judged by a shipped set, as a scan leaves them."""

import os
from dataclasses import replace

import pytest

from qc_plugin.asset.judged_again import judge_again
from qc_plugin.report.write import write_report
from qc_plugin.rulesets.ruleset import load_rules
from tests.support.fake_report import HEIGHT, WIDTH, f32, fake_artwork, fake_error, fake_report


def measured(report):
    """With the measures of place that rules select regions by."""
    return replace(report, frames=tuple(map(_with_places, report.frames)))


def _with_places(row):
    regions = []
    for each in row.score.regions:
        x0, y0, x1, y1 = each.region.box_xyxy
        place = {
            "height": f32((y1 - y0) / HEIGHT),
            "area_fraction": f32((x1 - x0) * (y1 - y0) / (WIDTH * HEIGHT)),
            "confidence": each.region.confidence,
        }
        regions.append(replace(each, measures={**each.measures, **place}))
    return replace(row, score=replace(row.score, regions=tuple(regions)))


@pytest.fixture(scope="session")
def judged():
    """A talk of a minute with a hand that moves, as `default` judges it."""
    return judge_again(measured(fake_report()), load_rules("default"))


@pytest.fixture
def reports(tmp_path, judged):
    """A reports folder with two videos, an artwork and an asset in error."""
    root = tmp_path / "reports"
    second = fake_report(40, "second.mp4")
    second = replace(second, asset=replace(second.asset, id="12" * 32))
    others = (measured(second), measured(fake_artwork()), fake_error())
    for report in (judged, *(judge_again(other, load_rules("default")) for other in others)):
        os.utime(write_report(report, root), (1_700_000_000, 1_700_000_000))
    return root
