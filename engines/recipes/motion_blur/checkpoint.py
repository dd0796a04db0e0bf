"""Checkpoints: written whole or not at all, read without executing anything they contain.

python -m engines.recipes.motion_blur.checkpoint .work/motion_blur/run1/last.pt weights.pt    # 98 MB -> 12 MB
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from .import_sketch import load_sketch
from .model import Segmenter, Widths
from .semantics import WithSemantics


def save(path: Path, content: dict[str, object]) -> None:
    """Write to a neighbour first: a kill in the middle leaves the last checkpoint readable."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    torch.save(content, partial)
    partial.replace(path)


def load(path: Path) -> dict[str, object]:
    """Tensors and plain values only."""
    return torch.load(path, map_location="cpu", weights_only=True)


def load_network(path: Path) -> Segmenter:
    """The averaged (EMA) network of a checkpoint, or the first sketch's .npz, ready to evaluate."""
    if path.suffix == ".npz":
        return load_sketch(path)
    content = load(path)
    channels, orientations, evidence = content["widths"]
    network = Segmenter(Widths(tuple(channels), orientations, evidence))
    network.load_weights(content["ema"])
    return network.eval()


def load_training(path: Path) -> WithSemantics:
    """The same network to train on, with what the last training's adapters had learned, if it is there."""
    network = WithSemantics(load_network(path))
    adapters = {} if path.suffix == ".npz" else load(path).get("adapt", {})
    if adapters:
        network.adapt.load_state_dict(adapters)
    return network


def slim(source: Path, target: Path) -> None:
    """Only what a fine-tuning starts from: the averaged network, convolutions in float16.

    Norms stay in float32: their statistics overflow half precision.
    """
    content = load(source)
    state = {name: value.half() if value.ndim == 4 else value for name, value in content["ema"].items()}
    state |= {name: value for name, value in content["ema"].items() if name.startswith("energy.")}
    save(target, {"ema": state, "widths": content["widths"], "step": content["step"]})


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    args = parser.parse_args()
    slim(args.source, args.target)
    print(f"{args.target}: {args.target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
