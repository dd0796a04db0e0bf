"""How a picture's derivatives repeat along themselves: where a blur of length L leaves its mark.

For a box blur of length L along a direction, the derivative along it is (s(x + L/2) - s(x - L/2)) / L with s
the sharp picture: two copies of opposite sign, L apart, so that its autocorrelation is negative at lag L.
Long used to read the extent of motion from a single picture (Yitzhaky & Kopeika 1997).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.recipes.motion_blur.model import ENERGY_FLOOR, LUMA, derivative_bank

if TYPE_CHECKING:
    from collections.abc import Iterator

LAGS_PX = {2: (4, 6, 8, 12, 16, 22), 1: (2, 3, 4, 6)}  # by reduction: half size, and whole for short blurs
HALF = 2
STRIDE = 8
WINDOW_CELLS = 5  # 40 px: fewer make the ratio noisy
QUIET = 1e-5  # energy of derivatives under which nothing correlates


class LagCorrelation(nn.Module):
    """RGB (N, 3, H, W) in [0, 1] -> (N, 12n, H/8, W/8) float32.

    Autocorrelation, in [-1, 1], of the derivative along each of n directions at six lags along it at half
    size; the log energies of an octave coarser than those of `BandEnergy`; four short lags at whole size.
    """

    def __init__(self, n_orientations: int) -> None:
        super().__init__()
        bank = derivative_bank(n_orientations)
        self.register_buffer("first", bank[0::2].clone())
        self.register_buffer("bank", bank.clone())
        self.register_buffer("luma", torch.tensor(LUMA)[None, :, None, None])

    @torch.no_grad()
    def forward(self, rgb: Tensor) -> Tensor:
        """Never in bf16, never with a gradient."""
        with torch.autocast(rgb.device.type, enabled=False):
            luma = (rgb.float() * self.luma).sum(1, keepdim=True)
            half = F.avg_pool2d(luma, HALF)
            eighth = F.avg_pool2d(half, STRIDE // HALF)
            coarse = F.conv2d(F.pad(eighth, (3, 3, 3, 3), mode="reflect"), self.bank).abs()
            energies = (coarse + ENERGY_FLOOR).log() * 0.5 + 2.3
            return torch.cat([self._correlations(half, HALF), energies, self._correlations(luma, 1)], 1)

    def _correlations(self, luma: Tensor, reduced: int) -> Tensor:
        """Of each direction's derivative with itself a lag further along it, for every lag."""
        slope = F.conv2d(F.pad(luma, (3, 3, 3, 3), mode="reflect"), self.first)
        cell = STRIDE // reduced
        energy = _pooled(slope * slope, cell) + QUIET
        lags = [lag // reduced for lag in LAGS_PX[reduced]]
        return torch.cat([_pooled(slope * m, cell) / energy for m in _moved(slope, lags)], 1)


def _moved(slope: Tensor, lags: list[int]) -> Iterator[Tensor]:
    """Each of n directions' planes a lag further along its direction, for every lag; zero beyond the end."""
    reach, n = max(lags), slope.shape[1]
    padded = F.pad(slope, (reach,) * 4)
    for lag in lags:
        shifts = [(round(lag * math.sin(a)), round(lag * math.cos(a))) for a in _angles(n)]
        planes = [
            padded[:, k : k + 1, _window(reach, y), _window(reach, x)] for k, (y, x) in enumerate(shifts)
        ]
        yield torch.cat(planes, 1)


def _window(reach: int, shift: int) -> slice:
    """What lies under a plane moved by `shift`, in one padded by `reach`; without asking for its size."""
    return slice(reach + shift, (shift - reach) or None)


def _angles(n: int) -> list[float]:
    return [math.pi * k / n for k in range(n)]


def _pooled(x: Tensor, cell: int) -> Tensor:
    """Means over windows of 5 cells, at cells."""
    cells = F.avg_pool2d(x, cell)
    return F.avg_pool2d(cells, WINDOW_CELLS, 1, WINDOW_CELLS // 2, count_include_pad=False)


def n_channels(n_orientations: int) -> int:
    """Of the output."""
    return (sum(map(len, LAGS_PX.values())) + 2) * n_orientations
