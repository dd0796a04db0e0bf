"""A frozen ImageNet MobileNetV2 that lends features to the segmenter while it is trained, and then goes.

Synthetic pictures give themselves away: an object that was pasted moves, one that belongs there stands. An
encoder that knows objects learns such habits first and explains them away, so that the segmenter beside it
must live on what blur looks like. Without the encoder the same weights do better on real photographs than
with it (CARD.md). A known cure for biased data: Clark et al. 2019, Don't Take the Easy Way Out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.recipes.mobilenet import Encoder

if TYPE_CHECKING:
    from pathlib import Path

    from .model import Prediction, Segmenter

TAPS = {6: 32, 13: 96, 17: 320}  # features.<index> -> channels, at strides 8, 16, 32 of half the picture


class Semantics(nn.Module):
    """RGB (N, 3, H, W) in [0, 1], sides multiples of 64 -> 32, 96, 320 channels at strides 16, 32, 64."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder(TAPS, n_frozen=max(TAPS) + 1)

    def load_imagenet(self, path: Path) -> None:
        """Weights from the folded .npz."""
        self.encoder.load_imagenet(path)

    @torch.no_grad()
    def forward(self, rgb: Tensor) -> list[Tensor]:
        """Never with a gradient."""
        return self.encoder(F.avg_pool2d(rgb, 2))


class Adapter(nn.Module):
    """Frozen features -> channels of the segmenter; starts at zero: a trained network is unchanged."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(n_in, affine=False)
        self.point = nn.Conv2d(n_in, n_out, 1)
        nn.init.zeros_(self.point.weight)
        nn.init.zeros_(self.point.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Same size."""
        return self.point(self.norm(x))


class WithSemantics(nn.Module):
    """A segmenter in training; it trains alone where `lends` is false."""

    def __init__(self, segmenter: Segmenter, *, lends: bool = True) -> None:
        super().__init__()
        self.lends = lends
        self.segmenter, self.semantics = segmenter, Semantics()
        coarse = segmenter.widths.channels[-len(TAPS) :]
        self.adapt = nn.ModuleList(Adapter(n, c) for n, c in zip(TAPS.values(), coarse, strict=True))

    def forward(self, rgb: Tensor) -> Prediction:
        """As the segmenter's own, with features lent at strides 16, 32, 64."""
        if not self.lends:
            return self.segmenter(rgb)
        lent = [adapt(tap) for adapt, tap in zip(self.adapt, self.semantics(rgb), strict=True)]
        return self.segmenter(rgb, lent)
