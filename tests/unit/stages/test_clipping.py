"""Faces and people are judged by themselves: what stands around them may be plain black or white."""

import numpy as np
import pytest

from qc_plugin.signals.bars import active_area
from qc_plugin.signals.clipping import clipped_of_regions
from qc_plugin.types import Region

H, W = 180, 320
SIZE = (2 * W, 2 * H)


def _region(kind, x0, y0, x1, y1):
    """Boxes are written in preview pixels here; the frame is twice as large."""
    return Region(0, kind, (2.0 * x0, 2.0 * y0, 2.0 * x1, 2.0 * y1), 0.9)


def _shares(luma, regions):
    return clipped_of_regions(luma, active_area(luma), regions, SIZE)


def _stage(ground, person=120):
    """A figure, half as wide as its box, in front of a plain ground."""
    luma = np.full((H, W), ground, np.uint8)
    luma[40:160, 140:180] = person
    return luma


@pytest.mark.parametrize("ground", [0, 2, 253, 255])
def test_row_56_the_plain_ground_around_a_person_is_not_the_persons(ground):
    assert _shares(_stage(ground), [_region("person", 120, 40, 200, 160)]) == [0.0]


@pytest.mark.parametrize(("value", "share"), [(0, 1.0), (255, 1.0), (120, 0.0)])
def test_a_person_that_is_clipped_before_a_lit_wall_is(value, share):
    luma = _stage(90, person=value)
    assert _shares(luma, [_region("person", 140, 40, 180, 160)]) == [share]


def test_a_burnt_out_person_before_black_is_burnt_out():
    (share,) = _shares(_stage(0, person=255), [_region("person", 120, 40, 200, 160)])
    assert share == 1.0


@pytest.mark.parametrize("ground", [0, 255])
def test_of_a_face_the_ellipse_counts_and_the_corners_do_not(ground):
    luma = np.full((H, W), ground, np.uint8)
    y, x = np.ogrid[:H, :W]
    luma[((x - 160) / 30) ** 2 + ((y - 90) / 40) ** 2 <= 1] = 120
    (share,) = _shares(luma, [_region("face", 130, 50, 190, 130)])
    assert share < 0.03


def test_a_face_that_is_as_white_as_the_studio_is_clipped():
    (share,) = _shares(np.full((H, W), 255, np.uint8), [_region("face", 130, 50, 190, 130)])
    assert share == 1.0


def test_where_nothing_of_a_person_is_left_beside_the_ground_the_box_counts():
    """A detector sees people in fog and in black, too."""
    luma = np.full((H, W), 255, np.uint8)
    assert _shares(luma, [_region("person", 100, 40, 200, 160)]) == [1.0]


def test_bars_are_no_part_of_a_person():
    luma = _stage(90)
    luma[:24], luma[-24:] = 0, 0
    assert _shares(luma, [_region("person", 140, 0, 180, 180)]) == [0.0]


@pytest.mark.parametrize("kind", ["face", "person", "hand"])
def test_a_box_that_is_smaller_than_a_pixel_or_at_the_rim_has_a_value(kind):
    for box in ((0.2, 0.2, 0.4, 0.4), (319, 179, 320, 180), (0, 0, 320, 180)):
        (share,) = _shares(_stage(255), [_region(kind, *box)])
        assert 0 <= share <= 1


def test_nobody_is_no_work():
    assert _shares(_stage(0), []) == []
