"""What the network is told about a picture: where it moved, how far, and how well that could be known.

All maps are (B, 1, H, W) float32.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from engines.recipes.synthesis.views import to_bytes

from .model import EVIDENCE_WEIGHT_FLOOR, LUMA

MASK_FROM_PX, MASK_FULL_PX = 1.0, 2.0  # one half at 1.5 px, the smallest extent called blur
EVIDENCE_REACH_CELLS = 3  # a network judges a neighbourhood (7 cells, 28 px), not a pixel
EVIDENCE_FULL = 0.02  # mean change of 5 steps of 8 bits: plain to see
TEXTURE_GAIN = 0.25
PATH_KNEE_PX = 8.0  # a path of this length has a code of length one half


def soft_mask(extent_px: Tensor) -> Tensor:
    """Blur or not, with a ramp where the answer is a matter of taste."""
    return ((extent_px - MASK_FROM_PX) / (MASK_FULL_PX - MASK_FROM_PX)).clamp(0, 1)


def evidence(sharp: Tensor, still: Tensor, exposed: Tensor, extent_px: Tensor, stride: int) -> Tensor:
    """How far the label of each pixel can be known, in [0.15, 1].

    `sharp`: no blur at all; `still`: out of focus but at rest; `exposed`: everything; (B, 3, H, W) linear.
    Where the picture moved: what the motion changed. Where it did not: what the lens changed, or its texture.
    The pictures carry `evidence_margin_px` more on each side than the map that comes back, which is in cells.
    """
    sharp_y, still_y, exposed_y = (_encoded_luma(p) for p in (sharp, still, exposed))
    moved = (still_y - exposed_y).abs()
    rested = torch.maximum((sharp_y - exposed_y).abs(), _laplacian(exposed_y) * TEXTURE_GAIN)
    seen = to_cells(torch.where(extent_px > MASK_FROM_PX, moved, rested), stride)
    near = F.avg_pool2d(seen, 2 * EVIDENCE_REACH_CELLS + 1, 1)
    return (near / EVIDENCE_FULL).clamp(EVIDENCE_WEIGHT_FLOOR, 1)


def evidence_margin_px(stride: int) -> int:
    """What `evidence` needs around the map it returns."""
    return EVIDENCE_REACH_CELLS * stride


def _encoded_luma(linear: Tensor) -> Tensor:
    weights = linear.new_tensor(LUMA)[None, :, None, None]
    return (to_bytes(linear) / 255 * weights).sum(1, keepdim=True)


def _laplacian(luma: Tensor) -> Tensor:
    kernel = luma.new_tensor([[2.0, 0.0, 2.0], [0.0, -8.0, 0.0], [2.0, 0.0, 2.0]])[None, None]
    return F.conv2d(F.pad(luma, (1, 1, 1, 1), mode="reflect"), kernel).abs()


def path_code(chord: Tensor, extent_px: Tensor) -> Tensor:
    """Direction and length of motion as one vector, (B, 2, H, W) in (-1, 1), 0 where nothing moved.

    Direction at the doubled angle, which does not tell forth from back; length compressed, L / (L + 8 px).
    """
    x, y = chord[:, :1], chord[:, 1:2]
    doubled = torch.cat([x * x - y * y, 2 * x * y], 1) / (x * x + y * y).clamp_min(1e-6)
    return doubled * (extent_px / (extent_px + PATH_KNEE_PX))


def to_cells(full: Tensor, stride: int) -> Tensor:
    """Mean over the output cells."""
    return F.avg_pool2d(full, stride)
