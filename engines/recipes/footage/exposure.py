"""One exposure out of a window of frames: averaged in linear light, extent and direction of blur known.

In-betweens by optical flow are so dense that no ghosts stay: a network learns ghosts. Extents are px of the
frame; flow and what is made of it live on a grid of half size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from .clips import Segment

GAMMA = 2.2
STEP_PX, MOST_STEPS = 1.5, 8  # a longer step between two pictures of an average shows as a ghost
CAMERA_SHARE = 0.6  # inliers from which on flat pixels are taken to follow the camera
FLAT_LEVELS, TEXTURED_LEVELS = 0.6, 1.8  # mean gradient below and above which flow means nothing, holds
_LINEAR = ((np.arange(256) / 255) ** GAMMA).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Exposure:
    """`light` (H, W, 3) float32 in [0, 1], `middle` its middle frame; extent px, direction rad: (H/2, W/2).

    `own`: of the surface that is there in the middle frame; `swept`: of what passes over a place.
    """

    light: np.ndarray
    middle: np.ndarray
    own: np.ndarray
    swept: np.ndarray
    direction: np.ndarray


def to_light(rgb: np.ndarray) -> np.ndarray:
    """uint8 -> linear light, float32, 1.0 is white."""
    return cv2.LUT(rgb, _LINEAR)


def to_levels(light: np.ndarray) -> np.ndarray:
    """Linear light -> 8-bit steps, float32 unrounded."""
    return np.clip(light, 0, 1) ** (1 / GAMMA) * 255


def texture(rgb: np.ndarray) -> np.ndarray:
    """0 where the picture is flat and flow means nothing, 1 where it holds: (H/2, W/2)."""
    small = cv2.resize(rgb, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    edge = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)) / 8
    return np.clip((cv2.blur(edge, (9, 9)) - FLAT_LEVELS) / (TEXTURED_LEVELS - FLAT_LEVELS), 0, 1)


def trusted_flow(segment: Segment, k: int) -> np.ndarray:
    """Flow k -> k + 1, px of the half grid; flat pixels follow the camera where most of the picture does."""
    flow = segment.flow[k].astype(np.float32) / 2
    if segment.inliers[k] <= CAMERA_SHARE:
        return flow
    height, width = flow.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    fitted, holds = segment.camera[k] / 2, texture(segment.frames[k])[..., None]
    camera = (x / width - 0.5)[..., None] * fitted[0] + (y / height - 0.5)[..., None] * fitted[1] + fitted[2]
    return np.asarray(flow * holds + camera * (1 - holds))


def paths(steps: list[np.ndarray], anchor: int) -> np.ndarray:
    """Where the surface seen in picture `anchor` was in each picture: (len(steps) + 1, h, w, 2)."""
    height, width = steps[0].shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)

    def at(flow: np.ndarray, moved: np.ndarray) -> np.ndarray:
        where = (x + moved[..., 0], y + moved[..., 1])
        return np.asarray(cv2.remap(flow, *where, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))

    out = {anchor: np.zeros((height, width, 2), np.float32)}
    for k in range(anchor, len(steps)):
        out[k + 1] = out[k] + at(steps[k], out[k])
    for k in range(anchor - 1, -1, -1):  # one fixed-point step of the inverse
        out[k] = out[k + 1] - at(steps[k], out[k + 1] - at(steps[k], out[k + 1]))
    return np.stack([out[k] for k in range(len(steps) + 1)])


def spread(path: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Length of a straight stroke of the same spread, px of the frame, and its direction, radians."""
    away, n = path - path.mean(0), len(path)
    xx, yy, xy = (
        (away[..., 0] ** 2).mean(0),
        (away[..., 1] ** 2).mean(0),
        (away[..., 0] * away[..., 1]).mean(0),
    )
    larger = (xx + yy) / 2 + np.sqrt(((xx - yy) / 2) ** 2 + xy**2)
    return 2 * np.sqrt(12 * larger * n / (n + 1)), 0.5 * np.arctan2(2 * xy, xx - yy)


def between(
    before: np.ndarray, after: np.ndarray, flow: np.ndarray, step_px: float
) -> tuple[np.ndarray, int]:
    """Sum and number of the pictures from `before` (with it) to `after` (without it), in linear light.

    `flow` in px of the frame; `step_px`: how far its fast parts move.
    """
    height, width = before.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    n, total = int(np.clip(np.ceil(step_px / STEP_PX), 1, MOST_STEPS)), before.copy()
    for t in (i / n for i in range(1, n)):
        for picture, share, way in ((before, 1 - t, -t), (after, t, 1 - t)):
            where = (x + way * flow[..., 0], y + way * flow[..., 1])
            moved = cv2.remap(picture, *where, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
            total += np.float32(share) * moved
    return total, n


def expose(segment: Segment, first: int, last: int) -> Exposure:
    """Frames first..last as one exposure."""
    steps = [trusted_flow(segment, k) for k in range(first, last)]
    lights = [to_light(segment.frames[k]) for k in range(first, last + 1)]
    height, width = lights[0].shape[:2]
    total, count = lights[-1].copy(), 1
    for k, step in enumerate(steps):
        fast = 2 * float(np.percentile(np.linalg.norm(step, axis=-1), 97))
        some, n = between(lights[k], lights[k + 1], cv2.resize(step * 2, (width, height)), fast)
        total, count = total + some, count + n
    middle = len(steps) // 2
    own, direction = spread(paths(steps, middle))
    swept = np.maximum(spread(paths(steps, 0))[0], spread(paths(steps, len(steps)))[0])
    return Exposure(
        np.clip(total / count, 0, 1), segment.frames[first + middle], own, np.maximum(own, swept), direction
    )
