"""int8 variant of the engine: model.onnx -> model.int8.onnx, listed in engine.yaml under `variants`.

python -m engines.recipes.motion_blur.quantise --calibration .work/motion_blur/set2

The band-energy stem, the layer that reads it and the heads stay in fp32: their steps are smaller than an
int8 step. Weights take seven bits, because CPUs without VNNI add two products in 16 bits and would saturate.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import yaml

from engines.recipes.onnx_file import digest, unpack_weights
from engines.recipes.synthesis.sources import WORK
from qc_plugin.inference import runtimes

from .data import StoredSet
from .export import ENGINE_DIR

if TYPE_CHECKING:
    from collections.abc import Iterator

quantization = runtimes.onnxruntime("onnxruntime.quantization")

N_STEM_CONVOLUTIONS = 4  # three octaves of the bank, and the layer that mixes them
N_HEAD_CONVOLUTIONS = 4  # mask and extent; evidence in two; what the kind of picture says


class Pictures(quantization.CalibrationDataReader):
    """Training pictures, blurred and sharp, from a stored set."""

    def __init__(self, stored: StoredSet, n: int) -> None:
        index = np.linspace(0, stored.count - 1, n).astype(int)
        self.images: Iterator[np.ndarray] = (stored.read([int(i)]).image.numpy() for i in index)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next picture, None after the last."""
        image = next(self.images, None)
        return None if image is None else {"image": image}


def kept_in_float(model: onnx.ModelProto) -> list[str]:
    """Convolutions and additions of the stem and the heads, by name.

    Additions of the stem are constants of the logarithm, those of the heads are of logits: no residual sums.
    """
    order = [n.name for n in model.graph.node if n.op_type in ("Conv", "Add")]
    convolutions = [n.name for n in model.graph.node if n.op_type == "Conv"]
    stem = order.index(convolutions[N_STEM_CONVOLUTIONS - 1]) + 1
    return order[:stem] + order[order.index(convolutions[-N_HEAD_CONVOLUTIONS]) :]


def quantise(source: Path, target: Path, stored: StoredSet, *, n_pictures: int) -> None:
    """Static quantisation, weights per channel, convolutions and the additions between them."""
    model = unpack_weights(onnx.load(source))
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "float.onnx"
        onnx.save(model, plain)
        quantization.quantize_static(
            plain,
            target,
            Pictures(stored, n_pictures),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            op_types_to_quantize=["Conv", "Add"],
            nodes_to_exclude=kept_in_float(model),
        )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", type=Path, default=ENGINE_DIR)
    parser.add_argument("--calibration", type=Path, default=WORK / "set2")
    parser.add_argument("--pictures", type=int, default=48)
    parser.add_argument("--list", action="store_true", help="state the file in engine.yaml")
    args = parser.parse_args()
    target = args.engine / "model.int8.onnx"
    quantise(args.engine / "model.onnx", target, StoredSet(args.calibration), n_pictures=args.pictures)
    if args.list:
        text = yaml.safe_load((args.engine / "engine.yaml").read_text())
        text["variants"] = [{"precision": "int8"} | digest(target)]
        dumped = yaml.safe_dump(text, sort_keys=False, allow_unicode=True, width=110)
        (args.engine / "engine.yaml").write_text(dumped)
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
