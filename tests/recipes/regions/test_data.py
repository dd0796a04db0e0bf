"""Views and augmentation: boxes stay on their pixels, blur stays a blur."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from engines.recipes.regions.augment import blur, defocus_psf, motion_psf, paste_objects
from engines.recipes.regions.catalogue import Picture, analysis_scale, load_split, shared_data
from engines.recipes.regions.geometry import View, cut_view, mosaic

pytestmark = pytest.mark.train


@pytest.fixture
def red_disc(tmp_path):
    """A grey picture with one red disc, labelled as a face with its exact box."""
    rgb = np.full((400, 600, 3), 90, np.uint8)
    yy, xx = np.mgrid[:400, :600]
    rgb[(xx - 320) ** 2 + (yy - 180) ** 2 < 50**2] = (250, 0, 0)
    np.save(tmp_path / "disc.npy", rgb)
    return Picture(
        "disc",
        "made",
        "photo",
        tmp_path / "disc.npy",
        np.float32([[270, 130, 370, 230]]),
        np.array([0]),
        np.array([False]),
        hands_complete=True,
        scale=1.5,
    )


def red_box(rgb):
    red = (rgb[..., 0].astype(int) - rgb[..., 1]) > 80
    rows, columns = np.flatnonzero(red.any(1)), np.flatnonzero(red.any(0))
    return None if len(rows) == 0 else np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])


def test_boxes_stay_on_their_pixels_through_scale_rotation_and_mirror(red_disc):
    rng = np.random.default_rng(3)
    compared = 0
    for _ in range(120):
        view = cut_view(red_disc, rng, 320)
        for box, ignored in zip(view.boxes, view.ignore, strict=True):
            if not ignored and box.min() > 2 and box.max() < 318:
                np.testing.assert_allclose(box, red_box(view.rgb), atol=2.5)
                compared += 1
    assert compared > 40


def test_a_hardly_visible_object_is_ignored_not_background(red_disc):
    rng = np.random.default_rng(4)
    views = [cut_view(red_disc, rng, 64) for _ in range(300)]
    areas = [(box, ignored) for v in views for box, ignored in zip(v.boxes, v.ignore, strict=True)]
    assert any(ignored for _, ignored in areas)
    for view in views:
        if len(view.boxes) == 0:
            seen = red_box(view.rgb)
            assert seen is None or (seen[2:] - seen[:2]).min() <= 3


def test_a_mosaic_shifts_boxes_with_their_pixels(red_disc):
    rng = np.random.default_rng(5)
    for _ in range(20):
        whole = mosaic([cut_view(red_disc, rng, 160) for _ in range(4)], 320)
        assert whole.rgb.shape == (320, 320, 3)
        assert whole.hands_known.shape == (40, 40)
        for box, ignored in zip(whole.boxes, whole.ignore, strict=True):
            x0, y0, x1, y1 = box.round().astype(int)
            if not ignored:
                assert red_box(whole.rgb[y0:y1, x0:x1]) is not None


@pytest.mark.parametrize("length", [2.0, 7.5, 26.0])
def test_motion_psf_is_a_stroke_of_its_length(length):
    rng = np.random.default_rng(0)
    for _ in range(20):
        psf = motion_psf(length, rng)
        assert psf.sum() == pytest.approx(1.0, abs=1e-5)
        yy, xx = np.nonzero(psf > 0.01 * psf.max())
        extent = np.hypot(np.ptp(xx), np.ptp(yy))
        assert length * 0.6 - 2 <= extent <= length + 2.5


def test_defocus_psf_is_a_disc():
    psf = defocus_psf(4.0)
    assert psf.sum() == pytest.approx(1.0, abs=1e-5)
    assert 1 / psf.max() == pytest.approx(np.pi * 4.0**2, rel=0.05)  # its area in px
    np.testing.assert_allclose(psf, psf.T)


def test_blur_changes_pixels_but_keeps_boxes_and_never_unignores():
    rng = np.random.default_rng(1)
    ignored = kept = 0
    for _ in range(60):
        noise = rng.integers(0, 256, (128, 128, 3), np.uint8)
        boxes = np.float32([[10, 10, 90, 90], [100, 100, 109, 109]])
        view = View(noise.copy(), boxes, np.array([0, 1]), np.array([False, False]), np.ones((16, 16), bool))
        blur(view, rng)
        np.testing.assert_array_equal(view.boxes, boxes)
        assert not view.ignore[0]
        ignored += bool(view.ignore[1])
        kept += not view.ignore[1]
    assert ignored  # an object shorter than the blur
    assert kept


def test_pasted_objects_are_labelled_where_they_lie():
    rng = np.random.default_rng(2)
    patch = np.full((60, 60, 3), 0, np.uint8)
    patch[10:50, 10:50] = (255, 0, 0)  # the object: a sixth of the patch is margin on every side
    labelled = 0
    for _ in range(30):
        empty = np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, bool)
        view = View(np.full((200, 200, 3), 90, np.uint8), *empty, np.ones((25, 25), bool))
        paste_objects(view, [(patch, 1)], rng)
        for box in view.boxes:
            x, y = ((box[:2] + box[2:]) / 2).astype(int)
            assert view.rgb[y, x, 0] > 200
            labelled += 1
    assert labelled > 20


def test_small_pictures_are_enlarged_twice_at_most():
    assert analysis_scale(200, 100) == 2.0
    assert analysis_scale(1080, 1920) == 0.5


@pytest.mark.real
def test_no_source_of_the_validation_split_is_trained_on():
    if not shared_data().exists():
        pytest.skip("no labelled data: set QC_SHARED_DATA")
    train = load_split("train") + load_split("video_frames_train")
    held_out = load_split("val") + load_split("video_frames_val")
    assert not {p.name for p in train} & {p.name for p in held_out}
    assert not {p.source for p in train} & {p.source for p in held_out}
