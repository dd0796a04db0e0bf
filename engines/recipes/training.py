"""What every training here needs: checkpoints, averaged weights, the learning rate's way, a pause.

Checkpoints are written whole or not at all, and read without executing anything they contain.
"""

from __future__ import annotations

import math
import os
import time
from pathlib import Path

import torch
from torch import nn

PAUSE_FILE = Path(os.environ.get("QC_WORK", ".work")) / "PAUSE"
PAUSE_CHECK_S = 2
EMA_START = 10  # the average forgets its start within about so many steps


def save(path: Path, content: dict[str, object]) -> None:
    """Write to a neighbour first: a kill in the middle leaves the last checkpoint readable."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    torch.save(content, partial)
    partial.replace(path)


def load(path: Path) -> dict[str, object]:
    """Tensors and plain values only."""
    return torch.load(path, map_location="cpu", weights_only=True)


def wait_while_paused() -> None:
    """Sleep as long as the pause file exists: benchmarks need a quiet machine."""
    while PAUSE_FILE.exists():
        time.sleep(PAUSE_CHECK_S)


def rate_factor(step: int, done: float, *, warmup: int, floor: float) -> float:
    """Share of the peak learning rate: a linear warm-up over steps, then a cosine down to `floor`.

    `done`: how much of the run is over, of its steps or of its time; 1 and more give `floor`.
    """
    warm = min(1.0, (step + 1) / max(warmup, 1))
    return warm * (floor + (1 - floor) * (0.5 + 0.5 * math.cos(math.pi * min(1.0, done))))


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, step: int, ema: float) -> None:
    """Move the averaged weights towards the network after step `step`; quickly at first.

    `ema`: share kept a step in the long run. Norms' statistics are averages already and follow alike.
    """
    decay = min(ema, (1 + step) / (EMA_START + step))
    for mean, now in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.dtype.is_floating_point:
            mean.lerp_(now, 1 - decay)
        else:
            mean.copy_(now)


def parse_change(text: str) -> tuple[str, float]:
    """NAME=NUMBER, for ablations."""
    name, _, value = text.partition("=")
    return name, float(value)
