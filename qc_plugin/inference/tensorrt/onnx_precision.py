"""The same network in less arithmetic: fp32 ONNX in, fp16 ONNX out (`onnx_int8` builds on it).

TensorRT networks are strongly typed: what is written in the graph is what is computed, and there is no
builder switch for precision. The conversion starts from the shipped fp32 file alone, so it needs neither
torch nor the recipe; it needs the `onnx` package, which comes with the extra [gpu].

What stays in fp32, by rule and not by name, so that a retrained network is treated alike:

- the *stem*: everything upstream of a logarithm (or power, root, exponential) that a trained layer reads,
  and everything before the first trained layer. The segmenter takes the log of band energies; one 8-bit
  step of luma is as large as the texture it looks for, and fp16 loses it;
- the *tail*: the last trained layer of every output and all behind it (boxes in px, sigmoids);
- shapes, scales and whatever operator is not listed in `_HALF_OPS`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np

from qc_plugin.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnx import GraphProto, ModelProto, NodeProto, TensorProto

REVISION = 2  # part of every plan's key: raise it when the conversion changes what is computed
_FIX = "pip install 'qc-plugin[gpu]'"
_HEAVY = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})  # layers with most of the arithmetic
# Their inputs need fp32: logarithm and friends for its range and mantissa, rounding to be exact.
_WIDE_RANGE = frozenset({"Log", "Pow", "Sqrt", "Exp", "Reciprocal", "Round", "Floor"})
_ELEMENTWISE = frozenset(
    ["Relu", "LeakyRelu", "PRelu", "Clip", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Add", "Sub", "Mul"]
)
_LAYOUT = frozenset(
    ["Concat", "Slice", "Split", "Pad", "Resize", "Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze"]
) | {"DepthToSpace", "SpaceToDepth", "Identity"}
_POOLING = frozenset(["MaxPool", "AveragePool", "GlobalAveragePool"])
_HALF_OPS = _HEAVY | _ELEMENTWISE | _LAYOUT | _POOLING
# Inputs that carry activations or weights; the others are shapes and scales, whose type is prescribed.
_DATA_INPUTS: dict[str, tuple[int, ...]] = dict.fromkeys(
    ["Resize", "Slice", "Split", "Reshape", "Squeeze", "Unsqueeze"], (0,)
) | {"Pad": (0, 2)}
_LARGEST_HALF = 65504.0


def to_f16(content: bytes) -> bytes:
    """The network in fp16 with fp32 inputs, outputs, stem and tail. Raises EngineError if that fails."""
    model = plain(content)
    halve(model.graph, half_nodes(model.graph))
    return checked(model)


def with_outputs(content: bytes, names: list[str]) -> bytes:
    """The network, weights in fp32, that also puts out inner tensors: for measuring their ranges."""
    from onnx import TensorProto, helper

    model = plain(content)
    known = {value.name for value in model.graph.output}
    model.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names if name not in known
    )
    return bytes(model.SerializeToString())


def half_nodes(graph: GraphProto) -> set[int]:
    """Positions of the nodes that compute in fp16."""
    fixed = {tensor.name for tensor in graph.initializer}
    heavy = {n for n, node in enumerate(graph.node) if node.op_type in _HEAVY and fixed & set(node.input)}
    trained = _upstream(graph, heavy)
    wide = _upstream(graph, {n for n in trained if graph.node[n].op_type in _WIDE_RANGE})
    outputs = {value.name for value in graph.output}
    maker = makers(graph)
    half: set[int] = set()
    for n in sorted(trained - wide):  # ONNX keeps nodes in an order they can be computed in
        node = graph.node[n]
        fed = n in heavy or any(maker.get(name) in half for name in node.input)
        if fed and node.op_type in _HALF_OPS and not outputs & set(node.output):
            half.add(n)
    return half


def makers(graph: GraphProto) -> dict[str, int]:
    """Which node, by position, makes a tensor."""
    return {name: n for n, node in enumerate(graph.node) for name in node.output}


def _upstream(graph: GraphProto, of: set[int]) -> set[int]:
    """Nodes that feed any of `of`, without those of `of` that feed none."""
    maker = makers(graph)
    found: set[int] = set()
    waiting = [name for n in of for name in graph.node[n].input]
    while waiting:
        n = maker.get(waiting.pop())
        if n is not None and n not in found:
            found.add(n)
            waiting.extend(graph.node[n].input)
    return found


def plain(content: bytes) -> ModelProto:
    """The model with every constant as an fp32 initialiser (weights may be stored as fp16 behind a Cast)."""
    model = _load(content)
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    kept = []
    for node in graph.node:
        if any(attribute.type in (attribute.GRAPH, attribute.GRAPHS) for attribute in node.attribute):
            what = f"{node.op_type} {node.name}"
            raise EngineError(f"{what}: branches and loops cannot be converted; export a plain graph")
        constant = _constant(node, constants)
        if constant is None:
            kept.append(node)
        else:
            constants[node.output[0]] = constant
    replace_nodes(graph, kept)
    del graph.initializer[:]
    graph.initializer.extend(constants.values())
    drop_unused(graph)
    return model


def _load(content: bytes) -> ModelProto:
    try:
        import onnx
    except ImportError as error:
        raise EngineError(f"plans are made with the onnx package, which is not installed; {_FIX}") from error
    unreadable = import_module("google.protobuf.message").DecodeError
    try:
        return onnx.load_model_from_string(content)
    except unreadable as error:
        raise EngineError(f"not an ONNX model ({error}); export the engine again") from error


def _constant(node: NodeProto, constants: Mapping[str, TensorProto]) -> TensorProto | None:
    """What the node gives if that is known now: a Constant, or a stored weight cast to fp32."""
    from onnx import TensorProto, numpy_helper

    if node.op_type == "Constant" and node.attribute[0].name == "value":
        return numpy_helper.from_array(numpy_helper.to_array(node.attribute[0].t), node.output[0])
    if node.op_type != "Cast" or node.input[0] not in constants:
        return None
    if node.attribute[0].i != TensorProto.FLOAT:
        return None
    stored = numpy_helper.to_array(constants[node.input[0]]).astype(np.float32)
    return numpy_helper.from_array(stored, node.output[0])


def checked(model: ModelProto) -> bytes:
    """The model's bytes. Raises EngineError unless the types in it fit each other."""
    import onnx

    del model.graph.value_info[:]  # types have changed
    try:
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    except onnx.shape_inference.InferenceError as error:
        why = f"the converted graph is not valid ONNX ({error})"
        raise EngineError(f"{why}; please report this engine") from error
    return bytes(model.SerializeToString())


@dataclass(slots=True)
class _Casts:
    """Casts made so far, so that a tensor that many nodes read is cast once."""

    made: dict[tuple[str, int], str]
    before: dict[int, list[NodeProto]]  # node position -> casts that go in front of it

    def cast(self, name: str, to: int, at: int) -> str:
        """Name of `name` as type `to`, made in front of node `at` unless it was made earlier."""
        from onnx import helper

        if (name, to) not in self.made:
            result = self.made[name, to] = f"{name}__as{to}"
            self.before[at].append(helper.make_node("Cast", [name], [result], f"{result}_cast", to=to))
        return self.made[name, to]


def halve(graph: GraphProto, half: set[int]) -> None:
    """Retype: fp16 weights for the nodes in `half`, and a Cast wherever fp32 meets fp16."""
    from onnx import TensorProto

    weights = {tensor.name for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT}
    maker = makers(graph)
    casts = _Casts({}, defaultdict(list))
    for n, node in enumerate(graph.node):
        everything = tuple(range(len(node.input)))
        for place in _DATA_INPUTS.get(node.op_type, everything) if n in half else everything:
            name = node.input[place] if place < len(node.input) else ""
            from_half = maker.get(name) in half
            if n in half and name in weights:
                node.input[place] = _half_weight(graph, name)
            elif n in half and name and not from_half:
                node.input[place] = casts.cast(name, TensorProto.FLOAT16, n)
            elif n not in half and from_half:
                node.input[place] = casts.cast(name, TensorProto.FLOAT, n)
    replace_nodes(graph, [part for n, node in enumerate(graph.node) for part in (*casts.before[n], node)])
    drop_unused(graph)


def _half_weight(graph: GraphProto, name: str) -> str:
    """Name of the fp16 copy of an initialiser, made when first asked for."""
    from onnx import numpy_helper

    halved = f"{name}__f16"
    if not any(tensor.name == halved for tensor in graph.initializer):
        values = numpy_helper.to_array(next(tensor for tensor in graph.initializer if tensor.name == name))
        if float(np.abs(values).max(initial=0.0)) > _LARGEST_HALF:
            raise EngineError(f"weight {name}: beyond the range of fp16; build with --precision fp32")
        graph.initializer.append(numpy_helper.from_array(values.astype(np.float16), halved))
    return halved


def replace_nodes(graph: GraphProto, nodes: Sequence[NodeProto]) -> None:
    """Give the graph these nodes. They may be its own, so they are copied before the list is emptied."""
    copies = [type(node).FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)


def drop_unused(graph: GraphProto) -> None:
    """Forget initialisers that no node reads."""
    used = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
    kept = [type(t).FromString(t.SerializeToString()) for t in graph.initializer if t.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
