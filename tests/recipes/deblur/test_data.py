import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from engines.recipes.deblur.classic import richardson_lucy, wiener  # noqa: E402
from engines.recipes.deblur.data import BLURRED_PX, Crops, Pairs, PairSet, _turn, render_pairs  # noqa: E402
from engines.recipes.deblur.paths import (  # noqa: E402
    decode_path,
    encode_path,
    endpoint_error,
    reblur,
)
from engines.recipes.synthesis.kernels import Motion, motion_kernel  # noqa: E402
from engines.recipes.synthesis.scene import Scene  # noqa: E402
from tests.recipes.motion_blur.conftest import photos  # noqa: E402, F401

pytestmark = pytest.mark.train
SIZE = 96


def scene(**changes):
    base = Scene("frame", 0, 640.0, (0.5, 0.5), centre_on_object=False, highlights=0.0, seed=16)
    return dataclasses.replace(base, **changes)


def moving(kind="straight", extent=10.0, **changes):
    return scene(frame_motion=Motion(kind, extent, angle_rad=0.6, **changes))


def psnr(a, b):
    return float(-10 * torch.log10((a - b).square().mean()))


def test_a_still_scene_is_the_same_before_and_after(photos):  # noqa: F811
    pairs = render_pairs([scene()], photos, size_px=SIZE)
    assert torch.equal(pairs.moved, pairs.still)
    assert pairs.extent.max() == 0
    assert pairs.path.abs().max() == 0


@pytest.mark.parametrize(
    ("kind", "more"), [("straight", {}), ("curved", {"bend": 0.5}), ("zoom_rotation", {"zoom_share": 0.5})]
)
def test_blurring_the_target_along_its_path_explains_the_input(photos, kind, more):  # noqa: F811
    pairs = render_pairs([moving(kind, **more)], photos, size_px=SIZE)
    inner = (..., slice(16, -16), slice(16, -16))
    again = reblur(pairs.still, pairs.path, n_points=25)
    assert psnr(again[inner], pairs.moved[inner]) > psnr(pairs.still[inner], pairs.moved[inner]) + 6


def test_paths_survive_their_code_up_to_the_direction_of_time():
    torch.manual_seed(0)
    path = torch.randn(2, 4, 5, 6) * 8
    back = decode_path(encode_path(path))
    assert endpoint_error(back, path).max() < 0.05
    reversed_time = torch.cat([-path[:, :2], path[:, 2:]], 1)
    assert torch.allclose(encode_path(reversed_time), encode_path(path))
    unsure = torch.cat([encode_path(path)[:, :2] * 0.3, encode_path(path)[:, 2:]], 1)
    shorter = decode_path(unsure)[:, :2].norm(dim=1) / back[:, :2].norm(dim=1)
    assert torch.allclose(shorter, torch.tensor(0.65), atol=1e-2)
    assert endpoint_error(reversed_time, path).max() < 1e-5


def test_turning_a_pair_turns_its_path(photos):  # noqa: F811
    pairs = render_pairs([moving(extent=14.0)], photos, size_px=SIZE)
    inner = (..., slice(20, -20), slice(20, -20))
    for seed in range(6):
        turned = _turn(pairs, np.random.default_rng(seed))
        explained = psnr(reblur(turned.still, turned.path, 25)[inner], turned.moved[inner])
        assert explained > psnr(turned.still[inner], turned.moved[inner]) + 8


def test_sets_are_read_back_and_crops_repeat_themselves(tmp_path, photos):  # noqa: F811
    stored = PairSet.create(tmp_path / "set", n=2, about={})
    pairs = render_pairs([moving(), moving(extent=5.0)], photos, size_px=192)
    stored.write(0, pairs)
    again = stored.read([0, 1])
    assert torch.allclose(again.moved, pairs.moved, atol=0.5 / 255)
    assert torch.allclose(again.extent, pairs.extent, atol=0.1)
    crops = Crops([stored], batch=3, side_px=64, seed=4)
    first, second, other = crops.draw(7), crops.draw(7), crops.draw(8)
    assert first.moved.shape == (3, 3, 64, 64)
    assert first.path.shape == (3, 4, 16, 16)
    assert torch.equal(first.moved, second.moved)
    assert not torch.equal(first.moved, other.moved)
    assert isinstance(first, Pairs)
    assert (first.extent >= BLURRED_PX).any()


def test_the_true_kernel_restores_a_clean_picture(photos):  # noqa: F811
    motion = Motion("straight", 8.0, angle_rad=0.3)
    pairs = render_pairs([scene(frame_motion=motion)], photos, size_px=SIZE)
    moved, still = pairs.moved[0].numpy().astype(float), pairs.still[0].numpy()
    inner = (slice(None), slice(24, -24), slice(24, -24))

    def error(picture):
        return float(np.square(picture[inner] - still[inner]).mean())

    for method in (wiener, richardson_lucy):
        assert error(method(moved, motion_kernel(motion))) < 0.75 * error(moved)
