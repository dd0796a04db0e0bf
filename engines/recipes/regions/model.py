"""The region detector: MobileNetV2 encoder, a light feature pyramid, one anchor-free head per stride.

Dense 3x3/1x1 convolutions everywhere but in the encoder: they train and run fastest on plain CPUs. The
encoder has no BatchNorm (it was folded into the ImageNet weights it starts from); the pyramid and heads
have, and export folds it.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from engines.recipes.mobilenet import Encoder

STRIDES = (8, 16, 32)
N_CLASSES = 3
UNIT = 2.0  # a box side of exp(0) is UNIT strides: an untrained head predicts 4-stride boxes
PRIOR_LOGIT = -4.6  # sigmoid = 0.01: most cells are background, so start there (RetinaNet's trick)
# features.<index> -> channels, at strides 8, 16, 32. features.17 and 18 are left out: 0.9 M parameters for a
# little context that the dilated block below gives for less.
TAPS = {6: 32, 13: 96, 16: 160}


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
        self.encoder = Encoder(TAPS, n_frozen=n_frozen)
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
