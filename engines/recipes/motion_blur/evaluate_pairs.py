"""The same picture sharp and blurred: faces at subtle extents, whole frames by averaging real clips."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

from .evaluate_photos import LONG_SIDE_PX, face_boxes, weighted_share, window_of
from .exposure import convolve
from .kernels import Motion, motion_kernel
from .metrics import auc
from .pictures import read_rgb
from .predictor import Maps, Run, predict
from .sources import split_names
from .views import to_bytes, to_linear

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SUBTLE_PX = (1.5, 2.0, 3.0, 4.0, 8.0, 16.0)
MAX_FACES = 60
CLIPS = (  # cameras that move or scenes that fill the frame; none was trained on
    "person_dog_h264_720p.mp4",
    "person_walkthrough_h264_432p10.mp4",
    "phone_ducks_vfr_h264_720p.mp4",
    "phone_rot90_h264_720p.mp4",
    "person_juggle_h264_720p24.mp4",
    "vfr_600tbr_portrait_h264.mp4",
)
WINDOW = 9  # frames averaged into one long exposure
FLOW_PX = (0.4, 3.0)  # median movement a frame: less is no blur, more leaves ghosts instead of a streak
PAIRS_A_CLIP = 12


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


def windows(clip: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(sharp middle frame, long exposure) of windows that move enough, (H, W, 3) uint8 at analysis scale."""
    capture, frames = cv2.VideoCapture(str(clip)), []
    found = 0
    while found < PAIRS_A_CLIP:
        read, bgr = capture.read()
        if not read:
            return
        scale = min(1.0, LONG_SIDE_PX / max(bgr.shape[:2]))
        frames.append(cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[..., ::-1])
        if len(frames) < WINDOW:
            continue
        if FLOW_PX[0] <= median_flow(frames[WINDOW // 2 - 1], frames[WINDOW // 2]) <= FLOW_PX[1]:
            light = np.mean([(f / 255.0) ** 2.2 for f in frames], 0)
            yield (
                np.ascontiguousarray(frames[WINDOW // 2]),
                (light ** (1 / 2.2) * 255).round().astype(np.uint8),
            )
            found += 1
        frames = []


def median_flow(before: np.ndarray, after: np.ndarray) -> float:
    """Median movement between two frames, px."""
    grey = [cv2.cvtColor(np.ascontiguousarray(f), cv2.COLOR_RGB2GRAY) for f in (before, after)]
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST).calc(*grey, None)
    return float(np.median(np.hypot(flow[..., 0], flow[..., 1])))


def report_frames(run: Run, data: Path) -> dict[str, float]:
    """Image-level AUC, and accuracy at a limit chosen on every other pair."""
    sharp, blurred = [], []
    for name in CLIPS:
        for still, exposed in windows(data / "video" / name):
            sharp.append(mean_probability(predict(run, still)))
            blurred.append(mean_probability(predict(run, exposed)))
    calm, moved = np.array(sharp), np.array(blurred)
    limits = np.unique(np.r_[calm[::2], moved[::2]])
    right = [(calm[::2] < limit).mean() + (moved[::2] >= limit).mean() for limit in limits]
    limit = limits[int(np.argmax(right))]
    accuracy = ((calm[1::2] < limit).mean() + (moved[1::2] >= limit).mean()) / 2
    row = {"frames_auc": auc(moved, calm), "frames_accuracy": float(accuracy)}
    for key, value in row.items():
        print(f"pairs ({len(calm)} windows) {key:30s} {value:.3f}")
    return row
