"""fp32 ONNX to int8 QDQ ONNX in TensorRT's own scheme.

Symmetric int8 activations per tensor, symmetric int8 weights per output channel, biases left in floating
point: TensorRT refuses uint8 activations and int32 biases, which is what other tools write by default.
What is not int8 is as in `onnx_precision`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qc_plugin.errors import EngineError
from qc_plugin.inference.tensorrt.onnx_precision import (
    checked,
    drop_unused,
    half_nodes,
    halve,
    makers,
    plain,
    replace_nodes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnx import GraphProto, NodeProto

_OPSET = 19  # the first whose QuantizeLinear takes fp16


def to_int8(content: bytes, amax: Mapping[str, float]) -> bytes:
    """The network with int8 convolutions, the rest as in `to_f16`.

    `amax`: the largest magnitude to be represented of each tensor that `int8_inputs` names; larger ones are
    clipped. Raises EngineError if one is missing.
    """
    model = plain(content)
    half = half_nodes(model.graph)
    chosen = _int8_layers(model.graph, half)
    halve(model.graph, half)
    opset = next(entry for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    opset.version = max(opset.version, _OPSET)
    _quantise(model.graph, chosen, amax)
    return checked(model)


def int8_inputs(content: bytes) -> list[str]:
    """Names of the tensors whose range `to_int8` has to know, in graph order."""
    graph = plain(content).graph
    return list(dict.fromkeys(_int8_layers(graph, half_nodes(graph)).values()))


def _int8_layers(graph: GraphProto, half: set[int]) -> dict[str, str]:
    """Output and data input of the convolutions to be made int8: those in fp16 with fixed weights.

    Not the first, whose input is the hand-made stem: it needs finer steps than 1/127 of its range.
    """
    fixed = {tensor.name for tensor in graph.initializer}
    maker = makers(graph)
    return {
        node.output[0]: node.input[0]
        for n, node in enumerate(graph.node)
        if n in half
        and node.op_type == "Conv"
        and node.input[1] in fixed
        and maker.get(node.input[0]) in half
    }


def _quantise(graph: GraphProto, chosen: Mapping[str, str], amax: Mapping[str, float]) -> None:
    """Quantise and dequantise the data of `chosen` once a tensor, and dequantise their stored weights."""
    lacking = sorted({name for name in chosen.values() if name not in amax})
    if lacking:
        raise EngineError(f"no calibration range for {', '.join(lacking[:3])}; calibrate this engine again")
    made: set[str] = set()
    ordered: list[NodeProto] = []
    for node in graph.node:
        tensor = chosen.get(node.output[0])
        if tensor is not None:
            if tensor not in made:
                made.add(tensor)
                ordered += _activation_pair(graph, node.input[0], tensor, amax[tensor])
            ordered.append(_weight_pair(graph, node.input[1]))
            node.input[0], node.input[1] = f"{tensor}__dq", f"{node.input[1]}__dq"
        ordered.append(node)
    replace_nodes(graph, ordered)
    drop_unused(graph)


def _activation_pair(graph: GraphProto, source: str, tensor: str, amax: float) -> list[NodeProto]:
    from onnx import helper, numpy_helper

    # An activation that was never seen above zero still needs a scale; fp16 cannot hold one below 6e-8.
    scale = np.array(max(amax, 1e-3) / 127.0, np.float16)
    graph.initializer.append(numpy_helper.from_array(scale, f"{tensor}__scale"))
    graph.initializer.append(numpy_helper.from_array(np.array(0, np.int8), f"{tensor}__zero"))
    how = [f"{tensor}__scale", f"{tensor}__zero"]
    return [
        helper.make_node("QuantizeLinear", [source, *how], [f"{tensor}__q"], f"{tensor}__quantise"),
        helper.make_node(
            "DequantizeLinear", [f"{tensor}__q", *how], [f"{tensor}__dq"], f"{tensor}__dequantise"
        ),
    ]


def _weight_pair(graph: GraphProto, name: str) -> NodeProto:
    """int8 weights, one scale per output channel (axis 0)."""
    from onnx import helper, numpy_helper

    tensor = next(tensor for tensor in graph.initializer if tensor.name == name)
    values = numpy_helper.to_array(tensor).astype(np.float32)
    largest = np.abs(values).reshape(len(values), -1).max(axis=1)
    scale = (np.maximum(largest, 1e-4) / 127.0).astype(np.float16)
    steps = np.rint(values / scale.astype(np.float32).reshape(-1, *[1] * (values.ndim - 1)))
    parts = {
        "w": np.clip(steps, -127, 127).astype(np.int8),
        "scale": scale,
        "zero": np.zeros(len(scale), np.int8),
    }
    for suffix, array in parts.items():
        graph.initializer.append(numpy_helper.from_array(array, f"{name}__{suffix}"))
    inputs = [f"{name}__{suffix}" for suffix in parts]
    return helper.make_node("DequantizeLinear", inputs, [f"{name}__dq"], f"{name}__dequantise", axis=0)
