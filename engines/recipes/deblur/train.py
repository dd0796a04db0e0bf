"""Train the deblurrer or a part of it; goes on from the last checkpoint after a kill at any step.

OMP_NUM_THREADS=1 nice -n 19 python -m engines.recipes.deblur.train .work/deblur/analyser --part analyser \
    --set .work/deblur/set1 --steps 4000 --batch 12 --side 192 --lr 2e-3
OMP_NUM_THREADS=1 nice -n 19 python -m engines.recipes.deblur.train .work/deblur/restorer --part restorer \
    --set .work/deblur/set1 --steps 3000 --lr 1.5e-3
... train .work/deblur/both --part restorer --set .work/deblur/set1 --steps 7000 --batch 4 --side 160 \
    --take analyser=.work/deblur/analyser/last.pt --take restorer=.work/deblur/restorer/last.pt

Alone, the restorer follows true paths, somewhat disturbed; together with an analyser, or with one taken by
--take and left as it is, mostly those it is given.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engines.recipes.optimiser import Together
from engines.recipes.training import follow, load, parse_change, rate_factor, save, wait_while_paused

from .data import Crops, Pairs, PairSet
from .losses import LossWeights, analyser_loss, cells_moved, restorer_loss
from .model import Analysis, Deblurrer, Widths, grow
from .paths import caution, encode_path

GRADIENT_NORM = 1.0
WEIGHT_DECAY = 1e-3
WITHOUT_PATH = (
    0.1  # share of pictures restored without a path: the network must bear an analyser that is lost
)


@dataclass(frozen=True, slots=True)
class Settings:
    """One run. A checkpoint remembers nothing of this: give the same settings to go on."""

    folder: Path
    sets: tuple[Path, ...]
    steps: int
    lr: float = 1e-3
    warmup: int = 50
    batch: int = 4
    side: int = 128
    ema: float = 0.998
    seed: int = 0
    device: str = "cpu"
    log_every: int = 50
    save_seconds: float = 120.0
    blocks: int = 4
    part: str = "both"
    take: tuple[tuple[str, Path], ...] = ()  # where a part's weights come from at step 0
    losses: LossWeights = field(default_factory=LossWeights)


class Trainer:
    """Network, optimiser, averaged copy and the step they have reached."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.step = settings, 0
        torch.manual_seed(settings.seed)
        network = Deblurrer(Widths(blocks=settings.blocks))
        for part, source in settings.take:
            state = {k: v for k, v in load(source)["ema"].items() if k.startswith(part + ".")}
            network.load_state_dict(state, strict=False)
        self.network = network.to(settings.device, memory_format=torch.channels_last).train()
        self.average = copy.deepcopy(self.network).eval().requires_grad_(requires_grad=False)
        self.optimiser = Together(self.network, settings.lr, weight_decay=WEIGHT_DECAY)
        if self.path.exists():
            content = load(self.path)
            self.network.load_state_dict(content["network"])
            self.average.load_state_dict(content["ema"])
            self.optimiser.load_state_dict(content["optimiser"])
            self.step = int(content["step"])
        sets = [PairSet(folder) for folder in settings.sets]
        self.crops = Crops(sets, batch=settings.batch, side_px=settings.side, seed=settings.seed)

    @property
    def path(self) -> Path:
        """The checkpoint."""
        return self.settings.folder / "last.pt"

    def save(self) -> None:
        """Everything a later run needs to go on as if nothing had happened."""
        content = {
            "network": self.network.state_dict(),
            "ema": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "widths": dataclasses.astuple(self.network.widths),
        }
        save(self.path, content)

    def run(self) -> None:
        """Train to the last step."""
        saved, began, n, sums = time.monotonic(), time.monotonic(), 0, {}
        while self.step < self.settings.steps:
            wait_while_paused()
            for name, value in self.train_step().items():
                sums[name] = sums.get(name, 0.0) + float(value)
            n += 1
            if self.step % self.settings.log_every == 0:
                row = {"step": self.step} | {k: round(v / n, 5) for k, v in sums.items()}
                row["seconds_a_step"] = round((time.monotonic() - began) / n, 2)
                with (self.settings.folder / "log.jsonl").open("a") as file:
                    file.write(json.dumps(row) + "\n")
                print(" ".join(f"{k} {v:.4g}" for k, v in row.items()), flush=True)
                began, n, sums = time.monotonic(), 0, {}
            if time.monotonic() - saved > self.settings.save_seconds:
                self.save()
                saved = time.monotonic()
        self.save()

    def train_step(self) -> dict[str, Tensor]:
        """One batch; returns the terms of its loss and the gain in dB inside the blur."""
        self.optimiser.set_rate(learning_rate(self.settings, self.step))
        pairs = self.crops.draw(self.step).map(lambda plane: plane.to(self.settings.device))
        moved = pairs.moved.contiguous(memory_format=torch.channels_last)
        loss, terms = self._loss(pairs, moved)
        self.optimiser.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), GRADIENT_NORM)
        if torch.isfinite(norm):  # a broken batch must not break the run
            self.optimiser.step()
        self.step += 1
        follow(self.average, self.network, self.step, self.settings.ema)
        return {"loss": loss.detach(), "norm": norm} | {k: v.detach() for k, v in terms.items()}

    def _loss(self, pairs: Pairs, moved: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Of the parts that are trained."""
        part, weights = self.settings.part, self.settings.losses
        loss, terms = moved.new_zeros(()), {}
        analysis = self._analysis(moved)
        if part != "restorer":
            loss, terms = analyser_loss(analysis, pairs, weights)
        if part != "analyser":
            kept, code = self._guide(pairs, analysis)
            restored = self.network.restorer(moved, code, kept)
            more, restorer_terms = restorer_loss(restored, pairs, kept, weights)
            loss, terms = loss + more, terms | restorer_terms
            terms["gain_db"] = decibels_gained(restored.picture.detach(), pairs)
        return loss, terms

    def _analysis(self, moved: Tensor) -> Analysis | None:
        """Of the analyser in training; of one that was taken and stays as it is; of none."""
        if self.settings.part != "restorer":
            return self.network.analyser(moved)
        if "analyser" not in dict(self.settings.take):
            return None
        with torch.no_grad():
            return self.average.analyser(moved)

    def _guide(self, pairs: Pairs, analysis: Analysis | None) -> tuple[Tensor, Tensor]:
        """Kept cells and path code: mostly the analyser's own, else true ones, disturbed."""
        rng = np.random.default_rng((self.settings.seed, self.step, 2))
        n, device = len(pairs.moved), pairs.moved.device

        def chosen(p: float) -> Tensor:
            return torch.from_numpy(rng.random(n) < p).to(device)[:, None, None, None]

        sure = torch.from_numpy(rng.uniform(0.4, 1, (n, 1, 1, 1))).float().to(device)
        kept, code = cells_moved(pairs), encode_path(disturbed(pairs.path, rng))
        code = torch.cat([code[:, :2] * sure, code[:, 2:3] / caution(sure), code[:, 3:]], 1)
        if analysis is not None:
            own = (torch.sigmoid(analysis.mask.detach()) > 0.3).float()
            kept = torch.where(chosen(0.5), own, kept)
            code = torch.where(chosen(0.75), analysis.code.detach(), code)
        return grow(kept), torch.where(chosen(WITHOUT_PATH), torch.zeros_like(code), code)


def disturbed(path: Tensor, rng: np.random.Generator) -> Tensor:
    """Paths turned by about 6 degrees and stretched by about an eighth, each in half of the pictures."""
    n = len(path)
    angle = torch.from_numpy(rng.normal(0, 0.1, n) * (rng.random(n) < 0.5)).float().to(path.device)
    scale = torch.from_numpy(np.exp(rng.normal(0, 0.12, n) * (rng.random(n) < 0.5))).float().to(path.device)
    cosine, sine = ((f(angle) * scale)[:, None, None] for f in (torch.cos, torch.sin))
    x, y = path[:, 0], path[:, 1]
    return torch.cat([torch.stack([cosine * x - sine * y, sine * x + cosine * y], 1), path[:, 2:]], 1)


def decibels_gained(picture: Tensor, pairs: Pairs) -> Tensor:
    """Mean gain of the batch inside the blur, dB; pictures in which (almost) nothing moved do not count."""
    blurred = pairs.blurred
    before, after = (
        ((p.clamp(0, 1) - pairs.still).square() * blurred).sum((1, 2, 3)) for p in (pairs.moved, picture)
    )
    counts = (blurred.sum((1, 2, 3)) > 64) & (before > 1e-4)
    gain = 10 * torch.log10(before.clamp_min(1e-6) / after.clamp_min(1e-6))
    return (gain * counts).sum() / counts.sum().clamp_min(1)


def learning_rate(settings: Settings, step: int) -> float:
    """Warm-up, then a cosine to a fiftieth."""
    done = step / settings.steps
    return settings.lr * rate_factor(step, done, warmup=settings.warmup, floor=0.02)


def load_network(path: Path, analyser: Path | None = None) -> Deblurrer:
    """The averaged network of a checkpoint, ready to evaluate; `analyser`: that part from another one."""
    content = load(path)
    state, widths = content["ema"], content["widths"]
    if analyser is not None:
        other = load(analyser)
        state = {k: v for k, v in state.items() if not k.startswith("analyser.")}
        state |= {k: v for k, v in other["ema"].items() if k.startswith("analyser.")}
        widths = (other["widths"][0], *widths[1:])
    network = Deblurrer(Widths(*widths))
    network.load_state_dict(state)
    return network.eval()


def parse_take(text: str) -> tuple[str, Path]:
    """PART=CHECKPOINT."""
    part, _, path = text.partition("=")
    return part, Path(path)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="checkpoint and log go here")
    parser.add_argument("--set", action="append", type=Path, required=True, dest="sets")
    parser.add_argument("--steps", type=int, required=True)
    defaults = Settings(Path(), (), 0)
    parser.add_argument("--part", choices=("both", "analyser", "restorer"), default="both")
    parser.add_argument("--take", action="append", type=parse_take, default=[], help="PART=CHECKPOINT")
    for name in (
        "lr",
        "warmup",
        "batch",
        "side",
        "ema",
        "seed",
        "device",
        "log_every",
        "save_seconds",
        "blocks",
    ):
        value = getattr(defaults, name)
        parser.add_argument("--" + name.replace("_", "-"), type=type(value), default=value)
    parser.add_argument("--loss", action="append", type=parse_change, default=[], help="ablation: reblur=0")
    args = parser.parse_args()
    args.losses = dataclasses.replace(LossWeights(), **dict(args.loss))
    del args.loss
    args.folder.mkdir(parents=True, exist_ok=True)
    args.sets, args.take = tuple(args.sets), tuple(args.take)
    Trainer(Settings(**vars(args))).run()


if __name__ == "__main__":
    main()
