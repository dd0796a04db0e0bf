import re

import numpy as np
import pytest

from qc_plugin.pages.outline import outlines
from tests.support.fake_report import encode_rle


def test_an_outline_follows_its_patch():
    mask = np.zeros((90, 160), np.uint8)
    mask[30:60, 40:80] = 1
    (path,) = outlines(encode_rle(mask))
    points = np.array(re.findall(r"([\d.]+) ([\d.]+)", path), float) * (160, 90)
    assert points.min(axis=0) == pytest.approx((40.5, 30.5), abs=1)
    assert points.max(axis=0) == pytest.approx((79.5, 59.5), abs=1)


def test_holes_belong_to_their_patch_and_specks_are_left_out():
    mask = np.zeros((90, 160), np.uint8)
    mask[10:50, 10:60] = 1
    mask[20:40, 20:50] = 0
    mask[70:85, 100:150] = 1
    mask[88, 2] = 1
    paths = outlines(encode_rle(mask))
    assert sorted(path.count("M") for path in paths) == [1, 2]


def test_an_empty_mask_has_no_outline():
    assert outlines(encode_rle(np.zeros((9, 16), np.uint8))) == ()
