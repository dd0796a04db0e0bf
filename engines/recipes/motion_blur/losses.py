"""What the network is asked to do, in numbers: mask, extent, evidence, coarse mask, prevalence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from .model import EVIDENCE_WEIGHT_FLOOR, EXTENT_FULL_SCALE_PX, KINDS, STRIDE, Prediction

if TYPE_CHECKING:
    from .data import Batch

COARSE_CELLS = 16 // STRIDE  # the deep-supervision head sits at stride 16
SMOOTH = 20.0  # cells: keeps overlap losses quiet on pictures with almost no blur
MISS_WEIGHT, FALSE_WEIGHT, FOCUS = 0.7, 0.3, 0.75  # focal Tversky


NOTHING_SEEN = 0.01  # evidence below this: the label is known, but not from the cell. 0: not known at all
SHARP_BELOW, SHAKEN_ABOVE, GROUND_ABOVE = 0.02, 0.9, 0.5  # shares of a picture that is blurred, of its border
BORDER = 8  # the border: an eighth of each side


@dataclass(frozen=True, slots=True)
class LossWeights:
    """Share of each term."""

    dice: float = 0.15
    tversky: float = 0.15
    extent: float = 0.5
    coarse: float = 0.3
    evidence: float = 0.2
    path: float = 1.0
    prior: float = 0.05
    kind: float = 0.1
    unseen: float = 0.3
    sharp_floor: float = (
        0.35  # least weight of a pixel that is sharp: flat skin in a sharp picture is not blurred
    )
    unseen_sharp: float = 0.0  # weight of a cell known to be sharp in which nothing can be seen
    blur_floor: float = EVIDENCE_WEIGHT_FLOOR  # least weight of a blurred pixel: flat ground may be a guess


def label_weights(batch: Batch, weights: LossWeights) -> Tensor:
    """How much each cell counts: its evidence, raised to the floor of its class; nothing if unknown."""
    floor = batch.mask * weights.blur_floor + (1 - batch.mask) * weights.sharp_floor
    unseen = (batch.evidence > 0) * (1 - batch.mask) * weights.unseen_sharp
    return torch.where(batch.evidence < NOTHING_SEEN, unseen, torch.maximum(batch.evidence, floor))


def total_loss(
    prediction: Prediction, batch: Batch, weights: LossWeights
) -> tuple[Tensor, dict[str, Tensor]]:
    """Scalar loss, and its terms for the log."""
    mask, count = batch.mask, label_weights(batch, weights)
    p = torch.sigmoid(prediction.probability)
    bce = _mean(F.binary_cross_entropy_with_logits(prediction.probability, mask, reduction="none"), count)
    terms = {
        "bce": bce,
        "dice": dice(p, mask, count),
        "tversky": focal_tversky(p, mask, count),
        "extent": extent_loss(prediction.intensity, batch),
        "coarse": F.binary_cross_entropy_with_logits(
            prediction.coarse, F.avg_pool2d(mask, COARSE_CELLS), F.avg_pool2d(count, COARSE_CELLS)
        ),
        "evidence": F.binary_cross_entropy_with_logits(
            prediction.evidence, known_share(batch.evidence), (batch.evidence > 0).float()
        ),
        "path": path_loss(prediction.path, batch),
        "prior": (_mean(p, count) - _mean(mask, count)) ** 2,
        "kind": F.cross_entropy(prediction.kind, kind_of(batch)),
        "unseen": unseen_loss(prediction, batch),
    }
    shares = {name: getattr(weights, name) for name in terms if name != "bce"}
    return bce + sum(share * terms[name] for name, share in shares.items()), terms


def known_share(evidence: Tensor) -> Tensor:
    """Evidence weights [floor, 1] -> what the network's third output says, [0, 1]."""
    return ((evidence - EVIDENCE_WEIGHT_FLOOR) / (1 - EVIDENCE_WEIGHT_FLOOR)).clamp(0, 1)


def kind_of(batch: Batch) -> Tensor:
    """Index into `KINDS` of each picture (N), from the shares of it and of its border that are blurred."""
    known = (batch.evidence > 0).float()
    blurred = (batch.mask > 0.5).float() * known
    rim = torch.ones_like(blurred)
    inset = blurred.shape[-1] // BORDER
    rim[..., inset:-inset, inset:-inset] = 0
    share = _sums(blurred) / _sums(known).clamp_min(1)
    ground = _sums(blurred * rim) / _sums(known * rim).clamp_min(1)
    moves = torch.where(ground > GROUND_ABOVE, KINDS.index("camera_follows"), KINDS.index("subject_moves"))
    moves = torch.where(share > SHAKEN_ABOVE, KINDS.index("shaken"), moves)
    return torch.where(share < SHARP_BELOW, KINDS.index("sharp"), moves)


def unseen_loss(prediction: Prediction, batch: Batch) -> Tensor:
    """What the picture's kind says of cells whose label is known but cannot be seen where they are."""
    count = (1 - known_share(batch.evidence)) * (batch.evidence > 0)
    judged = prediction.probability.detach() + prediction.shift
    return _mean(F.binary_cross_entropy_with_logits(judged, batch.mask, reduction="none"), count)


def extent_loss(logit: Tensor, batch: Batch) -> Tensor:
    """Huber on extent / 24 px: full weight inside the mask, a third outside, where it must be zero."""
    wanted = (batch.extent / EXTENT_FULL_SCALE_PX).clamp(0, 1)
    count = batch.evidence * (batch.mask + (1 - batch.mask) / 3)
    return _mean(F.smooth_l1_loss(torch.sigmoid(logit), wanted, beta=0.1, reduction="none"), count)


def path_loss(code: Tensor, batch: Batch) -> Tensor:
    """Huber on direction and length. Defocus has no direction: this is what tells it from motion.

    Weighted as `extent_loss`: by evidence, a third outside the mask, where nothing moved.
    """
    count = batch.evidence * (batch.mask + (1 - batch.mask) / 3)
    error = F.smooth_l1_loss(code, batch.path, beta=0.1, reduction="none").sum(1, keepdim=True)
    return _mean(error, count)


def dice(p: Tensor, mask: Tensor, count: Tensor) -> Tensor:
    """1 - Dice of each picture, averaged."""
    overlap = _sums(count * p * mask)
    return (1 - (2 * overlap + SMOOTH) / (_sums(count * p) + _sums(count * mask) + SMOOTH)).mean()


def focal_tversky(p: Tensor, mask: Tensor, count: Tensor) -> Tensor:
    """(1 - Tversky) ^ 0.75 of each picture, averaged: misses cost more than false alarms."""
    hit, missed, false = _sums(count * p * mask), _sums(count * (1 - p) * mask), _sums(count * p * (1 - mask))
    index = (hit + SMOOTH) / (hit + MISS_WEIGHT * missed + FALSE_WEIGHT * false + SMOOTH)
    return ((1 - index).clamp_min(1e-6) ** FOCUS).mean()


def _sums(cells: Tensor) -> Tensor:
    return cells.sum((1, 2, 3))


def _mean(values: Tensor, count: Tensor) -> Tensor:
    return (values * count).sum() / count.sum().clamp_min(1.0)
