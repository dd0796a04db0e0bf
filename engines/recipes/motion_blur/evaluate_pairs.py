"""The same faces sharp and blurred, at subtle extents."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

from engines.recipes.synthesis.exposure import convolve
from engines.recipes.synthesis.kernels import Motion, motion_kernel
from engines.recipes.synthesis.sources import split_names
from engines.recipes.synthesis.views import to_bytes, to_linear

from .evaluate_photos import LONG_SIDE_PX, face_boxes, weighted_share, window_of
from .metrics import auc
from .pictures import read_rgb
from .predictor import Maps, Run, predict

if TYPE_CHECKING:
    from pathlib import Path

SUBTLE_PX = (1.5, 2.0, 3.0, 4.0, 8.0, 16.0)
MAX_FACES = 60


def mean_probability(maps: Maps, box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)) -> float:
    """Mean probability in a box (fractions), weighted by evidence."""
    window = window_of(box, maps.probability.shape)
    return weighted_share(maps.probability[window], maps.evidence[window])


def shake(rgb: np.ndarray, extent_px: float, angle_rad: float) -> np.ndarray:
    """(H, W, 3) uint8 under a straight movement of the whole frame, in linear light."""
    pad = 24  # convolutions are circular
    framed = cv2.copyMakeBorder(rgb, pad, pad, pad, pad, cv2.BORDER_REFLECT_101)
    light = to_linear(torch.from_numpy(framed).permute(2, 0, 1))[None]
    moved = convolve(light, [motion_kernel(Motion("straight", extent_px, angle_rad))])
    out = to_bytes(moved[0]).round().to(torch.uint8).permute(1, 2, 0).numpy()
    return np.ascontiguousarray(out[pad:-pad, pad:-pad])


def report_faces(run: Run, data: Path) -> dict[str, float]:
    """AUC of faces blurred by each extent against the same faces sharp, held-out photos."""
    boxes, rng = face_boxes(data), np.random.default_rng(4)
    scores: dict[float, list[float]] = {extent: [] for extent in (0.0, *SUBTLE_PX)}
    for name in split_names(data)["val"]:
        faces = boxes.get(name, [])
        if not faces or len(scores[0.0]) >= MAX_FACES:
            continue
        rgb = read_rgb(data / name)
        scale = min(1.0, LONG_SIDE_PX / max(rgb.shape[:2]))
        small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        for extent, found in scores.items():
            picture = shake(small, extent, float(rng.uniform(0, math.pi))) if extent else small
            maps = predict(run, picture)
            found.extend(mean_probability(maps, face) for face in faces)
    row = {f"faces_{e:g}px_auc": auc(np.array(scores[e]), np.array(scores[0.0])) for e in SUBTLE_PX}
    subtle = np.concatenate([scores[e] for e in SUBTLE_PX if e <= 4])
    row["faces_1.5_to_4px_auc"] = auc(subtle, np.array(scores[0.0]))
    for name, value in row.items():
        print(f"pairs ({len(scores[0.0])} faces) {name:30s} {value:.3f}")
    return row
