"""Networks as ONNX files: norms folded, graph traced, tracer's notes dropped, weights in half precision."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from qc_plugin.inference import runtimes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path
    from typing import Any

OPSET = 18


def fold_norms(module: nn.Module, *, half: bool = False) -> nn.Module:
    """Fold every BatchNorm into the convolution before it; changes and returns `module`.

    `half`: also round convolutions to float16, as `halve_weights` stores them. Done here and not while
    writing, so that the test for equality compares like with like; biases stay in float32.
    """
    for child in module.modules():
        if not isinstance(child, nn.Sequential):
            continue
        for i in range(len(child) - 1):
            if isinstance(child[i], nn.Conv2d) and isinstance(child[i + 1], nn.BatchNorm2d):
                child[i], child[i + 1] = fuse_conv_bn_eval(child[i], child[i + 1]), nn.Identity()
    for child in module.modules() if half else ():
        if isinstance(child, nn.Conv2d):
            child.weight.data = child.weight.data.half().float()
    return module


def trace(
    graph: nn.Module,
    inputs: dict[str, Tensor],
    outputs: Sequence[str],
    axes: dict[str, dict[int, object]],
) -> onnx.ModelProto:
    """The graph for example inputs by name, with dynamic `axes`, without the tracer's notes."""
    program = torch.onnx.export(
        graph.eval(),
        tuple(inputs.values()),
        dynamo=True,
        opset_version=OPSET,
        input_names=list(inputs),
        output_names=list(outputs),
        dynamic_shapes=axes,
        verbose=False,
    )
    return tidy(program.model_proto)


def tidy(model: onnx.ModelProto) -> onnx.ModelProto:
    """Without the tracer's notes: they hold paths of the machine that built the file."""
    graph = model.graph
    del graph.value_info[:], model.metadata_props[:], graph.metadata_props[:]
    for part in (model, graph, *graph.node, *graph.input, *graph.output):
        part.doc_string = ""
    for part in (*graph.node, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
    return model


def name_axes(model: onnx.ModelProto, strides: Iterable[int]) -> onnx.ModelProto:
    """Name batch, height and width of pictures and maps for readers; the stride of each input and output."""
    for value, stride in zip([*model.graph.input, *model.graph.output], strides, strict=True):
        suffix = "" if stride == 1 else f"/{stride}"
        shape = value.type.tensor_type.shape.dim
        for axis, name in ((0, "batch"), (2, f"height{suffix}"), (3, f"width{suffix}")):
            shape[axis].dim_param = name
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


def unpack_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """float16 initialisers and their casts -> float32 initialisers: `halve_weights` undone."""
    stored = {t.name: t for t in model.graph.initializer}
    nodes = []
    for node in model.graph.node:
        if node.op_type == "Cast" and node.input[0] in stored:
            values = numpy_helper.to_array(stored.pop(node.input[0])).astype(np.float32)
            stored[node.output[0]] = numpy_helper.from_array(values, node.output[0])
        else:
            nodes.append(node)
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(stored.values())
    return model


def weights_of(path: Path, prefix: str) -> dict[str, Tensor]:
    """Float weights and biases of the network an engine was traced from, by their names behind `prefix`."""
    stored = unpack_weights(onnx.load(path)).graph.initializer
    return {
        t.name.removeprefix(prefix): torch.from_numpy(numpy_helper.to_array(t).copy())
        for t in stored
        if t.name.startswith(prefix) and t.data_type == TensorProto.FLOAT
    }


def open_session(model: Path | bytes) -> Any:
    """What an exported graph is compared with torch in."""
    return runtimes.onnxruntime().InferenceSession(model, providers=["CPUExecutionProvider"])


def digest(path: Path) -> dict[str, object]:
    """sha256 and size of a file, as engine.yaml states them."""
    content = path.read_bytes()
    return {"file": path.name, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
