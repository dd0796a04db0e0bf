"""Sharpness falls with every kind of blur, and neither contrast nor noise passes for it."""

from __future__ import annotations

import math
from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qc_plugin.signals.sharpness import sharpness


def texture(seed, height=480, width=640):
    """Like a photo: the spectrum of photos (1 / f), upright, slanted and curved edges, some flat parts."""
    rng = np.random.default_rng(seed)
    fy, fx = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None]
    spectrum = np.fft.fft2(rng.normal(size=(height, width))) / np.maximum(np.hypot(fx, fy), 1 / width)
    field = np.real(np.fft.ifft2(spectrum))
    image = 128 + 30 * (field - field.mean()) / field.std()
    y, x = np.mgrid[:height, :width]
    for _ in range(6):
        cx, cy, radius = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(30, 110)
        image = np.where(np.hypot(x - cx, y - cy) < radius, image * 0.6 + rng.uniform(0, 100), image)
        angle, offset = rng.uniform(0, math.pi), rng.uniform(0.2, 0.8) * width
        stripe = np.abs(x * math.cos(angle) + y * math.sin(angle) - offset) < rng.uniform(4, 20)
        image = np.where(stripe, rng.uniform(10, 245), image)
    image[: height // 4, : width // 4] = 180
    return to_rgb(image)


def to_rgb(luma):
    return np.repeat(np.clip(np.round(luma), 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def gaussian(rgb, sigma):
    return cv2.GaussianBlur(rgb, (0, 0), sigma) if sigma else rgb


def motion(rgb, extent_px, angle):
    """Even motion over `extent_px` along `angle`."""
    half = math.ceil(extent_px / 2) + 2
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    for step in np.linspace(-extent_px / 2, extent_px / 2, max(round(8 * extent_px), 2)):
        x, y = half + step * math.cos(angle), half + step * math.sin(angle)
        left, top = math.floor(x), math.floor(y)
        for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
            weight = (1 - abs(x - left - dx)) * (1 - abs(y - top - dy))
            kernel[top + dy, left + dx] += weight
    return cv2.filter2D(rgb, -1, kernel / kernel.sum())


def whole(rgb):
    return sharpness(rgb, [(0, 0, rgb.shape[1], rgb.shape[0])])[0]


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), angle=st.floats(0, math.pi))
def test_it_falls_with_every_step_of_blur(seed, angle):
    sharp = texture(seed)
    for series in (
        [gaussian(sharp, sigma) for sigma in (0, 1, 2, 3.5, 6)],
        [sharp, *(motion(sharp, extent, angle) for extent in (4, 8, 16, 32))],
    ):
        values = [whole(image) for image in series]
        assert all(later <= before + 0.01 for before, later in pairwise(values)), values
        assert values[-1] < 0.6 * values[0]


@pytest.mark.parametrize("seed", range(4))
def test_sharp_and_blurred_are_far_apart(seed):
    sharp = texture(seed)
    assert whole(sharp) > 0.5
    assert whole(gaussian(sharp, 5)) < 0.15
    assert whole(motion(sharp, 32, 0.5)) < 0.35


@pytest.mark.parametrize("seed", range(4))
def test_contrast_and_brightness_do_not_matter(seed):
    sharp = texture(seed).astype(np.float32)
    for gain, lift in ((0.3, 90), (0.5, 10), (0.8, 40)):
        changed = (sharp * gain + lift).astype(np.uint8)
        assert whole(changed) == pytest.approx(whole(sharp.astype(np.uint8)), abs=0.08)


@pytest.mark.parametrize("spread", [2, 5, 20, 60])
@pytest.mark.parametrize("size", [(720, 1280), (480, 640), (90, 70)])
def test_noise_alone_is_not_sharp(spread, size):
    rng = np.random.default_rng(spread)
    assert whole(np.clip(rng.normal(128, spread, (*size, 3)), 0, 255).astype(np.uint8)) < 0.1


@pytest.mark.parametrize("spread", [3, 8])
def test_noise_does_not_make_a_blurred_picture_sharp(spread):
    rng = np.random.default_rng(0)
    for seed in range(3):
        blurred = gaussian(texture(seed), 4)
        noisy = np.clip(blurred + rng.normal(0, spread, blurred.shape[:2])[..., None], 0, 255).astype(
            np.uint8
        )
        assert whole(noisy) < whole(blurred) + 0.1
        assert whole(noisy) < 0.5 * whole(texture(seed))


def test_a_face_is_as_sharp_near_as_far():
    """The same picture twice as large, taken by a camera that resolves it: boxes are brought to one size."""
    large = texture(1, 960, 1280)
    small = cv2.resize(large, (640, 480), interpolation=cv2.INTER_AREA)
    assert whole(large) == pytest.approx(whole(small), abs=0.1)


def test_each_box_is_judged_by_its_own_pixels():
    image = texture(2)
    image[:, 320:] = gaussian(image, 5)[:, 320:]
    left, right = sharpness(image, [(0, 0, 310, 480), (330, 0, 640, 480)])
    assert left > right + 0.3
    assert sharpness(image, [(330, 0, 640, 480)]) == [right]
    assert sharpness(image, []) == []


@pytest.mark.parametrize("value", [0, 128, 255])
@pytest.mark.parametrize("size", [(8, 8), (200, 300)])
def test_flat_colour_is_not_sharp(value, size):
    assert whole(np.full((*size, 3), value, np.uint8)) == 0.0


@pytest.mark.parametrize(
    "box", [(0, 0, 5, 100), (0, 0, 100, 7), (10, 10, 10, 10), (700, 0, 900, 100), (-50, -50, 3, 3)]
)
def test_boxes_too_small_to_tell_give_zero(box):
    assert sharpness(texture(0), [box]) == [0.0]


def test_boxes_are_clipped_to_the_frame():
    image = texture(0)
    inside, beyond = sharpness(image, [(400, 300, 640, 480), (400, 300, 900, 999)])
    assert inside == beyond


@pytest.mark.parametrize("extreme", [(8, 2000), (2000, 8), (9, 9), (4320, 7680)])
def test_any_shape_of_box_gives_a_number(extreme):
    image = np.random.default_rng(0).integers(0, 256, (*extreme, 3), dtype=np.uint8)
    assert 0.0 <= whole(image) <= 1.0


@pytest.mark.parametrize(
    "wrong", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.float32), np.zeros((8, 8, 4), np.uint8)]
)
def test_anything_but_rgb_bytes_is_refused(wrong):
    with pytest.raises(ValueError, match=r"expected an \(H, W, 3\) uint8 array, got"):
        sharpness(wrong, [(0, 0, 8, 8)])
