"""Display matrices and square pixels."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qc_plugin.decode.geometry import (
    UPRIGHT,
    Orientation,
    is_right_angled,
    orientation_of,
    pixel_shape,
    square_width,
)

ONE = 1 << 16
ALL = [
    Orientation(swap=s, flip_x=x, flip_y=y)
    for s in (False, True)
    for x in (False, True)
    for y in (False, True)
]


def matrix(a: int, b: int, c: int, d: int) -> bytes:
    return np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], np.int32).tobytes()


@pytest.mark.parametrize(
    ("numbers", "turn"),
    [
        ((ONE, 0, 0, ONE), lambda p: p),
        ((0, ONE, -ONE, 0), lambda p: np.rot90(p, -1)),  # a phone held upright: 90 degrees clockwise
        ((-ONE, 0, 0, -ONE), lambda p: np.rot90(p, 2)),
        ((0, -ONE, ONE, 0), lambda p: np.rot90(p, 1)),
        ((-ONE, 0, 0, ONE), lambda p: p[:, ::-1]),
        ((ONE, 0, 0, -ONE), lambda p: p[::-1]),
        ((0, ONE, ONE, 0), lambda p: p.T),
        ((0, -ONE, -ONE, 0), lambda p: np.rot90(p.T, 2)),
    ],
)
def test_display_matrix(numbers, turn):
    picture = np.arange(12).reshape(3, 4)
    orientation = orientation_of(matrix(*numbers))
    assert np.array_equal(orientation.apply(picture), turn(picture))
    assert orientation.size(4, 3) == (turn(picture).shape[1], turn(picture).shape[0])


@pytest.mark.parametrize(("quarter_turns", "degrees"), [(0, 0), (-1, 90), (2, 180), (1, 270)])
def test_rotation_is_named_clockwise(quarter_turns, degrees):
    picture = np.arange(12).reshape(3, 4)
    pure = [o for o in ALL if np.array_equal(o.apply(picture), np.rot90(picture, quarter_turns))]
    assert [(o.rotation_deg, o.mirrored) for o in pure] == [(degrees, False)]


def test_four_of_eight_are_mirrored():
    assert sum(o.mirrored for o in ALL) == 4


@pytest.mark.parametrize("data", [b"", b"\0" * 36, b"x" * 35])
def test_no_or_empty_matrix_is_upright(data):
    assert orientation_of(data) == UPRIGHT


def test_skewed_matrices_are_noticed():
    assert is_right_angled(matrix(0, ONE, -ONE, 0))
    assert is_right_angled(b"")
    assert not is_right_angled(matrix(ONE, ONE // 2, -ONE // 2, ONE))


@given(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=9, max_size=9))
def test_any_matrix_keeps_the_picture(numbers):
    picture = np.arange(6).reshape(2, 3)
    turned = orientation_of(np.array(numbers, np.int64).astype(np.int32).tobytes()).apply(picture)
    assert sorted(turned.ravel().tolist()) == list(range(6))
    assert turned.flags["C_CONTIGUOUS"]


F = Fraction


@pytest.mark.parametrize(
    ("container", "codec", "shown", "overruled"),
    [
        (F(16, 15), None, F(16, 15), None),
        (None, F(16, 15), F(16, 15), None),
        (None, None, F(1), None),
        (F(1), F(27, 64), F(1), F(27, 64)),  # an editor repaired the shape in the box
        (F(64, 45), F(1), F(64, 45), F(1)),
        (F(640, 451), F(64, 45), F(640, 451), None),  # whole pixels of width: rounded, not different
        (F(1, 100), None, F(1), None),
    ],
)
def test_the_shape_that_players_show(container, codec, shown, overruled):
    shape = pixel_shape(container, codec)
    assert (shape.aspect, shape.codec) == (shown, overruled)
    assert bool(shape.notes) == (overruled is not None or container == F(1, 100))


@pytest.mark.parametrize(
    ("width", "aspect", "wanted"), [(720, F(16, 15), 768), (1440, F(4, 3), 1920), (1, F(1, 4), 1)]
)
def test_square_width(width, aspect, wanted):
    assert square_width(width, aspect) == wanted
