"""The pruned local deblurrer.

An analyser at stride 8 finds what moved and along which path; a restorer at stride 4 runs on the cells
that moved only. A cell is 4 x 4 pixels. Nothing pools over the picture and the restorer does not normalise,
so that a cell's result depends on its neighbours alone and cells can be left out exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.recipes.motion_blur.model import BandEnergy

from .correlation import HALF, LAGS_PX, LagCorrelation, n_channels
from .paths import (
    CELL,
    CHORD_SCALE_PX,
    DERIVATIVE_AT,
    N_SAMPLED,
    decode_path,
    guided_samples,
    pixel_grid,
    to_pixels,
)

SIZE_MULTIPLE = 32
ORIENTATIONS = 8
BAND_TAPS = 49
TYPICAL_PX = 8.0  # a length the network says as 0
LOG_LENGTH = (-2.5, 1.8)  # 0.7 to 48 px
PIXELS = CELL * CELL
GUIDED = PIXELS * (3 + N_SAMPLED)  # inputs of the restorer from pictures, per cell
GRID_MARGIN = 2  # cells kept around those found, so that the restorer sees their surroundings


@dataclass(frozen=True, slots=True)
class Widths:
    """Channels of the analyser's own layers, of the restorer, and its number of blocks."""

    analyser: int = 64
    restorer: int = 64
    blocks: int = 4


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """`mask` logit (N, 1, h, w) and `code` (N, 5, h, w) at cells; attention at strides 32, 8.

    `code` as `paths.encode_path`, its direction the shorter the less sure it is.
    """

    mask: Tensor
    code: Tensor
    attention: tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Restored:
    """`picture` (N, 3, H, W), `gate` (N, 1, H, W) in [0, 1], `attention` maps (N, 1, h, w) at cells."""

    picture: Tensor
    gate: Tensor
    attention: tuple[Tensor, ...]


class BranchedConv(nn.Module):
    """3x3 convolution trained as 3x3 + 1x1 + scaled identity, run as one kernel."""

    def __init__(self, n_in: int, n_out: int, *, gain: float = 1.0) -> None:
        super().__init__()
        self.wide = nn.Parameter(torch.empty(n_out, n_in, 3, 3))
        self.point = nn.Parameter(torch.zeros(n_out, n_in))
        self.identity = nn.Parameter(torch.zeros(n_out))
        self.bias = nn.Parameter(torch.zeros(n_out))
        nn.init.kaiming_normal_(self.wide)
        with torch.no_grad():
            self.wide.mul_(gain)

    def kernel(self) -> Tensor:
        """The three branches as one (n_out, n_in, 3, 3)."""
        centre = self.point + torch.diag_embed(self.identity)[:, : self.point.shape[1]]
        return self.wide + F.pad(centre[..., None, None], (1, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Same size."""
        return F.conv2d(x, self.kernel(), self.bias, padding=1)


class ConvNorm(nn.Sequential):
    """3x3 convolution, BatchNorm, ReLU."""

    def __init__(self, n_in: int, n_out: int, *, dilation: int = 1) -> None:
        convolution = nn.Conv2d(n_in, n_out, 3, 1, dilation, dilation, bias=False)
        super().__init__(convolution, nn.BatchNorm2d(n_out), nn.ReLU(inplace=True))


class Attend(nn.Module):
    """Blur-guided spatial attention: where to look, one value a place, supervised with the mask."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.score = nn.Conv2d(n, 1, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(x weighted, weights in [0, 1]); half of x always passes."""
        weight = torch.sigmoid(self.score(x))
        return x * (0.5 + 0.5 * weight), weight


class Spread(nn.Module):
    """Two 3x3 convolutions around an identity, the first reaching `dilation` places."""

    def __init__(self, n: int, dilation: int) -> None:
        super().__init__()
        self.first = ConvNorm(n, n, dilation=dilation)
        self.second = nn.Sequential(nn.Conv2d(n, n, 3, 1, 1, bias=False), nn.BatchNorm2d(n))

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        return F.relu(x + self.second(self.first(x)))


class Analyser(nn.Module):
    """RGB (N, 3, H, W) in [0, 1], sides multiples of 32 -> `Analysis`.

    Motion takes energy along its direction and leaves it across: log energies of oriented derivatives at
    three octaves (the fixed stem of the motion_blur recipe) hold the direction plainly, autocorrelations of
    derivatives the length, and a small network at stride 8 compares them over some 200 px. Features trained
    for "blurred or not" do not hold it.
    """

    def __init__(self, n: int) -> None:
        super().__init__()
        self.energy = BandEnergy(ORIENTATIONS)
        self.correlation = LagCorrelation(ORIENTATIONS)
        self.enter = ConvNorm(8 * ORIENTATIONS + 3 + n_channels(ORIENTATIONS), n)
        self.near, self.far = Spread(n, 1), nn.Sequential(Spread(n, 2), Spread(n, 4), Spread(n, 2))
        self.attend, self.attend_far = Attend(n), nn.Conv2d(n, 1, 1)
        self.head = nn.Conv2d(n, 6 * 4, 1)

    def forward(self, rgb: Tensor) -> Analysis:
        """Mask, path and attention (strides 32 and 8)."""
        x = torch.cat([F.avg_pool2d(self.energy(rgb), 2), self.correlation(rgb)], 1)
        x = self.near(self.enter(x.contiguous(memory_format=torch.channels_last)))
        attention_far = torch.sigmoid(self.attend_far(F.avg_pool2d(x, 4)))
        x = x * (0.5 + 0.5 * F.interpolate(attention_far, scale_factor=4.0, mode="nearest"))
        x, attention = self.attend(self.far(x))
        out = F.pixel_shuffle(self.head(x), 2)
        length = TYPICAL_PX / CHORD_SCALE_PX * out[:, 3:4].clamp(*LOG_LENGTH).exp()
        code = torch.cat([out[:, 1:3], length, out[:, 4:]], 1)
        return Analysis(out[:, :1], code, (attention_far, attention))


class Block(nn.Module):
    """Two 3x3 convolutions that see kept cells only, attention, residual."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.first, self.second = BranchedConv(n, n), BranchedConv(n, n, gain=0.1)
        self.attend = Attend(n)

    def forward(self, x: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
        """`kept` (N, 1, h, w) is 0 or 1: a cell left out is zero to its neighbours."""
        hidden = F.relu(self.first(x * kept))
        step, weight = self.attend(self.second(hidden * kept))
        return x + step, weight


class Restorer(nn.Module):
    """Picture, path code and kept cells -> `Restored`; pixels of cells left out come back as they were."""

    def __init__(self, widths: Widths) -> None:
        super().__init__()
        n = widths.restorer
        self.enter = nn.Conv2d(GUIDED + 5, n, 1)
        self.blocks = nn.ModuleList(Block(n) for _ in range(widths.blocks))
        self.leave = nn.Conv2d(n, (3 + 1) * PIXELS, 1)
        self.direct = nn.Conv2d(GUIDED, 3 * PIXELS, 1, bias=False)  # the box-blur estimate, as a linear map
        nn.init.zeros_(self.leave.weight)
        self.direct.weight.data = direct_guess()[:, :, None, None]

    def features(self, rgb: Tensor, code: Tensor) -> Tensor:
        """(N, GUIDED, h, w): the picture and what the path says of it, pixel by pixel, folded into cells."""
        chord = to_pixels(decode_path(code)[:, :2]).permute(0, 2, 3, 1)
        grid = pixel_grid(rgb.shape[-2], rgb.shape[-1], rgb)[None]
        return F.pixel_unshuffle(torch.cat([rgb, guided_samples(rgb, grid, chord)], 1), CELL)

    def forward(self, rgb: Tensor, code: Tensor, kept: Tensor, features: Tensor | None = None) -> Restored:
        """`code` (N, 5, h, w), `kept` (N, 1, h, w) of 0 and 1."""
        guided = self.features(rgb, code) if features is None else features
        x = F.relu(self.enter(torch.cat([guided, code], 1)))
        maps = []
        for block in self.blocks:
            x, weight = block(x, kept)
            maps.append(weight)
        out = self.leave(x)
        change = F.pixel_shuffle(out[:, : 3 * PIXELS] + self.direct(guided), CELL)
        gate = torch.sigmoid(F.pixel_shuffle(out[:, 3 * PIXELS :], CELL) + 2.0)
        return Restored(rgb + to_pixels(kept) * gate * change, gate, tuple(maps))


class Deblurrer(nn.Module):
    """Analyser and restorer."""

    def __init__(self, widths: Widths | None = None) -> None:
        super().__init__()
        self.widths = widths or Widths()
        self.analyser = Analyser(self.widths.analyser)
        self.restorer = Restorer(self.widths)

    def forward(self, rgb: Tensor, *, threshold: float = 0.3) -> tuple[Restored, Analysis, Tensor]:
        """What is shipped: cells above the threshold and their surroundings are restored."""
        analysis = self.analyser(rgb)
        kept = grow((torch.sigmoid(analysis.mask) > threshold).float())
        return self.restorer(rgb, analysis.code, kept), analysis, kept


def direct_guess() -> Tensor:
    """(48, GUIDED): a sixth of what a box blur would give back, to start from.

    s = (s(x + L) + s(x - L)) / 2 + (D(-1/2) - D(1/2)) / 2 with D the chord-long derivatives; samples stand in
    for the sharp pictures a chord away. Least squares on training pairs finds twice these weights.
    """
    per_pixel = {-1: -0.16, DERIVATIVE_AT.index(-0.5): 0.08, DERIVATIVE_AT.index(0.5): -0.08}
    per_pixel |= {len(DERIVATIVE_AT): 0.08, len(DERIVATIVE_AT) + 1: 0.08}
    weight, n = torch.zeros(3 * PIXELS, GUIDED), 3 * PIXELS
    for group, share in per_pixel.items():
        start = (group + 1) * n  # the picture itself comes first
        weight[:, start : start + n] = torch.eye(n) * share
    return weight


def grow(cells: Tensor, margin: int = GRID_MARGIN) -> Tensor:
    """Kept cells (N, 1, h, w) and those within `margin` of them."""
    return F.max_pool2d(cells, 2 * margin + 1, 1, margin)


def macs(height: int, width: int, kept: float, widths: Widths | None = None) -> dict[str, float]:
    """Multiply-adds on a picture: of the analyser, the restorer on all cells, and on the kept share."""
    w, at_4 = widths or Widths(), height * width / CELL**2
    m = w.analyser
    n_in = 8 * ORIENTATIONS + 3 + n_channels(ORIENTATIONS)
    layers = 9 * m * n_in + 4 * 2 * 9 * m * m + 25 * m  # at stride 8
    bands = 2 * ORIENTATIONS * BAND_TAPS * (1 + 1 / 4 + 1 / 16 + 1 / 64)  # at strides 1, 2, 4, 8
    bands += ORIENTATIONS * (BAND_TAPS + len(LAGS_PX)) / HALF**2  # correlations
    analyser = height * width * (bands + layers / 64)
    n = w.restorer
    cell = (GUIDED + 5) * n + w.blocks * 2 * 9 * n * n + n * 4 * PIXELS + GUIDED * 3 * PIXELS
    return {"analyser": analyser, "dense": analyser + at_4 * cell, "pruned": analyser + kept * at_4 * cell}
