import cv2
import numpy as np
import pytest

import qc_plugin
from qc_plugin.errors import EngineError
from qc_plugin.stages import deblur
from qc_plugin.stages.deblur import LocalDeblurrer
from qc_plugin.stages.deblur_cells import cells_of, grow, list_cells, pixels_of, windows, windows_around
from qc_plugin.stages.motion_paths import decode_paths, reblur

ROUNDING = 1  # 8-bit step: the same sums in another order


@pytest.fixture(scope="module")
def deblurrer():
    made = LocalDeblurrer.load(backend="openvino", precision="f32", threads=1)
    yield made
    made.close()


@pytest.fixture(scope="module")
def picture():
    """Texture, the middle of it smeared; sides that are no multiple of anything."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 255, (44, 60, 3), dtype=np.uint8)
    sharp = cv2.resize(coarse, (233, 171), interpolation=cv2.INTER_CUBIC)
    mask = np.zeros(sharp.shape[:2], bool)
    mask[60:120, 70:170] = True
    smeared = cv2.filter2D(sharp, -1, np.full((1, 9), 1 / 9))
    return np.where(mask[..., None], smeared, sharp), mask


def test_pixels_outside_the_mask_are_untouched(deblurrer, picture):
    rgb, mask = picture
    before = rgb.copy()
    patch = deblurrer(rgb, mask)
    assert np.array_equal(rgb, before)
    assert patch.rgb.shape == rgb.shape
    assert patch.rgb.dtype == np.uint8
    assert np.array_equal(patch.rgb[~mask], rgb[~mask])
    assert np.array_equal(patch.mask, mask)
    assert (patch.rgb[mask] != rgb[mask]).any()
    assert patch.how == "cells"
    assert 0 < patch.kept_fraction < 0.5
    assert patch.macs < patch.macs_dense


def test_lists_tiles_and_dense_give_the_same_picture(deblurrer, picture):
    rgb, mask = picture
    made = {how: deblurrer(rgb, mask, how=how) for how in ("cells", "tiles", "dense")}
    for how in ("tiles", "dense"):
        assert np.abs(made[how].rgb.astype(int) - made["cells"].rgb).max() <= ROUNDING
        assert made[how].macs == made[how].macs_dense


def test_windows_give_the_same_picture_where_the_mask_is_given(deblurrer, picture, monkeypatch):
    rgb, mask = picture
    whole = deblurrer(rgb, mask)
    monkeypatch.setattr(deblur, "WINDOW_PX", 128)
    monkeypatch.setattr(deblur, "HALO_PX", 0)
    in_parts = deblurrer(rgb, mask)
    assert np.array_equal(in_parts.mask, whole.mask)
    assert np.array_equal(in_parts.rgb[~mask], rgb[~mask])


def test_windows_find_and_restore_what_the_whole_picture_does(deblurrer, monkeypatch):
    """The halo is the reach of both networks, so that no window sees less than it needs."""
    rng = np.random.default_rng(4)
    rgb = cv2.GaussianBlur(rng.integers(0, 255, (64, 960, 3), np.uint8), (31, 1), 5)
    whole = deblurrer(rgb)
    monkeypatch.setattr(deblur, "WINDOW_PX", 128)
    in_parts = deblurrer(rgb)
    assert whole.mask.any()
    assert np.array_equal(in_parts.mask, whole.mask)
    assert np.abs(in_parts.rgb.astype(int) - whole.rgb).max() <= ROUNDING


def test_nothing_to_do_is_bit_identical_and_costs_the_analyser_only(deblurrer):
    flat = np.full((130, 140, 3), 90, np.uint8)
    patch = deblurrer(flat, np.zeros((130, 140), bool))
    assert np.array_equal(patch.rgb, flat)
    assert patch.how == "none"
    assert patch.kept_fraction == 0
    assert patch.macs <= 0.25 * patch.macs_dense


def test_boxes_limit_what_changes(deblurrer, picture):
    rgb, _ = picture
    patch = deblurrer.repair(rgb, [(60.2, 50.0, 180.0, 130.0), (-30, -30, 20, 10), (900, 900, 950, 950)])
    allowed = np.zeros(rgb.shape[:2], bool)
    allowed[50:130, 60:180] = allowed[:10, :20] = True
    assert not patch.mask[~allowed].any()
    assert np.array_equal(patch.rgb[~allowed], rgb[~allowed])
    outside = deblurrer.repair(rgb, [(900, 900, 950, 950)])
    assert np.array_equal(outside.rgb, rgb)


def test_wrong_input_is_told(deblurrer, picture):
    rgb, mask = picture
    with pytest.raises(ValueError, match="mask: expected bool"):
        deblurrer(rgb, mask[:-1])
    with pytest.raises(ValueError, match="uint8"):
        deblurrer(rgb / 255.0)
    with pytest.raises(EngineError, match="cannot deblur"):
        LocalDeblurrer.load("motion_blur")


def test_it_is_public():
    assert qc_plugin.LocalDeblurrer is LocalDeblurrer
    assert qc_plugin.DeblurPatch is deblur.DeblurPatch


def test_cells_and_pixels():
    mask = np.zeros((8, 12), bool)
    mask[5, 9] = True
    assert cells_of(mask).tolist() == [[False] * 3, [False, False, True]]
    assert pixels_of(cells_of(mask)).sum() == 16
    assert grow(cells_of(mask), 1).sum() == 4


def test_neighbours_that_are_not_listed_point_at_the_zeros():
    kept = np.array([[True, True, False], [False, False, True]])
    cells, neighbours = list_cells(kept)
    assert cells.tolist() == [[0, 0], [0, 1], [1, 2]]
    assert neighbours[0].tolist() == [3, 3, 3, 3, 0, 1, 3, 3, 3]
    assert neighbours[1].tolist() == [3, 3, 3, 0, 1, 3, 3, 3, 2]
    assert neighbours[2].tolist() == [1, 3, 3, 3, 2, 3, 3, 3, 3]


def test_windows_cover_a_picture_once():
    seen = np.zeros((256, 384), int)
    for window in windows(256, 384, tile_px=100, halo_px=32):
        seen[window.write] += 1
        assert window.read[0].start >= 0
    assert (seen == 1).all()
    around = windows_around((30, 40, 90, 95), (200, 300), tile_px=512, halo_px=64, multiple=32)
    assert [(w.write, w.read) for w in around] == [
        ((slice(0, 96), slice(32, 96)), (slice(0, 160), slice(0, 160)))
    ]
    assert windows_around((300, 400, 320, 420), (200, 300), tile_px=64, halo_px=64, multiple=32) == []


def test_paths_blur_a_picture_again():
    rng = np.random.default_rng(2)
    rgb = cv2.resize(
        rng.integers(0, 255, (20, 30, 3), dtype=np.uint8), (120, 80), interpolation=cv2.INTER_CUBIC
    )
    motion = np.zeros((20, 30, 4), np.float32)
    assert np.allclose(reblur(rgb, motion), rgb, atol=1e-3)
    motion[..., 0] = 13.0
    smeared = cv2.filter2D(rgb.astype(np.float32), -1, np.full((1, 13), 1 / 13))
    assert np.abs(reblur(rgb, motion) - smeared)[:, 10:-10].max() < 1.0


def test_a_code_is_a_path_whatever_the_direction_of_time():
    angle = np.deg2rad(150)
    code = np.array([[[np.cos(2 * angle), np.sin(2 * angle), 0.5, 0.25, 0.0]]], np.float32)
    x, y, bend, _ = decode_paths(code, 24.0, 8.0)[0, 0]
    assert np.hypot(x, y) == pytest.approx(12, abs=1e-3)
    unsure = decode_paths(code * np.float32([0.2, 0.2, 1, 1, 1]), 24.0, 8.0)[0, 0]
    assert np.hypot(*unsure[:2]) == pytest.approx(12 * 0.6, abs=1e-2)
    assert np.rad2deg(np.arctan2(y, x)) == pytest.approx(150 - 180, abs=0.1)
    assert bend == pytest.approx(2)
