"""How a picture's derivatives repeat along themselves: where a blur of length L leaves its mark.

For a box blur of length L along a direction, the derivative along it is (s(x + L/2) - s(x - L/2)) / L with s
the sharp picture: two copies of opposite sign, L apart, so that its autocorrelation is negative at lag L.
Long used to read the extent of motion from a single picture (Yitzhaky & Kopeika 1997).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.recipes.motion_blur.model import ENERGY_FLOOR, LUMA, derivative_bank

LAGS_PX = (4, 6, 8, 12, 16, 22)
HALF = 2  # correlations are taken at half size
STRIDE = 8
WINDOW_CELLS = 5  # 40 px: fewer make the ratio noisy
QUIET = 1e-5  # energy of derivatives under which nothing correlates


class LagCorrelation(nn.Module):
    """RGB (N, 3, H, W) in [0, 1] -> (N, 6n + 2n, H/8, W/8) float32.

    Autocorrelation, in [-1, 1], of the derivative along each of n directions at six lags along it; then the
    log energies of an octave coarser than those of `BandEnergy`.
    """

    def __init__(self, n_orientations: int) -> None:
        super().__init__()
        bank = derivative_bank(n_orientations)
        self.register_buffer("first", bank[0::2].clone())
        self.register_buffer("bank", bank.clone())
        self.register_buffer("luma", torch.tensor(LUMA)[None, :, None, None])
        self.shifts = [
            [(round(lag * math.sin(a)), round(lag * math.cos(a))) for a in _angles(n_orientations)]
            for lag in (px // HALF for px in LAGS_PX)
        ]

    @torch.no_grad()
    def forward(self, rgb: Tensor) -> Tensor:
        """Never in bf16, never with a gradient."""
        with torch.autocast(rgb.device.type, enabled=False):
            half = F.avg_pool2d((rgb.float() * self.luma).sum(1, keepdim=True), HALF)
            slope = F.conv2d(F.pad(half, (3, 3, 3, 3), mode="reflect"), self.first)
            energy = _pooled(slope * slope) + QUIET
            correlations = [_pooled(slope * moved) / energy for moved in self._moved(slope)]
            eighth = F.avg_pool2d(half, STRIDE // HALF)
            coarse = F.conv2d(F.pad(eighth, (3, 3, 3, 3), mode="reflect"), self.bank).abs()
            return torch.cat([*correlations, (coarse + ENERGY_FLOOR).log() * 0.5 + 2.3], 1)

    def _moved(self, slope: Tensor) -> list[Tensor]:
        """Each direction's derivative a lag further along it, for every lag; zero beyond the picture."""
        reach = max(LAGS_PX) // HALF
        padded = F.pad(slope, (reach,) * 4)
        return [
            torch.cat(
                [
                    padded[:, k : k + 1, _window(reach, y), _window(reach, x)]
                    for k, (y, x) in enumerate(shifts)
                ],
                1,
            )
            for shifts in self.shifts
        ]


def _window(reach: int, shift: int) -> slice:
    """What lies under a plane moved by `shift`, in one padded by `reach`; without asking for its size."""
    return slice(reach + shift, (shift - reach) or None)


def _angles(n: int) -> list[float]:
    return [math.pi * k / n for k in range(n)]


def _pooled(x: Tensor) -> Tensor:
    """Means over windows of 40 px, at stride 8."""
    cells = F.avg_pool2d(x, STRIDE // HALF)
    return F.avg_pool2d(cells, WINDOW_CELLS, 1, WINDOW_CELLS // 2, count_include_pad=False)


def n_channels(n_orientations: int) -> int:
    """Of the output."""
    return (len(LAGS_PX) + 2) * n_orientations
