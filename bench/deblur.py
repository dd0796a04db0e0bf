"""What pruning saves: time of the deblurrer at several kept shares, as ratios to its dense pass in this run.

    MALLOC_MMAP_THRESHOLD_=1073741824 MALLOC_TRIM_THRESHOLD_=4294967296 \\
        python bench/deblur.py [--size 720x1280] [--threads 2] [--backend openvino] [--json FILE]

glibc gives large blocks back to the system each time, which makes the dense pass slower than it is: without
the two thresholds the script starts itself again with them. Shares are timed beside the dense pass, in turns.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from qc_plugin.stages.deblur import LocalDeblurrer

SHARES = (0.0, 0.05, 0.15, 0.30, 0.50, 0.70, 1.0)
MALLOC = {"MALLOC_MMAP_THRESHOLD_": "1073741824", "MALLOC_TRIM_THRESHOLD_": "4294967296"}


def picture(height: int, width: int) -> np.ndarray:
    """Texture at several scales, (H, W, 3) uint8."""
    rng = np.random.default_rng(0)
    total = np.zeros((height, width, 3), np.float32)
    for cells in (12, 48, 192):
        coarse = rng.uniform(0, 85, (cells, cells, 3)).astype(np.float32)
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return total.clip(0, 255).astype(np.uint8)


def blobs(height: int, width: int, share: float, grown_px: int) -> np.ndarray:
    """(H, W) bool: round shapes that, once grown, cover about `share` of the picture."""
    rng = np.random.default_rng(1)
    mask = np.zeros((height, width), np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_RECT, (2 * grown_px + 1,) * 2)
    while share and cv2.dilate(mask, disc).mean() < share - 0.01:
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        cv2.circle(mask, centre, int(rng.integers(20, 60)), 1, -1)
    return np.ones((height, width), bool) if share == 1 else mask.astype(bool)


def seconds(deblurrer: LocalDeblurrer, rgb: np.ndarray, mask: np.ndarray, how: str) -> float:
    """Of one call."""
    began = time.perf_counter()
    deblurrer(rgb, mask, how=how)  # type: ignore[arg-type]
    return time.perf_counter() - began


def measure(deblurrer: LocalDeblurrer, rgb: np.ndarray, repeats: int) -> list[dict[str, float | str]]:
    """Best times of each share and way, over the best dense time of the same turns."""
    everything = np.ones(rgb.shape[:2], bool)
    rows: list[dict[str, float | str]] = []
    seconds(deblurrer, rgb, everything, "dense")
    for share in SHARES:
        mask = blobs(*rgb.shape[:2], share, 8)
        ways = ("auto", "cells") if share > 0.5 else ("auto", "tiles") if share else ("auto",)
        best = dict.fromkeys((*ways, "reference"), float("inf"))
        for _ in range(repeats):
            best["reference"] = min(best["reference"], seconds(deblurrer, rgb, everything, "dense"))
            for way in ways:
                best[way] = min(best[way], seconds(deblurrer, rgb, mask, way))
        patch = deblurrer(rgb, mask)
        row: dict[str, float | str] = {"kept": round(patch.kept_fraction, 3), "how": patch.how}
        row["macs"] = round(patch.macs / patch.macs_dense, 3)
        rows.append(row | {f"time {way}": round(best[way] / best["reference"], 3) for way in ways})
        print("  ".join(f"{k} {v}" for k, v in rows[-1].items()), flush=True)
    return rows


def main() -> None:
    """Command line."""
    if any(os.environ.get(name) != value for name, value in MALLOC.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | MALLOC)  # noqa: S606 - ourselves
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="720x1280")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--backend", default="openvino")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    deblurrer = LocalDeblurrer.load(backend=args.backend, threads=args.threads)
    height, width = (int(side) for side in args.size.split("x"))
    rows = measure(deblurrer, picture(height, width), args.repeats)
    if args.json:
        args.json.write_text(json.dumps({"size": args.size, "threads": args.threads, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
