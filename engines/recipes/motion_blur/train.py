"""Train or fine-tune the segmenter; goes on from the last checkpoint after a kill at any step.

OMP_NUM_THREADS=1 taskset -c 0 nice -n 19 python -m engines.recipes.motion_blur.train .work/motion_blur/run1 \
    --stage .work/motion_blur/set1:1 --init sketch.npz --lr 4e-4 --steps 1500
torchrun --nproc-per-node 2 -m engines.recipes.motion_blur.train ...           # several processes
A curriculum is several --stage FOLDER[,FOLDER]:SHARE, in order. Families of sets that a batch takes its
shares from are joined by +: real1,real2@.25+follow@.2+sharp@.25+set1@.3:1.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import math
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from engines.recipes.mobilenet import WEIGHTS
from engines.recipes.optimiser import Together
from engines.recipes.synthesis.sources import shared_data
from engines.recipes.training import follow, parse_change, rate_factor, wait_while_paused

from . import checkpoint
from .curves import draw_curves
from .data import Batch, Sampler, StoredSet, prefetch
from .losses import LossWeights, total_loss
from .model import Segmenter, Widths
from .semantics import WithSemantics

GRADIENT_NORM = 2.0
N_AHEAD = 12  # batches under way in threads beside a GPU


Family = tuple[tuple[Path, ...], float]  # sets, and their share of a batch
Stage = tuple[tuple[Family, ...], float]  # families, and the stage's share of the run


@dataclass(frozen=True, slots=True)
class Settings:
    """One run. A checkpoint remembers nothing of this: give the same settings to go on."""

    folder: Path
    stages: tuple[Stage, ...]
    steps: int
    minutes: float = math.inf  # budget over all starts; the learning rate falls by whichever ends first
    init: Path | None = None
    widths: tuple[int, ...] | None = None  # channels at strides 4..64 of a network trained from nothing
    lr: float = 2e-3
    warmup: int = 100
    batch: int = 12
    ema: float = 0.999
    seed: int = 0
    bf16: bool = False
    lends: bool = True  # features of the ImageNet encoder (ADR 9)
    muon: bool = True
    losses: LossWeights = field(default_factory=LossWeights)
    device: str = "cpu"
    log_every: int = 20
    save_seconds: float = 180.0


class Trainer:
    """Network, optimiser, averaged copy and the step they have reached."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.step, self.elapsed_s = settings, 0, 0.0
        self.rank = dist.get_rank() if dist.is_initialized() else 0
        torch.manual_seed(settings.seed)
        start = new_network(settings.widths, lends=settings.lends)
        if settings.init:
            start = checkpoint.load_training(settings.init, lends=settings.lends)
        load_semantics(start)
        self.network = start.to(settings.device, memory_format=torch.channels_last).train()
        self.average = copy.deepcopy(self.network.segmenter).eval().requires_grad_(requires_grad=False)
        self.optimiser = Together(self.network, settings.lr, muon=settings.muon)
        if self.path.exists():
            self._resume()
        self.parallel: nn.Module = (
            DistributedDataParallel(self.network, find_unused_parameters=not settings.lends)
            if dist.is_initialized()
            else self.network
        )
        self.samplers = [
            Sampler(
                [([StoredSet(f) for f in folders], share) for folders, share in families],
                batch=settings.batch,
                seed=settings.seed,
                rank=self.rank,
            )
            for families, _ in settings.stages
        ]

    @property
    def path(self) -> Path:
        """The checkpoint."""
        return self.settings.folder / "last.pt"

    def _resume(self) -> None:
        content = checkpoint.load(self.path)
        self.network.load_state_dict(content["network"])
        self.average.load_state_dict(content["ema"])
        self.optimiser.load_state_dict(content["optimiser"])
        self.step, self.elapsed_s = int(content["step"]), float(content.get("elapsed_s", 0.0))

    def save(self) -> None:
        """Everything a later run needs to go on as if nothing had happened; only the first process writes."""
        if self.rank:
            return
        widths = self.average.widths
        checkpoint.save(
            self.path,
            {
                "network": self.network.state_dict(),
                "ema": self.average.state_dict(),
                "adapt": self.network.adapt.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "step": self.step,
                "elapsed_s": self.elapsed_s,
                "widths": (list(widths.channels), widths.orientations, widths.evidence),
            },
        )

    def run(self, *, until: int | None = None) -> None:
        """Train to the last step, to `until`, or until the time is used up, saving on the way."""
        stop, saved, log = min(until or self.settings.steps, self.settings.steps), time.monotonic(), Log(self)
        clock = saved
        n_ahead = N_AHEAD if self.settings.device.startswith("cuda") else 0  # a CPU has nothing to wait for
        for batch in prefetch(self._draw, self.step, stop, n_ahead=n_ahead):
            wait_while_paused()
            log.note(self._train_step(batch))
            now = time.monotonic()
            self.elapsed_s, clock = self.elapsed_s + now - clock, now
            if now - saved > self.settings.save_seconds:
                self.save()
                saved = now
            if self.done >= 1:
                break
        self.save()

    @property
    def done(self) -> float:
        """How much of the run is over, by steps or by the clock."""
        by_clock = self.elapsed_s / (60 * self.settings.minutes)
        return max(self.step / self.settings.steps, by_clock)

    @property
    def rate(self) -> float:
        """Learning rate of the next step: warm-up, then a cosine to a hundredth."""
        settings = self.settings
        return settings.lr * rate_factor(self.step, self.done, warmup=settings.warmup, floor=0.01)

    def _draw(self, step: int) -> Batch:
        """The batch of a step, from the curriculum's sets at that step."""
        shares = torch.tensor([share for _, share in self.settings.stages])
        ends = (shares.cumsum(0) / shares.sum() * self.settings.steps).tolist()
        sampler = next(
            (s for s, end in zip(self.samplers, ends, strict=True) if step < end), self.samplers[-1]
        )
        batch = sampler.draw(step, self.settings.device)
        return dataclasses.replace(batch, image=batch.image.contiguous(memory_format=torch.channels_last))

    def _train_step(self, batch: Batch) -> dict[str, Tensor]:
        self.optimiser.set_rate(self.rate)
        with torch.autocast(
            torch.device(self.settings.device).type, torch.bfloat16, enabled=self.settings.bf16
        ):
            prediction = self.parallel(batch.image)
        loss, terms = total_loss(prediction.float(), batch, self.settings.losses)
        self.optimiser.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), GRADIENT_NORM)
        if torch.isfinite(norm):  # a broken batch must not break the run
            self.optimiser.step()
        self.step += 1
        follow(self.average, self.network.segmenter, self.step, self.settings.ema)
        return {"loss": loss.detach(), "norm": norm.detach()} | {k: v.detach() for k, v in terms.items()}


class Log:
    """One line per N steps on standard output and in log.jsonl, and the curves beside it."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer, self.sums, self.n, self.began = trainer, {}, 0, time.monotonic()

    def note(self, terms: dict[str, Tensor]) -> None:
        """Add one step's terms; write when it is time."""
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + value  # on its device: a number would wait for it
        self.n += 1
        settings, step = self.trainer.settings, self.trainer.step
        if step % settings.log_every or self.trainer.rank:
            return
        row = {name: round(float(value) / self.n, 4) for name, value in self.sums.items()}
        rate = self.n * settings.batch / (time.monotonic() - self.began)
        row = {"step": step} | row | {"lr": self.trainer.rate, "crops_per_s": round(rate, 2)}
        with (settings.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")
        draw_curves(settings.folder / "log.jsonl", settings.folder / "curves.png")
        print(" ".join(f"{k} {v:.4g}" for k, v in row.items()), flush=True)
        self.sums, self.n, self.began = {}, 0, time.monotonic()


def new_network(channels: tuple[int, ...] | None, *, lends: bool = True) -> WithSemantics:
    """Untrained, of the usual or of other widths."""
    if channels is None:
        return WithSemantics(Segmenter(), lends=lends)
    if len(channels) != 5:
        raise ValueError(f"one width for each of the strides 4, 8, 16, 32, 64: got {channels}")
    return WithSemantics(Segmenter(Widths(channels)), lends=lends)  # type: ignore[arg-type]


def load_semantics(network: WithSemantics) -> None:
    """ImageNet weights."""
    weights = shared_data() / WEIGHTS
    if weights.exists():
        network.semantics.load_imagenet(weights)
    else:
        print(f"{weights} is missing: training goes on with an untrained encoder, which lends nothing")


def parse_widths(text: str) -> tuple[int, ...]:
    """Five numbers with commas."""
    return tuple(int(part) for part in text.split(","))


def parse_stage(text: str) -> Stage:
    """FAMILY[+FAMILY]:SHARE; a family is FOLDER[,FOLDER][@SHARE]."""
    listed, _, share = text.rpartition(":")
    families = []
    for family in listed.split("+"):
        folders, _, of_batch = family.partition("@")
        families.append((tuple(Path(f) for f in folders.split(",")), float(of_batch or 1)))
    return tuple(families), float(share)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="checkpoint, log and curves go here")
    parser.add_argument("--stage", action="append", type=parse_stage, required=True, dest="stages")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--init", type=Path, help="checkpoint, exported engine or sketch .npz to start from")
    parser.add_argument(
        "--widths", type=parse_widths, help="channels at strides 4..64 without --init, 48,96,..."
    )
    defaults = Settings(Path(), (), 0)
    for name in ("minutes", "lr", "warmup", "batch", "ema", "seed", "device", "log_every", "save_seconds"):
        value = getattr(defaults, name)
        parser.add_argument("--" + name.replace("_", "-"), type=type(value), default=value)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--alone", action="store_false", dest="lends", help="no encoder lent (ADR 9)")
    parser.add_argument("--adamw", action="store_false", dest="muon", help="AdamW for kernels too (ADR 10)")
    parser.add_argument("--loss", action="append", type=parse_change, default=[], help="ablation: prior=0")
    args = parser.parse_args()
    args.losses = dataclasses.replace(LossWeights(), **dict(args.loss))
    del args.loss
    torch.backends.cudnn.benchmark = True  # every batch has the same size
    if "WORLD_SIZE" in os.environ:  # under torchrun
        dist.init_process_group("nccl" if args.device.startswith("cuda") else "gloo")
        if args.device == "cuda":
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    args.folder.mkdir(parents=True, exist_ok=True)
    args.stages = tuple(args.stages)
    Trainer(Settings(**vars(args))).run()
    if dist.is_initialized():
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
