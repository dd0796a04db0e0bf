"""Cutting one training view out of a picture.

Scale, rotation, mirror and crop in one warp, boxes carried along.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from engines.recipes.regions.catalogue import Picture

FACE, HAND, PERSON = 0, 1, 2
MIN_SIDE = 8.0  # smaller objects cannot be told from texture at stride 8: neither object nor background
MIN_VISIBLE = (0.4, 0.4, 0.15)  # of the object inside the crop, per class; a cut person is still a person
MAX_PERSON_TURN = 12.0  # degrees; the box around a turned person is guesswork beyond


@dataclass(slots=True, eq=False)
class View:
    """A training sample: rgb (S, S, 3) uint8; boxes (n, 4) float32 xyxy px; classes (n,); ignore (n,) bool.

    hands_known: (S, S) bool at 1/8 scale, False where unlabelled hands may be: no hand loss on background
    there.
    """

    rgb: np.ndarray
    boxes: np.ndarray
    classes: np.ndarray
    ignore: np.ndarray
    hands_known: np.ndarray


def choose_focus(picture: Picture, rng: np.random.Generator, size: int) -> tuple[float, float, float]:
    """A random (scale, centre x, centre y) in cached pixels.

    Half the views keep the analysis scale within a factor of two; the others bring one object to a size drawn
    evenly in log scale, so that full-frame and tiny objects are seen as often as common ones.
    """
    height, width = picture.rgb().shape[:2]
    scale = picture.scale * np.exp(rng.uniform(np.log(0.4), np.log(1.4)))
    solid = np.flatnonzero(~picture.ignore)
    if len(solid) == 0 or rng.random() < 0.15:
        return scale, rng.uniform(0, width), rng.uniform(0, height)
    weight = np.where(
        picture.classes[solid] == PERSON, 0.5, np.where(picture.classes[solid] == HAND, 2.0, 1.0)
    )
    chosen = rng.choice(solid, p=weight / weight.sum())
    x0, y0, x1, y1 = picture.boxes[chosen]
    side = max(x1 - x0, y1 - y0)
    if rng.random() < 0.5:
        smallest = 24 if picture.classes[chosen] == PERSON else 12
        scale = np.exp(rng.uniform(np.log(smallest), np.log(0.9 * size))) / side
    scale = float(np.clip(scale, 0.15 * picture.scale, 1.25 * max(picture.scale, 1.0)))
    reach = max(0.0, 0.5 * size / scale - 0.3 * side)  # the object stays mostly inside
    cx = (x0 + x1) / 2 + rng.uniform(-reach, reach)
    cy = (y0 + y1) / 2 + rng.uniform(-reach, reach)
    if rng.random() < 0.8:  # mostly keep the view on the picture: filler teaches nothing
        cx, cy = _pull_inside(cx, width, size / scale), _pull_inside(cy, height, size / scale)
    return scale, float(cx), float(cy)


def _pull_inside(centre: float, extent: float, seen: float) -> float:
    """Move the centre of a stretch of `seen` px so that it overlaps 0..extent as far as it can."""
    low, high = sorted((seen / 2, extent - seen / 2))
    return float(np.clip(centre, low, high))


def cut_view(picture: Picture, rng: np.random.Generator, size: int) -> View:
    """One random view of `picture`, `size` px square."""
    scale, cx, cy = choose_focus(picture, rng, size)
    degrees = rng.uniform(-30, 30) if rng.random() < 0.3 else 0.0
    matrix = _affine(scale, cx, cy, degrees, size, mirror=rng.random() < 0.5)
    fill = 127 if rng.random() < 0.7 else int(rng.integers(0, 256))
    rgb = _warp(picture.rgb(), matrix, scale, size, fill)
    boxes, classes, ignore = _carry_boxes(picture, matrix, scale, degrees, size)
    cells = np.full((size // 8, size // 8), picture.hands_complete)
    return View(rgb, boxes, classes, ignore, cells)


def mosaic(views: list[View], size: int) -> View:
    """Four views of half the size as one: many objects, many scales, many borders in one sample."""
    half = size // 2
    offsets = [(0, 0), (half, 0), (0, half), (half, half)]
    rows = [np.concatenate([views[i].rgb, views[i + 1].rgb], 1) for i in (0, 2)]
    known = [np.concatenate([views[i].hands_known, views[i + 1].hands_known], 1) for i in (0, 2)]
    shifted = [v.boxes + np.float32([x, y, x, y]) for v, (x, y) in zip(views, offsets, strict=True)]
    return View(
        np.concatenate(rows, 0),
        np.concatenate(shifted, 0),
        np.concatenate([v.classes for v in views]),
        np.concatenate([v.ignore for v in views]),
        np.concatenate(known, 0),
    )


def _affine(scale: float, cx: float, cy: float, degrees: float, size: int, *, mirror: bool) -> np.ndarray:
    """(2, 3) matrix from cached pixels to view pixels; (cx, cy) lands in the middle."""
    c, s = np.cos(np.radians(degrees)) * scale, np.sin(np.radians(degrees)) * scale
    linear = np.array([[c, -s], [s, c]])
    if mirror:
        linear[0] *= -1
    shift = size / 2 - linear @ np.array([cx, cy])
    return np.concatenate([linear, shift[:, None]], axis=1)


def _warp(rgb: np.ndarray, matrix: np.ndarray, scale: float, size: int, fill: int) -> np.ndarray:
    """Warp only the part that is seen, shrunk with area averaging first so that small scales do not alias."""
    corners = np.array([[0, 0, size, size], [0, size, 0, size]], float)
    seen = np.linalg.solve(matrix[:, :2], corners - matrix[:, 2:])
    x0, y0 = np.maximum(np.floor(seen.min(1)).astype(int) - 2, 0)
    x1, y1 = np.minimum(np.ceil(seen.max(1)).astype(int) + 3, rgb.shape[1::-1])
    if x1 - x0 < 2 or y1 - y0 < 2:
        return np.full((size, size, 3), fill, np.uint8)
    patch = np.ascontiguousarray(rgb[y0:y1, x0:x1])
    matrix = matrix.copy()
    matrix[:, 2] += matrix[:, :2] @ np.array([x0, y0], float)
    if scale < 0.7:
        small = (max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale)))
        matrix[:, 0] *= (x1 - x0) / small[0]
        matrix[:, 1] *= (y1 - y0) / small[1]
        patch = cv2.resize(patch, small, interpolation=cv2.INTER_AREA)
    return cv2.warpAffine(patch, matrix, (size, size), flags=cv2.INTER_LINEAR, borderValue=(fill, fill, fill))


def _carry_boxes(
    picture: Picture, matrix: np.ndarray, scale: float, degrees: float, size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes in view pixels, clipped.

    Those hardly visible or tiny become `ignore`, those outside are dropped.
    """
    centre = (picture.boxes[:, :2] + picture.boxes[:, 2:]) / 2
    half = (picture.boxes[:, 2:] - picture.boxes[:, :2]) / 2 * scale
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    # a face or hand fills its box like an ellipse; the box of the turned corners would be far too loose
    turned = np.stack(
        [np.hypot(half[:, 0] * c, half[:, 1] * s), np.hypot(half[:, 0] * s, half[:, 1] * c)], axis=1
    )
    centre = centre @ matrix[:, :2].T + matrix[:, 2]
    whole = np.concatenate([centre - turned, centre + turned], axis=1).astype(np.float32)
    clipped = whole.clip(0, size)
    sides = clipped[:, 2:] - clipped[:, :2]
    visible = sides.prod(1) / np.maximum((2 * turned).prod(1), 1e-6)
    keep = (sides > 1).all(1)
    ignore = picture.ignore | (visible < np.array(MIN_VISIBLE)[picture.classes]) | (sides.max(1) < MIN_SIDE)
    ignore |= (picture.classes == PERSON) & (abs(degrees) > MAX_PERSON_TURN)
    return clipped[keep], picture.classes[keep], ignore[keep]
