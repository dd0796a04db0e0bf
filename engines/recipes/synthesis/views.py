"""Square views of photos in linear light and outlines of objects in them, one at a time, on any device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .sources import PARTS, Photo

if TYPE_CHECKING:
    from .scene import CutOut

DECODE_GAMMA = 2.2
MAX_ENLARGE = 1.15
MIN_AREA, MAX_AREA = 0.02, 0.9  # an outline outside these shares of the view is no object


@dataclass(frozen=True, slots=True)
class Window:
    """A square of a photo, in its pixels: left, top and side."""

    left: int
    top: int
    side: int


def to_linear(rgb: Tensor) -> Tensor:
    """uint8 -> linear light, float32, 1.0 is white."""
    return (rgb.float() / 255) ** DECODE_GAMMA


def to_bytes(linear: Tensor, gamma: float = DECODE_GAMMA) -> Tensor:
    """Linear light -> 8-bit steps, float32 unrounded. Exact inverse of `to_linear` at the same gamma."""
    return linear.clamp(0, 1) ** (1 / gamma) * 255


def choose_window(photo: Photo, side_px: int, long_side_px: float, at_xy: tuple[float, float]) -> Window:
    """The window that becomes a view of side_px when the photo is scaled to `long_side_px`.

    A photo whose short side would be under three quarters of the view is enlarged until it is not.
    """
    height, width = photo.rgb.shape[1:]
    scale = min(max(long_side_px / max(height, width), 0.75 * side_px / min(height, width)), MAX_ENLARGE)
    side = max(8, round(side_px / scale))
    return Window(
        round(at_xy[0] * (width - 1) - side / 2) if side >= width else round(at_xy[0] * (width - side)),
        round(at_xy[1] * (height - 1) - side / 2) if side >= height else round(at_xy[1] * (height - side)),
        side,
    )


def centre_window(window: Window, photo: Photo, at_xy: tuple[float, float]) -> Window:
    """The same window around a random point of the photo's person (mask-centric sampling), if it has one."""
    if photo.matte is None:
        return window
    small = photo.matte[::16, ::16]
    points = (small > 127).nonzero()
    if not len(points):
        return window
    y, x = (points[int(at_xy[0] * (len(points) - 1))] * 16).tolist()
    height, width = photo.matte.shape
    left, top = int(x - window.side * at_xy[1]), int(y - window.side * 0.5)
    return Window(
        min(max(left, 0), max(0, width - window.side)),
        min(max(top, 0), max(0, height - window.side)),
        window.side,
    )


def cut(plane: Tensor, window: Window, side_px: int, *, smooth: bool = True) -> Tensor:
    """(C, H, W) any dtype -> (C, side_px, side_px) float32; beyond the photo it is mirrored."""
    height, width = plane.shape[-2:]
    rows = _mirror(window.top, window.side, height, plane.device)
    columns = _mirror(window.left, window.side, width, plane.device)
    crop = plane[:, rows][:, :, columns][None].float()
    if window.side == side_px:
        return crop[0]
    if not smooth:
        return F.interpolate(crop, (side_px, side_px), mode="nearest")[0]
    if window.side > side_px:
        return F.interpolate(crop, (side_px, side_px), mode="bilinear", antialias=True)[0]
    return F.interpolate(crop, (side_px, side_px), mode="bicubic")[0].clamp(0, 255)


def _mirror(start: int, length: int, size: int, device: torch.device) -> Tensor:
    index = torch.arange(start, start + length, device=device) % max(2 * size - 2, 1)
    return torch.where(index >= size, 2 * size - 2 - index, index)


def look(photo: Photo, window: Window, side_px: int, highlights: float) -> Tensor:
    """(3, side, side) linear light; clipped highlights get back some of the light they lost."""
    encoded = cut(photo.rgb, window, side_px)
    linear = (encoded / 255) ** DECODE_GAMMA
    if not highlights:
        return linear
    clipped = ((encoded.amax(0, keepdim=True) / 255 - 0.93) / 0.07).clamp(0, 1)
    return linear * (1 + highlights * clipped)


def outline(cutout: CutOut, photo: Photo, window: Window, side_px: int) -> Tensor | None:
    """Alpha of an object, (1, side, side) float32 in [0, 1], or None if the view holds no such object."""
    rng = np.random.default_rng(cutout.seed)
    kind = cutout.kind.removeprefix("own_").removeprefix("other_")
    makers = {
        "matte": _person,
        "part": _part,
        "segments": _segments,
        "shape": _shape,
        "blob": _blob,
        "text": _text,
    }
    alpha = makers[kind](photo, window, side_px, rng)
    if alpha is None:
        return None
    alpha = soften(alpha, cutout.feather_px)
    area = float(alpha.mean())
    low = MIN_AREA / 4 if kind in ("part", "text") else MIN_AREA
    return alpha if low < area < MAX_AREA else None


def _person(photo: Photo, window: Window, side_px: int, _: np.random.Generator) -> Tensor | None:
    return None if photo.matte is None else cut(photo.matte[None], window, side_px) / 255


def _part(photo: Photo, window: Window, side_px: int, rng: np.random.Generator) -> Tensor | None:
    """A face with or without hair, or the hands."""
    if photo.parts is None:
        return None
    wanted = ((PARTS["face"],), (PARTS["face"], PARTS["hair"]), (PARTS["hand"],), (PARTS["hand"],))[
        int(rng.integers(4))
    ]
    chosen = torch.isin(photo.parts, torch.tensor(wanted, device=photo.parts.device, dtype=photo.parts.dtype))
    return soften(cut(chosen[None] * 255.0, window, side_px) / 255, 1.0)


def _segments(photo: Photo, window: Window, side_px: int, rng: np.random.Generator) -> Tensor:
    height, width = photo.rgb.shape[1:]
    names = int(photo.segments.max()) + 1
    chosen = rng.permutation(names)[: int(rng.integers(1, max(2, names - 1)))]
    member = torch.isin(
        photo.segments, torch.as_tensor(chosen, device=photo.segments.device, dtype=torch.uint8)
    )
    full = F.interpolate(member[None, None].float() * 255, (height, width), mode="bilinear")[0]
    steep = float(rng.uniform(2, 12))
    return ((cut(full, window, side_px) / 255 - 0.5) * steep + 0.5).clamp(0, 1)


def _shape(photo: Photo, _: Window, side_px: int, rng: np.random.Generator) -> Tensor:
    canvas = np.zeros((side_px, side_px), np.float32)
    centre, size = rng.uniform(0.2, 0.8, 2) * side_px, rng.uniform(0.08, 0.4, 2) * side_px
    angle = float(rng.uniform(0, 180))
    if rng.random() < 0.5:
        cv2.ellipse(
            canvas, tuple(map(int, centre)), tuple(map(int, size)), angle, 0, 360, 1.0, -1, cv2.LINE_AA
        )
    else:
        box = cv2.boxPoints((tuple(map(float, centre)), tuple(map(float, size * 2)), angle))
        cv2.fillPoly(canvas, [box.astype(np.int32)], 1.0)
    return soften(torch.from_numpy(canvas)[None].to(photo.rgb.device), float(rng.uniform(0.5, 2)))


def _blob(photo: Photo, _: Window, side_px: int, rng: np.random.Generator) -> Tensor:
    n = int(rng.integers(3, 7))
    coarse = torch.from_numpy(rng.normal(size=(1, 1, n, n)).astype(np.float32)).to(photo.rgb.device)
    height = F.interpolate(coarse, (side_px, side_px), mode="bicubic", align_corners=True)[0]
    level = torch.quantile(height[:, ::8, ::8], float(rng.uniform(0.3, 0.8)))
    return torch.sigmoid((height - level) * float(rng.uniform(6, 60)))


def _text(photo: Photo, _: Window, side_px: int, rng: np.random.Generator) -> Tensor:
    """A title or a caption: sharp strokes over anything."""
    canvas = np.zeros((side_px, side_px), np.uint8)
    for line in range(int(rng.integers(1, 4))):
        word = "".join(rng.choice(list("AEIOUNRSTLMDaeiounrstlmd 0123456789"), int(rng.integers(6, 22))))
        scale = float(rng.uniform(0.5, 3.0))
        origin = (
            int(rng.uniform(0, 0.4) * side_px),
            int(rng.uniform(0.15, 0.85) * side_px) + int(line * 34 * scale),
        )
        cv2.putText(
            canvas, word, origin, int(rng.integers(0, 8)), scale, 255, int(1 + 2 * scale), cv2.LINE_AA
        )
    return torch.from_numpy(canvas)[None].to(photo.rgb.device).float() / 255


def soften(plane: Tensor, sigma_px: float) -> Tensor:
    """Gaussian blur of a (C, H, W) plane, separable, mirrored borders; the identity under 0.2 px."""
    if sigma_px < 0.2:
        return plane
    radius = int(np.ceil(3 * sigma_px))
    weights = torch.exp(-(torch.arange(-radius, radius + 1, device=plane.device) ** 2) / (2 * sigma_px**2))
    weights = weights / weights.sum()
    out = F.pad(plane[:, None], (radius, radius, radius, radius), mode="reflect")
    return F.conv2d(F.conv2d(out, weights[None, None, None, :]), weights[None, None, :, None])[:, 0]
