"""Short runs of a small network from nothing, each with one thing left out.

OMP_NUM_THREADS=1 python -m engines.recipes.motion_blur.ablate .work/motion_blur/ablations --steps 300

Goes on where an earlier run stopped. What a few minutes on a core tell is an order, not a size: differences
smaller than those between two seeds (the first two rows) mean nothing.
"""

from __future__ import annotations

import argparse
import json
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from engines.recipes.synthesis.scene import EASY, Mixture

from .data import make_set
from .evaluate import DEFAULT_DATA, score_dev
from .evaluate_synthetic import DEFAULT_PACK, DEFAULT_SET, curve_of, score_set
from .losses import LossWeights
from .predictor import open_runner
from .train import Settings, Stage, Trainer

if TYPE_CHECKING:
    from .model import Segmenter

WIDTHS = (32, 48, 64, 96, 96)  # a quarter of the engine's weights
SIZE_PX, N_EASY, N_FULL = 192, 300, 600
EASY_SHARE = 0.4  # of the steps


@dataclass(frozen=True, slots=True)
class Ablation:
    """What one run changes: mixtures, weights of the loss, curriculum, stem, lent features, seed."""

    mix: dict[str, object] = field(default_factory=dict)
    losses: LossWeights = field(default_factory=LossWeights)
    curriculum: bool = True
    frequencies: bool = True
    lent: bool = True
    seed: int = 0


NO_DEFOCUS = {"background_defocus": 0.0, "object_defocus": 0.0, "frame_softness": 0.0, "sharp_objects": 0.0}
ABLATIONS = {
    "everything": Ablation(),
    "everything, another seed": Ablation(seed=1),
    "no frequency channels (colour alone)": Ablation(frequencies=False),
    "no features lent": Ablation(lent=False),
    "no evidence weights": Ablation(losses=LossWeights(sharp_floor=1.0, blur_floor=1.0)),
    "objects move, grounds and frames do not": Ablation(mix={"modes": (0.72, 0.0, 0.0, 0.0, 0.28)}),
    "no sharpening": Ablation(mix={"sharpening": 0.0}),
    "no hard negatives": Ablation(mix=NO_DEFOCUS),
    "no curriculum": Ablation(curriculum=False),
    "mask-centric only": Ablation(mix={"mask_centric": 1.0}),
    "image-centric only": Ablation(mix={"mask_centric": 0.0}),
    "no prevalence prior": Ablation(losses=LossWeights(prior=0.0)),
    "no path head": Ablation(losses=LossWeights(path=0.0)),
}


def stages_of(ablation: Ablation, folder: Path, pack: Path) -> tuple[Stage, ...]:
    """The sets of one run, rendered where they are not there yet; equal mixtures share theirs."""
    changes = json.dumps(ablation.mix, sort_keys=True).encode()
    sets = folder / f"{zlib.crc32(changes):08x}"
    easy, full = sets / "easy", sets / "full"
    for home, mix, n in ((easy, EASY, N_EASY), (full, Mixture(), N_FULL)):
        changed = replace(mix, **ablation.mix)
        make_set(home, pack, n=n, seed=5, split="train", mix=changed, size_px=SIZE_PX)
    if not ablation.curriculum:
        return (((((easy, full), 1.0),), 1.0),)
    return (((((easy,), 1.0),), EASY_SHARE), ((((full,), 1.0),), 1 - EASY_SHARE))


def train(ablation: Ablation, folder: Path, sets: Path, pack: Path, steps: int) -> Path:
    """One run; returns its checkpoint."""
    settings = Settings(
        folder, stages_of(ablation, sets, pack), steps, widths=WIDTHS, lr=2e-3, warmup=30, batch=8,
        ema=0.99, seed=ablation.seed, losses=ablation.losses, log_every=100,
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(settings)
    if not ablation.frequencies:
        for network in (trainer.network.segmenter, trainer.average):
            silence(network)
    if not ablation.lent:
        trainer.network.adapt.requires_grad_(requires_grad=False)  # adapters start at zero and stay there
    trainer.run()
    return trainer.path


def silence(network: Segmenter) -> None:
    """Leave the stem nothing but mean colours: every band energy becomes the same."""
    for bank in (network.energy.bank0, network.energy.bank1, network.energy.bank2):
        bank.zero_()


def measure(checkpoint: Path, data: Path, synthetic: Path, pack: Path) -> dict[str, float]:
    """Best IoU and AUC on the synthetic set and on dev-cuhk; defocus called motion at the latter's best."""
    run = open_runner(checkpoint, n_threads=1, prior=None)
    scored = score_set(run, synthetic, pack)
    curve = curve_of(scored, list(range(len(scored.scenes))))
    motion, defocus = (score_dev(run, data, kind, None) for kind in ("motion", "defocus"))
    best = motion.best_threshold()
    return {
        "synthetic IoU": 100 * curve.at(curve.best_threshold()).iou,
        "synthetic AUC": curve.auc(),
        "dev IoU": 100 * motion.at(best).iou,
        "dev mIoU": 100 * motion.at(best).mean_iou,
        "dev AUC": motion.auc(),
        "defocus": 100 * defocus.at(best).recall,
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--pack", type=Path, default=DEFAULT_PACK)
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    parser.add_argument("--synthetic", type=Path, default=DEFAULT_SET)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    table = args.folder / "table.json"
    rows = json.loads(table.read_text()) if table.exists() else {}
    for number, (name, ablation) in enumerate(ABLATIONS.items()):
        if name not in rows:
            home = args.folder / f"run{number}"
            checkpoint = train(ablation, home, args.folder / "sets", args.pack, args.steps)
            rows[name] = measure(checkpoint, args.data, args.synthetic, args.pack)
            table.write_text(json.dumps(rows, indent=1))
        print(f"| {name} | " + " | ".join(f"{v:.3g}" for v in rows[name].values()) + " |", flush=True)


if __name__ == "__main__":
    main()
