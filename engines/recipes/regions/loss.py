"""Which cell answers for which object, and what a wrong answer costs.

Task-aligned assignment (TOOD, Feng et al. 2021): an object is taught to the few cells that already say it
best, in heat and in overlap together; the heat they should reach is that overlap. Classes are assigned
independently, since a face and its person may share a cell. Only cells near the centre, on a stride that
suits the size, may answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from engines.recipes.regions.geometry import HAND
from engines.recipes.regions.model import N_CLASSES, STRIDES

TOP_CELLS = 9
CENTRE_REACH = 2.5  # in strides
# Longer side, px, that each stride may answer for. They overlap: nothing depends on one stride's judgement.
SIZE_RANGE = ((0.0, 80.0), (36.0, 224.0), (112.0, 1e9))
BOX_WEIGHT = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """All cells of all strides: centre (M, 2) px, stride (M,) px, size range (M, 2) px."""

    centre: Tensor
    stride: Tensor
    size_range: Tensor


def make_cells(height: int, width: int) -> Cells:
    """Cells of an image of height x width px, strides in order, rows first."""
    centres, strides, ranges = [], [], []
    for stride, limits in zip(STRIDES, SIZE_RANGE, strict=True):
        y, x = torch.meshgrid(torch.arange(height // stride), torch.arange(width // stride), indexing="ij")
        centre = (torch.stack([x, y], -1).reshape(-1, 2) + 0.5) * stride
        centres.append(centre)
        strides.append(torch.full((len(centre),), float(stride)))
        ranges.append(torch.tensor(limits).expand(len(centre), 2))
    return Cells(torch.cat(centres), torch.cat(strides), torch.cat(ranges))


def flatten(outputs: list[tuple[Tensor, Tensor]], cells: Cells) -> tuple[Tensor, Tensor]:
    """Network outputs -> logits (N, M, 3) and boxes (N, M, 3, 4) xyxy px."""
    logits = torch.cat([heat.flatten(2) for heat, _ in outputs], 2).transpose(1, 2)
    sides = torch.cat([box.flatten(2) for _, box in outputs], 2).transpose(1, 2)
    sides = sides.reshape(*sides.shape[:2], N_CLASSES, 4)
    centre = cells.centre[None, :, None]
    return logits, torch.cat([centre - sides[..., :2], centre + sides[..., 2:]], -1)


def giou(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and generalised IoU of broadcastable (..., 4) boxes."""
    inner = (
        (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0).prod(-1)
    )
    union = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).prod(-1) - inner
    iou = inner / union.clamp(min=1e-6)
    hull = (torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])).prod(-1)
    return iou, iou - (hull - union) / hull.clamp(min=1e-6)


@torch.no_grad()
def assign(probability: Tensor, boxes: Tensor, cells: Cells, objects: Tensor) -> tuple[Tensor, Tensor]:
    """One sample, one class: probability (M,), boxes (M, 4), objects (G, 4).

    Returns target (M,): the heat to reach, 0 on background, and owner (M,): index of the object, where
    target > 0.
    """
    centre, extent = (objects[:, :2] + objects[:, 2:]) / 2, (objects[:, 2:] - objects[:, :2])
    longer = extent.max(1).values[:, None]
    fits = (longer >= cells.size_range[:, 0]) & (longer <= cells.size_range[:, 1])
    offset = (cells.centre[None] - centre[:, None]).abs()
    # within reach of the centre and inside the object, or, for objects smaller than a cell, in the cell
    # itself
    limit = torch.minimum(CENTRE_REACH * cells.stride[None, :, None], extent[:, None] / 2)
    limit = torch.maximum(limit, 0.5 * cells.stride[None, :, None])
    allowed = fits & (offset <= limit).all(-1)
    overlap = giou(boxes[None], objects[:, None])[0]
    merit = probability.sqrt()[None] * overlap.clamp(min=1e-3) ** 3 * allowed
    best = merit.topk(min(TOP_CELLS, merit.shape[1]), dim=1)
    chosen = torch.zeros_like(merit).scatter_(1, best.indices, 1.0) * (merit > 0)
    merit = merit * chosen
    # the best cell of an object shall reach its overlap; a floor keeps an object taught before boxes are
    # any good
    peak = (overlap * chosen).max(1).values.clamp(min=0.3)
    target = merit / merit.max(1).values.clamp(min=1e-9)[:, None] * peak[:, None]
    return target.max(0)


def detection_loss(
    outputs: list[tuple[Tensor, Tensor]],
    cells: Cells,
    boxes: list[Tensor],
    classes: list[Tensor],
    ignore: list[Tensor],
    hands_known: Tensor,
) -> tuple[Tensor, Tensor]:
    """Heat loss (quality focal, Li et al. 2020) and box loss (GIoU), each per unit of assigned heat."""
    logits, predicted = flatten(outputs, cells)
    target, counted = torch.zeros_like(logits), torch.ones_like(logits, dtype=torch.bool)
    box_terms, total = [logits.new_zeros(())], logits.new_zeros(())
    known = _known_at_cells(hands_known, cells)
    for n in range(len(boxes)):
        counted[n, :, HAND] &= known[n]
        for label in range(N_CLASSES):
            mine = classes[n] == label
            _uncount_ignored(counted[n, :, label], cells, boxes[n][mine & ignore[n]])
            objects = boxes[n][mine & ~ignore[n]]
            if len(objects) == 0:
                continue
            heat = logits[n, :, label].detach().sigmoid()
            goal, owner = assign(heat, predicted[n, :, label].detach(), cells, objects)
            positive = goal > 0
            target[n, :, label] = goal
            counted[n, positive, label] = True
            quality = giou(predicted[n, positive, label], objects[owner[positive]])[1]
            box_terms.append(((1 - quality) * goal[positive]).sum())
            total = total + goal.sum()
    total = total.clamp(min=1.0)
    focal = (target - logits.sigmoid()).abs() ** 2
    heat_terms = F.binary_cross_entropy_with_logits(logits, target, reduction="none") * focal * counted
    return heat_terms.sum() / total, BOX_WEIGHT * torch.stack(box_terms).sum() / total


def _known_at_cells(hands_known: Tensor, cells: Cells) -> Tensor:
    """hands_known (N, S/8, S/8) bool looked up at every cell centre: (N, M) bool."""
    index = (cells.centre / STRIDES[0]).long()
    return hands_known[:, index[:, 1], index[:, 0]]


def _uncount_ignored(counted: Tensor, cells: Cells, regions: Tensor) -> None:
    """Cells whose centre lies in an ignored box of the class neither reward nor punish.

    Changes `counted` (M,).
    """
    if len(regions):
        inside = (cells.centre[None] >= regions[:, None, :2]) & (cells.centre[None] <= regions[:, None, 2:])
        counted &= ~inside.all(-1).any(0)
