"""A blur leaves its length in how derivatives repeat along its direction."""

import math

import pytest

torch = pytest.importorskip("torch")

from engines.recipes.deblur.correlation import LAGS_PX, LagCorrelation, n_channels  # noqa: E402

pytestmark = pytest.mark.train
N = 8


def blurred(length, *, along_y, side=192):
    generator = torch.Generator().manual_seed(2)
    picture = torch.rand(1, 1, side, side, generator=generator)
    kernel = torch.full((1, 1, length, 1) if along_y else (1, 1, 1, length), 1 / length)
    made = torch.nn.functional.conv2d(picture, kernel, padding="same")
    return (0.5 + (made - made.mean()) / made.std() * 0.1).clamp(0, 1).repeat(1, 3, 1, 1)


@pytest.mark.parametrize("along_y", [False, True])
@pytest.mark.parametrize("length", [8, 12, 16, 22])
def test_the_correlation_is_least_at_the_length_of_the_blur(length, along_y):
    out = LagCorrelation(N)(blurred(length, along_y=along_y))
    direction = N // 2 if along_y else 0
    by_lag = [out[0, i * N + direction, 4:-4, 4:-4].mean().item() for i in range(len(LAGS_PX))]
    assert LAGS_PX[by_lag.index(min(by_lag))] == length


def test_channels_and_size():
    out = LagCorrelation(N)(torch.rand(2, 3, 64, 96))
    assert out.shape == (2, n_channels(N), 8, 12)
    assert math.isfinite(out.sum().item())
    assert out[:, : N * len(LAGS_PX)].abs().max() <= 1.5
