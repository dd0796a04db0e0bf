"""What a network must do for one batch: operations and bytes, counted from its ONNX graph."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import onnx


@dataclass(frozen=True)
class Work:
    """`operations`: two for each multiply-add of convolutions and matrix products. `bytes`: every such layer
    reads its input and weights and writes its output once, at the width its type has; what lies between them
    (sums, ReLU, casts) is taken as fused and free, and so are the stem's and tail's small layers."""

    operations: int
    bytes: int

    def floors_s(self, operations_per_s: float, bytes_per_s: float) -> tuple[float, float]:
        """Least time by arithmetic, and by memory."""
        return self.operations / operations_per_s, self.bytes / bytes_per_s


def work_done(content: bytes, shapes: dict[str, tuple[int, ...]]) -> Work:
    """The work of a network for inputs of these shapes."""
    model = onnx.load_model_from_string(content)
    for value in model.graph.input:
        for axis, side in zip(value.type.tensor_type.shape.dim, shapes[value.name], strict=True):
            axis.Clear()
            axis.dim_value = side
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    sizes: dict[str, tuple[int, ...]] = {t.name: tuple(t.dims) for t in graph.initializer}
    widths = {t.name: _width(t.data_type) for t in graph.initializer}
    for value in (*graph.value_info, *graph.input, *graph.output):
        sizes[value.name] = tuple(d.dim_value for d in value.type.tensor_type.shape.dim)
        widths[value.name] = _width(value.type.tensor_type.elem_type)
    source = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    operations = moved = 0
    for node in graph.node:
        if node.op_type in ("Conv", "MatMul"):
            read = [source.get(name, name) for name in node.input]  # int8 is what is read, not what it means
            result = sizes[node.output[0]]
            weights = sizes[read[1]]
            each = prod(weights[1:]) if node.op_type == "Conv" else sizes[read[0]][-1]
            operations += 2 * prod(result) * each
            moved += sum(prod(sizes[name]) * widths[name] for name in (*read, node.output[0]))
    return Work(operations, moved)


def _width(element: int) -> int:
    return onnx.helper.tensor_dtype_to_np_dtype(element).itemsize
