"""Time of the engine at 960x544 as a share of a reference U-Net, both measured in this run.

    python -m engines.recipes.regions.speed --threads 2

The reference is the U-Net on a ResNet-18 encoder that the field compares with: decoder of 256, 128, 64, 32
and 16 channels with skips, two 3x3 convolutions a step, random weights (time does not depend on them),
BatchNorm folded. Both run on OpenVINO in f32, in turns, so that a disturbance hits both; medians are
compared.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.recipes.regions.export import EngineGraph
from engines.recipes.regions.model import RegionNet
from qc_plugin.inference import runtimes
from qc_plugin.inference.spec import load_spec

openvino = runtimes.openvino()

SHAPE = (1, 3, 544, 960)
REFERENCE_DECODER = (256, 128, 64, 32, 16)


class Residual(nn.Module):
    """ResNet basic block without BatchNorm (as after folding)."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(n_in, n_out, 3, stride, 1)
        self.second = nn.Conv2d(n_out, n_out, 3, 1, 1)
        self.short = nn.Conv2d(n_in, n_out, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(N, n_in, H, W) -> (N, n_out, H / stride, W / stride)."""
        return F.relu(self.second(F.relu(self.first(x))) + self.short(x))


class ReferenceUNet(nn.Module):
    """ResNet-18 encoder and the usual five-step decoder: 14.3 M parameters, one output channel."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 64, 7, 2, 3)
        stages, n_in = [], 64
        for n_out, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
            stages.append(nn.Sequential(Residual(n_in, n_out, stride), Residual(n_out, n_out, 1)))
            n_in = n_out
        self.stages = nn.ModuleList(stages)
        steps = []
        for skip, n_out in zip((256, 128, 64, 64, 0), REFERENCE_DECODER, strict=True):
            convolutions = nn.Conv2d(n_in + skip, n_out, 3, 1, 1), nn.Conv2d(n_out, n_out, 3, 1, 1)
            steps.append(nn.Sequential(convolutions[0], nn.ReLU(), convolutions[1], nn.ReLU()))
            n_in = n_out
        self.steps = nn.ModuleList(steps)
        self.head = nn.Conv2d(n_in, 1, 3, 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, 1, H, W)."""
        features = [F.relu(self.stem(image))]
        x = F.max_pool2d(features[0], 3, 2, 1)
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        skips = [features[3], features[2], features[1], features[0], None]
        for step, skip in zip(self.steps, skips, strict=True):
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = step(x if skip is None else torch.cat([x, skip], 1))
        return self.head(x)


def compile_network(model: nn.Module | bytes, threads: int) -> openvino.CompiledModel:
    """An f32 CPU program of a torch module or of ONNX bytes, at the fixed SHAPE."""
    core = openvino.Core()
    if isinstance(model, bytes):
        read = core.read_model(model)
    else:
        read = openvino.convert_model(model.eval(), example_input=torch.rand(SHAPE))
    read.reshape({read.inputs[0]: SHAPE})
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
    }
    return core.compile_model(read, "CPU", settings)


def time_in_turns(programs: list[openvino.CompiledModel], rounds: int) -> list[list[float]]:
    """Seconds of every run, per program; the programs take turns."""
    image = np.random.default_rng(0).random(SHAPE, np.float32)
    requests = [program.create_infer_request() for program in programs]
    seconds: list[list[float]] = [[] for _ in programs]
    for turn in range(rounds + 2):  # two turns to warm up
        for request, kept in zip(requests, seconds, strict=True):
            start = time.perf_counter()
            request.infer([image])
            if turn >= 2:
                kept.append(time.perf_counter() - start)
    return seconds


def main() -> None:
    """Print the ratio of medians and of bests."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument(
        "--untrained", action="store_true", help="time the network of model.py, not the engine"
    )
    args = parser.parse_args()
    engine = EngineGraph(RegionNet()).eval() if args.untrained else load_spec("regions").read_model()
    reference = ReferenceUNet()
    print(f"reference: {sum(p.numel() for p in reference.parameters()) / 1e6:.1f} M parameters")
    programs = [compile_network(model, args.threads) for model in (engine, reference)]
    mine, theirs = time_in_turns(programs, args.rounds)
    median = statistics.median(mine) / statistics.median(theirs)
    print(
        f"engine / reference at 960x544, {args.threads} threads, f32: {median:.3f} (medians), "
        f"{min(mine) / min(theirs):.3f} (bests) over {args.rounds} turns"
    )


if __name__ == "__main__":
    main()
