"""The region detector: MobileNetV2 encoder, a light feature pyramid, one anchor-free head per stride.

Dense 3x3/1x1 convolutions everywhere but in the encoder: they train and run fastest on plain CPUs. The
encoder has no BatchNorm (it was folded into the ImageNet weights it starts from); the pyramid and heads
have, and export folds it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from pathlib import Path

STRIDES = (8, 16, 32)
N_CLASSES = 3
UNIT = 2.0  # a box side of exp(0) is UNIT strides: an untrained head predicts 4-stride boxes
PRIOR_LOGIT = -4.6  # sigmoid = 0.01: most cells are background, so start there (RetinaNet's trick)
# MobileNetV2: (expansion, output channels, repeats, stride of the first) up to features.16; features.17/18
# are left
# out: 0.9 M parameters for a little context that the dilated block below gives for less.
PLAN = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2))
TAPS = {6: 32, 13: 96, 16: 160}  # features.<index> -> channels, at strides 8, 16, 32


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
    """MobileNetV2 features.0 to features.16; the first `n_frozen` blocks get no gradient.

    Frozen stems are a matter of speed: the two finest scales take half of a training step and, with ImageNet
    weights, have the least to learn.
    """

    def __init__(self, n_frozen: int) -> None:
        super().__init__()
        blocks: list[nn.Module] = [Conv(3, 32, 3, stride=2)]
        n_in = 32
        for expansion, n_out, repeats, stride in PLAN:
            for i in range(repeats):
                blocks.append(InvertedResidual(n_in, n_out, expansion, stride if i == 0 else 1))
                n_in = n_out
        self.blocks = nn.ModuleList(blocks)
        self.n_frozen = n_frozen
        for block in blocks[:n_frozen]:
            block.requires_grad_(requires_grad=False)

    def forward(self, image: Tensor) -> list[Tensor]:
        """(N, 3, H, W) in [0, 1] -> features at strides 8, 16 and 32."""
        x = image * 2.0 - 1.0  # the ImageNet weights were trained on [-1, 1]
        taps = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in TAPS:
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


def conv_bn(n_in: int, n_out: int, kernel: int = 3, dilation: int = 1) -> nn.Sequential:
    """Convolution, BatchNorm, ReLU at the same resolution."""
    conv = nn.Conv2d(n_in, n_out, kernel, padding=dilation * (kernel // 2), dilation=dilation, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(n_out), nn.ReLU(inplace=True))


class Context(nn.Module):
    """Residual dilated convolutions at stride 32.

    A full-frame face or person needs the whole frame in view.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.steps = nn.ModuleList(conv_bn(width, width, dilation=d) for d in (1, 2, 4))

    def forward(self, x: Tensor) -> Tensor:
        """(N, width, h, w) -> the same shape."""
        for step in self.steps:
            x = x + step(x)
        return x


class Head(nn.Module):
    """Per stride.

    Heat (class probabilities, as logits here) and box (log distances to the four sides, per class).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heat_tower = nn.Sequential(conv_bn(width, width), conv_bn(width, width))
        self.box_tower = nn.Sequential(conv_bn(width, width), conv_bn(width, width))
        self.heat = nn.Conv2d(width, N_CLASSES, 1)
        self.box = nn.Conv2d(width, 4 * N_CLASSES, 1)
        nn.init.constant_(self.heat.bias, PRIOR_LOGIT)
        nn.init.normal_(self.heat.weight, std=0.01)
        nn.init.normal_(self.box.weight, std=0.01)
        nn.init.zeros_(self.box.bias)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, width, h, w) -> logits (N, 3, h, w) and log distances (N, 12, h, w), class-major l, t, r, b."""
        return self.heat(self.heat_tower(x)), self.box(self.box_tower(x))


class RegionNet(nn.Module):
    """RGB in [0, 1] -> (logits, distances in px) per stride."""

    def __init__(self, width: int = 64, n_frozen: int = 4) -> None:
        super().__init__()
        self.encoder = Encoder(n_frozen)
        self.lateral = nn.ModuleList(conv_bn(channels, width, 1) for channels in TAPS.values())
        self.context = Context(width)
        self.smooth = nn.ModuleList(conv_bn(width, width) for _ in STRIDES[:-1])
        self.heads = nn.ModuleList(Head(width) for _ in STRIDES)

    def forward(self, image: Tensor) -> list[tuple[Tensor, Tensor]]:
        """(N, 3, H, W), sides multiples of 32 -> [(logits (N, 3, h, w), box (N, 12, h, w) px)] per stride."""
        fine, middle, coarse = (
            layer(tap) for layer, tap in zip(self.lateral, self.encoder(image), strict=True)
        )
        coarse = self.context(coarse)
        middle = self.smooth[1](middle + F.interpolate(coarse, scale_factor=2.0, mode="nearest"))
        fine = self.smooth[0](fine + F.interpolate(middle, scale_factor=2.0, mode="nearest"))
        outputs = []
        for head, features, stride in zip(self.heads, (fine, middle, coarse), STRIDES, strict=True):
            logits, log_sides = head(features)
            # 1e-2..60 units: a side can shrink to nothing and reach across 4096 px, and exp cannot overflow
            outputs.append((logits, log_sides.clamp(-4.6, 4.1).exp() * (UNIT * stride)))
        return outputs
