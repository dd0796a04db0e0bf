"""The motion-blur segmenter: a fixed band-energy stem to stride 4 and a plain residual U-Net below it.

Dense 3x3 / 1x1 convolutions in multiples of 16 at stride 4 and coarser only: what a CPU trains and runs
fastest (depthwise layers, full-resolution layers and bilinear enlargement are what makes a step slow).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Sequence

STRIDE = 4  # output cells are 4 x 4 input pixels
SIZE_MULTIPLE = 64  # five halvings after the stem's stride 4
EXTENT_FULL_SCALE_PX = 24.0  # intensity 1.0 means a blur extent of 24 px or more at analysis scale
EVIDENCE_WEIGHT_FLOOR = 0.15  # evidence weights live in [0.15, 1]; output evidence is stretched to [0, 1]
LUMA = (0.299, 0.587, 0.114)  # BT.601, what JPEG and most cameras use
KINDS = ("sharp", "shaken", "subject_moves", "camera_follows")  # what happened while the shutter was open
YOUNGER = ("path.", "picture.", "coarse.", "energy.")  # missing in older weights, or in an exported engine
ENERGY_FLOOR = 6e-4  # below 1/6 of an 8-bit step: quantisation, not texture


@dataclass(frozen=True, slots=True)
class Widths:
    """Channels at strides 4, 8, 16, 32, 64."""

    channels: tuple[int, int, int, int, int] = (48, 96, 128, 192, 192)
    orientations: int = 8
    evidence: int = 32


@dataclass(frozen=True, slots=True)
class Prediction:
    """Logits at stride 4, each (N, 1, h, w) float32, and what only training asks for.

    `coarse`: the mask logit at stride 16; `path` (N, 2, h, w): direction and length, as `labels.path_code`;
    `kind` (N, 4): logits of `KINDS`; `shift`: what the kind adds to the mask logit of cells without evidence.
    """

    probability: Tensor
    intensity: Tensor
    evidence: Tensor
    coarse: Tensor
    path: Tensor
    kind: Tensor
    shift: Tensor

    def float(self) -> Prediction:
        """The same in float32, after a forward pass in bf16."""
        return Prediction(*(getattr(self, f.name).float() for f in fields(self)))


def derivative_bank(n_orientations: int = 8, size: int = 7) -> Tensor:
    """First and second Gaussian derivatives at n orientations: (2n, 1, size, size), zero mean, unit L1.

    Elongated (0.8 across, 1.4 along): motion removes energy along one direction and leaves the other,
    defocus removes both, so the network must see orientations apart.
    """
    half = size // 2
    axis = torch.arange(-half, half + 1, dtype=torch.float32)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    filters = []
    for k in range(n_orientations):
        angle = math.pi * k / n_orientations
        across = x * math.cos(angle) + y * math.sin(angle)
        along = -x * math.sin(angle) + y * math.cos(angle)
        bell = torch.exp(-(across**2 / (2 * 0.8**2) + along**2 / (2 * 1.4**2)))
        for kernel in (-across * bell, (across**2 / 0.64 - 1) * bell):
            centred = kernel - kernel.mean()
            filters.append(centred / centred.abs().sum())
    return torch.stack(filters)[:, None]


class BandEnergy(nn.Module):
    """RGB (N, 3, H, W) in [0, 1] -> (N, 8n + 3, H/4, W/4) float32: log energies of three octaves, and colour.

    Fixed, and always in fp32: one 8-bit step of luma (1/256) is as large as the texture looked for,
    and bf16 loses it.
    """

    def __init__(self, n_orientations: int) -> None:
        super().__init__()
        bank = derivative_bank(n_orientations)
        for level in range(3):
            self.register_buffer(f"bank{level}", bank.clone())
        self.register_buffer("luma", torch.tensor(LUMA)[None, :, None, None])

    @torch.no_grad()
    def forward(self, rgb: Tensor) -> Tensor:
        """Never in bf16, never with a gradient."""
        with torch.autocast(rgb.device.type, enabled=False):
            level = (rgb.float() * self.luma).sum(1, keepdim=True)
            energies = []
            for octave, bank in enumerate((self.bank0, self.bank1, self.bank2)):
                padded = F.pad(level, (3, 3, 3, 3), mode="reflect")
                energy = F.conv2d(padded, bank).abs_()
                cell = STRIDE >> octave
                energies.append(F.avg_pool2d(energy, cell) if cell > 1 else energy)
                if octave == 0:  # the strongest edge of a cell tells a thin sharp line from even texture
                    energies.append(F.max_pool2d(energy, STRIDE))
                if octave < 2:
                    level = F.avg_pool2d(level, 2)
            log_energy = (torch.cat(energies, 1) + ENERGY_FLOOR).log() * 0.5 + 2.3  # about [-1.4, 1.4]
            return torch.cat([log_energy, F.avg_pool2d(rgb.float(), STRIDE) * 2 - 1], 1)


class ConvNorm(nn.Sequential):
    """3x3 convolution, BatchNorm, optional ReLU."""

    def __init__(self, n_in: int, n_out: int, *, stride: int = 1, relu: bool = True) -> None:
        layers: list[nn.Module] = [nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False), nn.BatchNorm2d(n_out)]
        if relu:
            layers.append(nn.ReLU(inplace=True))
        super().__init__(*layers)


class Residual(nn.Module):
    """Two 3x3 convolutions around an identity."""

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.first = ConvNorm(n_channels, n_channels)
        self.second = ConvNorm(n_channels, n_channels, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        return F.relu(x + self.second(self.first(x)))


class Decoder(nn.Module):
    """One step up: reduce the coarse map, enlarge it by nearest neighbour, add the skip, refine."""

    def __init__(self, n_coarse: int, n_fine: int, *, residual: bool) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(n_coarse, n_fine, 1, bias=False)
        self.refine = nn.Sequential(ConvNorm(n_fine, n_fine), *([Residual(n_fine)] if residual else []))

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        """`skip` is twice the size of `coarse`."""
        return self.refine(F.interpolate(self.reduce(coarse), scale_factor=2.0, mode="nearest") + skip)


class PictureKind(nn.Module):
    """Which kind of picture this is, and what that says of cells in which nothing can be seen.

    Ice under a skater whom the camera followed and sky over a sharp town look alike where they are; the
    kind of picture tells them apart. Each kind has an opinion of its own about each cell, weighed by how
    likely the kind is and by how little evidence the cell has.
    """

    def __init__(self, n_pooled: int, n_fine: int, n_hidden: int = 64) -> None:
        super().__init__()
        self.hidden = nn.Linear(n_pooled, n_hidden)
        self.kind = nn.Linear(n_hidden, len(KINDS))
        self.opinion = nn.Conv2d(n_fine, len(KINDS), 1)
        nn.init.zeros_(self.opinion.weight)
        nn.init.zeros_(self.opinion.bias)

    def forward(self, pooled: Tensor, fine: Tensor, evidence: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of `KINDS` (N, 4), shift of the mask logit (N, 1, h, w); `evidence`: a logit.

        Learns from the network's features and never changes them through the shift: a cell without evidence
        must not teach the layers below to see what is not there.
        """
        kind = self.kind(F.relu(self.hidden(pooled)))
        likely = torch.softmax(kind.detach(), 1)[:, :, None, None]
        opinion = (self.opinion(fine.detach()) * likely).sum(1, keepdim=True)
        return kind, opinion * (1 - torch.sigmoid(evidence.detach()))


class Segmenter(nn.Module):
    """RGB (N, 3, H, W) float in [0, 1], H and W multiples of 64 -> `Prediction` (logits at stride 4)."""

    def __init__(self, widths: Widths | None = None) -> None:
        super().__init__()
        self.widths = widths or Widths()
        channels = self.widths.channels
        self.energy = BandEnergy(self.widths.orientations)
        self.mix = ConvNorm(8 * self.widths.orientations + 3, channels[0])
        self.enter = Residual(channels[0])
        pairs = list(itertools.pairwise(channels))
        self.down = nn.ModuleList(ConvNorm(fine, coarse, stride=2) for fine, coarse in pairs)
        self.encode = nn.ModuleList(nn.Sequential(Residual(c), Residual(c)) for _, c in pairs)
        self.up = nn.ModuleList(
            Decoder(coarse, fine, residual=i > 0) for i, (fine, coarse) in enumerate(pairs)
        )
        self.head = nn.Conv2d(channels[0], 2, 1)
        self.evidence = nn.Sequential(
            ConvNorm(channels[0], self.widths.evidence), nn.Conv2d(self.widths.evidence, 1, 1)
        )
        self.coarse = nn.Conv2d(channels[2], 1, 1)
        self.path = nn.Conv2d(channels[0], 2, 1)
        self.picture = PictureKind(2 * channels[4] + channels[2], channels[0])

    def load_weights(self, state: dict[str, Tensor]) -> None:
        """Load weights that may lack `YOUNGER` ones, which then stay as they start."""
        missing, unknown = self.load_state_dict(state, strict=False)
        odd = unknown + [name for name in missing if not name.startswith(YOUNGER)]
        if odd:
            raise ValueError(f"these weights are of another network: {', '.join(odd[:5])}")

    def features(self, rgb: Tensor, lent: Sequence[Tensor] = ()) -> tuple[Tensor, Tensor, Tensor]:
        """Decoded features at strides 4 and 16, and what the whole picture has (N, any).

        `lent`: what `semantics` adds at the coarsest strides.
        """
        x = self.enter(self.mix(self.energy(rgb).contiguous(memory_format=torch.channels_last)))
        skips, own = [x], len(self.down) - len(lent)
        for i, (down, encode) in enumerate(zip(self.down, self.encode, strict=True)):
            x = down(x)
            x = encode(x + lent[i - own] if i >= own else x)
            skips.append(x)
        deepest = at_16 = x
        for i in (3, 2, 1, 0):
            x = self.up[i](x, skips[i])
            if i == 2:
                at_16 = x
        pooled = [deepest.mean((2, 3)), deepest.amax((2, 3)), at_16.mean((2, 3))]
        return x, at_16, torch.cat(pooled, 1)

    def forward(self, rgb: Tensor, lent: Sequence[Tensor] = ()) -> Prediction:
        """Logits, or a ValueError that names the next valid size."""
        if rgb.shape[-1] % SIZE_MULTIPLE or rgb.shape[-2] % SIZE_MULTIPLE:
            height, width = (-(-s // SIZE_MULTIPLE) * SIZE_MULTIPLE for s in rgb.shape[-2:])
            got = tuple(rgb.shape[-2:])
            raise ValueError(f"sides must be multiples of {SIZE_MULTIPLE}: got {got}, next {(height, width)}")
        fine, at_16, pooled = self.features(rgb, lent)
        mask_and_extent, evidence = self.head(fine), self.evidence(fine)
        kind, shift = self.picture(pooled, fine, evidence)
        return Prediction(
            mask_and_extent[:, :1],
            mask_and_extent[:, 1:],
            evidence,
            self.coarse(at_16),
            self.path(fine),
            kind,
            shift,
        )
