"""Networks out of checkpoints, and checkpoints made small.

python -m engines.recipes.motion_blur.checkpoint .work/motion_blur/run1/last.pt weights.pt    # 98 MB -> 12 MB
python -m engines.recipes.motion_blur.checkpoint engines/motion_blur/model.onnx=0.65 run/last.pt=0.35 mean.pt
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from engines.recipes.onnx_file import fold_norms, weights_of
from engines.recipes.training import load, parse_change, save

from .import_sketch import load_sketch
from .model import YOUNGER, Segmenter, Widths
from .semantics import WithSemantics

if TYPE_CHECKING:
    from torch import Tensor


def load_network(path: Path) -> Segmenter:
    """The averaged (EMA) network of a checkpoint, ready to evaluate.

    Or that of an exported engine (.onnx), whose norms are folded and which lacks what only training asks
    for; or the first sketch's .npz.
    """
    if path.suffix == ".npz":
        return load_sketch(path)
    if path.suffix == ".onnx":
        return network_of(weights_of(path, "network."), Widths())
    content = load(path)
    channels, orientations, evidence = content["widths"]
    return network_of(content["ema"], Widths(tuple(channels), orientations, evidence))


def network_of(state: dict[str, Tensor], widths: Widths) -> Segmenter:
    """A network with these weights; its norms are folded where theirs are."""
    network = Segmenter(widths).eval()
    if "mix.1.weight" not in state:
        fold_norms(network)
    network.load_weights(state)
    return network


def load_training(path: Path, *, lends: bool = True) -> WithSemantics:
    """The same network to train on, with what the last training's adapters had learned, if it is there."""
    network = WithSemantics(load_network(path), lends=lends)
    adapters = load(path).get("adapt", {}) if path.suffix == ".pt" else {}
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


def mean_of(shares: list[tuple[Path, float]], target: Path) -> None:
    """Weighted mean of networks of one shape whose norms are folded, as a slim checkpoint.

    What only training asks for, and what the first lacks, comes from the last.
    """
    networks = [load_network(path) for path, _ in shares]
    total = sum(share for _, share in shares)
    state = dict(networks[-1].state_dict())
    for name in set(state) - {n for n in state if n.startswith(YOUNGER)}:
        state[name] = sum(
            n.state_dict()[name] * (share / total) for n, (_, share) in zip(networks, shares, strict=True)
        )
    widths = networks[-1].widths
    save(target, {"ema": state, "widths": (list(widths.channels), widths.orientations, widths.evidence)})


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", nargs="+", help="one checkpoint, or several as FILE=SHARE: their mean")
    parser.add_argument("target", type=Path)
    args = parser.parse_args()
    if len(args.source) == 1:
        slim(Path(args.source[0]), args.target)
    else:
        mean_of([(Path(name), share) for name, share in map(parse_change, args.source)], args.target)
    print(f"{args.target}: {args.target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
