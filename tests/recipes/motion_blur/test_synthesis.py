import dataclasses
from collections import Counter

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from engines.recipes.motion_blur.render import render  # noqa: E402
from engines.recipes.synthesis import views  # noqa: E402
from engines.recipes.synthesis.compose import traits  # noqa: E402
from engines.recipes.synthesis.kernels import Defocus, Motion  # noqa: E402
from engines.recipes.synthesis.scene import (  # noqa: E402
    BOKEH,
    EASY,
    MODES,
    UNTOUCHED,
    Camera,
    CutOut,
    Mixture,
    ObjectLayer,
    Scene,
    draw_scene,
)

pytestmark = pytest.mark.train
SIZE = 96
CELL = 4


def scene(**changes):
    base = Scene("sharp", 0, 640.0, (0.5, 0.5), centre_on_object=False, highlights=0.0, seed=16)
    return dataclasses.replace(base, **changes)


def person(motion=None, **changes):
    cutout = CutOut("own_matte", 0, 640.0, (0.5, 0.5), 1.0, 0.0, seed=1)
    return dataclasses.replace(
        ObjectLayer(cutout, "full" if motion else "sharp", motion, 0.0, None), **changes
    )


def test_sharp_scene_gives_the_photo_back_bit_for_bit(photos):
    made = render([scene()], photos, size_px=SIZE)
    window = views.choose_window(photos[0], SIZE + 80, 640.0, (0.5, 0.5))
    start_y, start_x = (
        window.top + 32,
        window.left + 32,
    )  # seed 16 falls on the codec grid's origin: margin 40 - 8
    original = photos[0].rgb[:, start_y : start_y + SIZE, start_x : start_x + SIZE]
    assert torch.equal(made.image[0], original)
    assert made.mask.max() == 0
    assert made.extent.max() == 0


def test_the_same_seed_gives_the_same_picture_in_any_batch(photos):
    scenes = [draw_scene((3, i), Mixture(), traits(photos)) for i in range(6)]
    together = render(scenes, photos, size_px=SIZE)
    for i in (0, 3, 5):
        alone = render([scenes[i]], photos, size_px=SIZE)
        assert (
            alone.image[0].int() - together.image[i].int()
        ).abs().max() <= 2  # FFT rounding at a JPEG step
        assert torch.allclose(alone.mask[0], together.mask[i], atol=1e-4)
    assert draw_scene((3, 0), Mixture(), traits(photos)) == scenes[0]
    assert draw_scene((4, 0), Mixture(), traits(photos)) != scenes[0]


def test_moving_object_is_the_mask_and_the_rest_is_untouched(photos):
    motion = Motion("straight", 12.0, 0.0)
    still = render([scene(layers=(person(),))], photos, size_px=320)
    moved = render([scene(layers=(person(motion),))], photos, size_px=320)
    changed = (moved.image.int() - still.image.int()).abs().amax(1, keepdim=True).float()
    changed_cells = torch.nn.functional.max_pool2d(changed, CELL)
    support = torch.nn.functional.max_pool2d(moved.mask, 3, 1, 1)  # alpha under 0.1 reaches one cell further
    assert changed_cells[support == 0].max() <= 2  # outside the support of the blurred alpha nothing moved
    assert changed_cells[moved.mask == 1].gt(2).float().mean() > 0.95
    assert moved.extent[moved.mask == 1].median() == pytest.approx(12.0)
    assert 0.05 < moved.mask.mean() < 0.95


def test_mask_grows_with_the_motion_in_its_direction(photos):
    """The moving disc's mask is wider than the disc by the extent whose alpha counts, and no taller."""
    spans = {}
    for extent in (2.0, 40.0):
        small = scene(layers=(person(Motion("straight", extent, 0.0)),), long_side_px=430.0)
        mask = render([small], photos, size_px=320).mask[0, 0] > 0.5
        spans[extent] = (int(mask.any(0).sum()) * CELL, int(mask.any(1).sum()) * CELL)
    assert spans[40.0][0] - spans[2.0][0] == pytest.approx(40 * 0.8, abs=2 * CELL)
    assert abs(spans[40.0][1] - spans[2.0][1]) <= CELL


def test_pan_leaves_the_object_sharp(photos):
    pan = scene(mode="pan", layers=(person(),), background_motion=Motion("straight", 20.0, 0.3))
    made, still = (render([s], photos, size_px=320) for s in (pan, scene(layers=(person(),))))
    inside = made.mask[0, 0] == 0
    difference = (made.image.int() - still.image.int()).abs().float().amax(1, keepdim=True)
    assert torch.nn.functional.max_pool2d(difference, CELL)[0, 0][inside].median() == 0
    assert (made.extent[0, 0][~inside] > 0).float().mean() > 0.95


def test_defocus_alone_is_never_motion_but_is_evidence(photos):
    made = render([scene(frame_defocus=Defocus("disc", 6.0), depth="even")], photos, size_px=SIZE)
    assert made.mask.max() == 0
    assert made.evidence.min() > 0.5  # the photos are all texture: the lens has plainly changed it


def test_flat_picture_has_no_evidence(photos):
    flat = [dataclasses.replace(photos[0], rgb=torch.full_like(photos[0].rgb, 120))]
    made = render([scene(frame_motion=Motion("straight", 20.0, 0.0), mode="frame")], flat, size_px=SIZE)
    assert made.mask.min() == 1  # it did move
    assert made.evidence.max() == pytest.approx(0.15)  # and nobody could tell


def test_edge_ring_moves_only_a_band_at_the_outline(photos):
    ring = person(Motion("straight", 10.0, 1.0), ring_px=6.0)
    full = person(Motion("straight", 10.0, 1.0))
    bands = render([scene(layers=(ring,)), scene(layers=(full,))], photos, size_px=320).mask
    assert 0 < bands[0].mean() < 0.6 * bands[1].mean()


def test_modes_and_coverage_come_as_often_as_asked(photos):
    mix, about = Mixture(), traits(photos)
    drawn = [draw_scene((1, i), mix, about) for i in range(4000)]
    counts = Counter(s.mode for s in drawn)
    for mode, share in zip(MODES, mix.modes, strict=True):
        assert counts[mode] / len(drawn) == pytest.approx(share, abs=0.02)
    movable = [layer.coverage for s in drawn if s.mode in ("object", "both") for layer in s.layers]
    for name, share in zip(("sharp", "full", "partial"), mix.coverage, strict=True):
        assert movable.count(name) / len(movable) == pytest.approx(share, abs=0.02)
    assert np.mean([s.centre_on_object for s in drawn]) == pytest.approx(mix.mask_centric, abs=0.02)


def test_extents_stay_in_range_and_easy_ones_are_plain(photos):
    for mix, least in ((Mixture(), 1.5), (EASY, 7.0)):
        drawn = [draw_scene((2, i), mix, traits(photos)) for i in range(500)]
        extents = [m.extent_px for s in drawn for m in (s.background_motion, s.frame_motion) if m]
        assert least <= min(extents) < 2 * least
        assert 40 < max(extents) <= 75


def test_a_named_mixture_changes_what_it_says_and_leaves_the_default_draws_alone(photos):
    about = traits(photos)
    usual, melted = ([draw_scene((7, i), mix, about) for i in range(300)] for mix in (Mixture(), BOKEH))
    radii = [
        [s.background_defocus.radius_px for s in drawn if s.background_defocus] for drawn in (usual, melted)
    ]
    assert 10 < max(radii[0]) <= 13
    assert 25 < max(radii[1]) <= 36
    assert usual == [draw_scene((7, i), Mixture(ground_defocus_px=13.0), about) for i in range(300)]
    untouched = [draw_scene((8, i), UNTOUCHED, about) for i in range(300)]
    assert np.mean([s.mode == "sharp" and not s.layers for s in untouched]) == pytest.approx(0.85, abs=0.06)


def test_all_six_kinds_appear_in_the_last_stage_only(photos):
    def kinds(mix):
        drawn = [draw_scene((5, i), mix, traits(photos)) for i in range(800)]
        layers = [layer for s in drawn for layer in s.layers if layer.motion]
        moving = [m for s in drawn for m in (s.background_motion, s.frame_motion) if m]
        names = {m.kind for m in moving} | {layer.motion.kind for layer in layers}
        return names | ({"edge_ring"} if any(layer.ring_px for layer in layers) else set())

    assert kinds(EASY) == {"straight", "walk"}
    assert kinds(Mixture()) == {"straight", "walk", "curved", "rolling", "edge_ring", "zoom_rotation"}


def test_camera_sharpens_and_compresses(photos):
    plain, sharpened, packed = (
        render([scene(camera=c)], photos, size_px=SIZE).image.float()
        for c in (Camera(), Camera(sharpen=1.5), Camera(jpeg_quality=20))
    )
    energy = lambda p: (p[..., 1:] - p[..., :-1]).abs().mean()  # noqa: E731
    assert energy(sharpened) > 1.2 * energy(plain)
    assert energy(packed) < 0.9 * energy(plain)
