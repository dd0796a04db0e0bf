"""Score an engine or a checkpoint on pictures it was not trained on.

python -m engines.recipes.motion_blur.evaluate engines/motion_blur/model.onnx --pictures .work/motion_blur/look
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import cv2
import numpy as np

from .metrics import Curve
from .predictor import Run, open_runner, predict

DEFAULT_DATA = Path(os.environ.get("QC_SHARED_DATA", Path(__file__).parents[4] / "shared/data"))


def read_rgb(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB."""
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        message = f"not a readable picture: {path}"
        raise ValueError(message)
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def score_dev(run: Run, data: Path, kind: str, pictures: Path | None) -> Curve:
    """Pooled curve on `dev-cuhk/<kind>`: hand-made masks, native size, never trained on."""
    curve, rows = Curve(), []
    for mask_path in sorted((data / "dev-cuhk" / kind / "masks").iterdir()):
        rgb = read_rgb(mask_path.parents[1] / "images" / f"{mask_path.stem}.jpg")
        drawn = cv2.imread(str(mask_path), cv2.IMREAD_GRAYSCALE)
        truth = cv2.resize(drawn, rgb.shape[1::-1], interpolation=cv2.INTER_NEAREST) > 127
        maps = predict(run, rgb)
        curve.add(maps.probability, truth)
        rows.append(panel(rgb, truth.astype(np.float32), maps.probability, maps.evidence))
    if pictures:
        draw(rows, pictures / f"dev_{kind}.png")
    return curve


def panel(rgb: np.ndarray, *maps: np.ndarray, height_px: int = 150) -> np.ndarray:
    """The picture and its maps side by side, (height_px, any, 3) uint8."""
    width_px = round(height_px * rgb.shape[1] / rgb.shape[0])
    grey = [cv2.cvtColor((np.clip(m, 0, 1) * 255).astype(np.uint8), cv2.COLOR_GRAY2RGB) for m in maps]
    return np.hstack([cv2.resize(p, (width_px, height_px), interpolation=cv2.INTER_AREA) for p in (rgb, *grey)])


def draw(rows: list[np.ndarray], path: Path, *, n_columns: int = 2) -> None:
    """Panels in columns -> one PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    width = max(r.shape[1] for r in rows)
    wide = [np.pad(r, ((2, 2), (0, width - r.shape[1] + 4), (0, 0))) for r in rows]
    wide += [np.zeros_like(wide[0])] * (-len(wide) % n_columns)
    lines = [np.hstack(wide[i : i + n_columns]) for i in range(0, len(wide), n_columns)]
    cv2.imwrite(str(path), cv2.cvtColor(np.vstack(lines), cv2.COLOR_RGB2BGR))


def report_dev(run: Run, data: Path, threshold: float, pictures: Path | None) -> dict[str, float]:
    """The rows of dev-cuhk, printed and returned (percent, except AUC and thresholds)."""
    motion, defocus = (score_dev(run, data, kind, pictures) for kind in ("motion", "defocus"))
    scores, best = motion.at(threshold), motion.best_threshold()
    row = {
        "motion_iou": 100 * scores.iou,
        "motion_f1": 100 * scores.f1,
        "motion_mean_iou": 100 * scores.mean_iou,
        "motion_auc": motion.auc(),
        "motion_best_iou": 100 * motion.at(best).iou,
        "motion_best_threshold": best,
        "defocused_area_called_motion": 100 * defocus.at(threshold).recall,
        "sharp_area_of_defocus_pictures_called_motion": 100 * defocus.at(threshold).false_area,
    }
    for name, value in row.items():
        print(f"dev-cuhk {name:46s} {value:.3f}")
    return row


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", type=Path, help=".onnx engine, .pt checkpoint or the sketch's .npz")
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    parser.add_argument("--threshold", type=float, default=0.5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pictures", type=Path, help="folder for PNGs to look at")
    args = parser.parse_args()
    run = open_runner(args.network, n_threads=args.threads)
    report_dev(run, args.data, args.threshold, args.pictures)


if __name__ == "__main__":
    main()
