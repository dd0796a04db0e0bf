"""A training log as a picture."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

SHOWN = ("loss", "bce", "dice", "tversky", "extent", "coarse", "evidence", "prior")
CELL_PX = (320, 200)


def draw_curves(log: Path, out: Path) -> None:
    """log.jsonl -> one small chart a term, first and last value written on it."""
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    charts = [
        _chart(name, [r["step"] for r in rows], [r[name] for r in rows]) for name in SHOWN if name in rows[0]
    ]
    charts += [np.full_like(charts[0], 255)] * (-len(charts) % 4)
    cv2.imwrite(str(out), np.vstack([np.hstack(charts[i : i + 4]) for i in range(0, len(charts), 4)]))


def _chart(name: str, steps: list[int], values: list[float]) -> np.ndarray:
    width, height = CELL_PX
    chart = np.full((height, width, 3), 255, np.uint8)
    low, high = min(values), max(values)
    x = np.interp(steps, [min(steps), max(steps) + 1], [10, width - 10])
    y = np.interp(values, [low, high + 1e-9], [height - 15, 40])
    cv2.polylines(chart, [np.stack([x, y], 1).astype(np.int32)], False, (160, 60, 20), 1, cv2.LINE_AA)  # noqa: FBT003
    text = f"{name}  {values[0]:.4g} -> {values[-1]:.4g}  (step {steps[-1]})"
    return cv2.putText(chart, text, (8, 20), 0, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
