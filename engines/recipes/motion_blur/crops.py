"""Views of real pictures -> labelled crops, in the layout of `data`'s sets."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engines.recipes.synthesis.camera import file, photograph
from engines.recipes.synthesis.scene import Camera, Mixture, draw_camera

from .data import SIZE_PX
from .labels import PATH_KNEE_PX, evidence, evidence_margin_px, soft_mask, to_cells
from .model import SIZE_MULTIPLE, STRIDE
from .render import Samples

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

ANYWHERE = 0.35  # share of the crops that are not centred on blur
BLURRED_PX, MOVED_PX, UNSEEN = 2.0, 0.7, 0.35
FLAT, PLAIN = 3.0, 12.0  # standard deviation, 8-bit steps, in a window of COARSE_PX: nothing and all to see
COARSE_PX = 33
REACH_PX = evidence_margin_px(STRIDE)
KNOWN_UNSEEN = 2 / 255  # evidence of a cell whose label is known and cannot be seen there (`losses`)


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A picture to cut crops from: light before the camera and at rest (H, W, 3); maps (H, W) float32.

    `extent` px; `path`: (H, W, 2) direction at the doubled angle; `known`: 0 where the label is not;
    `camera_moves`: then flat cells are blurred too, and known to be.
    """

    light: np.ndarray
    rest: np.ndarray
    extent: np.ndarray
    path: np.ndarray
    known: np.ndarray
    camera_moves: bool = False
    is_photo: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Planes:
    """A view at a scale, each (C, H, W) float32."""

    light: Tensor
    rest: Tensor
    extent: Tensor
    path: Tensor
    known: Tensor

    def each(self, change: Callable[[Tensor], Tensor]) -> Planes:
        """The same change to all."""
        return Planes(*(change(getattr(self, f.name)) for f in dataclasses.fields(self)))


def at_scale(view: View, scale: float, least_px: int = 0) -> Planes:
    """Planes of a view, mirrored where a side is under `least_px`."""
    planes = (view.light, view.rest, view.extent * scale, view.path, view.known)
    return Planes(*(_framed(p, scale, least_px) for p in planes))


def cut(view: View, rng: Generator, scales: tuple[float, float]) -> Samples:
    """One crop at a random scale and place, photographed and labelled."""
    side = SIZE_PX + 2 * REACH_PX
    planes = at_scale(view, float(rng.uniform(*scales)) / max(view.light.shape[:2]), side)
    top, left = _corner(planes.extent, side, rng)
    window = planes.each(lambda p: p[:, top : top + side, left : left + side])
    return labelled(view, window, draw_camera(rng, Mixture()), int(rng.integers(2**31)))


def whole(view: View, long_side_px: int) -> Samples:
    """All of a picture that fits sides of a multiple of 64, by a plain camera."""
    planes = at_scale(view, long_side_px / max(view.light.shape[:2]))
    height, width = (s // SIZE_MULTIPLE * SIZE_MULTIPLE for s in planes.light.shape[1:])
    framed = planes.each(lambda p: F.pad(p[:, :height, :width], (REACH_PX,) * 4, mode="reflect"))
    return labelled(view, framed, Camera(jpeg_quality=95), 0)


def labelled(view: View, planes: Planes, camera: Camera, seed: int) -> Samples:
    """What the camera files, and labels; planes carry REACH_PX more on each side."""
    inner = (..., slice(REACH_PX, -REACH_PX), slice(REACH_PX, -REACH_PX))
    generator = torch.Generator().manual_seed(seed)
    steps = photograph(planes.light, camera, generator)[inner][None]
    image = file(steps, [camera]).to(torch.uint8)
    lit, rested = ((p * camera.gain)[None] for p in (planes.light, planes.rest))
    seen = evidence(lit, rested, lit, planes.extent[None], STRIDE)
    extent, path, known = (
        to_cells(p[inner][None], STRIDE) for p in (planes.extent, planes.path, planes.known)
    )
    unit = path / path.norm(dim=1, keepdim=True).clamp_min(1e-6)
    return Samples(
        image=image,
        mask=soft_mask(extent),
        extent=extent,
        evidence=_weighed(view, image, extent, seen, known),
        path=unit * (extent / (extent + PATH_KNEE_PX)),
    )


def _framed(plane: np.ndarray, scale: float, least: int) -> Tensor:
    """(H, W[, C]) at a scale, mirrored where it is smaller than a crop -> (C, H, W)."""
    size = tuple(max(8, round(s * scale)) for s in plane.shape[1::-1])
    out = cv2.resize(plane, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    down, right = (max(0, least - s) for s in out.shape[:2])
    out = cv2.copyMakeBorder(out, 0, down, 0, right, cv2.BORDER_REFLECT_101)
    return torch.from_numpy(out.reshape(*out.shape[:2], -1)).permute(2, 0, 1).float()


def _corner(extent: Tensor, side: int, rng: Generator) -> tuple[int, int]:
    """Top left of a crop: around something blurred, mostly."""
    spare = [s - side for s in extent.shape[1:]]
    blurred = torch.nonzero(extent[0] > BLURRED_PX)
    if len(blurred) < 50 or rng.random() < ANYWHERE:
        return int(rng.integers(spare[0] + 1)), int(rng.integers(spare[1] + 1))
    at = blurred[int(rng.integers(len(blurred)))].tolist()
    return (min(max(at[0] - side // 2, 0), spare[0]), min(max(at[1] - side // 2, 0), spare[1]))


def _weighed(view: View, image: Tensor, extent: Tensor, seen: Tensor, known: Tensor) -> Tensor:
    """Evidence of each cell: 0 unknown, KNOWN_UNSEEN where nothing can be seen.

    In photographs it is coarse structure: a network cannot know a flat ground, and must not be asked to.
    """
    if view.is_photo:
        grey = cv2.cvtColor(image[0].permute(1, 2, 0).numpy(), cv2.COLOR_RGB2GRAY).astype(np.float32)
        mean, square = (cv2.blur(g, (COARSE_PX, COARSE_PX)) for g in (grey, grey * grey))
        spread = torch.from_numpy(np.sqrt(np.maximum(square - mean * mean, 0)))[None, None]
        share = ((to_cells(spread, STRIDE) - FLAT) / (PLAIN - FLAT)).clamp(0, 1)
        return torch.where(share < 0.05, KNOWN_UNSEEN, share)
    doubtful = (extent > MOVED_PX) & (seen < UNSEEN) & (not view.camera_moves)
    return torch.where((known <= 0.5) | doubtful, 0.0, seen)
