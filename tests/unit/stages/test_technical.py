"""Technical measures on previews whose truth is known, shots on clips made of known parts."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from qc_plugin.signals.looks import blend, change, look_at
from qc_plugin.signals.shots import NO_EDGE_S
from qc_plugin.signals.technical import (
    Edge,
    ShotDetector,
    Shots,
    measure_preview,
    perceptual_hash,
    similarity,
)
from qc_plugin.types import Preview

H, W = 180, 320
FPS = 25


def scene(seed, height=H, width=W):
    """Luma (h, w) float and chroma (2, 6, 6): soft blobs and a few hard edges, as different as photos are."""
    rng = np.random.default_rng(seed)
    coarse = cv2.resize(
        rng.uniform(20, 235, (5, 8)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    for _ in range(6):
        x, y = rng.integers(0, width - 60), rng.integers(0, height - 50)
        coarse[y : y + rng.integers(20, 50), x : x + rng.integers(20, 60)] = rng.uniform(20, 235)
    chroma = cv2.resize(rng.uniform(90, 166, (3, 3)).astype(np.float32), (80, 45))
    return np.clip(coarse, 16, 235), np.stack([chroma, 256 - chroma])


def preview(luma, *, chroma=None, rows=None, index=0, pts_s=0.0):
    luma = np.clip(np.round(luma), 0, 255).astype(np.uint8)
    planes = np.full((2, 45, 80), 128.0) if chroma is None else chroma
    strips = np.full((64, 96), 128, np.uint8) if rows is None else rows
    return Preview(index, pts_s, luma, np.clip(np.round(planes), 0, 255).astype(np.uint8), strips)


# --- levels ---


def test_levels_of_known_pictures():
    half = np.full((H, W), 51.0)
    half[:, W // 2 :] = 204
    measures = measure_preview(preview(half))
    assert measures["luma_mean"] == pytest.approx(0.5)
    assert measures["luma_p90"] == pytest.approx(0.8)
    names = {"luma_mean", "luma_p90", "contrast", "clipped_fraction", "bar_fraction", "comb_ratio"}
    names |= {"test_signal_fraction", "plain_fraction", "ground_fraction", "writing_fraction"}
    assert set(measures) == names
    assert measures["contrast"] == pytest.approx(0.6)
    assert measures["clipped_fraction"] == measures["bar_fraction"] == measures["comb_ratio"] == 0


@pytest.mark.parametrize(
    ("value", "share"), [(0, 0.25), (2, 0.25), (3, 0.0), (252, 0.0), (253, 0.25), (255, 0.25)]
)
def test_clipped_is_the_share_at_the_ends_of_the_scale(value, share):
    luma = np.full((H, W), 128.0)
    luma[: H // 2, : W // 2] = value
    assert measure_preview(preview(luma))["clipped_fraction"] == pytest.approx(share)


def test_p90_tells_a_night_scene_from_a_black_frame():
    night = np.full((H, W), 8.0)
    night[:, : W // 6] = 150
    assert measure_preview(preview(night))["luma_p90"] > 0.5
    assert measure_preview(preview(np.zeros((H, W))))["luma_p90"] == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 320), (320, 1), (7, 5), (50, 50), (320, 180)])
@pytest.mark.parametrize("value", [0, 128, 255])
def test_any_size_of_preview_is_measured(size, value):
    picture = preview(np.full(size, value), rows=np.full((size[0], min(size[1], 96)), value, np.uint8))
    measures = measure_preview(picture)
    assert all(0 <= number <= 1 for number in measures.values())
    assert measures["bar_fraction"] == 0
    assert 0 <= perceptual_hash(picture) < 2**64


# --- bars ---


def barred(top=0, bottom=0, left=0, right=0, *, seed=0, noise=0.0, gain=1.0):
    luma = scene(seed)[0] * gain
    luma[:top], luma[H - bottom :], luma[:, :left], luma[:, W - right :] = 0, 0, 0, 0
    return luma + np.random.default_rng(seed).normal(0, noise, luma.shape)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "bars", [(23, 23, 0, 0), (0, 0, 40, 40), (10, 10, 30, 30), (30, 0, 0, 0), (0, 0, 0, 12), (4, 4, 0, 0)]
)
def test_bars_are_measured_by_area(seed, bars):
    top, bottom, left, right = bars
    expected = 1 - (H - top - bottom) * (W - left - right) / (H * W)
    measures = measure_preview(preview(barred(*bars, seed=seed, noise=1.0)))
    assert measures["bar_fraction"] == pytest.approx(expected, abs=1e-9)
    whole = measure_preview(preview(scene(seed)[0][top : H - bottom, left : W - right]))
    assert measures["luma_mean"] == pytest.approx(whole["luma_mean"], abs=0.01)
    assert measures["clipped_fraction"] == pytest.approx(whole["clipped_fraction"], abs=0.01)


def test_a_dark_letterboxed_scene_keeps_its_bars():
    luma = barred(23, 23, noise=0.5, gain=0.12)
    assert measure_preview(preview(luma))["bar_fraction"] == pytest.approx(46 / H, abs=0.02)


def skyline():
    luma = np.zeros((H, W))
    for k, height in enumerate([60, 75, 40, 90, 66, 120, 50, 80]):
        luma[H - height :, k * 40 : k * 40 + 40] = 90
    return luma


def vignette():
    return np.repeat(np.clip(np.linspace(-60, 160, H), 0, 255)[:, None], W, axis=1)


def title():
    luma = np.zeros((H, W))
    cv2.putText(luma, "The End", (100, 95), cv2.FONT_HERSHEY_SIMPLEX, 1.0, 235, 2)
    return luma


@pytest.mark.parametrize(
    "luma",
    [
        skyline(),
        vignette(),
        title(),
        np.zeros((H, W)),
        scene(1)[0],
        np.full((H, W), 255.0),
    ],
    ids=["skyline", "vignette", "title", "black", "photo", "white"],
)
def test_dark_edges_that_are_no_bars(luma):
    assert measure_preview(preview(luma))["bar_fraction"] == 0


# --- combing ---


def strips(luma):
    """Six strips of 16 columns, as the decoder makes them."""
    columns = np.concatenate([np.arange(16) + int(x) for x in np.linspace(0, luma.shape[1] - 16, 6)])
    return np.clip(np.round(luma[:, columns]), 0, 255).astype(np.uint8)


def comb(luma):
    return measure_preview(preview(np.full((H, W), 128.0), rows=strips(luma)))["comb_ratio"]


def detailed(seed, height=720, width=1280):
    """A photo-like picture: noise with the spectrum of photos, upright and slanted edges."""
    rng = np.random.default_rng(seed)
    total = np.full((height, width), 128.0, np.float32)
    for octave in range(2, 8):
        small = rng.normal(0, 1, (height >> octave, width >> octave)).astype(np.float32)
        total += cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC) * 4 * octave
    for k in range(0, width, 80):
        total[:, k : k + 30] += 40 * (1 if (k // 80) % 2 else -1)
    return total


@pytest.mark.parametrize("move_px", [2, 5, 12, 30])
@pytest.mark.parametrize("seed", range(3))
def test_fields_of_different_moments_are_combed(seed, move_px):
    first = detailed(seed)
    woven = first.copy()
    woven[1::2] = np.roll(first, move_px, axis=1)[1::2]
    assert comb(first) < 0.02
    assert comb(woven) > 0.3


def test_combing_of_one_moving_thing_is_found():
    first = detailed(0)
    woven = first.copy()
    woven[301:420:2, 400:700] = np.roll(first, 8, axis=1)[301:420:2, 400:700]
    assert comb(woven) > 0.25


def stripes(period, height=720, width=1280):
    return np.repeat(127 + 100 * np.sin(2 * np.pi * np.arange(height) / period)[:, None], width, axis=1)


@pytest.mark.parametrize("period", [2, 2.02, 2.1, 2.5, 3, 4, 8])
def test_fine_horizontal_texture_is_not_combing(period):
    assert comb(stripes(period) + detailed(0) * 0.2) < 0.05


@pytest.mark.parametrize("spread", [5, 15, 40])
def test_noise_is_not_combing(spread):
    rng = np.random.default_rng(0)
    assert comb(detailed(1) + rng.normal(0, spread, (720, 1280))) < 0.05


# --- perceptual hash ---


@pytest.mark.parametrize("seed", range(8))
def test_hashes_of_the_same_picture_stay_near(seed):
    luma, chroma = scene(seed)
    known = perceptual_hash(preview(luma, chroma=chroma))
    rng = np.random.default_rng(seed)
    changed = {
        "noise": luma + rng.normal(0, 4, luma.shape),
        "brighter": luma * 0.9 + 20,
        "smaller": cv2.resize(luma, (160, 90), interpolation=cv2.INTER_AREA),
        "moved": np.roll(luma, 2, axis=1),
    }
    assert similarity(known, known) == 1
    for what, picture in changed.items():
        assert similarity(known, perceptual_hash(preview(picture, chroma=chroma))) >= 0.9, what


def test_hashes_of_different_pictures_are_apart():
    hashes = [perceptual_hash(preview(*[scene(seed)[0]], chroma=scene(seed)[1])) for seed in range(40)]
    values = [similarity(a, b) for k, a in enumerate(hashes) for b in hashes[:k]]
    assert max(values) < 0.9
    assert 0.4 < np.mean(values) < 0.65


def test_the_hash_sees_colour():
    luma = scene(3)[0]
    red = np.stack([np.full((45, 80), 100.0), np.full((45, 80), 190.0)])
    grey, blue = np.full((2, 45, 80), 128.0), red[::-1]
    hashes = [perceptual_hash(preview(luma, chroma=chroma)) for chroma in (red, blue, grey)]
    assert similarity(hashes[0], hashes[1]) == 1 - 16 / 64
    assert similarity(hashes[0], hashes[2]) == similarity(hashes[1], hashes[2]) == 1 - 8 / 64


# --- shots ---


class Clip:
    """A clip put together from scenes that drift a little, with what is known about its edges."""

    def __init__(self):
        self.frames: list[tuple[np.ndarray, np.ndarray]] = []

    def scene(self, seed, seconds, *, speed_px=1.0):
        luma, chroma = scene(seed, H, W + 200)
        for k in range(round(seconds * FPS)):
            offset = round(k * speed_px) % 200
            self.frames.append((luma[:, offset : offset + W], chroma))
        return self

    def dissolve_to(self, seed, seconds, over_s, *, speed_px=1.0):
        n = round(over_s * FPS)
        tail = self.frames[-n:]
        before = len(self.frames) - n
        self.scene(seed, seconds, speed_px=speed_px)
        head = self.frames[before + n : before + 2 * n]
        weights = [(k + 1) / (n + 1) for k in range(n)]
        mixed = [
            tuple((1 - w) * a + w * b for a, b in zip(x, y, strict=True))
            for w, x, y in zip(weights, tail, head, strict=True)
        ]
        self.frames = self.frames[:before] + mixed + self.frames[before + 2 * n :]
        return self

    def fade(self, over_s, *, out, level=0.0):
        n = round(over_s * FPS)
        span = range(len(self.frames) - n, len(self.frames)) if out else range(n)
        for k, index in enumerate(span):
            weight = 1 - (k + 1) / n if out else k / n
            luma, chroma = self.frames[index]
            self.frames[index] = (weight * luma + (1 - weight) * level, weight * chroma + (1 - weight) * 128)
        return self

    def join(self, other):
        self.frames += other.frames
        return self

    def shots(self, *, every=1, start_s=0.0, noise=1.0):
        detector = ShotDetector()
        rng = np.random.default_rng(0)
        for index, (luma, chroma) in list(enumerate(self.frames))[::every]:
            noisy = luma + rng.normal(0, noise, luma.shape)
            detector.update(preview(noisy, chroma=chroma, index=index, pts_s=start_s + index / FPS))
        return detector.finish()


@pytest.mark.parametrize("every", [1, 5, 12])
def test_a_cut_lies_between_its_two_frames(every):
    shots = Clip().scene(0, 3).scene(1, 3).scene(2, 3).shots(every=every, start_s=100.0)
    assert [edge.kind for edge in shots.edges] == ["cut", "cut"]
    for edge, truth in zip(shots.edges, (103.0, 106.0), strict=True):
        assert edge.start_s == edge.end_s
        assert abs(edge.middle_s - truth) <= every / FPS / 2 + 1e-9 + (every > 1) * every / FPS
    assert [shots.shot_at(100 + s) for s in (0, 2, 4.5, 7.5, 99)] == [0, 0, 1, 2, 2]


@pytest.mark.parametrize("speed_px", [0, 1, 4, 10])
def test_one_moving_scene_has_no_edge(speed_px):
    for every in (1, 12):
        shots = Clip().scene(5, 6, speed_px=min(speed_px, 200 / 150)).shots(every=every)
        assert shots.edges == ()
    assert shots.shot_at(3.0) == 0
    assert shots.edge_s_at(3.0) == NO_EDGE_S


@pytest.mark.parametrize("over_s", [0.4, 0.8, 1.2])
@pytest.mark.parametrize("seeds", [(0, 1), (2, 3), (4, 6)])
def test_a_dissolve_covers_its_mixed_frames(over_s, seeds):
    clip = Clip().scene(seeds[0], 3, speed_px=0.5).dissolve_to(seeds[1], 3 + over_s, over_s, speed_px=0.5)
    shots = clip.shots()
    assert [edge.kind for edge in shots.edges] == ["dissolve"]
    edge, slack_s = shots.edges[0], 0.2 + 0.2 * over_s  # its first and last tenths are hardly mixed
    assert edge.start_s == pytest.approx(3 - over_s, abs=slack_s)
    assert edge.end_s == pytest.approx(3, abs=slack_s)
    assert shots.edge_s_at(3 - over_s / 2) == 0
    assert (shots.shot_at(1.0), shots.shot_at(4.5)) == (0, 1)


@pytest.mark.parametrize("level", [0.0, 235.0])
def test_a_fade_out_and_in_is_one_edge_between_two_shots(level):
    clip = Clip().scene(0, 3).fade(0.8, out=True, level=level)
    clip.join(Clip().scene(1, 3).fade(0.8, out=False, level=level))
    for every in (1, 6):
        shots = clip.shots(every=every)
        assert [(edge.kind, edge.splits) for edge in shots.edges] == [("fade", True)]
        slack_s = 0.2 + every / FPS / 2
        assert shots.edges[0].start_s == pytest.approx(2.2, abs=slack_s)
        assert shots.edges[0].end_s == pytest.approx(3.8, abs=slack_s)
        assert shots.edge_s_at(3.0) == 0
        assert (shots.shot_at(1), shots.shot_at(5)) == (0, 1)


def test_fades_at_the_ends_of_a_clip_begin_no_shot():
    clip = Clip().scene(0, 4).fade(0.8, out=False).fade(0.8, out=True)
    shots = clip.shots()
    assert [(edge.kind, edge.splits) for edge in shots.edges] == [("fade", False), ("fade", False)]
    assert len(shots) == 1
    assert shots.shot_at(0) == shots.shot_at(2) == shots.shot_at(9) == 0


def test_a_flash_is_no_cut():
    clip = Clip().scene(0, 4)
    for index in (50, 51):
        luma, chroma = clip.frames[index]
        clip.frames[index] = (np.clip(luma * 0.2 + 210, 0, 255), chroma)
    assert clip.shots().edges == ()


def test_a_change_of_light_is_no_dissolve():
    clip = Clip().scene(0, 4)
    for k in range(25):
        luma, chroma = clip.frames[40 + k]
        clip.frames[40 + k] = (luma * (1 - k / 60), chroma)
    clip.frames[65:] = [(luma * 0.6, chroma) for luma, chroma in clip.frames[65:]]
    assert clip.shots().edges == ()


def test_a_dark_scene_is_not_one_long_fade():
    clip = Clip().scene(0, 4)
    clip.frames = [(luma * 0.06, chroma) for luma, chroma in clip.frames]
    assert clip.shots().edges == ()


def test_times_that_do_not_ascend_are_passed_over():
    detector = ShotDetector()
    luma, chroma = scene(0)
    other, _ = scene(1)
    for pts_s, picture in ((0.0, luma), (0.04, luma), (0.04, other), (0.02, other), (0.08, luma)):
        detector.update(preview(picture, chroma=chroma, pts_s=pts_s))
    assert detector.finish().edges == ()


def test_nothing_seen_is_one_shot_without_edges():
    shots = ShotDetector().finish()
    assert (shots.edges, len(shots), shots.shot_at(5.0), shots.edge_s_at(5.0)) == ((), 1, 0, NO_EDGE_S)


def test_distance_to_the_nearest_edge():
    shots = Shots((Edge(1.0, 1.0, "cut"), Edge(4.0, 5.0, "dissolve"), Edge(9.0, 10.0, "fade", splits=False)))
    assert [shots.edge_s_at(s) for s in (0.0, 1.5, 3.5, 4.5, 6.0, 8.5)] == [1.0, 0.5, 0.5, 0.0, 1.0, 0.5]
    assert [shots.shot_at(s) for s in (0.5, 1.0, 4.4, 4.5, 9.9, 11)] == [0, 1, 1, 2, 2, 2]
    assert shots.edges_s == ((1.0, 1.0), (4.0, 5.0), (9.0, 10.0))


def test_the_detector_holds_two_seconds_however_long_the_clip():
    detector = ShotDetector()
    luma, chroma = scene(0)
    for index in range(500):
        detector.update(preview(luma, chroma=chroma, index=index, pts_s=index / FPS))
    assert len(detector._recent) <= 2 * FPS + 2


def test_looks_relate_as_documented():
    (a, chroma_a), (b, chroma_b) = scene(0), scene(1)
    looks = [
        look_at(preview(w * b + (1 - w) * a, chroma=w * chroma_b + (1 - w) * chroma_a)) for w in (0, 0.3, 1)
    ]
    position, residue = blend(*looks)
    assert position == pytest.approx(0.3, abs=0.02)
    assert residue < 0.05
    assert change(looks[0], looks[0]) == 0
    assert change(looks[0], looks[2]) > 0.8
    assert blend(looks[0], look_at(preview(*[scene(9)[0]], chroma=scene(9)[1])), looks[2])[1] > 0.5


def test_a_picture_that_changes_its_shape_is_a_cut():
    detector = ShotDetector()
    for index in range(20):
        luma, chroma = scene(0) if index < 10 else scene(0, 240, 320)
        detector.update(preview(luma, chroma=chroma, index=index, pts_s=index / FPS))
    assert [edge.kind for edge in detector.finish().edges] == ["cut"]
