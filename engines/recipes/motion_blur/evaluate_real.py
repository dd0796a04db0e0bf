"""Score on real pictures of groups that were not trained on, and choose the engine's threshold by them.

python -m engines.recipes.motion_blur.evaluate_real engines/motion_blur/model.onnx

Exposures of clips, pans made by following, and photographs without motion blur (`footage.sources`, and the
sharp photographs of `sources.split_names`), whole pictures at analysis scale.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from engines.recipes.footage import sources
from engines.recipes.footage.clips import load_segment
from engines.recipes.footage.exposure import expose
from engines.recipes.footage.windows import draw_window, follow
from engines.recipes.synthesis.sources import WORK, shared_data, split_names

from .crops import whole
from .metrics import Curve, auc
from .pictures import draw, panel, read_rgb
from .predictor import LONG_SIDE_PX, PRIOR, Run, open_runner, predict
from .real import sharp_view, view_of

if TYPE_CHECKING:
    from .render import Samples

WINDOWS_A_CLIP = 6
SEED = 20
WORST, FLAGGED = 100, 0.05  # photographs; share of a sharp picture: it is drawn
STEPS = [k / 100 for k in range(5, 96)]


@dataclass(slots=True)
class Exposed:
    """Exposures of one kind: cells by evidence, and mean probabilities against their own middle frames."""

    cells: Curve = field(default_factory=Curve)
    blurred: list[float] = field(default_factory=list)
    still: list[float] = field(default_factory=list)
    panels: list[np.ndarray] = field(default_factory=list)


def score_clips(run: Run, data: Path, segments: Path, *, n: int = WINDOWS_A_CLIP) -> dict[str, Exposed]:
    """Exposures and followed pans of the clips held out, the same windows whichever network looks."""
    found = {"exposures": Exposed(), "pans": Exposed()}
    for place, path in enumerate(sources.segments(data, segments, "val")):
        rng, segment = np.random.default_rng((SEED, place)), load_segment(path)
        for kind in [k for k in found for _ in range(n)]:
            part = segment if kind == "exposures" else follow(segment, rng)
            window = draw_window(part, rng) if part is segment else (0, len(part.flow)) if part else None
            if part is None or window is None:
                continue
            turned = np.linalg.norm(part.camera[slice(*window), 2].sum(0))
            moves = part is not segment or (part.inliers[slice(*window)].mean() > 0.6 and turned > 2)
            exposure = expose(part, *window)
            view = view_of(exposure, follows=part is not segment, camera_moves=bool(moves))
            _note(found[kind], run, whole(view, LONG_SIDE_PX), exposure.middle)
    return found


def _note(row: Exposed, run: Run, made: Samples, middle: np.ndarray) -> None:
    probability, evidence = _look(run, made.image.numpy())
    truth, weight = made.mask[0, 0].numpy() > 0.5, made.evidence[0, 0].numpy()
    row.cells.add(probability, truth, weight)
    still = whole(sharp_view(middle), LONG_SIDE_PX)
    calm, calm_evidence = _look(run, still.image.numpy())
    row.blurred.append(float(np.average(probability, weights=evidence + 1e-6)))
    row.still.append(float(np.average(calm, weights=calm_evidence + 1e-6)))
    picture = made.image[0].permute(1, 2, 0).numpy()
    row.panels.append(panel(picture, truth.astype(np.float32), weight, probability))


def _look(run: Run, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probability and evidence, (h, w) at stride 4."""
    probability, _, evidence = run(image.astype(np.float32) / 255)
    return probability[0, 0], evidence[0, 0]


def score_negatives(run: Run, data: Path, pictures: Path | None, threshold: float) -> dict[str, Curve]:
    """Every pixel of the photographs held out, by kind; each photograph weighs the same."""
    curves: dict[str, Curve] = defaultdict(Curve)
    rows, shares = [], []
    listed = [
        (r["kind"], data / "real/negatives" / r["file"]) for r in sources.rows(data, "negatives", "val")
    ]
    for kind, path in listed + [("photo", data / name) for name in split_names(data)["val"]]:
        rgb = read_rgb(path)
        maps = predict(run, rgb, long_side_px=LONG_SIDE_PX)
        shown = cv2.resize(maps.probability, (64, 64), interpolation=cv2.INTER_AREA)
        curves[kind].add(shown, np.zeros(shown.shape, bool))
        shares.append(float((shown >= threshold).mean()))
        rows.append(panel(rgb, maps.probability, maps.evidence))
    worst = [i for i in np.argsort(shares)[::-1][:WORST] if shares[i] > FLAGGED]
    if pictures and worst:
        draw([rows[i] for i in worst], pictures / "worst_photographs.png", n_columns=4)
    return curves


def choose_threshold(exposed: dict[str, Exposed], sharp: dict[str, Curve]) -> float:
    """Where IoU + mean IoU is highest, exposures and pans weighing as much as photographs without blur.

    The photographs' four kinds weigh alike, whatever their number.
    """
    total = Curve()
    moved, still = list(exposed.values()), list(sharp.values())
    for row in moved:
        whole_weight = row.cells.positive.sum() + row.cells.negative.sum()
        total.positive += row.cells.positive / whole_weight / len(moved)
        total.negative += row.cells.negative / whole_weight / len(moved)
    for curve in still:
        total.negative += curve.negative / curve.negative.sum() / len(still)
    return max(STEPS, key=lambda t: total.at(t).iou + total.at(t).mean_iou)


def report_real(
    run: Run, data: Path, segments: Path, threshold: float | None, pictures: Path | None
) -> tuple[dict[str, float], float]:
    """Print and return the rows (percent, except AUC), and the threshold: chosen here where none is given."""
    exposed = score_clips(run, data, segments)
    sharp = score_negatives(run, data, None, 1.0)
    used = choose_threshold(exposed, sharp) if threshold is None else threshold
    row = {}
    for kind, found in exposed.items():
        row[f"{kind}_cells_auc"] = found.cells.auc()
        row[f"{kind}_cells_iou"] = 100 * found.cells.at(used).iou
        row[f"{kind}_against_their_frames_auc"] = auc(np.array(found.blurred), np.array(found.still))
    for kind, curve in sharp.items():
        row[f"{kind}_area_flagged"] = 100 * curve.at(used).false_area
    for name, value in row.items():
        print(f"real (threshold {used:.2f}) {name:36s} {value:.3f}")
    if pictures:
        for kind, found in exposed.items():
            draw(found.panels, pictures / f"real_{kind}.png")
        score_negatives(run, data, pictures, used)
    return row, used


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("network", type=Path)
    parser.add_argument("--data", type=Path, default=shared_data())
    parser.add_argument("--segments", type=Path, default=WORK / "segments", help="made by footage.clips")
    parser.add_argument("--threshold", type=float, help="default: chosen on these pictures")
    parser.add_argument("--prior", type=float, default=PRIOR, help="0: every cell judged alone")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pictures", type=Path, help="folder for PNGs to look at")
    args = parser.parse_args()
    run = open_runner(args.network, n_threads=args.threads, prior=args.prior or None)
    report_real(run, args.data, args.segments, args.threshold, args.pictures)


if __name__ == "__main__":
    main()
