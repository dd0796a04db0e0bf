"""Which frames become an exposure, and pans made by following what moves before a standing camera."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from .clips import Segment
from .exposure import texture

if TYPE_CHECKING:
    from numpy.random import Generator

FLOW_LIMIT_PX = 14.0  # from frame to frame: beyond, flow cannot be trusted
LEAST_PX, MOST_PX = 1.5, 45.0  # of a window's fast parts together; of most of the picture
MOST_HALF, MOST_FOLLOWED_HALF = 20, 14  # frames before and after the middle
TRIES, PLACES = 60, 8
STANDING_PX = 1.5  # a camera that moves less a frame stands
STILL_PX = 1.2  # spread of what counts as standing still once the camera follows
HELD = (0.012, 0.6)  # share of the picture that the camera may follow
SWING_PX = (3.5, 60.0)  # how far the camera turns
COARSE = 8  # of the half grid: where candidates are tried
LEAST_SIDES_PX = (160, 200)


def draw_window(segment: Segment, rng: Generator) -> tuple[int, int] | None:
    """First and last frame of a window in which something moves and flow holds; None if none is found."""
    n = len(segment.frames)
    for _ in range(TRIES // 3):
        middle = int(rng.integers(2, n - 2))
        longest = min(middle, n - 1 - middle)
        half = int(np.clip(round(np.exp(rng.uniform(0, np.log(MOST_HALF)))), 1, longest))
        moved = np.linalg.norm(segment.flow[middle - half : middle + half].astype(np.float32), axis=-1)
        whole = moved.sum(0)
        if np.percentile(moved, 98) > FLOW_LIMIT_PX or np.percentile(whole, 98) < LEAST_PX:
            continue
        if np.percentile(whole, 70) <= MOST_PX:
            return middle - half, middle + half
    return None


def follow(segment: Segment, rng: Generator) -> Segment | None:
    """A window of a standing camera, shifted so that something in it stands still: a pan over a real ground.

    What is held has its real outline and the ground streaks by a real path. None where nothing moves so.
    """
    n = len(segment.frames)
    for _ in range(TRIES):
        half = int(rng.integers(2, MOST_FOLLOWED_HALF))
        if n < 2 * half + 3:
            continue
        first = int(rng.integers(1, n - 1 - 2 * half))
        if np.abs(segment.camera[first : first + 2 * half, 2]).max() > STANDING_PX:
            continue
        velocity = choose_held(segment, first, half, rng)
        if velocity is not None and (made := shifted(segment, first, velocity)) is not None:
            return made
    return None


def choose_held(segment: Segment, first: int, half: int, rng: Generator) -> np.ndarray | None:
    """Velocity (2 half, 2), px a frame, of something that moves and enough of which moves alike."""
    flow = segment.flow[first : first + 2 * half].astype(np.float32)
    textured = texture(segment.frames[first + half])
    moving = np.argwhere((np.linalg.norm(flow[half], axis=-1) > 0.8) & (textured > 0.3))
    for row, column in moving[rng.integers(len(moving), size=PLACES)] if len(moving) > 60 else ():
        velocity = track(flow, half, int(row), int(column))
        if velocity is None or np.linalg.norm(velocity, axis=1).max() > FLOW_LIMIT_PX:
            continue
        if not SWING_PX[0] < np.linalg.norm(velocity.sum(0)) < SWING_PX[1]:
            continue
        held = stands_still(flow, velocity) & (textured[COARSE // 2 :: COARSE, COARSE // 2 :: COARSE] > 0.2)
        if HELD[0] < held.mean() < HELD[1]:
            return velocity
    return None


def track(flow: np.ndarray, half: int, row: int, column: int) -> np.ndarray | None:
    """Velocity of what is seen at a place of the half grid in the middle; None if it leaves the picture."""
    height, width = flow.shape[1:3]
    velocity = np.zeros((2 * half, 2), np.float32)
    for times in (range(half, 2 * half), range(half - 1, -1, -1)):
        place = np.array([column, row], np.float32)
        for t in times:
            x, y = (round(float(v)) for v in place)
            if not (2 <= y < height - 2 and 2 <= x < width - 2):
                return None
            velocity[t] = np.median(flow[t, y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 2), axis=0)
            place += velocity[t] / 2 if t >= half else -velocity[t] / 2
    return velocity


def positions(velocity: np.ndarray) -> np.ndarray:
    """Where the camera points at each picture, relative to the middle one: (len(velocity) + 1, 2)."""
    at = np.vstack([[0, 0], np.cumsum(velocity, axis=0)])
    return np.asarray(at - at[len(velocity) // 2])


def stands_still(flow: np.ndarray, velocity: np.ndarray) -> np.ndarray:
    """Cells of a coarse grid that stand still once the camera follows `velocity`."""
    coarse = flow[:, COARSE // 2 :: COARSE, COARSE // 2 :: COARSE]
    cell_px = 2 * COARSE
    moved = [
        np.roll(f, (-round(float(y) / cell_px), -round(float(x) / cell_px)), (0, 1)) - v
        for f, (x, y), v in zip(coarse, positions(velocity)[:-1], velocity, strict=True)
    ]
    return np.asarray(np.sqrt(12 * np.cumsum(moved, axis=0).var(0).sum(-1)) < STILL_PX)


def shifted(segment: Segment, first: int, velocity: np.ndarray) -> Segment | None:
    """The frames as a camera that moves with `velocity` sees them; None where too little stays in sight."""
    at = positions(velocity)
    height, width = segment.frames.shape[1:3]
    margin_x, margin_y = (2 * int(np.ceil((np.abs(at[:, i]).max() + 1) / 2)) for i in (0, 1))
    if width - 2 * margin_x < LEAST_SIDES_PX[1] or height - 2 * margin_y < LEAST_SIDES_PX[0]:
        return None

    def moved(plane: np.ndarray, t: int, scale: float) -> np.ndarray:
        shift = np.array([[1, 0, -at[t][0] * scale], [0, 1, -at[t][1] * scale]], np.float32)
        out = cv2.warpAffine(plane, shift, plane.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
        top, left = round(margin_y * scale), round(margin_x * scale)
        return np.asarray(out[top : plane.shape[0] - top, left : plane.shape[1] - left])

    n = len(velocity)
    camera = np.zeros((n, 3, 2), np.float32)
    camera[:, 2] = -velocity
    flow = [moved(segment.flow[first + t].astype(np.float32), t, 0.5) - velocity[t] for t in range(n)]
    frames = [moved(segment.frames[first + t], t, 1.0) for t in range(n + 1)]
    return Segment(np.stack(frames), np.stack(flow), camera, np.ones(n, np.float32))
