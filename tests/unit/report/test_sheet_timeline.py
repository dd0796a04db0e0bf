import re
from dataclasses import replace
from itertools import pairwise

import pytest

from qc_plugin.pages.sheet_timeline import timeline_of
from qc_plugin.pages.sheet_words import axis_clock, clock, humanise, length, number, reason_words
from qc_plugin.types.measures import MEASURES, unknown
from tests.support.fake_report import fake_artwork, fake_error, fake_report


def test_lanes_count_every_frame_and_stay_inside():
    timeline = timeline_of(fake_report())
    assert sum(lane.n_frames for lane in timeline.lanes) == 120
    for lane in timeline.lanes:
        assert all(run.x >= 0 and run.x + run.width <= 100.01 for run in lane.runs)
        assert all(a.x + a.width <= b.x + 0.01 for a, b in pairwise(lane.runs))


def test_shots_markers_and_frames_are_where_they_happen():
    report = fake_report()
    timeline = timeline_of(report)
    assert len(timeline.shots) == 3
    assert timeline.shots[0] == pytest.approx(100 * 31 * 12 / 25 / 57.6, abs=0.01)
    assert sorted(m.rank for m in timeline.markers) == list(range(1, 13))
    best = next(m for m in timeline.markers if m.rank == 1)
    row = next(r for r in report.frames if r.rank.rank == 1)
    assert (best.frame_index, best.x) == (
        row.score.frame_index,
        pytest.approx(100 * row.score.pts_s / 57.6, abs=0.01),
    )
    assert len(timeline.frames) == 120


def test_markers_that_are_close_go_to_rows_of_their_own():
    markers = timeline_of(fake_report()).markers
    for row in {m.row for m in markers}:
        xs = [m.x for m in markers if m.row == row]
        assert all(b - a >= 3.2 for a, b in pairwise(xs))


def test_a_gap_in_which_nothing_was_scored_stays_empty():
    report = fake_report(40)
    frames = report.frames[:10] + report.frames[30:]
    timeline = timeline_of(replace(report, frames=frames))
    covered = sum(run.width for lane in timeline.lanes for run in lane.runs)
    step = 100 * 12 / 25 / 57.6
    assert covered == pytest.approx(22 * step, rel=0.02)  # 20 frames, one of them three steps wide


def test_a_long_video_stays_small():
    report = fake_report(10)
    rows = []
    for i in range(20_000):
        row = report.frames[5 + i % 5]
        rows.append(replace(row, score=replace(row.score, frame_index=i, pts_s=float(i))))
    timeline = timeline_of(replace(report, frames=tuple(rows), media=None))
    assert len(re.findall("L", timeline.curve)) <= 802
    assert len(timeline.frames) <= 6000 + 20_000 // 5
    assert len(timeline.ticks) <= 8


@pytest.mark.parametrize(
    "report", [fake_artwork(), fake_error(), fake_report(1)], ids=["artwork", "error", "one frame"]
)
def test_without_a_course_of_time_there_is_none(report):
    assert timeline_of(report) is None


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (clock(48.16), "0:48.16"),
        (clock(3723.5), "1:02:03.50"),
        (clock(59.999), "1:00.00"),
        (clock(-1), "0:00.00"),
        (axis_clock(120, 60), "2:00"),
        (axis_clock(1.5, 0.5), "0:01.5"),
        (length(57.6), "57.6 s"),
        (length(252), "4 min 12 s"),
        (length(7200), "2 h 0 min"),
        (number(MEASURES["blur_coverage"], 0.22), "22\u202f%"),
        (number(MEASURES["blur_coverage"], 0.004), "0.4\u202f%"),
        (number(MEASURES["blur_severity_mean"], 0.22), "22\u202f%"),  # as the sentence of a rule has it
        (number(MEASURES["sharpness"], 0.873), "0.87"),
        (number(MEASURES["shot_edge_s"], 0.25), "0.25 s"),
        (number(MEASURES["sharp_face_count"], 3.0), "3"),
        (number(unknown("never-heard-of", ""), 1.234), "1.23"),
        (number(MEASURES["sharpness"], None), "not measured"),
        (humanise("face-motion_blur"), "Face motion blur"),
        (reason_words("excluded:dark")[0], "Too dark"),
        (reason_words("excluded:credits"), ("Credits", "left out by an exclude rule")),
        (reason_words("min_gap")[0], "Too close in time"),
    ],
)
def test_words(said, expected):
    assert said == expected
