"""What is in the picture: an ImageNet MobileNetV2, frozen, at half resolution.

Flat areas (sky, cloth, asphalt) show no blur of their own; they belong to the thing that moves or stands.
Band energies cannot say where a thing ends, features that tell a thousand classes apart can.
Sandler et al. 2018, MobileNetV2, table 2; weights with BatchNorm folded, TensorFlow's padding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from pathlib import Path

WEIGHTS = "weights/encoder_mobilenet_v2_1.0_imagenet_bnfolded_fp16.npz"  # in the folder of photos
BLOCKS = (  # expansion, channels, first stride of each of the 17 inverted residuals
    [(1, 16, 1)]
    + [(6, 24, s) for s in (2, 1)]
    + [(6, 32, s) for s in (2, 1, 1)]
    + [(6, 64, s) for s in (2, 1, 1, 1)]
    + [(6, 96, s) for s in (1, 1, 1)]
    + [(6, 160, s) for s in (2, 1, 1)]
    + [(6, 320, 1)]
)
TAPS = {6: 32, 13: 96, 17: 320}  # block -> channels, at strides 8, 16, 32 of what the encoder sees


class Convolution(nn.Module):
    """Convolution with bias, TensorFlow's SAME padding for even inputs, optional ReLU6."""

    def __init__(
        self, n_in: int, n_out: int, *, size: int, stride: int = 1, deep: bool = False, relu: bool = True
    ) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(n_in, n_out, size, stride, groups=n_in if deep else 1)
        self.relu = relu
        self.padding = (0, 1, 0, 1) if stride == 2 else (size // 2,) * 4

    def forward(self, x: Tensor) -> Tensor:
        """Same size, or half."""
        x = self.convolution(F.pad(x, self.padding))
        return F.relu6(x) if self.relu else x


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project."""

    def __init__(self, n_in: int, n_out: int, *, stride: int, expansion: int) -> None:
        super().__init__()
        n = n_in * expansion
        layers = [Convolution(n_in, n, size=1)] if expansion > 1 else []
        layers += [
            Convolution(n, n, size=3, stride=stride, deep=True),
            Convolution(n, n_out, size=1, relu=False),
        ]
        self.layers = nn.Sequential(*layers)
        self.is_residual = stride == 1 and n_in == n_out

    def forward(self, x: Tensor) -> Tensor:
        """Same size, or half."""
        return x + self.layers(x) if self.is_residual else self.layers(x)


class Semantics(nn.Module):
    """RGB (N, 3, H, W) in [0, 1], sides multiples of 64 -> 32, 96, 320 channels at strides 16, 32, 64."""

    def __init__(self) -> None:
        super().__init__()
        blocks: list[nn.Module] = [Convolution(3, 32, size=3, stride=2)]
        n = 32
        for expansion, channels, stride in BLOCKS:
            blocks.append(InvertedResidual(n, channels, stride=stride, expansion=expansion))
            n = channels
        self.blocks = nn.ModuleList(blocks)
        self.register_buffer("is_trained", torch.tensor(False))  # noqa: FBT003 - no other way to say it
        self.requires_grad_(requires_grad=False)

    def load_imagenet(self, path: Path) -> Semantics:
        """Weights from the folded .npz."""
        with np.load(path, allow_pickle=False) as stored:
            for i, block in enumerate(self.blocks):
                for layer, name in zip(_convolutions(block), _names(i), strict=True):
                    layer.weight.data = torch.from_numpy(stored[f"{name}.weight"].astype(np.float32))
                    layer.bias.data = torch.from_numpy(stored[f"{name}.bias"].astype(np.float32))
        self.is_trained.fill_(True)  # noqa: FBT003
        return self

    @torch.no_grad()
    def forward(self, rgb: Tensor) -> list[Tensor]:
        """Never with a gradient."""
        x, taps = F.avg_pool2d(rgb, 2) * 2 - 1, []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in TAPS:
                taps.append(x)
        return taps


def _convolutions(block: nn.Module) -> list[nn.Conv2d]:
    return [m for m in block.modules() if isinstance(m, nn.Conv2d)]


def _names(block: int) -> list[str]:
    """Keys of a block's convolutions, as torchvision has them."""
    if block == 0:
        return ["features.0.0"]
    stem = f"features.{block}.conv."
    return [stem + end for end in (("0.0", "1") if block == 1 else ("0.0", "1.0", "2"))]


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
