"""Scenes -> pictures as a camera files them, with the labels the segmenter learns from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from engines.recipes.synthesis.camera import file, photograph
from engines.recipes.synthesis.compose import MARGIN_PX, Canvas, compose

from .labels import evidence, evidence_margin_px, path_code, soft_mask, to_cells
from .model import STRIDE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engines.recipes.synthesis.scene import Scene
    from engines.recipes.synthesis.sources import Photo

CODEC_GRID_PX = 16  # the crop falls anywhere on the codec's block grid


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """image (B, 3, S, S) uint8; (B, 1, S/4, S/4) float32: mask 0..1, extent px, evidence 0.15..1."""

    image: Tensor
    mask: Tensor
    extent: Tensor
    evidence: Tensor
    path: Tensor  # (B, 2, S/4, S/4), as `labels.path_code`


def render(scenes: Sequence[Scene], photos: Sequence[Photo], *, size_px: int) -> Samples:
    """Pictures of `size_px` (a multiple of 16) and their labels."""
    return _develop(compose(scenes, photos, side=size_px + 2 * MARGIN_PX), scenes, size_px)


def _develop(canvas: Canvas, scenes: Sequence[Scene], size_px: int) -> Samples:
    """Margins off, camera on, labels to cells."""
    start = MARGIN_PX - CODEC_GRID_PX // 2
    grid = slice(start, start + size_px + CODEC_GRID_PX)
    steps, offsets = [], []
    for picture, scene in zip(canvas.exposed[..., grid, grid], scenes, strict=True):
        generator = torch.Generator(device=picture.device).manual_seed(scene.seed)
        steps.append(photograph(picture, scene.camera, generator))
        offsets.append(scene.seed % CODEC_GRID_PX)
    images = file(torch.stack(steps), [s.camera for s in scenes]).to(torch.uint8)
    extent = _crop(canvas.extent, offsets, start, size_px)
    return Samples(
        image=_crop(images, offsets, 0, size_px),
        mask=to_cells(soft_mask(extent), STRIDE),
        extent=to_cells(extent, STRIDE),
        evidence=_judge(canvas, scenes, offsets, size_px),
        path=to_cells(path_code(_crop(canvas.path, offsets, start, size_px)[:, :2], extent), STRIDE),
    )


def _judge(canvas: Canvas, scenes: Sequence[Scene], offsets: Sequence[int], size_px: int) -> Tensor:
    """Evidence of the cropped pictures, at the brightness the camera gave them."""
    reach = evidence_margin_px(STRIDE)
    start, size = MARGIN_PX - CODEC_GRID_PX // 2 - reach, size_px + 2 * reach
    gains = canvas.extent.new_tensor([s.camera.gain for s in scenes])[:, None, None, None]
    pictures = [_crop(p, offsets, start, size) * gains for p in (canvas.sharp, canvas.still, canvas.exposed)]
    return evidence(*pictures, _crop(canvas.extent, offsets, start, size), STRIDE)


def _crop(maps: Tensor, offsets: Sequence[int], start: int, size: int) -> Tensor:
    """A square of each map, at its own offset along both sides."""
    corners = [start + o for o in offsets]
    return torch.stack([m[:, c : c + size, c : c + size] for m, c in zip(maps, corners, strict=True)])
