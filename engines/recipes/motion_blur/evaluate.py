"""Score an engine or a checkpoint on pictures it was not trained on.

python -m engines.recipes.motion_blur.evaluate engines/motion_blur/model.onnx --pictures .work/look
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import cv2
import numpy as np

from engines.recipes.synthesis.sources import WORK

from .evaluate_clips import report_clips
from .evaluate_exposures import report_frames, report_pans
from .evaluate_pairs import report_faces
from .evaluate_photos import report_landscapes, report_photos
from .evaluate_real import report_real
from .evaluate_synthetic import DEFAULT_PACK, DEFAULT_SET, report_synthetic
from .metrics import Curve
from .pictures import draw, panel, read_rgb
from .predictor import LONG_SIDE_PX, PRIOR, Run, open_runner, predict

DEFAULT_DATA = Path(os.environ.get("QC_SHARED_DATA", Path(__file__).parents[4] / "shared/data"))
LANDSCAPES = WORK / "landscapes" / "held_out"
UNKNOWN = 0.5  # threshold and evidence floor of one part alone, when none are given


def score_dev(run: Run, data: Path, kind: str, pictures: Path | None) -> Curve:
    """Pooled curve on `dev-cuhk/<kind>`: hand-made masks, never trained on."""
    curve, rows = Curve(), []
    for mask_path in sorted((data / "dev-cuhk" / kind / "masks").iterdir()):
        rgb = read_rgb(mask_path.parents[1] / "images" / f"{mask_path.stem}.jpg")
        drawn = cv2.imread(str(mask_path), cv2.IMREAD_GRAYSCALE)
        truth = cv2.resize(drawn, rgb.shape[1::-1], interpolation=cv2.INTER_NEAREST) > 127
        maps = predict(run, rgb, long_side_px=LONG_SIDE_PX)
        curve.add(maps.probability, truth)
        rows.append(panel(rgb, truth.astype(np.float32), maps.probability, maps.evidence))
    if pictures:
        draw(rows, pictures / f"dev_{kind}.png")
    return curve


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
    parser.add_argument(
        "--synthetic", type=Path, default=DEFAULT_SET, help="frozen validation set made by data.py"
    )
    parser.add_argument("--pack", type=Path, default=DEFAULT_PACK)
    parser.add_argument("--landscapes", type=Path, default=LANDSCAPES, help="sharp ones, where gathered")
    parser.add_argument("--segments", type=Path, default=WORK / "segments", help="made by footage.clips")
    parser.add_argument(
        "--threshold", type=float, help="default: chosen on real pictures held out, else on the synthetic set"
    )
    parser.add_argument("--evidence-floor", type=float, help="default: chosen on the synthetic set")
    parser.add_argument(
        "--only",
        choices=("real", "synthetic", "dev", "photos", "clips", "pairs"),
        help="one part instead of all",
    )
    parser.add_argument("--prior", type=float, default=PRIOR, help="0: every cell judged alone")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pictures", type=Path, help="folder for PNGs to look at")
    args = parser.parse_args()
    run = open_runner(args.network, n_threads=args.threads, prior=args.prior or None)
    threshold, floor = args.threshold, args.evidence_floor
    if args.only in (None, "real") and args.segments.is_dir():
        _, threshold = report_real(run, args.data, args.segments, threshold, args.pictures)
    if args.only in (None, "synthetic"):
        threshold, floor = report_synthetic(run, args.synthetic, args.pack, threshold, floor)
    threshold, floor = (UNKNOWN if value is None else value for value in (threshold, floor))
    if args.only in (None, "dev"):
        report_dev(run, args.data, threshold, args.pictures)
    if args.only in (None, "photos"):
        report_photos(run, args.data, threshold, floor, args.pictures)
        if args.landscapes.is_dir():
            report_landscapes(run, args.landscapes, threshold, floor)
    if args.only in (None, "clips"):
        report_clips(run, args.data, threshold, args.pictures)
    if args.only in (None, "pairs"):
        report_faces(run, args.data)
        report_frames(run, args.data)
        report_pans(run, args.data, threshold)


if __name__ == "__main__":
    main()
