"""Train what reads the frozen backbone: its features of a pair are computed once and then used often.

OMP_NUM_THREADS=1 nice -n 19 python -m engines.recipes.deblur.train_analyser .work/deblur/analyser \
    --backbone .work/motion_blur/run2/last.pt --set .work/deblur/set1 --steps 1500

Writes a checkpoint that `train --take analyser=...` starts from. Minutes long: after a kill it starts anew.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engines.recipes.motion_blur.checkpoint import load, save
from engines.recipes.motion_blur.data import wait_while_paused

from .data import Pairs, PairSet
from .losses import LossWeights, analyser_loss
from .model import SIZE_MULTIPLE, Deblurrer

SIDE_PX = 128  # one tile of the backbone: nothing is mirrored
NEW_A_STEP = 2


class Pool:
    """Pairs and what the backbone says of them; grows until `limit`."""

    def __init__(self, network: Deblurrer, stored: PairSet, limit: int, seed: int) -> None:
        self.network, self.stored, self.limit = network, stored, limit
        self.rng = np.random.default_rng(seed)
        self.order = self.rng.permutation(stored.count)
        self.pairs: list[Pairs] = []
        self.features: list[tuple[Tensor, Tensor]] = []

    @torch.no_grad()
    def grow(self) -> None:
        """A few more pairs, each a window around what moved."""
        for index in self.order[len(self.pairs) : min(self.limit, len(self.pairs) + NEW_A_STEP)]:
            pair = _window(self.stored.read([int(index)]), self.rng)
            half = F.avg_pool2d(pair.moved, 2)
            self.features.append(self.network.analyser.backbone.features(half))
            self.pairs.append(pair)

    def draw(self, n: int) -> tuple[Pairs, Tensor, Tensor]:
        """A batch."""
        chosen = self.rng.integers(len(self.pairs), size=n)
        names = [f.name for f in dataclasses.fields(Pairs)]
        pairs = Pairs(*(torch.cat([getattr(self.pairs[i], k) for i in chosen]) for k in names))
        fine, far = (torch.cat([self.features[i][k] for i in chosen]) for k in (0, 1))
        return pairs, fine, far


def _window(pair: Pairs, rng: np.random.Generator) -> Pairs:
    cells = (pair.moved.shape[-1] - SIDE_PX) // 4
    y, x = (int(v) * 4 for v in rng.integers(cells + 1, size=2))

    def cut(plane: Tensor) -> Tensor:
        cell = pair.moved.shape[-1] // plane.shape[-1]
        return plane[..., y // cell : (y + SIDE_PX) // cell, x // cell : (x + SIDE_PX) // cell]

    return pair.map(cut)


def train(network: Deblurrer, pool: Pool, *, steps: int, batch: int, lr: float, path: Path) -> None:
    """Train all of the analyser but its backbone."""
    analyser = network.analyser.train()
    average = copy.deepcopy(network).eval()
    optimiser = torch.optim.AdamW([p for p in analyser.parameters() if p.requires_grad], lr=lr)
    sums: dict[str, float] = {}
    began = time.monotonic()
    for step in range(steps):
        wait_while_paused()
        pool.grow()
        for group in optimiser.param_groups:
            group["lr"] = lr * min(1, (step + 1) / 50) * (0.52 + 0.48 * math.cos(math.pi * step / steps))
        pairs, fine, far = pool.draw(batch)
        loss, terms = analyser_loss(analyser.read(fine, far), pairs, LossWeights())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        _follow(average, network, min(0.99, (1 + step) / (10 + step)))
        for name, value in terms.items():
            sums[name] = sums.get(name, 0.0) + float(value.detach())
        if step % 50 == 49:
            told = " ".join(f"{k} {v / 50:.4f}" for k, v in sums.items())
            print(f"{step + 1} {told} pool {len(pool.pairs)} {(time.monotonic() - began):.0f} s", flush=True)
            sums = {}
        if step % 200 == 199 or step == steps - 1:
            save(path, {"ema": average.state_dict(), "step": step + 1,
                        "widths": dataclasses.astuple(network.widths)})  # fmt: skip


@torch.no_grad()
def _follow(average: Deblurrer, network: Deblurrer, decay: float) -> None:
    frozen = "analyser.backbone."
    now = network.state_dict()
    for name, mean in average.state_dict().items():
        if name.startswith(frozen) or not name.startswith("analyser."):
            continue
        if mean.dtype.is_floating_point:
            mean.lerp_(now[name], 1 - decay)
        else:
            mean.copy_(now[name])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--backbone", type=Path, required=True, help="checkpoint of the motion_blur recipe")
    parser.add_argument("--init", type=Path, help="checkpoint whose analyser to go on with")
    parser.add_argument("--set", type=Path, required=True, dest="stored")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--pool", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    assert SIDE_PX % SIZE_MULTIPLE == 0
    network = Deblurrer()
    network.analyser.backbone.load_state_dict(load(args.backbone)["ema"])
    if args.init:
        state = {k: v for k, v in load(args.init)["ema"].items() if k.startswith("analyser.")}
        network.load_state_dict(state, strict=False)
    network.analyser.backbone.requires_grad_(requires_grad=False)
    network.eval()
    args.folder.mkdir(parents=True, exist_ok=True)
    pool = Pool(network, PairSet(args.stored), args.pool, args.seed)
    train(network, pool, steps=args.steps, batch=args.batch, lr=args.lr, path=args.folder / "last.pt")


if __name__ == "__main__":
    main()
