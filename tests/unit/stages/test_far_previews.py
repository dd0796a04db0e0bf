"""Shots where previews are seconds apart, as key frames and films of stills are; the truth is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from qc_plugin.signals.technical import ShotDetector
from qc_plugin.signals.views import same_view
from qc_plugin.types import Preview

H, W = 180, 320


def photo(seed, height=H, width=W):
    """Luma with the spectrum of photos, and upright things in front of it."""
    rng = np.random.default_rng(seed)
    luma = np.full((height, width), 120.0, np.float32)
    for octave in range(2, 8):
        cells = max(2, height >> octave), max(2, width >> octave)
        small = rng.normal(0, 1, cells).astype(np.float32)
        luma += cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC) * 5 * octave
    for _ in range(height * width // 3000):
        x, y = rng.integers(0, width - 20), rng.integers(0, height - 20)
        luma[y : y + rng.integers(10, 60), x : x + rng.integers(6, 40)] += rng.uniform(-70, 70)
    return np.clip(luma, 16, 235)


def shots(pictures, every_s, *, noise=1.5, barred=False):
    detector, rng = ShotDetector(), np.random.default_rng(1)
    for index, picture in enumerate(pictures):
        luma = picture + rng.normal(0, noise, picture.shape)
        if barred:
            luma[:23], luma[-23:] = 0, 0
        luma = np.clip(np.round(luma), 0, 255).astype(np.uint8)
        chroma, rows = np.full((2, 45, 80), 128, np.uint8), np.full((64, 96), 128, np.uint8)
        detector.update(Preview(index, index * every_s, luma, chroma, rows))
    return detector.finish()


@pytest.mark.parametrize("barred", [False, True])
@pytest.mark.parametrize("every_s", [0.5, 1.0, 10.0])
def test_pictures_that_differ_are_shots_each(every_s, barred):
    found = shots([photo(seed) for seed in range(12)], every_s, barred=barred)
    assert len(found) == 12
    assert {edge.kind for edge in found.edges} == {"cut"}
    assert [found.shot_at(n * every_s) for n in range(12)] == list(range(12))


@pytest.mark.parametrize("every_s", [1.0, 10.0])
def test_pictures_that_stay_a_while_are_shots(every_s):
    found = shots([photo(n // 3) for n in range(18)], every_s)
    assert [found.shot_at(n * every_s) for n in range(18)] == [n // 3 for n in range(18)]


def panned(step, n=12):
    wide = photo(3, H, W + step * n)
    return [wide[:, k * step : k * step + W] for k in range(n)]


def zoomed(factor, n=10):
    large = cv2.resize(photo(4, 2 * H, 2 * W), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    height, width = large.shape
    views = []
    for k in range(n):
        high, wide = round(height / factor**k), round(width / factor**k)
        top, left = (height - high) // 2, (width - wide) // 2
        part = large[top : top + high, left : left + wide]
        views.append(cv2.resize(part, (W, H), interpolation=cv2.INTER_AREA))
    return views


def talking(n=40):
    """A head that sways and light that drifts, before the same wall."""
    wall, head = photo(5), photo(6, 90, 70)
    pictures = []
    for k in range(n):
        luma = wall.copy()
        x, y = 120 + round(14 * np.sin(k * 1.7)), 60 + round(6 * np.cos(k * 2.3))
        luma[y : y + 90, x : x + 70] = head
        pictures.append(luma * (1 + 0.12 * np.sin(k / 3)))
    return pictures


@pytest.mark.parametrize("every_s", [1.0, 10.0])
@pytest.mark.parametrize(
    "pictures",
    [panned(20), panned(80), panned(130), zoomed(1.08), zoomed(1.3), talking()],
    ids=["slow pan", "pan", "fast pan", "slow zoom", "zoom", "interview"],
)
def test_what_moves_in_one_scene_is_one_shot(pictures, every_s):
    assert len(shots(pictures, every_s)) == 1


def test_a_blank_picture_between_two_spoils_neither():
    black = np.full((H, W), 2.0)
    found = shots([photo(0), black, photo(1), photo(2)], 1.0)
    assert [(edge.kind, edge.start_s, edge.end_s) for edge in found.edges] == [
        ("fade", 0.5, 1.5),
        ("cut", 2.5, 2.5),
    ]
    assert [found.edge_s_at(s) for s in (0.0, 1.0, 2.0, 3.0)] == [0.5, 0.0, 0.5, 0.5]


def test_flashes_are_no_fades():
    """White frames every 0.16 s: every other frame can be used."""
    picture, white = photo(0), np.full((H, W), 255.0)
    found = shots([white if k % 4 == 2 else picture for k in range(100)], 0.04)
    assert found.edges == ()


def test_black_between_two_scenes_stays_a_fade_however_short():
    black = np.full((H, W), 2.0)
    found = shots([photo(0)] * 20 + [black] * 2 + [photo(1)] * 20, 0.04)
    assert [(edge.kind, edge.splits) for edge in found.edges] == [("fade", True)]


def test_a_view_is_known_whatever_its_shape():
    portrait = photo(7, 320, 180).astype(np.uint8)
    assert same_view(portrait, portrait[40:])
    assert not same_view(portrait, photo(8).astype(np.uint8))
    flat = np.full((H, W), 90, np.uint8)
    assert not same_view(flat, flat)


@pytest.mark.parametrize("every_s", [0.04, 0.2, 1.0])
def test_cuts_of_a_tall_film_between_wide_bars_are_seen(every_s):
    """Two thirds of the frame are alike in all pictures."""
    pictures = []
    for n in range(30):
        luma = np.zeros((H, W))
        luma[:, 110:210] = photo(n // 10)[:, 110:210] * (1.0 if n // 10 else 0.6)
        pictures.append(luma)
    found = shots(pictures, every_s, noise=0.5)
    assert [found.shot_at((n + 0.01) * every_s) for n in (0, 9, 10, 19, 20, 29)] == [0, 0, 1, 1, 2, 2]
