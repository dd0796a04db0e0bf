"""Motion between frames: measured where it can be, and what it does to a blur map."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from qc_plugin.signals.optical_flow import (
    BLURRING,
    CRISPNESS,
    LEAST_ODDS,
    MOST_ODDS,
    crispness,
    displacement,
    judge_by_motion,
    odds_of_blur,
)
from qc_plugin.types import BlurMap, Preview

SIZE = (180, 320)


def texture(seed=0, cells=(12, 21)):
    coarse = np.random.default_rng(seed).integers(30, 225, cells, dtype=np.uint8)
    return cv2.resize(coarse, SIZE[::-1], interpolation=cv2.INTER_CUBIC)


def shifted(luma, dx, dy=0.0):
    step = np.float32([[1, 0, dx], [0, 1, dy]])
    return cv2.warpAffine(luma, step, luma.shape[::-1], borderMode=cv2.BORDER_REFLECT)


def preview(luma, pts_s=1.0, index=1):
    chroma = np.full((2, luma.shape[0] // 2, luma.shape[1] // 2), 128, np.uint8)
    return Preview(index, pts_s, luma, chroma, luma[:, :8].copy())


def noisy(luma, sigma=1.5, seed=1):
    noise = np.random.default_rng(seed).normal(0, sigma, luma.shape)
    return np.clip(luma + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("step_px", [1.0, 3.0, 6.0, 8.0])
def test_displacement_is_that_of_the_picture(step_px):
    still = texture()
    moved = displacement(preview(still), [preview(shifted(still, step_px), 1.04)])
    assert moved.shape == (90, 160)
    assert moved.dtype == np.float32
    assert np.median(moved[20:-20, 20:-20]) == pytest.approx(step_px / 320, rel=0.2)


def test_only_what_moves_moves():
    before, after = texture(), texture()
    object_ = texture(7)[60:120, 100:160]
    before[60:120, 100:160], after[60:120, 108:168] = object_, object_
    moved = displacement(preview(before), [preview(noisy(after), 1.04)])
    assert np.median(moved[35:55, 54:76]) > 6 / 320
    assert np.percentile(moved[:, :35], 95) < BLURRING


def test_the_larger_of_both_ways_counts():
    still = texture()
    before, after = preview(shifted(still, -1.0), 0.96, 0), preview(shifted(still, 8.0), 1.04, 2)
    both = displacement(preview(still), [before, after])
    assert np.median(both) == pytest.approx(8 / 320, rel=0.2)
    alone = displacement(preview(still), [before, None])
    assert np.median(alone) == pytest.approx(1 / 320, rel=0.3)


def test_a_slow_clip_is_not_exposed_all_the_way():
    still = texture()
    fast = displacement(preview(still), [preview(shifted(still, 6.0), 1.04)])
    slow = displacement(preview(still), [preview(shifted(still, 6.0), 1.10)])
    assert np.median(slow) / np.median(fast) == pytest.approx((1 / 24) / 0.10, rel=0.02)


@pytest.mark.parametrize(
    "neighbour",
    [
        None,
        preview(shifted(texture(), 4.0), 1.5),  # far in time
        preview(shifted(texture(), 4.0), 1.0),  # no time between
        preview(255 - texture(3), 1.04),  # another shot
        preview(texture(), 1.04),  # the same picture again
        preview(texture()[:, :200], 1.04),  # another size
    ],
)
def test_neighbours_that_tell_nothing(neighbour):
    assert displacement(preview(texture()), [neighbour, None]) is None


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (15, 320), (16, 16), (17, 31)])
def test_any_size(size):
    luma = cv2.resize(texture(), size[::-1])
    moved = displacement(preview(luma), [preview(np.roll(luma, 2, 1), 1.04)])
    assert moved is None or np.isfinite(moved).all()


def blur(probability, shape=(6, 8)):
    full = np.full(shape, probability, np.float32)
    return BlurMap(0, full, full * 0, full * 0 + 1)


def picture(sigma):
    """Fine noise behind a lens of `sigma` px, (288, 512, 3) uint8."""
    fine = np.random.default_rng(2).normal(0, 1, (288, 512)).astype(np.float32)
    soft = cv2.GaussianBlur(fine, (0, 0), sigma) if sigma else fine
    return np.repeat((128 + 40 * soft / soft.std()).clip(0, 255).astype(np.uint8)[..., None], 3, 2)


def test_what_stands_still_is_hardly_blurred_and_what_moves_likely_is():
    soft = picture(2.0)
    still = odds_of_blur(np.zeros((3, 4), np.float32), soft)
    assert judge_by_motion(blur(0.5), still).probability == pytest.approx(LEAST_ODDS / (LEAST_ODDS + 1))
    moving = odds_of_blur(np.full((3, 4), 50 * BLURRING, np.float32), soft)
    assert judge_by_motion(blur(0.5), moving).probability == pytest.approx(MOST_ODDS[0] / (MOST_ODDS[0] + 1))
    barely = odds_of_blur(np.full((3, 4), BLURRING, np.float32), soft)
    assert judge_by_motion(blur(0.3), barely).probability == pytest.approx(0.3)


def test_a_crisp_picture_would_show_its_blur():
    fast = np.full((3, 4), 50 * BLURRING, np.float32)
    most = [float(odds_of_blur(fast, picture(sigma)).max()) for sigma in (0.0, 0.5, 0.8, 1.5)]
    assert most == sorted(most)
    assert (most[0], most[-1]) == pytest.approx((MOST_ODDS[1], MOST_ODDS[0]))
    assert odds_of_blur(fast * 0, picture(0.0)).max() == pytest.approx(LEAST_ODDS)


def test_crispness_falls_with_softness_and_is_nothing_without_contrast():
    values = [crispness(picture(sigma)) for sigma in (0.0, 0.6, 1.0, 2.0)]
    assert values == sorted(values, reverse=True)
    assert values[0] > CRISPNESS[1] > CRISPNESS[0] > values[-1]
    assert crispness(np.full((90, 160, 3), 77, np.uint8)) == 0.0
    half = picture(2.0)
    half[:, :256] = picture(0.0)[:, :256]
    assert crispness(half) > CRISPNESS[1]  # one crisp half is enough


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (3, 5), (2000, 3)])
def test_crispness_of_any_size(size):
    rgb = np.random.default_rng(0).integers(0, 255, (*size, 3), dtype=np.uint8)
    assert np.isfinite(crispness(rgb))


def test_without_motion_known_nothing_changes():
    alone = blur(0.4)
    assert judge_by_motion(alone, None) is alone


unit = st.floats(0, 1, width=32, allow_subnormal=False)


@given(arrays(np.float32, (5, 7), elements=unit), arrays(np.float32, (3, 4), elements=unit))
def test_probabilities_stay_probabilities(probability, moved):
    alone = BlurMap(0, probability, probability, probability)
    judged = judge_by_motion(alone, moved * 8 + np.float32(LEAST_ODDS)).probability
    assert judged.dtype == np.float32
    assert judged.shape == probability.shape
    assert (judged >= 0).all()
    assert (judged <= 1).all()
    assert (judged[probability == 0] == 0).all()
    assert (judged[probability == 1] == 1).all()


@given(arrays(np.float32, (5, 7), elements=unit), unit)
def test_cells_that_move_alike_keep_their_order(probability, moved):
    alone = BlurMap(0, probability, probability, probability)
    judged = judge_by_motion(alone, np.full((2, 2), moved * 8 + LEAST_ODDS, np.float32)).probability
    order = np.argsort(probability, axis=None)
    assert (np.diff(judged.ravel()[order]) >= -1e-6).all()
