"""Run lengths against COCO's own: the expected texts were printed by pycocotools 2.0 (mask.encode)."""

import numpy as np
import pytest

from qc_plugin.rle import decode, encode
from qc_plugin.types import Rle


def _block(height, width, top, bottom, left, right):
    mask = np.zeros((height, width), bool)
    mask[top:bottom, left:right] = True
    return mask


_CORNERS = _block(720, 1280, 700, 720, 1200, 1280)
_CORNERS[0, 0] = True
KNOWN = [
    pytest.param(np.zeros((2, 3), bool), "6", id="nothing"),
    pytest.param(np.ones((2, 3), bool), "06", id="everything: begins with a run of no zeros"),
    pytest.param(np.zeros((1, 1), bool), "1", id="one pixel"),
    pytest.param(_block(4, 4, 1, 3, 1, 3), "52203", id="square"),
    pytest.param(_block(10, 10, 2, 7, 3, 9), "P1550000000008", id="32 takes two characters"),
    pytest.param(_block(300, 200, 50, 250, 20, 180), "Rm5X6T3" + "0" * 317 + "ni5", id="long runs"),
    pytest.param(np.indices((5, 7)).sum(0) % 2 == 1, "111" + "0" * 32, id="chequered"),
    pytest.param(_CORNERS, "01k]\\j0c0QXdUO" + "0" * 157, id="negative difference of four characters"),
    pytest.param(
        np.random.default_rng(0).random((12, 9)) < 0.3,
        "2190K20030JN10O040O040J020M020N01050K051N",
        id="noise",
    ),
]


@pytest.mark.parametrize(("mask", "counts"), KNOWN)
def test_as_coco_writes_it(mask, counts):
    rle = encode(mask)
    assert (rle.height, rle.width) == mask.shape
    assert rle.counts == counts
    np.testing.assert_array_equal(decode(Rle(*mask.shape, counts)), mask)


def test_no_pixels_at_all():
    assert encode(np.zeros((0, 5), bool)).counts == ""
    assert decode(Rle(0, 5, "")).shape == (0, 5)


@pytest.mark.parametrize(
    ("rle", "why"),
    [
        (Rle(2, 3, "5"), "5 pixels in runs, 6 expected"),
        (Rle(2, 3, ""), "0 pixels in runs"),
        (Rle(2, 3, "P"), "cut short"),
        (Rle(2, 3, "6 "), "do not use"),
        (Rle(2, 3, "6é"), "pixels in runs|do not use"),
        (Rle(2, 3, "O7"), "shorter than nothing"),
        (Rle(2, 3, "P" * 9 + "1"), "longer than any mask"),
    ],
)
def test_damaged_text_is_refused(rle, why):
    with pytest.raises(ValueError, match=why):
        decode(rle)


@pytest.mark.parametrize("mask", [np.zeros(4, bool), np.zeros((2, 2), np.uint8)])
def test_other_arrays_are_refused(mask):
    with pytest.raises(ValueError, match="2-d bool"):
        encode(mask)


def test_a_known_coco_string_decodes():
    # By hand: 6 off, 3 on, 2 off, then as differences to two before: 3 - 3 on, 11 - 2 off.
    mask = np.zeros((5, 5), bool)
    mask[1:4, 1:3] = True
    assert np.array_equal(decode(Rle(5, 5, "63209")), mask)


def test_runs_that_do_not_fill_the_mask_are_refused():
    with pytest.raises(ValueError, match="25 expected"):
        decode(Rle(5, 5, "63"))
