import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from engines.recipes.synthesis.exposure import convolve, expose, extent_field, velocity  # noqa: E402
from engines.recipes.synthesis.kernels import (  # noqa: E402
    Defocus,
    Motion,
    defocus_kernel,
    measure_kernel,
    motion_kernel,
)

pytestmark = pytest.mark.train


def angle_between(a: float, b: float) -> float:
    """Degrees between two axes (direction without sign)."""
    return math.degrees(abs((a - b + math.pi / 2) % math.pi - math.pi / 2))


@pytest.mark.parametrize("extent", [4.0, 9.0, 20.0, 75.0])
@pytest.mark.parametrize("angle", [0.0, 0.5, 1.4, 2.6])
@pytest.mark.parametrize("kind", ["straight", "curved", "walk"])
def test_kernel_has_the_extent_and_direction_asked_for(kind, extent, angle):
    motion = Motion(kind, extent, angle, bend=0.5, wobble=1.5, seed=3)
    measured, direction = measure_kernel(motion_kernel(motion))
    assert measured == pytest.approx(extent, rel=0.1)
    assert angle_between(direction, angle) < 10


@pytest.mark.parametrize("extent", [1.5, 2.0, 3.0])
def test_subtle_kernel_spreads_along_its_direction_by_its_extent(extent):
    kernel = motion_kernel(Motion("straight", extent, 0.7))
    measured, direction = measure_kernel(kernel)
    assert measured == pytest.approx(extent, rel=0.1)
    assert angle_between(direction, 0.7) < 10


def test_kernel_is_the_same_for_the_same_seed_and_sums_to_one():
    first, again = (motion_kernel(Motion("walk", 30, 0.3, seed=9)) for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, motion_kernel(Motion("walk", 30, 0.3, seed=10)))
    assert first.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("kind", ["disc", "ring", "hexagon", "gaussian"])
def test_defocus_spreads_alike_in_all_directions(kind):
    kernel = defocus_kernel(Defocus(kind, 6.0, rim=1.0, angle_rad=0.2)).astype(float)
    n = kernel.shape[0] // 2
    y, x = np.mgrid[-n : n + 1, -n : n + 1]
    spread = np.array([[(kernel * a * b).sum() for a in (x, y)] for b in (x, y)])
    small, large = np.linalg.eigvalsh(spread)
    assert large / small < 1.05
    assert kernel.sum() == pytest.approx(1, abs=1e-5)


def point_light(size=129, at=(64, 64)):
    picture = torch.zeros(1, 1, size, size)
    picture[0, 0, at[1], at[0]] = 1
    return picture


def test_convolution_puts_the_kernel_where_the_light_was():
    kernel = motion_kernel(Motion("curved", 21, 0.4, bend=0.6))
    out = convolve(point_light(), [kernel])[0, 0].numpy()
    radius = kernel.shape[0] // 2
    assert np.allclose(out[64 - radius : 65 + radius, 64 - radius : 65 + radius], kernel, atol=1e-6)


def test_rotation_draws_an_arc_of_the_extent_of_its_field():
    motion = Motion("zoom_rotation", 16, centre_xy=(0.5, 0.5), zoom_share=0.0)
    at = (110, 64)
    field = extent_field(motion, 129, 129, torch.device("cpu"))
    streak = expose(point_light(at=at), [motion])[0, 0].numpy()
    y, x = np.nonzero(streak > streak.max() * 0.05)
    length = math.hypot(np.ptp(x), np.ptp(y))
    assert length == pytest.approx(float(field[at[1], at[0]]), rel=0.15, abs=1.5)
    assert np.ptp(y) > 4 * np.ptp(x)  # right of the centre a rotation moves up and down


def test_zoom_moves_along_the_ray_and_not_at_its_centre():
    motion = Motion("zoom_rotation", 16, centre_xy=(0.5, 0.5), zoom_share=1.0)
    streak = expose(point_light(at=(110, 64)), [motion])[0, 0].numpy()
    y, x = np.nonzero(streak > streak.max() * 0.05)
    assert np.ptp(x) > 4 * np.ptp(y)
    assert float(extent_field(motion, 129, 129, torch.device("cpu"))[64, 64]) < 0.5


def test_rolling_shutter_moves_rows_by_different_amounts_along_x():
    motion = Motion("rolling", 12, wave=0.8)
    field = velocity(motion, 90, 60, torch.device("cpu"))
    assert torch.equal(field[1], torch.zeros(90, 60))
    assert torch.allclose(field[0], field[0][:, :1].expand(90, 60))
    assert field[0].max() == pytest.approx(12, rel=0.02)
    assert field[0].min() < 12 * 0.3


def test_two_passes_of_warps_agree_with_the_kernel_of_the_same_motion():
    """Long flows run as coarse x fine passes; a rolling motion without wave is a straight one, known."""
    generator = torch.Generator().manual_seed(0)
    picture = torch.nn.functional.avg_pool2d(torch.rand(1, 1, 200, 200, generator=generator), 5, 1, 2)
    flowed = expose(picture, [Motion("rolling", 40, wave=0.0)])
    exact = expose(picture, [Motion("straight", 40, 0.0)])
    inner = (..., slice(50, 150), slice(50, 150))
    assert (flowed[inner] - exact[inner]).abs().max() < 0.01
    assert (picture[inner] - exact[inner]).abs().max() > 0.05
