"""Train or fine-tune the segmenter; goes on from the last checkpoint after a kill at any step.

OMP_NUM_THREADS=1 taskset -c 0 nice -n 19 python -m engines.recipes.motion_blur.train .work/motion_blur/run1 \
    --stage .work/motion_blur/set1:1 --init sketch.npz --lr 4e-4 --steps 1500
torchrun --nproc-per-node 2 -m engines.recipes.motion_blur.train ...           # several processes
A curriculum is several --stage FOLDER[,FOLDER]:SHARE, in order.
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

from . import checkpoint
from .curves import draw_curves
from .data import Batch, Sampler, StoredSet, parse_change, prefetch, wait_while_paused
from .losses import LossWeights, total_loss
from .model import Segmenter, Widths
from .semantics import WithSemantics
from .sources import shared_data

GRADIENT_NORM = 2.0
N_AHEAD = 12  # batches under way in threads beside a GPU


@dataclass(frozen=True, slots=True)
class Settings:
    """One run. A checkpoint remembers nothing of this: give the same settings to go on."""

    folder: Path
    stages: tuple[tuple[tuple[Path, ...], float], ...]
    steps: int
    init: Path | None = None
    widths: tuple[int, ...] | None = None  # channels at strides 4..64 of a network trained from nothing
    lr: float = 2e-3
    warmup: int = 100
    batch: int = 12
    ema: float = 0.999
    seed: int = 0
    bf16: bool = False
    losses: LossWeights = field(default_factory=LossWeights)
    device: str = "cpu"
    log_every: int = 20
    save_seconds: float = 180.0


class Trainer:
    """Network, optimiser, averaged copy and the step they have reached."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.step = settings, 0
        self.rank = dist.get_rank() if dist.is_initialized() else 0
        torch.manual_seed(settings.seed)
        start = checkpoint.load_training(settings.init) if settings.init else new_network(settings.widths)
        load_semantics(start)
        self.network = start.to(settings.device, memory_format=torch.channels_last).train()
        self.average = copy.deepcopy(self.network.segmenter).eval().requires_grad_(requires_grad=False)
        self.optimiser = Together(self.network, settings.lr)
        if self.path.exists():
            self._resume()
        self.parallel: nn.Module = (
            DistributedDataParallel(self.network) if dist.is_initialized() else self.network
        )
        opened = [[StoredSet(f) for f in folders] for folders, _ in settings.stages]
        self.samplers = [Sampler(s, batch=settings.batch, seed=settings.seed, rank=self.rank) for s in opened]

    @property
    def path(self) -> Path:
        """The checkpoint."""
        return self.settings.folder / "last.pt"

    def _resume(self) -> None:
        content = checkpoint.load(self.path)
        self.network.load_state_dict(content["network"])
        self.average.load_state_dict(content["ema"])
        self.optimiser.load_state_dict(content["optimiser"])
        self.step = int(content["step"])

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
                "widths": (list(widths.channels), widths.orientations, widths.evidence),
            },
        )

    def run(self, *, until: int | None = None) -> None:
        """Train to the last step, or to `until`, saving on the way."""
        stop, saved, log = min(until or self.settings.steps, self.settings.steps), time.monotonic(), Log(self)
        n_ahead = N_AHEAD if self.settings.device.startswith("cuda") else 0  # a CPU has nothing to wait for
        for batch in prefetch(self._draw, self.step, stop, n_ahead=n_ahead):
            wait_while_paused()
            log.note(self._train_step(batch))
            if time.monotonic() - saved > self.settings.save_seconds:
                self.save()
                saved = time.monotonic()
        self.save()

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
        self.optimiser.set_rate(learning_rate(self.settings, self.step))
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
        self._follow()
        return {"loss": loss.detach(), "norm": norm.detach()} | {k: v.detach() for k, v in terms.items()}

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the average towards the network; quickly at first, so that it forgets its start."""
        decay = min(self.settings.ema, (1 + self.step) / (10 + self.step))
        for mean, now in zip(
            self.average.state_dict().values(), self.network.segmenter.state_dict().values(), strict=True
        ):
            if mean.dtype.is_floating_point:
                mean.lerp_(now, 1 - decay)
            else:
                mean.copy_(now)


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
        row = {"step": step} | row | {"lr": learning_rate(settings, step), "crops_per_s": round(rate, 2)}
        with (settings.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")
        draw_curves(settings.folder / "log.jsonl", settings.folder / "curves.png")
        print(" ".join(f"{k} {v:.4g}" for k, v in row.items()), flush=True)
        self.sums, self.n, self.began = {}, 0, time.monotonic()


def new_network(channels: tuple[int, ...] | None) -> WithSemantics:
    """Untrained, of the usual or of other widths."""
    if channels is None:
        return WithSemantics(Segmenter())
    if len(channels) != 5:
        raise ValueError(f"one width for each of the strides 4, 8, 16, 32, 64: got {channels}")
    return WithSemantics(Segmenter(Widths(channels)))  # type: ignore[arg-type]


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


def learning_rate(settings: Settings, step: int) -> float:
    """Warm-up, then a cosine to a hundredth."""
    warm = min(1.0, (step + 1) / max(settings.warmup, 1))
    cosine = 0.5 + 0.5 * math.cos(math.pi * min(1.0, step / settings.steps))
    return settings.lr * warm * (0.01 + 0.99 * cosine)


def parse_stage(text: str) -> tuple[tuple[Path, ...], float]:
    """FOLDER[,FOLDER]:SHARE."""
    folders, _, share = text.rpartition(":")
    return tuple(Path(f) for f in folders.split(",")), float(share)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="checkpoint, log and curves go here")
    parser.add_argument("--stage", action="append", type=parse_stage, required=True, dest="stages")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--init", type=Path, help="checkpoint or sketch .npz to start from")
    parser.add_argument(
        "--widths", type=parse_widths, help="channels at strides 4..64 without --init, 48,96,..."
    )
    defaults = Settings(Path(), (), 0)
    for name in ("lr", "warmup", "batch", "ema", "seed", "device", "log_every", "save_seconds"):
        value = getattr(defaults, name)
        parser.add_argument("--" + name.replace("_", "-"), type=type(value), default=value)
    parser.add_argument("--bf16", action="store_true")
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
