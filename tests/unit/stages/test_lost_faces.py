"""Faces lost to motion blur keep their place for half a second, and only there where the blur is."""

from __future__ import annotations

import numpy as np
import pytest

from qc_plugin.stages.lost_faces import LostFaces
from qc_plugin.types import BlurMap, Frame, Region

HASH, OTHER_SCENE = 0x0F0F_0F0F_0F0F_0F0F, 0x3333_3333_3333_3333
RGB = np.zeros((200, 400, 3), np.uint8)


def frame(n, pts_s):
    return Frame(n, pts_s, 0.04, RGB)


def face(x, n, y=50, kind="face"):
    return Region(n, kind, (x, y, x + 60, y + 80), 0.8)


def blur(where=None):
    """A map at half of the frame's size; all sharp but for `where`, a box in frame px."""
    probability = np.zeros((100, 200), np.float32)
    if where is not None:
        x0, y0, x1, y1 = (v // 2 for v in where)
        probability[y0:y1, x0:x1] = 0.9
    return BlurMap(0, probability, probability, np.ones_like(probability), scale_xy=(2.0, 2.0))


EVERYWHERE = blur((0, 0, 400, 200))


def run(*samples):
    """(pts_s, regions, blur, hash) of each sample -> what comes out."""
    lost = LostFaces()
    return [
        lost.carry(frame(n, at), regions, how, scene) for n, (at, regions, how, scene) in enumerate(samples)
    ]


def test_a_face_lost_to_blur_is_carried_on_by_its_motion_and_marked():
    *_, last = run(
        (0.0, [face(20, 0)], blur(), HASH),
        (0.5, [face(60, 1)], blur(), HASH),
        (1.0, [], EVERYWHERE, HASH),
    )
    (carried,) = last
    assert (carried.kind, carried.predicted, carried.frame_index, carried.track_id) == ("face", True, 2, None)
    assert 70 <= carried.box_xyxy[0] <= 100  # 80 px a second, half of which is believed at first
    assert carried.box_xyxy[1] == pytest.approx(50)


@pytest.mark.parametrize("step_s", [0.5, 0.5005, 0.5333])
def test_it_is_carried_for_half_a_second_and_no_longer(step_s):
    first, second, third = run(
        (0.0, [face(20, 0)], blur(), HASH),
        (step_s, [], EVERYWHERE, HASH),
        (2 * step_s, [], EVERYWHERE, HASH),
    )
    assert not any(region.predicted for region in first)
    assert [region.predicted for region in second] == [True]
    assert third == []


def test_what_is_found_is_left_as_it_is():
    regions = [face(20, 1), face(200, 1, kind="hand")]
    assert run((0.0, regions, EVERYWHERE, HASH), (0.5, regions, EVERYWHERE, HASH)) == [regions, regions]


@pytest.mark.parametrize(
    ("sample", "why"),
    [
        ((0.5, [], blur(), HASH), "it turned away: nothing is blurred"),
        ((0.5, [], blur((0, 50, 40, 130)), HASH), "most of its place is sharp"),
        ((0.5, [], EVERYWHERE, OTHER_SCENE), "a cut"),
        ((0.7, [], EVERYWHERE, HASH), "too long ago"),
        ((0.5, [face(45, 1)], EVERYWHERE, HASH), "found again"),
    ],
)
def test_a_face_that_is_not_lost_to_blur_is_not_carried(sample, why):
    _, last = run((0.0, [face(20, 0)], blur(), HASH), sample)
    assert not any(region.predicted for region in last), why


def test_hands_and_people_are_not_carried():
    _, last = run(
        (0.0, [face(20, 0, kind="hand"), face(200, 0, kind="person")], blur(), HASH),
        (0.5, [], EVERYWHERE, HASH),
    )
    assert last == []


def test_a_face_that_leaves_the_frame_is_clipped_then_gone():
    *_, at_the_edge = run(
        (0.0, [face(280, 0)], blur(), HASH),
        (0.5, [face(330, 1)], blur(), HASH),
        (1.0, [], EVERYWHERE, HASH),
    )
    assert [region.box_xyxy[2] for region in at_the_edge] == [400.0]
    seen = [(n / 10, [face(200 + 40 * n, n)], blur(), HASH) for n in range(4)]
    *_, outside = run(*seen, (0.7, [], EVERYWHERE, HASH))
    assert outside == []
