"""Hands and faces of real clips, labelled by eye: what tells blurred from sharp?

Coverage (above the threshold) and mean probability, both weighted by evidence: the product's `blur_coverage`
and `blur_probability`; of each frame alone, and judged by its motion too, as the product does with video.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qc_plugin.decode.limits import DEFAULT_LIMITS
from qc_plugin.isolation.looks import Wanted, open_source
from qc_plugin.pipeline.sample import sampled
from qc_plugin.signals.optical_flow import judge_by_motion
from qc_plugin.types import BlurMap

from .evaluate_photos import weighted_share, window_of
from .metrics import auc
from .pictures import draw, panel
from .predictor import LONG_SIDE_PX, Maps, Run, predict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from qc_plugin.types import Frame

LABELS = Path(__file__).with_name("clip_labels.json")
LOOK_AT = (  # clip, frames: what must be seen in them is in the card
    ("hands_cups_h264_720p.mp4", (60, 180, 320)),
    ("person_juggle_h264_720p24.mp4", (20, 120, 260)),
    ("hands_coffee_h264_720p.mp4", (10, 90, 200)),
    ("asl_walk_h264_480p.mkv", (15, 30, 40)),
)


def frames_of(clip: Path, wanted: set[int]) -> Iterator[tuple[Frame, NDArray[np.float32] | None]]:
    """The wanted frames with what their motion says, in decode order; none beyond the end of the clip."""
    frames = Wanted(indices=tuple(sorted(wanted)))
    with open_source(clip, "video", frames, reader="pyav", limits=DEFAULT_LIMITS) as source:
        for sample in sampled(source.looks(), "video"):
            yield sample.frame, sample.odds


def in_motion(maps: Maps, odds: NDArray[np.float32] | None) -> Maps:
    """Maps of a frame judged by its motion, as the product judges video."""
    blur = BlurMap(0, maps.probability, maps.intensity, maps.evidence)
    return replace(maps, probability=judge_by_motion(blur, odds).probability)


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
    report: dict[str, float] = {}
    for way, boxes in measured_boxes(run, data, threshold).items():
        row = {}
        for by in ("coverage", "probability"):
            for key, values in (("use", ("choose", "score")), ("kind", ("hand", "face"))):
                row |= {
                    f"{way}_auc_{v}_by_{by}": separation([b for b in boxes if b[key] == v], by)
                    for v in values
                }
        sharp = np.array([b["coverage"] for b in boxes if not b["blurred"]])
        row[f"{way}_sharp_boxes_over_15_percent"] = 100 * float((sharp > 0.15).mean())
        for name, value in row.items():
            print(f"clips ({len(boxes)} boxes) {name:46s} {value:.3f}")
        report |= row
    if pictures:
        draw_frames(run, data, pictures)
    return report


def measured_boxes(run: Run, data: Path, threshold: float) -> dict[str, list[dict[str, Any]]]:
    """The labelled boxes with their measures, of each frame `alone` and in its `clip`."""
    boxes = json.loads(LABELS.read_text())["boxes"]
    found: dict[str, list[dict[str, Any]]] = {"alone": [], "clip": []}
    for clip in sorted({b["clip"] for b in boxes}):
        mine = [b for b in boxes if b["clip"] == clip]
        for frame, odds in frames_of(data / "video" / clip, {b["frame"] for b in mine}):
            alone = predict(run, frame.rgb, long_side_px=LONG_SIDE_PX)
            for way, maps in (("alone", alone), ("clip", in_motion(alone, odds))):
                found[way] += [
                    b | measure(maps, b["box"], threshold) for b in mine if b["frame"] == frame.index
                ]
    return found


def separation(boxes: list[dict[str, float]], by: str) -> float:
    """AUC of a measure; a box in a frame that could not be read raises KeyError."""
    blurred = np.array([b[by] for b in boxes if b["blurred"]])
    return auc(blurred, np.array([b[by] for b in boxes if not b["blurred"]]))


def draw_frames(run: Run, data: Path, pictures: Path) -> None:
    """Probability alone and in its clip, evidence, and their product on frames whose truth anyone can see."""
    rows = []
    for clip, wanted in LOOK_AT:
        for frame, odds in frames_of(data / "video" / clip, set(wanted)):
            alone = predict(run, frame.rgb, long_side_px=LONG_SIDE_PX)
            maps = in_motion(alone, odds)
            told = maps.probability * maps.evidence
            rows.append(panel(frame.rgb, alone.probability, maps.probability, maps.evidence, told))
    draw(rows, pictures / "clips.png", n_columns=1)
