"""Paths of motion at cells of 4 x 4 px, and a picture blurred again along them. Pure.

At time t in [-0.5, 0.5] the light of a pixel came from t * chord + (0.5 - 4 t^2) * sagitta. An engine gives
its direction as a vector at the doubled angle, (cos 2a, sin 2a), which does not depend on the direction of
time and is the shorter the less sure it is, and its length apart: of which half is used where the direction
is not known at all, because too long a path does more harm than too short a one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

CELL_PX = 4
MAX_CHORD_PX = 40.0
N_POINTS = 13  # of a path: two px apart at 26 px


def decode_paths(code: Floats, chord_scale_px: float, sagitta_scale_px: float) -> Floats:
    """(h, w, 5) as the engine gives it -> (h, w, 4) px: chord x, y (into the right half plane), sagitta."""
    a, b = code[..., 0], code[..., 1]
    norm = np.sqrt(a * a + b * b + np.float32(1e-6))
    cosine = np.sqrt(np.maximum(1 + a / norm, 0) / 2)
    sine = np.sqrt(np.maximum(1 - a / norm, 0) / 2) * np.where(b < 0, -1, 1)
    caution = 0.5 + 0.5 * np.minimum(norm, 1)
    chord = np.clip(code[..., 2] * caution * chord_scale_px, 0, MAX_CHORD_PX)
    sagitta = code[..., 3:] * sagitta_scale_px
    return np.dstack([cosine * chord, sine * chord, sagitta]).astype(np.float32)


def reblur(rgb: NDArray[np.uint8], motion: Floats) -> Floats:
    """(H, W, 3) float32 in [0, 255]: the mean of a picture along the path of each pixel.

    `motion` (h, w, 4) covers it with cells of 4 x 4 px, the last of which may reach beyond it.
    """
    height, width = rgb.shape[:2]
    path = np.repeat(np.repeat(motion, CELL_PX, 0), CELL_PX, 1)[:height, :width]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    source, total = rgb.astype(np.float32), np.zeros(rgb.shape, np.float32)
    for k in range(N_POINTS):
        t = np.float32((k + 0.5) / N_POINTS - 0.5)
        bend = np.float32(0.5 - 4 * t * t)
        at_x, at_y = (base + t * path[..., i] + bend * path[..., i + 2] for i, base in enumerate((x, y)))
        total += cv2.remap(source, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return total / np.float32(N_POINTS)
