"""MobileNetV2 as an encoder, with ImageNet weights: shared by the recipes.

Sandler et al. 2018, MobileNetV2, table 2. No BatchNorm: it was folded into the weights it starts from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

WEIGHTS = "weights/encoder_mobilenet_v2_1.0_imagenet_bnfolded_fp16.npz"  # in the folder of photos
# expansion, output channels, repeats, stride of the first: features.1 to features.17
PLAN = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
)  # fmt: skip


class Conv(nn.Module):
    """Convolution with TensorFlow's SAME padding and an optional ReLU6: what the ImageNet weights expect."""

    def __init__(
        self, n_in: int, n_out: int, kernel: int, *, stride: int = 1, groups: int = 1, relu: bool = True
    ) -> None:
        super().__init__()
        padding = kernel // 2 if stride == 1 else 0
        self.conv = nn.Conv2d(n_in, n_out, kernel, stride, padding, groups=groups)
        self.pad_right_bottom = stride == 2
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        """(N, n_in, H, W) -> (N, n_out, H / stride, W / stride)."""
        x = self.conv(F.pad(x, (0, 1, 0, 1)) if self.pad_right_bottom else x)
        return F.relu6(x) if self.relu else x


class InvertedResidual(nn.Module):
    """MobileNetV2 block: expand 1x1, depthwise 3x3, project 1x1 (no activation), skip where shapes agree."""

    def __init__(self, n_in: int, n_out: int, expansion: int, stride: int) -> None:
        super().__init__()
        hidden = n_in * expansion
        layers = [Conv(n_in, hidden, 1)] if expansion > 1 else []
        layers += [Conv(hidden, hidden, 3, stride=stride, groups=hidden), Conv(hidden, n_out, 1, relu=False)]
        self.layers = nn.Sequential(*layers)
        self.skip = stride == 1 and n_in == n_out

    def forward(self, x: Tensor) -> Tensor:
        """(N, n_in, H, W) -> (N, n_out, H / stride, W / stride)."""
        y = self.layers(x)
        return x + y if self.skip else y


class Encoder(nn.Module):
    """MobileNetV2 up to the last of `taps` (features.<index> -> channels); `n_frozen` blocks get no gradient.

    Frozen stems are a matter of speed: the two finest scales take half of a training step and, with ImageNet
    weights, have the least to learn.
    """

    def __init__(self, taps: Mapping[int, int], *, n_frozen: int) -> None:
        super().__init__()
        blocks: list[nn.Module] = [Conv(3, 32, 3, stride=2)]
        n_in = 32
        for expansion, n_out, repeats, stride in PLAN:
            for i in range(repeats):
                blocks.append(InvertedResidual(n_in, n_out, expansion, stride if i == 0 else 1))
                n_in = n_out
        self.blocks = nn.ModuleList(blocks[: max(taps) + 1])
        self.taps, self.n_frozen = frozenset(taps), n_frozen
        for block in blocks[:n_frozen]:
            block.requires_grad_(requires_grad=False)

    def forward(self, image: Tensor) -> list[Tensor]:
        """(N, 3, H, W) in [0, 1], sides multiples of 32 -> features at the taps."""
        x = image * 2.0 - 1.0  # the ImageNet weights were trained on [-1, 1]
        taps = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in self.taps:
                taps.append(x)
        return taps

    def load_imagenet(self, path: Path) -> None:
        """Copy the folded ImageNet weights; both sides list their layers in execution order."""
        with np.load(path) as stored:
            keys = [
                k for k in stored if k.startswith("features.") and int(k.split(".")[1]) < len(self.blocks)
            ]
            own = dict(self.named_parameters())
            if len(keys) != len(own):
                raise ValueError(f"{path}: {len(keys)} arrays for an encoder of {len(own)}")
            for key, parameter in zip(keys, own.values(), strict=True):
                value = torch.from_numpy(stored[key].astype(np.float32))
                if value.shape != parameter.shape:
                    raise ValueError(
                        f"{path}: {key} is {tuple(value.shape)}, expected {tuple(parameter.shape)}"
                    )
                parameter.data.copy_(value)
