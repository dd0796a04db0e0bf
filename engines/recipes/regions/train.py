r"""Train the region detector for a stretch of wall clock; kill it at any moment and start it again to go on.

    MALLOC_MMAP_THRESHOLD_=1073741824 MALLOC_TRIM_THRESHOLD_=4294967296 MALLOC_TOP_PAD_=268435456 \
    OMP_NUM_THREADS=1 taskset -c 1 nice -n 19 python -m engines.recipes.regions.train --minutes 100

(The three malloc settings keep large blocks in the process: without them a step takes 1.5 times as long.)
While the file .work/PAUSE exists the trainer sleeps, so that a benchmark can have a quiet machine.
"""

from __future__ import annotations

import argparse
import copy
import math
import multiprocessing
import os
import time
from dataclasses import dataclass
from pathlib import Path
from queue import Full
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

from engines.recipes.mobilenet import WEIGHTS
from engines.recipes.regions.catalogue import WORK, shared_data
from engines.recipes.regions.data import Batch, ViewSource, training_pictures
from engines.recipes.regions.loss import detection_loss, make_cells
from engines.recipes.regions.model import RegionNet

if TYPE_CHECKING:
    from collections.abc import Iterator

PAUSE = WORK.parent / "PAUSE"
HEAD_RATE, ENCODER_RATE = 1.5e-3, 2e-4  # a pretrained encoder without BatchNorm breaks at the heads' rate
WARM_UP_STEPS = 200
EMA_HORIZON = 800  # steps over which the averaged weights remember
LOG_EVERY = 25


@dataclass(slots=True)
class Run:
    """Everything that a checkpoint holds."""

    net: RegionNet
    average: RegionNet
    optimiser: torch.optim.AdamW
    step: int = 0
    elapsed_s: float = 0.0


def start_run(checkpoint: Path) -> Run:
    """A fresh run from ImageNet weights, or the one in `checkpoint`."""
    net = RegionNet()
    net.encoder.load_imagenet(shared_data() / WEIGHTS)
    net = net.to(memory_format=torch.channels_last)
    average = copy.deepcopy(net).requires_grad_(requires_grad=False).eval()
    slow = [p for p in net.encoder.parameters() if p.requires_grad]
    fast = [p for name, p in net.named_parameters() if not name.startswith("encoder.")]
    groups = [{"params": slow, "peak": ENCODER_RATE}, {"params": fast, "peak": HEAD_RATE}]
    run = Run(net, average, torch.optim.AdamW(groups, weight_decay=0.02))
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        net.load_state_dict(saved["net"])
        average.load_state_dict(saved["average"])
        run.optimiser.load_state_dict(saved["optimiser"])
        run.step, run.elapsed_s = saved["step"], saved["elapsed_s"]
        print(f"resumed at step {run.step}, {run.elapsed_s / 60:.1f} min", flush=True)
    return run


def save_run(run: Run, checkpoint: Path) -> None:
    """Write a checkpoint under a temporary name, then rename: a kill leaves the old or the new one whole."""
    state = {
        "net": run.net.state_dict(),
        "average": run.average.state_dict(),
        "optimiser": run.optimiser.state_dict(),
        "step": run.step,
        "elapsed_s": run.elapsed_s,
    }
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    partial = checkpoint.with_suffix(".partial")
    torch.save(state, partial)
    partial.rename(checkpoint)


def set_rates(run: Run, budget_s: float) -> None:
    """Linear warm-up over steps, then cosine over the wall clock that is left (down to 2 % of the peak)."""
    done = min(run.elapsed_s / budget_s, 1.0)
    factor = min(1.0, (run.step + 1) / WARM_UP_STEPS) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))
    for group in run.optimiser.param_groups:
        group["lr"] = group["peak"] * factor


def train_step(run: Run, batch: Batch) -> tuple[float, float]:
    """One update; returns (heat loss, box loss)."""
    image = torch.from_numpy(batch.rgb).permute(0, 3, 1, 2).float().div_(255)  # NHWC storage is channels_last
    outputs = run.net(image)
    cells = make_cells(*image.shape[2:])
    labels = [[torch.from_numpy(a) for a in part] for part in (batch.boxes, batch.classes, batch.ignore)]
    heat, box = detection_loss(outputs, cells, *labels, torch.from_numpy(batch.hands_known))
    run.optimiser.zero_grad(set_to_none=True)
    (heat + box).backward()
    torch.nn.utils.clip_grad_norm_(run.net.parameters(), 10.0)
    run.optimiser.step()
    run.step += 1
    update_average(run)
    return float(heat.detach()), float(box.detach())


@torch.no_grad()
def update_average(run: Run) -> None:
    """Exponential average of the weights (short at first).

    BatchNorm statistics are averages already: copied.
    """
    keep = min(1 - 1 / EMA_HORIZON, run.step / (run.step + 10))
    trained = [
        (a, p) for a, p in zip(run.average.parameters(), run.net.parameters(), strict=True) if p.requires_grad
    ]
    torch._foreach_lerp_([a for a, _ in trained], [p for _, p in trained], 1 - keep)
    for mine, theirs in zip(run.average.buffers(), run.net.buffers(), strict=True):
        mine.copy_(theirs)


def batches_from_worker(seed: int) -> Iterator[Batch]:
    """Batches made by one niced process beside the trainer; its queue is short, so a pause stops it too."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue(maxsize=6)
    context.Process(target=_fill, args=(queue, seed), daemon=True).start()
    while True:
        yield queue.get()


def _fill(queue: multiprocessing.Queue, seed: int) -> None:
    cv2.setNumThreads(1)
    others = set(range(os.cpu_count() or 1)) - os.sched_getaffinity(0)
    if others:  # the trainer is pinned: keep off its core
        os.sched_setaffinity(0, others)
    trainer = os.getppid()
    for batch in ViewSource(training_pictures(), seed).batches():
        while os.getppid() == trainer:  # a killed trainer cannot stop its worker: the worker notices
            try:
                queue.put(batch, timeout=5)
                break
            except Full:
                continue
        else:
            return


def main() -> None:
    r"""Train until the wall-clock budget is used up."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--minutes", type=float, default=100, help="budget over all starts; sets the rate schedule"
    )
    parser.add_argument("--checkpoint", type=Path, default=WORK / "run.pt")
    parser.add_argument("--save-every-s", type=float, default=180)
    parser.add_argument(
        "--steps", type=int, default=0, help="stop after so many steps (0: by the clock alone)"
    )
    args = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    run = start_run(args.checkpoint)
    torch.manual_seed(run.step)
    losses: list[tuple[float, float]] = []
    clock = saved = logged = time.monotonic()
    for batch in batches_from_worker(seed=run.step + int(run.elapsed_s)):
        while PAUSE.exists():
            time.sleep(1)
            clock = logged = time.monotonic()
        set_rates(run, args.minutes * 60)
        losses.append(train_step(run, batch))
        now = time.monotonic()
        run.elapsed_s, clock = run.elapsed_s + now - clock, now
        if run.step % LOG_EVERY == 0:
            heat, box = np.mean(losses, axis=0)
            pace = (now - logged) / len(losses)
            print(
                f"{run.elapsed_s / 60:6.1f} min step {run.step} heat {heat:.3f} box {box:.3f} {pace:.2f} s",
                flush=True,
            )
            losses, logged = [], now
        finished = run.elapsed_s > args.minutes * 60 or run.step == args.steps
        if finished or now - saved > args.save_every_s:
            save_run(run, args.checkpoint)
            saved = now
        if finished:
            return


if __name__ == "__main__":
    main()
