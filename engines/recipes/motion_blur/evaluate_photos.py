"""False alarms on sharp photos of held-out sources: area flagged, and faces flagged."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engines.recipes.synthesis.sources import split_names

from .pictures import draw, panel, read_rgb
from .predictor import LONG_SIDE_PX, Maps, Run, predict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FACE_CATEGORY = 1
FACE_FLAGGED = 0.15  # a face with more of its area flagged than this would be called blurred
MIN_FACE_PX = 16  # at analysis scale: smaller faces hold no detail to lose


@dataclass(frozen=True, slots=True, eq=False)
class PhotoScore:
    """One photo: area flagged, of it what can be told, the same weighted by evidence, and of each face."""

    has_people: bool
    flagged: float
    outlined: float  # flagged, and above the evidence floor: what the product draws an outline round
    flagged_by_evidence: float
    faces: list[float]


def report_photos(
    run: Run, data: Path, threshold: float, floor: float, pictures: Path | None
) -> dict[str, float]:
    """Print and return the rows (percent)."""
    boxes, scores, rows = face_boxes(data), [], []
    for name in split_names(data)["val"]:
        rgb = read_rgb(data / name)
        maps = predict(run, rgb, long_side_px=LONG_SIDE_PX)
        scores.append(score_photo(maps, boxes.get(name, []), threshold, floor))
        if scores[-1].flagged > 0.05:
            rows.append(panel(rgb, maps.probability, maps.evidence))
    if pictures and rows:
        draw(rows, pictures / "photos_flagged.png", n_columns=3)
    faces = [f for s in scores for f in s.faces]
    people = [s for s in scores if s.has_people]
    row = {
        "photos": len(scores),
        "area_flagged": 100 * float(np.mean([s.flagged for s in scores])),
        "area_outlined": 100 * float(np.mean([s.outlined for s in scores])),
        "area_flagged_people": 100 * float(np.mean([s.flagged for s in people])),
        "area_flagged_people_by_evidence": 100 * float(np.mean([s.flagged_by_evidence for s in people])),
        "faces": len(faces),
        "faces_flagged": 100 * float(np.mean(np.array(faces) > FACE_FLAGGED)),
    }
    for name, value in row.items():
        print(f"sharp photos {name:42s} {value:.2f}")
    return row


def report_landscapes(run: Run, folder: Path, threshold: float, floor: float) -> dict[str, float]:
    """Print and return the same rows (percent) for the held-out photos that `landscapes` gathered."""
    maps = [predict(run, read_rgb(file), long_side_px=LONG_SIDE_PX) for file in sorted(folder.iterdir())]
    scores = [score_photo(m, [], threshold, floor) for m in maps]
    row = {
        "photos": len(scores),
        "area_flagged": 100 * float(np.mean([s.flagged for s in scores])),
        "area_outlined": 100 * float(np.mean([s.outlined for s in scores])),
    }
    for name, value in row.items():
        print(f"landscapes {name:44s} {value:.2f}")
    return row


def face_boxes(data: Path) -> dict[str, list[tuple[float, float, float, float]]]:
    """Faces of every labelled photo as fractions of its sides: x0, y0, x1, y1, doubtful ones left out."""
    labels = json.loads((data / "regions" / "labels.json").read_text())
    images = {i["id"]: i for i in labels["images"]}
    found: dict[str, list[tuple[float, float, float, float]]] = {i["file_name"]: [] for i in images.values()}
    for a in labels["annotations"]:
        image = images[a["image_id"]]
        w, h, (x, y, bw, bh) = image["width"], image["height"], a["bbox"]
        scale = LONG_SIDE_PX / max(w, h, LONG_SIDE_PX)
        if a["category_id"] == FACE_CATEGORY and not a["ignore"] and min(bw, bh) * scale >= MIN_FACE_PX:
            found[image["file_name"]].append((x / w, y / h, (x + bw) / w, (y + bh) / h))
    return found


def score_photo(
    maps: Maps, faces: list[tuple[float, float, float, float]], threshold: float, floor: float
) -> PhotoScore:
    """Flagged shares of one photo."""
    flagged = maps.probability >= threshold
    windows = [window_of(face, flagged.shape) for face in faces]
    shares = [weighted_share(flagged[window], maps.evidence[window]) for window in windows]
    outlined = float((flagged & (maps.evidence >= floor)).mean())
    weighted = weighted_share(flagged, maps.evidence)
    return PhotoScore(bool(faces), float(flagged.mean()), outlined, weighted, shares)


def window_of(box: Sequence[float], shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns of a box given as fractions x0, y0, x1, y1, at least one of each."""
    sides = ((box[1], box[3], shape[0]), (box[0], box[2], shape[1]))
    rows, columns = (slice(int(a * n), max(math.ceil(b * n), int(a * n) + 1)) for a, b, n in sides)
    return rows, columns


def weighted_share(flagged: np.ndarray, evidence: np.ndarray) -> float:
    """Mean weighted by evidence: what the product's rules see."""
    return float((flagged * evidence).sum() / max(float(evidence.sum()), 1e-6))
