"""Scenes -> blurred pictures in linear light with extent and path of motion, batched, on CPU or GPU.

One exposure: background out of focus and moving, objects over it front to back, each moving in its own way
(warped or convolved *premultiplied*, so that no colour leaks over its outline), then lens, then camera.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from . import views
from .exposure import convolve, expose, extent_field, path_field
from .kernels import Defocus, Motion, defocus_kernel
from .scene import ObjectLayer, Scene, Traits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .sources import Photo

MARGIN_PX = 40  # more than half of the longest blur: convolutions are circular
MOVED_ALPHA = 0.1  # a pixel shows a moving object from this alpha on


@dataclass(slots=True, eq=False)
class Canvas:
    """Pictures while they are made: without blur, out of focus only, exposed; extent and path of motion."""

    sharp: Tensor  # (B, 3, T, T) linear
    still: Tensor
    exposed: Tensor
    extent: Tensor  # (B, 1, T, T) px
    path: Tensor  # (B, 4, T, T) px, as `exposure.path_field`


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """An object in its view: alpha (1, T, T), colours (3, T, T), the map of where it may move (1, T, T)."""

    layer: ObjectLayer
    alpha: Tensor
    colour: Tensor
    moves: Tensor
    is_own: bool


def traits(photos: Sequence[Photo]) -> Traits:
    """Which photos can lend a person, which a face or hand."""
    return Traits(
        n_photos=len(photos),
        with_matte=tuple(i for i, p in enumerate(photos) if p.matte is not None),
        with_parts=tuple(i for i, p in enumerate(photos) if p.parts is not None),
    )


def compose(scenes: Sequence[Scene], photos: Sequence[Photo], *, side: int) -> Canvas:
    """Light before any camera, `side` px square; within MARGIN_PX of its border it is wrong."""
    bare, objects = zip(*(_set_up(scene, photos, side) for scene in scenes), strict=True)
    canvas = _background(scenes, torch.stack(bare), objects)
    for depth in range(max(len(o) for o in objects)):
        chosen = [i for i, o in enumerate(objects) if len(o) > depth]
        _paint(canvas, chosen, [objects[i][depth] for i in chosen])
    _move_frames(canvas, scenes)
    _defocus_frames(canvas, scenes)
    return canvas


def _set_up(scene: Scene, photos: Sequence[Photo], side: int) -> tuple[Tensor, list[Placed]]:
    """Background without its own objects, and the objects."""
    photo = photos[scene.photo]
    window = views.choose_window(photo, side, scene.long_side_px, scene.at_xy)
    if scene.centre_on_object:
        window = views.centre_window(window, photo, scene.at_xy)
    view = views.look(photo, window, side, scene.highlights)
    placed = [_place(layer, photos, photo, window, view) for layer in scene.layers]
    own = [p.alpha for p in placed if p.is_own]
    return (_fill(view, torch.stack(own).amax(0)) if own else view), placed


def _place(
    layer: ObjectLayer, photos: Sequence[Photo], photo: Photo, window: views.Window, view: Tensor
) -> Placed:
    """The object of a layer; an outline that is not to be had becomes a blob, which always is."""
    cutout, side = layer.cutout, view.shape[-1]
    is_own = cutout.kind.startswith("own_") or cutout.kind in ("shape", "blob")
    lender = photo if is_own else photos[cutout.photo]
    at = window if is_own else views.choose_window(lender, side, cutout.long_side_px, cutout.at_xy)
    if cutout.kind.startswith("other_"):
        at = views.centre_window(at, lender, cutout.at_xy)
    alpha = views.outline(cutout, lender, at, side)
    rng = np.random.default_rng(cutout.seed)
    if alpha is None:
        is_own, alpha = True, views._blob(photo, window, side, rng)  # noqa: SLF001 - same room
    if is_own:
        colour = view
    elif cutout.kind == "text":
        colour = view.new_tensor(rng.uniform(0, 1, 3) ** views.DECODE_GAMMA)[:, None, None].expand(
            3, side, side
        )
    else:
        colour = views.look(lender, at, side, 0.0) * cutout.gain
    return Placed(layer, alpha, colour, _where_it_moves(layer, alpha, photo, window, rng), is_own)


def _where_it_moves(
    layer: ObjectLayer, alpha: Tensor, photo: Photo, window: views.Window, rng: np.random.Generator
) -> Tensor:
    """Weight in [0, 1]: all of the object, a part of it, or a band at its outline."""
    if layer.ring_px:
        reach = int(layer.ring_px)
        outer = F.max_pool2d(alpha, 2 * reach + 1, 1, reach)
        inner = -F.max_pool2d(-alpha, 2 * reach + 1, 1, reach)
        return views.soften((outer - inner).clamp(0, 1), 1.5)
    if layer.coverage == "partial":
        return views._blob(photo, window, alpha.shape[-1], rng)  # noqa: SLF001 - same room
    return torch.ones_like(alpha)


def _fill(view: Tensor, alpha: Tensor) -> Tensor:
    """What might be behind an object: the surroundings' colours, spread inwards level by level."""
    known = 1 - alpha
    spread, weight = view * known, known.clone()
    for factor in (4, 16, 64):
        both = torch.cat([view * known, known])[None]
        coarse = F.avg_pool2d(both, factor * 2 + 1, factor, factor, count_include_pad=False)
        wide = F.interpolate(coarse, view.shape[-2:], mode="bilinear")[0]
        gap = (1 - weight).clamp(0, 1) * (wide[3:] > 0.05)
        spread = spread + gap * wide[:3] / wide[3:].clamp_min(0.05)
        weight = weight + gap
    return spread + (1 - weight).clamp(0, 1) * view


def _background(scenes: Sequence[Scene], bare: Tensor, objects: Sequence[list[Placed]]) -> Canvas:
    """Backgrounds: out of focus where objects stand before them, moving in pans."""
    no_motion = torch.zeros_like(bare[:, :1])
    canvas = Canvas(bare, bare.clone(), bare.clone(), no_motion, no_motion.repeat(1, 4, 1, 1))
    blurred = [i for i, s in enumerate(scenes) if s.background_defocus and objects[i]]
    if blurred:
        soft = convolve(bare[blurred], _lenses([scenes[i].background_defocus for i in blurred]))
        canvas.still[blurred] = soft
        canvas.exposed[blurred] = soft
    moving = [(i, s.background_motion) for i, s in enumerate(scenes) if s.background_motion]
    _expose_into(canvas, moving)
    return canvas


def _lenses(defocus: Sequence[Defocus | None]) -> list[np.ndarray]:
    return [defocus_kernel(d) for d in defocus if d is not None]


def _expose_into(canvas: Canvas, moving: Sequence[tuple[int, Motion]]) -> None:
    """Expose whole pictures of the canvas and note their extents and paths."""
    if not moving:
        return
    index, motions = [i for i, _ in moving], [m for _, m in moving]
    canvas.exposed[index] = expose(canvas.exposed[index], motions)
    side = canvas.extent.shape[-1]
    fields = [extent_field(m, side, side, canvas.extent.device) for m in motions]
    canvas.extent[index] = torch.stack(fields)[:, None]
    canvas.path[index] = torch.stack([path_field(m, side, side, canvas.extent.device) for m in motions])


def _paint(canvas: Canvas, index: list[int], placed: Sequence[Placed]) -> None:
    """Draw one object over each chosen picture, in all three versions."""
    alpha = torch.stack([p.alpha for p in placed])
    light = torch.cat([torch.stack([p.colour for p in placed]) * alpha, alpha], 1)
    still, lenses = light.clone(), [i for i, p in enumerate(placed) if p.layer.defocus]
    if lenses:
        still[lenses] = convolve(light[lenses], _lenses([placed[i].layer.defocus for i in lenses]))
    exposed, movers = still.clone(), [i for i, p in enumerate(placed) if p.layer.motion]
    moves = torch.stack([p.moves for p in placed])
    extent, path = torch.zeros_like(alpha), alpha.new_zeros(len(alpha), 4, *alpha.shape[-2:])
    if movers:
        motions = [m for p in placed if (m := p.layer.motion)]
        share, side = moves[movers], alpha.shape[-1]
        exposed[movers] = share * expose(still[movers], motions) + (1 - share) * still[movers]
        fields = torch.stack([extent_field(m, side, side, alpha.device) for m in motions])[:, None]
        extent[movers] = fields * (share > 0.5)
        paths = torch.stack([path_field(m, side, side, alpha.device) for m in motions])
        path[movers] = paths * (share > 0.5)
    canvas.sharp[index] = _over(light, canvas.sharp[index])
    canvas.still[index] = _over(still, canvas.still[index])
    canvas.exposed[index] = _over(exposed, canvas.exposed[index])
    shown = exposed[:, 3:]
    level = torch.where(extent > 0, torch.full_like(shown, MOVED_ALPHA), torch.full_like(shown, 0.5))
    canvas.extent[index] = torch.where(shown > level, extent, canvas.extent[index])
    canvas.path[index] = torch.where(shown > level, path, canvas.path[index])


def _over(light: Tensor, behind: Tensor) -> Tensor:
    """Premultiplied (B, 4, H, W) over (B, 3, H, W)."""
    return light[:, :3] + behind * (1 - light[:, 3:]).clamp(0, 1)


def _move_frames(canvas: Canvas, scenes: Sequence[Scene]) -> None:
    """Whole-frame shake."""
    _expose_into(canvas, [(i, s.frame_motion) for i, s in enumerate(scenes) if s.frame_motion])


def _defocus_frames(canvas: Canvas, scenes: Sequence[Scene]) -> None:
    """Pictures out of focus, evenly or by depth: never labelled motion."""
    index = [i for i, s in enumerate(scenes) if s.frame_defocus]
    if not index:
        return
    lenses = _lenses([scenes[i].frame_defocus for i in index])
    share = torch.stack([_depth(scenes[i], canvas.extent.shape[-1]) for i in index]).to(canvas.extent.device)
    for picture in (canvas.still, canvas.exposed):
        picture[index] = share * convolve(picture[index], lenses) + (1 - share) * picture[index]


def _depth(scene: Scene, side: int) -> Tensor:
    """Share of defocus at each pixel, (1, side, side)."""
    if scene.depth == "even":
        return torch.ones(1, side, side)
    rng = np.random.default_rng(scene.seed)
    if scene.depth == "ramp":
        angle, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-0.3, 0.3)
        axis = torch.linspace(-0.5, 0.5, side)
        height = axis[None, :] * float(np.cos(angle)) + axis[:, None] * float(np.sin(angle)) - float(offset)
        return torch.sigmoid(height * float(rng.uniform(4, 30)))[None]
    coarse = torch.from_numpy(rng.normal(size=(1, 1, 4, 4)).astype(np.float32))
    height = F.interpolate(coarse, (side, side), mode="bicubic", align_corners=True)[0]
    return torch.sigmoid(height * float(rng.uniform(4, 40)))
