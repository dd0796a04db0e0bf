"""A contact sheet of a set: moved, at rest, and where and along which path it moved.

python -m engines.recipes.deblur.preview .work/deblur/set1 .work/deblur/look.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from .data import BLURRED_PX, CELL, EXTENT_STEPS, PATH_STEPS, PairSet


def tile(stored: PairSet, index: int) -> np.ndarray:
    """One pair, (S, 3 S, 3) uint8 RGB."""
    moved, still = (stored.arrays[name][index].transpose(1, 2, 0) for name in ("moved", "still"))
    drawn = (moved // 2).copy()
    drawn[stored.arrays["extent"][index, 0] >= BLURRED_PX * EXTENT_STEPS] += np.uint8(90)
    drawn = np.ascontiguousarray(drawn)
    path = stored.arrays["path"][index].astype(float) / PATH_STEPS
    for y in range(4, path.shape[1], 6):
        for x in range(4, path.shape[2], 6):
            _draw_path(drawn, path[:, y, x], ((x + 0.5) * CELL, (y + 0.5) * CELL))
    return np.hstack([moved, still, drawn])


def _draw_path(picture: np.ndarray, path: np.ndarray, at: tuple[float, float]) -> None:
    t = np.linspace(-0.5, 0.5, 7)[:, None]
    points = np.array(at) + t * path[:2] + (0.5 - 4 * t**2) * path[2:]
    if np.abs(path).max() > 0:
        cv2.polylines(picture, [points.round().astype(np.int32)], isClosed=False, color=(255, 60, 60))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--rows", type=int, default=8)
    args = parser.parse_args()
    stored = PairSet(args.folder)
    chosen = np.linspace(0, stored.count - 1, 2 * args.rows).round().astype(int)
    columns = [np.vstack([tile(stored, i) for i in half]) for half in (chosen[::2], chosen[1::2])]
    cv2.imwrite(str(args.out), np.hstack(columns)[..., ::-1])


if __name__ == "__main__":
    main()
