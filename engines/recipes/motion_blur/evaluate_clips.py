"""Hands and faces of real clips, labelled by eye: what tells blurred from sharp?

Coverage (above the threshold) and mean probability, both weighted by evidence: the product's `blur_coverage`
and `blur_probability`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from .evaluate_photos import weighted_share, window_of
from .metrics import auc
from .pictures import draw, panel
from .predictor import LONG_SIDE_PX, Maps, Run, predict

if TYPE_CHECKING:
    from collections.abc import Iterator

LABELS = Path(__file__).with_name("clip_labels.json")
LOOK_AT = (  # clip, frames: what must be seen in them is in the card
    ("hands_cups_h264_720p.mp4", (60, 180, 320)),
    ("person_juggle_h264_720p24.mp4", (20, 120, 260)),
    ("hands_coffee_h264_720p.mp4", (10, 90, 200)),
    ("asl_walk_h264_480p.mkv", (15, 30, 40)),
)


def frames_of(clip: Path, wanted: set[int]) -> Iterator[tuple[int, np.ndarray]]:
    """Index and (H, W, 3) uint8 RGB of the wanted frames, in decode order."""
    capture, index = cv2.VideoCapture(str(clip)), 0
    while wanted and index <= max(wanted):
        read, bgr = capture.read()
        if not read:
            return
        if index in wanted:
            yield index, cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
        index += 1


def measure(maps: Maps, box: list[float], threshold: float) -> dict[str, float]:
    """Of a box (fractions of the frame), weighted by evidence: share called blurred, and mean probability."""
    window = window_of(box, maps.probability.shape)
    probability, evidence = maps.probability[window], maps.evidence[window]
    return {
        "coverage": weighted_share(probability >= threshold, evidence),
        "probability": weighted_share(probability, evidence),
    }


def report_clips(run: Run, data: Path, threshold: float, pictures: Path | None) -> dict[str, float]:
    """AUC on the clips for choosing and for scoring, and the frames to look at."""
    boxes = json.loads(LABELS.read_text())["boxes"]
    for clip in sorted({b["clip"] for b in boxes}):
        mine = [b for b in boxes if b["clip"] == clip]
        for index, rgb in frames_of(data / "video" / clip, {b["frame"] for b in mine}):
            maps = predict(run, rgb, long_side_px=LONG_SIDE_PX)
            for box in (b for b in mine if b["frame"] == index):
                box.update(measure(maps, box["box"], threshold))
    row = {}
    for by in ("coverage", "probability"):
        for key, values in (("use", ("choose", "score")), ("kind", ("hand", "face"))):
            row |= {f"auc_{v}_by_{by}": separation([b for b in boxes if b[key] == v], by) for v in values}
    sharp = np.array([b["coverage"] for b in boxes if not b["blurred"]])
    row["sharp_boxes_over_15_percent"] = 100 * float((sharp > 0.15).mean())
    for name, value in row.items():
        print(f"clips ({len(boxes)} boxes) {name:38s} {value:.3f}")
    if pictures:
        draw_frames(run, data, pictures)
    return row


def separation(boxes: list[dict[str, float]], by: str) -> float:
    """AUC of a measure; a box in a frame that could not be read raises KeyError."""
    blurred = np.array([b[by] for b in boxes if b["blurred"]])
    return auc(blurred, np.array([b[by] for b in boxes if not b["blurred"]]))


def draw_frames(run: Run, data: Path, pictures: Path) -> None:
    """Probability, evidence and their product on frames whose truth anyone can see."""
    rows = []
    for clip, wanted in LOOK_AT:
        for _, rgb in frames_of(data / "video" / clip, set(wanted)):
            maps = predict(run, rgb, long_side_px=LONG_SIDE_PX)
            rows.append(panel(rgb, maps.probability, maps.evidence, maps.probability * maps.evidence))
    draw(rows, pictures / "clips.png", n_columns=1)
