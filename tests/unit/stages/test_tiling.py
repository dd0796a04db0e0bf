"""Pad, crop, tile, stitch on examples; tests/property/test_tiling.py holds for all sizes."""

from __future__ import annotations

import numpy as np
import pytest

from qc_plugin.inference.pictures import pad
from qc_plugin.stages.tiling import Span, crop, cut, round_up, spans, stitch, tiles


def test_padding_reflects_below_and_to_the_right():
    image = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)
    assert pad(image, 4, 5).tolist() == [[1, 2, 3, 2, 1], [4, 5, 6, 5, 4], [1, 2, 3, 2, 1], [4, 5, 6, 5, 4]]


def test_one_pixel_is_repeated():
    assert pad(np.full((1, 1, 3), 7, np.uint8), 3, 4).tolist() == np.full((3, 4, 3), 7).tolist()


def test_growth_beyond_the_picture_goes_back_and_forth():
    assert pad(np.array([[1, 2, 3]], np.uint8), 1, 8).tolist() == [[1, 2, 3, 2, 1, 2, 3, 2]]


def test_padding_keeps_the_last_axis():
    assert pad(np.zeros((2, 2, 1), np.float32), 4, 4).shape == (4, 4, 1)


def test_nothing_to_pad_copies_nothing():
    image = np.zeros((4, 4, 3), np.uint8)
    assert pad(image, 4, 4) is image


def test_pad_does_not_shrink_and_crop_does_not_grow():
    image = np.zeros((4, 6), np.uint8)
    with pytest.raises(ValueError, match="at most 3x6"):
        pad(image, 3, 6)
    with pytest.raises(ValueError, match="at least 5x6"):
        crop(image, 5, 6)
    with pytest.raises(ValueError, match="filled"):
        pad(np.zeros((0, 3), np.uint8), 4, 4)


def test_round_up():
    assert [round_up(v, 64) for v in (1, 64, 65)] == [64, 64, 128]


def test_a_short_axis_is_one_window():
    assert spans(128, 128, 32, 32) == [Span(0, 128, 0, 128)]


def test_windows_overlap_by_the_halo_on_both_sides():
    assert spans(256, 128, 32, 32) == [
        Span(0, 128, 0, 96),
        Span(64, 192, 96, 160),
        Span(128, 256, 160, 256),
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((100, 128, 32, 32), "multiple of 32, got 100"),
        ((0, 128, 32, 32), "got 0"),
        ((512, 128, 64, 32), "too small"),
    ],
)
def test_what_cannot_be_tiled_is_told(arguments, message):
    with pytest.raises(ValueError, match=message):
        spans(*arguments)


def test_a_part_of_the_wrong_size_is_refused():
    layout = tiles(64, 64, tile=64, halo=0, multiple=32)
    with pytest.raises(ValueError, match="expected a part of"):
        stitch([np.zeros((8, 16), np.float32)], layout, 64, 64, stride=4)


def test_stitching_takes_the_kept_part_of_each_window():
    layout = tiles(64, 256, tile=128, halo=32, multiple=32)
    parts = [np.full(cut(np.zeros((64, 256)), tile).shape, k, np.float32) for k, tile in enumerate(layout)]
    result = stitch(parts, layout, 64, 256)
    assert [(int(v), int((result[0] == v).sum())) for v in np.unique(result)] == [(0, 96), (1, 64), (2, 96)]
