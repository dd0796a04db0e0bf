"""What training asks for: the picture at rest, its spectrum, the blur again, mask, path, attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from .paths import CELL, CHORD_SCALE_PX, encode_path, reblur

if TYPE_CHECKING:
    from .data import Pairs
    from .model import Analysis, Restored

CHARBONNIER = 0.01
LOG_WEIGHT, STILL_WEIGHT = 0.02, 0.01
LEAST_ERROR = 1e-5  # 50 dB: less is not seen
SHORTEST = 1 / CHORD_SCALE_PX  # a pixel: shorter paths are all alike
TOO_LONG = 1.4  # a path found too long harms, one too short helps less: an unsure length is a short one
SMOOTH = 20.0  # cells: keeps overlap losses quiet where almost nothing moved
EVIDENCE_FULL, EVIDENCE_FLOOR = 0.02, 0.1  # five steps of 8 bits are plain to see; flat ground is a guess
REBLUR_OF = 1  # pictures of a batch that are blurred again: sampling with a gradient is slow


@dataclass(frozen=True, slots=True)
class LossWeights:
    """Share of each term beside the reconstruction."""

    frequency: float = 0.05
    reblur: float = 0.2
    mask: float = 0.05
    path: float = 0.03
    attention: float = 0.02
    looked: float = 0.005  # attention of the restorer, at cells
    gate: float = 0.01


def cells_moved(pairs: Pairs) -> Tensor:
    """(N, 1, h, w): 1 where any pixel of a cell is blurred."""
    return F.max_pool2d(pairs.blurred, CELL)


def evidence(pairs: Pairs) -> Tensor:
    """(N, 1, h, w) in [0.1, 1]: how far it can be known whether a cell moved.

    Where it did: what the motion changed; where it did not: the detail that is there.
    """
    changed = (pairs.moved - pairs.still).abs().mean(1, keepdim=True)
    luma = pairs.moved.mean(1, keepdim=True)
    detail = (luma - F.avg_pool2d(luma, 3, 1, 1, count_include_pad=False)).abs()
    seen = F.avg_pool2d(torch.where(pairs.blurred > 0, changed, detail), CELL)
    near = F.avg_pool2d(seen, 7, 1, 3, count_include_pad=False)
    return (near / EVIDENCE_FULL).clamp(EVIDENCE_FLOOR, 1)


def analyser_loss(analysis: Analysis, pairs: Pairs, weights: LossWeights) -> tuple[Tensor, dict[str, Tensor]]:
    """Mask, path, and attention at strides 32 and 8."""
    cells, known = cells_moved(pairs), evidence(pairs)
    coarse = [F.max_pool2d(cells, s) for s in (8, 2)]
    terms = {
        "mask": _mask(analysis.mask, cells, known),
        "path": _path(analysis.code, pairs, cells * known),
        "attention": torch.stack(
            [dice(a, c) for a, c in zip(analysis.attention, coarse, strict=True)]
        ).mean(),
    }
    return sum(getattr(weights, k) * v for k, v in terms.items()), terms


def restorer_loss(
    restored: Restored, pairs: Pairs, kept: Tensor, weights: LossWeights
) -> tuple[Tensor, dict[str, Tensor]]:
    """The picture inside the blur, its spectrum, the blur again, gate, and attention at stride 4."""
    blurred, cells = pairs.blurred, cells_moved(pairs)
    terms = {
        "frequency": _frequency(restored.picture, pairs.still),
        "reblur": _reblur(restored.picture, pairs, blurred),
        "looked": torch.stack([dice(a * kept, cells * kept) for a in restored.attention]).mean(),
        "gate": F.mse_loss(restored.gate, blurred),
    }
    picture = reconstruction(restored.picture, pairs)
    return picture + sum(getattr(weights, k) * v for k, v in terms.items()), {"picture": picture} | terms


def reconstruction(picture: Tensor, pairs: Pairs) -> Tensor:
    """Log of the squared error where the picture moved, against the input's: the decibels that are reported.

    A decibel counts alike in every picture: a soft one, that has little to win, must not be made worse for
    the sake of a crisp one. Where nothing moved, a little Charbonnier.
    """
    blurred = pairs.blurred
    after, before = (_mean_square(p, pairs.still, blurred) + LEAST_ERROR for p in (picture, pairs.moved))
    error = ((picture - pairs.still).square() + CHARBONNIER**2).sqrt() - CHARBONNIER
    return LOG_WEIGHT * (after / before).log().mean() + STILL_WEIGHT * (error * (1 - blurred)).mean()


def _mean_square(picture: Tensor, still: Tensor, where: Tensor) -> Tensor:
    """Of each picture, over `where`: (N,)."""
    return ((picture - still).square() * where).sum((1, 2, 3)) / (where.sum((1, 2, 3)) * 3 + 1)


def _frequency(picture: Tensor, still: Tensor) -> Tensor:
    difference = torch.fft.rfft2(picture - still, norm="ortho")
    return difference.abs().mean()


def _reblur(picture: Tensor, pairs: Pairs, blurred: Tensor) -> Tensor:
    """Blurring the result along the true path must give the input back."""
    n = REBLUR_OF
    again = reblur(picture[:n], pairs.path[:n])
    return ((again - pairs.moved[:n]).abs() * blurred[:n]).sum() / (blurred[:n].sum() * 3 + 1)


def _mask(logit: Tensor, cells: Tensor, known: Tensor) -> Tensor:
    cross = F.binary_cross_entropy_with_logits(logit, cells, reduction="none")
    return (cross * known).sum() / known.sum() + dice(torch.sigmoid(logit) * known, cells * known)


def _path(code: Tensor, pairs: Pairs, weight: Tensor) -> Tensor:
    """Squared error of the direction, whose length then says how sure it is; lopsided of the log length."""
    true = encode_path(pairs.path)
    direction = (code[:, :2] - true[:, :2]).square().sum(1, keepdim=True)
    ratio = (code[:, 2:3].clamp_min(SHORTEST) / true[:, 2:3].clamp_min(SHORTEST)).log()
    length = F.smooth_l1_loss(ratio, torch.zeros_like(ratio), beta=0.2, reduction="none")
    length = length * torch.where(ratio > 0, TOO_LONG, 2 - TOO_LONG)
    bend = F.smooth_l1_loss(code[:, 3:], true[:, 3:], beta=0.1, reduction="none").sum(1, keepdim=True)
    return ((direction + length + bend) * weight).sum() / (weight.sum() + 1)


def dice(p: Tensor, mask: Tensor) -> Tensor:
    """1 - Dice of each picture, averaged."""
    overlap = (p * mask).sum((1, 2, 3))
    return (1 - (2 * overlap + SMOOTH) / (p.sum((1, 2, 3)) + mask.sum((1, 2, 3)) + SMOOTH)).mean()
