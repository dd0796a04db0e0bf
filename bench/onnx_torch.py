"""An ONNX network as a torch module, for comparing TensorRT with torch on the very same graph and weights.

Covers the operators of our engines and of `bench/onnx_frames.py`, in any mix of fp32 and fp16; Q/DQ pairs
are computed as written. It is no inference back-end: the plugin never imports torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import onnx
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own idiom
from onnx import helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Callable

TYPES = {
    onnx.TensorProto.FLOAT: torch.float32,
    onnx.TensorProto.FLOAT16: torch.float16,
    onnx.TensorProto.BOOL: torch.bool,
    onnx.TensorProto.INT64: torch.int64,
    onnx.TensorProto.UINT8: torch.uint8,
}
Values = dict[str, Any]


class OnnxModule(torch.nn.Module):
    """forward(*inputs in graph order) -> tuple of the outputs in graph order."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        graph = onnx.load_model_from_string(content).graph
        self.inputs = [value.name for value in graph.input]
        self.outputs = [value.name for value in graph.output]
        self.places: dict[str, str] = {}
        self.fixed: Values = {"": None}  # shapes, axes, factors as plain numbers: they steer the computation
        for k, tensor in enumerate(graph.initializer):
            array = torch.from_numpy(numpy_helper.to_array(tensor).copy())
            steers = array.dtype == torch.int64 or array.numel() == 4
            self.fixed[tensor.name] = array.tolist() if steers else None
            self.places[tensor.name] = f"constant_{k}"
            self.register_buffer(f"constant_{k}", array)
        self.steps = [_step(node) for node in graph.node]

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        values: Values = {name: getattr(self, place) for name, place in self.places.items()}
        values |= dict(zip(self.inputs, inputs, strict=True)) | {"": None}
        for operator, names, results, attributes in self.steps:
            given = [values[name] for name in names]
            made = operator(given, [self.fixed.get(name) for name in names], attributes)
            values |= zip(results, made if isinstance(made, (list, tuple)) else [made], strict=True)
        return tuple(values[name] for name in self.outputs)


def _step(node: onnx.NodeProto) -> tuple[Callable[..., Any], list[str], list[str], Values]:
    if node.op_type not in OPERATORS:
        raise NotImplementedError(f"{node.op_type}: add it to bench/onnx_torch.py")
    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    return OPERATORS[node.op_type], list(node.input), list(node.output), attributes


def _conv(x: list[Any], _c: list[Any], a: Values) -> torch.Tensor:
    pads = a.get("pads", [0] * 4)
    data = x[0]
    if pads[:2] != pads[2:]:
        data, pads = F.pad(data, (pads[1], pads[3], pads[0], pads[2])), [0] * 4
    bias = x[2] if len(x) > 2 else None
    return F.conv2d(data, x[1], bias, a.get("strides", 1), pads[:2], a.get("dilations", 1), a.get("group", 1))


def _pad(x: list[Any], c: list[Any], a: Values) -> torch.Tensor:
    top, left, bottom, right = *c[1][2:4], *c[1][6:8]
    mode = a.get("mode", b"constant").decode()
    return F.pad(x[0], (left, right, top, bottom), {"edge": "replicate"}.get(mode, mode))


def _resize(x: list[Any], c: list[Any], a: Values) -> torch.Tensor:
    assert a.get("mode", b"nearest") == b"nearest"
    if len(x) > 3:
        return F.interpolate(x[0], size=c[3][2:], mode="nearest")
    return F.interpolate(x[0], scale_factor=c[2][2:], mode="nearest")


def _slice(x: list[Any], c: list[Any], _a: Values) -> torch.Tensor:
    starts, ends = c[1], c[2]
    axes = c[3] if len(c) > 3 else range(len(starts))
    result = x[0]
    for axis, start, end in zip(axes, starts, ends, strict=True):
        result = result[(slice(None),) * axis + (slice(start, end),)]
    return result


def _split(x: list[Any], _c: list[Any], a: Values) -> list[torch.Tensor]:
    return list(torch.chunk(x[0], a["num_outputs"], a.get("axis", 0)))


def _reshape(x: list[Any], c: list[Any], _a: Values) -> torch.Tensor:
    return x[0].reshape([x[0].shape[k] if side == 0 else side for k, side in enumerate(c[1])])


def _quantise(x: list[Any], _c: list[Any], _a: Values) -> torch.Tensor:
    return torch.clamp(torch.round(x[0].float() / x[1].float()), -128, 127).to(torch.int8)


def _dequantise(x: list[Any], _c: list[Any], a: Values) -> torch.Tensor:
    scale = x[1]
    if scale.ndim:
        scale = scale.reshape([-1 if k == a.get("axis", 1) else 1 for k in range(x[0].ndim)])
    return x[0].to(scale.dtype) * scale


def _average(x: list[Any], _c: list[Any], a: Values) -> torch.Tensor:
    counts = bool(a.get("count_include_pad", 0))
    return F.avg_pool2d(x[0], a["kernel_shape"], a.get("strides", 1), _even_pads(a), count_include_pad=counts)


def _maximum(x: list[Any], _c: list[Any], a: Values) -> torch.Tensor:
    return F.max_pool2d(x[0], a["kernel_shape"], a.get("strides", 1), _even_pads(a))


def _even_pads(a: Values) -> list[int]:
    """Rows and columns added on each side."""
    pads = list(a.get("pads", [0, 0, 0, 0]))
    assert pads[:2] == pads[2:]
    return pads[:2]


def _plain(function: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    return lambda x, _c, _a: function(*x)


def _depth_to_space(x: list[Any], _c: list[Any], a: Values) -> torch.Tensor:
    assert a["mode"] == b"CRD"  # the order of pixel_shuffle
    return F.pixel_shuffle(x[0], a["blocksize"])


def _sum(x: list[Any], c: list[Any], a: Values) -> torch.Tensor:
    return x[0].sum(c[1], keepdim=bool(a.get("keepdims", 1)))


OPERATORS: dict[str, Callable[..., Any]] = {
    "Conv": _conv,
    "Pad": _pad,
    "Resize": _resize,
    "Slice": _slice,
    "Split": _split,
    "Reshape": _reshape,
    "QuantizeLinear": _quantise,
    "DequantizeLinear": _dequantise,
    "AveragePool": _average,
    "MaxPool": _maximum,
    "ReduceSum": _sum,
    "DepthToSpace": _depth_to_space,
    "Concat": lambda x, _c, a: torch.cat(x, a["axis"]),
    "Transpose": lambda x, _c, a: x[0].permute(a["perm"]),
    "Cast": lambda x, _c, a: x[0].to(TYPES[a["to"]]),
    "Gather": lambda x, _c, a: torch.index_select(x[0], a.get("axis", 0), x[1]),
    "Unsqueeze": lambda x, c, _a: x[0][(slice(None),) * c[1][0] + (None,)],
    "Clip": lambda x, _c, _a: torch.clamp(x[0], *x[1:]),
    "Add": _plain(torch.add),
    "Sub": _plain(torch.sub),
    "Mul": _plain(torch.mul),
    "Div": _plain(torch.div),
    "Max": _plain(torch.maximum),
    "MatMul": _plain(torch.matmul),
    "Abs": _plain(torch.abs),
    "Log": _plain(torch.log),
    "Exp": _plain(torch.exp),
    "Relu": _plain(torch.relu),
    "Sigmoid": _plain(torch.sigmoid),
    "Floor": _plain(torch.floor),
    "Ceil": _plain(torch.ceil),
    "Round": _plain(torch.round),
    "Greater": _plain(torch.gt),
    "Less": _plain(torch.lt),
    "Equal": _plain(torch.eq),
    "Not": _plain(torch.logical_not),
    "And": _plain(torch.logical_and),
    "Or": _plain(torch.logical_or),
    "Where": _plain(torch.where),
}
