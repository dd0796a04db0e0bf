"""Write the engine: trained weights -> engines/motion_blur/model.onnx and engine.yaml.

python -m engines.recipes.motion_blur.export --weights .work/motion_blur/best.pt --version 0.2.0
"""

from __future__ import annotations

import argparse
import copy
import hashlib
from pathlib import Path

import numpy as np
import onnx
import torch
import yaml
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from qc_plugin.inference import runtimes

from .checkpoint import load_network
from .model import EXTENT_FULL_SCALE_PX, SIZE_MULTIPLE, STRIDE, ConvNorm, Segmenter
from .predictor import LONG_SIDE_PX, PRIOR

ENGINE_DIR = Path(__file__).parents[2] / "motion_blur"
OPSET = 18
TOLERANCE = 1e-4  # of a probability, torch against onnxruntime in fp32
OUTPUTS = {
    "probability": "probability that the pixel is motion-blurred",
    "intensity": f"blur extent / {EXTENT_FULL_SCALE_PX:g} px at analysis scale, clipped to 1",
    "evidence": "how far blur could be seen here at all: near 0 on flat skin, plain cloth, sky",
}


class EngineGraph(nn.Module):
    """What the engine computes: BatchNorm folded, sigmoids inside, three maps at stride 4 in [0, 1]."""

    def __init__(self, network: Segmenter) -> None:
        super().__init__()
        self.network = fold_norms(copy.deepcopy(network).eval())

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Probability, intensity, evidence, each (N, 1, H/4, W/4)."""
        fine, _ = self.network.features(image)  # no coarse head: it only helps training
        mask_and_extent = torch.sigmoid(self.network.head(fine))
        return mask_and_extent[:, :1], mask_and_extent[:, 1:], torch.sigmoid(self.network.evidence(fine))


def fold_norms(module: nn.Module) -> nn.Module:
    """Fold every BatchNorm into its convolution and round those weights to float16, as the file holds them.

    Rounded here, not while writing, so that the equality test compares like with like. Biases and the
    filter bank stay in float32.
    """
    for child in module.modules():
        if isinstance(child, ConvNorm):
            convolution = fuse_conv_bn_eval(child[0], child[1])
            child[0], child[1] = convolution, nn.Identity()
    for child in module.modules():
        if isinstance(child, nn.Conv2d):
            child.weight.data = child.weight.data.half().float()
    return module


def trace(graph: EngineGraph) -> onnx.ModelProto:
    """The ONNX graph with dynamic batch, height and width."""
    example = torch.rand(2, 3, 128, 192)
    batch, height, width = (torch.export.Dim(name) for name in ("batch", "height_64", "width_64"))
    axes = {0: batch, 2: SIZE_MULTIPLE * height, 3: SIZE_MULTIPLE * width}
    program = torch.onnx.export(
        graph,
        (example,),
        dynamo=True,
        opset_version=OPSET,
        input_names=["image"],
        output_names=list(OUTPUTS),
        dynamic_shapes={"image": axes},
        verbose=False,
    )
    return tidy(program.model_proto)


def tidy(model: onnx.ModelProto) -> onnx.ModelProto:
    """Name the dynamic axes for readers, and drop the tracer's notes (source paths)."""
    for value, stride in [(model.graph.input[0], 1), *((output, STRIDE) for output in model.graph.output)]:
        suffix = "" if stride == 1 else f"/{stride}"
        shape = value.type.tensor_type.shape.dim
        shape[0].dim_param, shape[2].dim_param, shape[3].dim_param = (
            "batch",
            f"height{suffix}",
            f"width{suffix}",
        )
    del model.graph.value_info[:], model.metadata_props[:], model.graph.metadata_props[:]
    for part in (model, model.graph, *model.graph.node, *model.graph.input, *model.graph.output):
        part.doc_string = ""
    for part in (*model.graph.node, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del part.metadata_props[:]
    return model


def halve_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store weights as float16 and cast them to float32 in the graph: half the file, same numbers.

    Only weights that survive the rounding exactly are stored so; runtimes fold the casts when they load.
    """
    kept, casts = [], []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.ndim != 4 or not _is_exact_in_half(values):
            kept.append(tensor)
            continue
        kept.append(numpy_helper.from_array(values.astype(np.float16), f"{tensor.name}_f16"))
        casts.append(helper.make_node("Cast", [f"{tensor.name}_f16"], [tensor.name], to=TensorProto.FLOAT))
    nodes = casts + list(model.graph.node)
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model, full_check=True)
    return model


def _is_exact_in_half(values: np.ndarray) -> bool:
    return bool(np.array_equal(values, values.astype(np.float16).astype(np.float32)))


def max_difference(graph: EngineGraph, path: Path) -> float:
    """Largest absolute difference of any output between torch and onnxruntime, over three shapes."""
    session = runtimes.onnxruntime().InferenceSession(path, providers=["CPUExecutionProvider"])
    worst = 0.0
    generator = torch.Generator().manual_seed(0)
    for shape in ((1, 3, 64, 64), (2, 3, 128, 320), (1, 3, 384, 640)):
        image = torch.rand(shape, generator=generator)
        with torch.no_grad():
            expected = graph(image)
        for wanted, got in zip(expected, session.run(list(OUTPUTS), {"image": image.numpy()}), strict=True):
            worst = max(worst, float(np.abs(wanted.numpy() - got).max()))
    return worst


def digest(path: Path) -> dict[str, object]:
    """sha256 and size of a file, as engine.yaml states them."""
    content = path.read_bytes()
    return {"file": path.name, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def contract(model_path: Path, *, version: str, threshold: float, evidence_floor: float) -> dict[str, object]:
    """engine.yaml as a value: what the runtime must know to run and read this engine."""
    return {
        "schema": 1,
        "name": "motion_blur",
        "version": version,
        "task": "motion_blur",
        "licence": "Apache-2.0",
        "model": digest(model_path) | {"opset": OPSET},
        "inputs": [
            {"name": "image", "layout": "NCHW", "dtype": "float32", "colour": "RGB", "range": [0.0, 1.0]}
        ],
        "outputs": [
            {"name": name, "layout": "NCHW", "dtype": "float32", "meaning": meaning}
            for name, meaning in OUTPUTS.items()
        ],
        "size": {
            "multiple": SIZE_MULTIPLE,
            "min": SIZE_MULTIPLE,
            "max": 4096,
            "long_side": LONG_SIDE_PX,
        },
        "classes": [],
        "decoder": "blur_maps",
        "params": {
            "stride": STRIDE,
            "threshold": threshold,
            "evidence_floor": evidence_floor,
            "prior": PRIOR,
            "extent_full_scale_px": int(EXTENT_FULL_SCALE_PX),
        },
    }


def export(weights: Path, folder: Path, *, version: str, threshold: float, evidence_floor: float) -> float:
    """Write model.onnx and engine.yaml into `folder`; returns the difference to torch."""
    graph = EngineGraph(load_network(weights)).eval()
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / "model.partial.onnx"
    onnx.save(halve_weights(trace(graph)), partial)
    difference = max_difference(graph, partial)
    if difference > TOLERANCE:
        message = (
            f"exported graph differs from torch by {difference:.2e}, allowed {TOLERANCE:.0e}: {partial} kept"
        )
        raise RuntimeError(message)
    model_path = partial.replace(folder / "model.onnx")
    text = contract(model_path, version=version, threshold=threshold, evidence_floor=evidence_floor)
    (folder / "engine.yaml").write_text(yaml.safe_dump(text, sort_keys=False, allow_unicode=True, width=110))
    return difference


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--weights", type=Path, required=True, help="checkpoint (.pt) or the first sketch (.npz)"
    )
    parser.add_argument("--out", type=Path, default=ENGINE_DIR)
    parser.add_argument("--version", required=True)
    parser.add_argument("--threshold", type=float, required=True, help="frozen on synthetic validation")
    parser.add_argument("--evidence-floor", type=float, required=True, help="frozen on synthetic validation")
    args = parser.parse_args()
    difference = export(
        args.weights,
        args.out,
        version=args.version,
        threshold=args.threshold,
        evidence_floor=args.evidence_floor,
    )
    size = (args.out / "model.onnx").stat().st_size / 1e6
    print(f"{args.out}: {size:.1f} MB, largest difference to torch {difference:.1e}")


if __name__ == "__main__":
    main()
