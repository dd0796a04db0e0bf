"""Tracks: ids follow what moves, stay apart where things cross, and end at cuts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qc_plugin.stages.regions import Tracker, track
from qc_plugin.types import Region


def region(x, y=100, side=40, kind="face", frame=0):
    return Region(frame, kind, (x, y, x + side, y + side), 0.9)


def ids(regions):
    return [r.track_id for r in regions]


def test_two_faces_keep_their_ids_when_their_order_changes():
    tracker = Tracker()
    first = ids(tracker.update([region(0), region(200)], 0.0))
    assert first == [1, 2]
    assert ids(tracker.update([region(205), region(8)], 0.5)) == [2, 1]


def test_a_fast_hand_that_no_longer_overlaps_itself_is_followed_by_nearness_and_then_by_velocity():
    tracker = Tracker()
    steps = [
        tracker.update([region(x, kind="hand")], t) for t, x in ((0.0, 0), (0.1, 25), (0.2, 60), (0.3, 105))
    ]
    assert ids([s[0] for s in steps]) == [1, 1, 1, 1]


def test_faces_that_cross_keep_their_direction():
    tracker = Tracker()
    for i, t in enumerate([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]):
        left, right = region(0 + 30 * i), region(190 - 30 * i, y=115)
        found = tracker.update([left, right], t)
    assert ids(found) == [1, 2]


def test_kinds_never_share_a_track_and_sizes_must_agree():
    tracker = Tracker()
    tracker.update([region(0, kind="face")], 0.0)
    assert ids(tracker.update([region(0, kind="hand")], 0.5)) == [2]
    assert ids(tracker.update([region(0, side=400, kind="face")], 1.0)) == [3]


def test_a_cut_and_a_long_absence_end_a_track():
    tracker = Tracker()
    assert ids(tracker.update([region(0)], 0.0, shot=0)) == [1]
    assert ids(tracker.update([region(0)], 0.5, shot=1)) == [2]
    assert ids(tracker.update([], 1.0, shot=1)) == []
    assert ids(tracker.update([region(0)], 1.5, shot=1)) == [2]
    assert ids(tracker.update([region(0)], 4.0, shot=1)) == [3]


def test_a_lost_face_is_carried_on_by_motion_and_marked():
    tracker = Tracker(carry_s=0.5)
    tracker.update([region(0)], 0.0)
    tracker.update([region(20)], 0.2)
    (carried,) = tracker.update([], 0.4)
    assert carried.predicted
    assert carried.track_id == 1
    assert 25 <= carried.box_xyxy[0] <= 45  # it moved at 100 px/s, half of which is believed at first
    assert tracker.update([], 0.8) == []
    assert Tracker().update([], 0.4) == []


def test_a_carried_face_says_which_frame_it_is_predicted_for():
    tracker = Tracker(carry_s=0.5)
    tracker.update([region(0), region(300, frame=0, kind="hand")], 0.0)
    _, carried = tracker.update([region(300, frame=12, kind="hand")], 0.4)
    assert (carried.frame_index, carried.kind) == (12, "face")
    assert [r.frame_index for r in tracker.update([], 0.45, frame_index=13)] == [13]


def test_track_does_a_whole_clip():
    clip = [[region(0)], [region(5), region(300)], [], [region(300)]]
    found = track(clip, [0, 0, 0, 1], [0.0, 0.5, 1.0, 1.5])
    assert [ids(regions) for regions in found] == [[1], [1, 2], [], [3]]
    with pytest.raises(ValueError):
        track(clip, [0, 0], [0.0, 0.5])


places = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500), st.integers(1, 200)), max_size=6)


@settings(deadline=None)
@given(st.lists(places, max_size=6), st.sampled_from([0.04, 0.5, 2.0]))
def test_ids_are_unique_in_a_frame_and_boxes_are_untouched(frames, step_s):
    tracker = Tracker()
    for i, spots in enumerate(frames):
        regions = [region(x, y, side, frame=i) for x, y, side in spots]
        found = tracker.update(regions, i * step_s)
        assert [r.box_xyxy for r in found] == [r.box_xyxy for r in regions]
        assert len(set(ids(found))) == len(regions)
        assert None not in ids(found)
