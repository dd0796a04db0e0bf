"""What is in the picture: an ImageNet MobileNetV2, frozen, at half resolution.

Flat areas (sky, cloth, asphalt) show no blur of their own; they belong to the thing that moves or stands.
Band energies cannot say where a thing ends, features that tell a thousand classes apart can.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.recipes.mobilenet import Encoder

if TYPE_CHECKING:
    from pathlib import Path

TAPS = {6: 32, 13: 96, 17: 320}  # features.<index> -> channels, at strides 8, 16, 32 of half the picture


class Semantics(nn.Module):
    """RGB (N, 3, H, W) in [0, 1], sides multiples of 64 -> 32, 96, 320 channels at strides 16, 32, 64."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder(TAPS, n_frozen=max(TAPS) + 1)
        self.register_buffer("is_trained", torch.tensor(False))  # noqa: FBT003 - no other way to say it

    def load_imagenet(self, path: Path) -> None:
        """Weights from the folded .npz."""
        self.encoder.load_imagenet(path)
        self.is_trained.fill_(True)  # noqa: FBT003

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

    def fold(self) -> None:
        """The norm into the convolution behind it."""
        if isinstance(self.norm, nn.Identity):
            return
        scale = (self.norm.running_var + self.norm.eps).rsqrt()
        weight = self.point.weight[:, :, 0, 0]
        self.point.bias.data = self.point.bias - weight @ (self.norm.running_mean * scale)
        self.point.weight.data = (weight * scale)[:, :, None, None]
        self.norm = nn.Identity()
