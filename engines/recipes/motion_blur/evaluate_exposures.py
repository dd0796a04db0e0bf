"""Whole frames sharp and blurred, each judged alone and in its clip.

Long exposures are real clips, averaged: single frames between their neighbours, exposures between those
before and after, as if the camera had run slower with its shutter open all the time. Pans are held-out photos
before which a camera turns, with a shutter so fast that nothing blurs and with one open half of the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import cv2
import numpy as np

from engines.recipes.synthesis.sources import split_names
from qc_plugin.decode.rgb_preview import preview_of_rgb
from qc_plugin.signals.optical_flow import displacement, odds_of_blur

from .evaluate_clips import in_motion
from .evaluate_pairs import mean_probability, shake
from .evaluate_photos import LONG_SIDE_PX
from .metrics import auc
from .pictures import read_rgb
from .predictor import Maps, Run, predict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

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
PANS_PX = (3, 6, 12, 24)  # from frame to frame at analysis scale
SHUTTERS = (0.0, 0.5)  # share of the time between frames that it is open
N_PHOTOS = 40
FRAME_S = 1 / 25  # between neighbours, whatever the clip says: an exposure stands for a slower camera


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """The middle frame with the two beside it, and the long exposure, (H, W, 3) uint8 at analysis scale."""

    still: tuple[np.ndarray, np.ndarray, np.ndarray]
    exposed: np.ndarray

    @property
    def moves_enough(self) -> bool:
        """Whether the long exposure is blurred, and without ghosts."""
        return FLOW_PX[0] <= median_flow(*self.still[:2]) <= FLOW_PX[1]


def windows(clip: Path) -> Iterator[Window]:
    """The clip cut into windows, one after the other."""
    capture, frames = cv2.VideoCapture(str(clip)), []
    while True:
        read, bgr = capture.read()
        if not read:
            return
        scale = min(1.0, LONG_SIDE_PX / max(bgr.shape[:2]))
        small = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        frames.append(np.ascontiguousarray(small[..., ::-1]))
        if len(frames) == WINDOW:
            light = np.mean([(f / 255.0) ** 2.2 for f in frames], 0)
            middle = WINDOW // 2
            still = (frames[middle - 1], frames[middle], frames[middle + 1])
            yield Window(still, (light ** (1 / 2.2) * 255).round().astype(np.uint8))
            frames = []


def median_flow(before: np.ndarray, after: np.ndarray) -> float:
    """Median movement between two frames, px."""
    grey = [cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in (before, after)]
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST).calc(*grey, None)
    return float(np.median(np.hypot(flow[..., 0], flow[..., 1])))


def trios(clip: Path) -> Iterator[tuple[Sequence[np.ndarray], Sequence[np.ndarray]]]:
    """(before, middle, after) of single frames and of long exposures, of windows that move enough."""
    found = 0
    for (before, window), (_, after) in pairwise(pairwise(windows(clip))):
        if window.moves_enough:
            yield window.still, (before.exposed, window.exposed, after.exposed)
            found += 1
        if found == PAIRS_A_CLIP:
            return


def look(run: Run, trio: Sequence[np.ndarray]) -> tuple[Maps, Maps]:
    """Maps of the middle picture, alone and judged by its motion."""
    seen = [preview_of_rgb(rgb, index=n, pts_s=n * FRAME_S) for n, rgb in enumerate(trio)]
    alone = predict(run, trio[1])
    moved = displacement(seen[1], (seen[0], seen[2]))
    return alone, in_motion(alone, None if moved is None else odds_of_blur(moved, trio[1]))


def report_frames(run: Run, data: Path) -> dict[str, float]:
    """Image-level AUC, and accuracy at a limit chosen on every other pair."""
    pairs = [
        [[mean_probability(maps) for maps in look(run, trio)] for trio in (still, exposed)]
        for name in CLIPS
        for still, exposed in trios(data / "video" / name)
    ]
    values = np.array(pairs)  # (pair, still or exposed, alone or in its clip)
    row = {}
    for way, (calm, moved) in (("alone", values[..., 0].T), ("clip", values[..., 1].T)):
        limits = np.unique(np.r_[calm[::2], moved[::2]])
        right = [(calm[::2] < limit).mean() + (moved[::2] >= limit).mean() for limit in limits]
        limit = limits[int(np.argmax(right))]
        accuracy = ((calm[1::2] < limit).mean() + (moved[1::2] >= limit).mean()) / 2
        row |= {
            f"{way}_frames_auc": auc(moved, calm),
            f"{way}_frames_accuracy": float(accuracy),
            f"{way}_frames_exposure_above_its_frame": float((moved > calm).mean()),
        }
    for key, value in row.items():
        print(f"pairs ({len(values)} windows) {key:42s} {value:.3f}")
    return row


def pan(rgb: np.ndarray, step_px: int, shutter: float) -> list[np.ndarray]:
    """Three frames, 512 px wide at most, of a camera that turns `step_px` from one to the next."""
    scale = min(1.0, (LONG_SIDE_PX + 2 * step_px) / rgb.shape[1])
    wide = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    seen = shake(wide, step_px * shutter, 0.0) if shutter else wide
    width = wide.shape[1] - 2 * step_px
    return [np.ascontiguousarray(seen[:, n * step_px : n * step_px + width]) for n in range(3)]


def report_pans(run: Run, data: Path, threshold: float) -> dict[str, float]:
    """Share of the area called blurred, by what a camera turns and how long its shutter is open."""
    photos = [read_rgb(data / name) for name in split_names(data)["val"][:N_PHOTOS]]
    row = {}
    for shutter in SHUTTERS:
        for step in PANS_PX:
            seen = [look(run, pan(rgb, step, shutter)) for rgb in photos]
            for way, maps in zip(("alone", "clip"), zip(*seen, strict=True), strict=True):
                share = np.mean([(m.probability >= threshold).mean() for m in maps])
                row[f"{way}_pan_{step}px_shutter_{shutter:g}"] = 100 * float(share)
    for key, value in row.items():
        print(f"pans ({len(photos)} photos) {key:34s} {value:5.1f} %")
    return row
