"""A segmenter from raw frames to region scores in one network, so that only numbers leave the GPU.

Around the network of a blur engine are put, as ONNX operators that any back-end runs and TensorRT compiles:

- before it: uint8 RGB frames, reduced to the analysis scale by area (as `cv2.INTER_AREA` does, rounded to
  8 bits as there), padded by reflection, brought to the range of the input;
- behind it: `context`, the threshold, and for each box the sums that `scoring.blur.region_blur` is made of.

The result is an engine of its own for one frame size: `write_frame_engine` makes its folder, `load_spec`
reads it, and `region_values` turns its sums into measures. No kernel is written by hand, so all of it is
tested on the CPU against the code it would replace. `scan` does not use it yet: reports and sheets need maps.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from bench.onnx_context import add_judging
from qc_plugin.errors import EngineError
from qc_plugin.files import write_whole
from qc_plugin.inference.spec import EngineSpec, load_spec
from qc_plugin.inference.tensorrt import onnx_precision

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from onnx import NodeProto, TensorProto

N_LEVELS = 32  # of blur extent: the 95th percentile is exact to 1 / 32
DECODER = "region_sums"
_PLAIN_SUMS = 5  # cells, evidence, evidence times probability, evidence where blurred, the same times extent
_MAPS = ("probability", "intensity", "evidence")


@dataclass(frozen=True, slots=True)
class FrameSize:
    """How frames of one size are brought to the network: (height, width) in px, `stride` px a map cell."""

    frame: tuple[int, int]
    analysis: tuple[int, int]
    padded: tuple[int, int]
    stride: int

    @property
    def cells(self) -> tuple[int, int]:
        """(rows, columns) of the map without its padding."""
        return -(-self.analysis[0] // self.stride), -(-self.analysis[1] // self.stride)

    @property
    def frame_px_per_cell(self) -> tuple[float, float]:
        """(x, y)."""
        return (
            self.stride * self.frame[1] / self.analysis[1],
            self.stride * self.frame[0] / self.analysis[0],
        )


def write_frame_engine(spec: EngineSpec, size: FrameSize, folder: Path) -> EngineSpec:
    """Write an engine that takes `frames` (N, H, W, 3) uint8 of one size and `boxes` (N, R, 5) float32.

    A box is x0, y0, x1, y1 in frame px and 1 to look at the ellipse inside it only, 0 for all of it. Its
    output `sums` (N, R, 5 + N_LEVELS) is for `region_values`. Raises EngineError for an engine of another
    task.
    """
    if spec.decoder != "blur_maps" or {t.name for t in spec.outputs} != set(_MAPS):
        raise EngineError(f"{spec.name}: decoder {spec.decoder!r} has no region sums; use a blur engine")
    content = _around(spec, size)
    write_whole(folder / "model.onnx", content)
    contract = spec.model_dump(mode="json", by_alias=True, exclude={"variants"})
    contract["name"] = f"{spec.name}_{size.frame[1]}x{size.frame[0]}"
    contract["model"] = {
        "file": "model.onnx",
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
    }
    contract["inputs"] = [
        {"name": "frames", "layout": "NHWC", "dtype": "uint8", "colour": "RGB"},
        {"name": "boxes", "layout": "NRB", "dtype": "float32"},
    ]
    contract["outputs"] = [{"name": "sums", "layout": "NRS", "dtype": "float32"}]
    contract["size"] = {"multiple": 1, "min": min(size.frame), "max": max(size.frame)}
    contract["decoder"] = DECODER
    write_whole(folder / "engine.yaml", yaml.safe_dump(contract))
    return load_spec(folder)


def region_values(sums: NDArray[np.float32]) -> dict[str, float]:
    """Measures of one box from its sums: evidence, and unless it is 0 coverage and severities, all 0..1."""
    cells, evidence, likely, hit, extent = (float(value) for value in sums[:_PLAIN_SUMS])
    values = {"evidence": evidence / max(cells, 1.0)}
    if evidence <= 0.0:
        return values
    reached = sums[_PLAIN_SUMS:].astype(np.float64)
    level = int(np.searchsorted(reached, 0.95 * hit)) + 1
    return values | {
        "blur_coverage": hit / evidence,
        "blur_probability": likely / evidence,
        "blur_severity_mean": extent / hit if hit > 0.0 else 0.0,
        "blur_severity_p95": min(level / N_LEVELS, 1.0) if hit > 0.0 else 0.0,
    }


class _Graph:
    """Nodes and constants as they are added; `add` names the result after its purpose."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def add(self, operator: str, inputs: list[str], name: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(operator, inputs, [name], name=f"frames_{name}", **attributes))
        return name

    def constant(self, name: str, values: Any, dtype: Any = np.float32) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name


def _around(spec: EngineSpec, size: FrameSize) -> bytes:
    """The engine's network with frames in front and sums behind, as ONNX bytes in fp32."""
    from onnx import TensorProto, helper

    model = onnx_precision.plain(spec.read_model())
    before, behind = _Graph(), _Graph()
    _add_reading(before, size, model.graph.input[0].name, spec)
    _add_sums(behind, size, spec)
    inner = list(model.graph.node)
    onnx_precision.replace_nodes(model.graph, [*before.nodes, *inner, *behind.nodes])
    model.graph.initializer.extend([*before.constants, *behind.constants])
    del model.graph.input[:], model.graph.output[:]
    height, width = size.frame
    model.graph.input.extend(
        [
            helper.make_tensor_value_info("frames", TensorProto.UINT8, ["batch", height, width, 3]),
            helper.make_tensor_value_info("boxes", TensorProto.FLOAT, ["batch", "regions", 5]),
        ]
    )
    shape: list[str | int | None] = ["batch", "regions", _PLAIN_SUMS + N_LEVELS]
    model.graph.output.append(helper.make_tensor_value_info("sums", TensorProto.FLOAT, shape))
    return onnx_precision.checked(model)


def _add_reading(graph: _Graph, size: FrameSize, image: str, spec: EngineSpec) -> None:
    """From frames to `image`, in the range and colour order of the engine's input."""
    from onnx import TensorProto

    # cast first: TensorRT does nothing else with uint8
    numbers = graph.add("Cast", ["frames"], "numbers", to=TensorProto.FLOAT)
    planes = graph.add("Transpose", [numbers], "planes", perm=[0, 3, 1, 2])
    if spec.inputs[0].colour == "BGR":
        order = graph.constant("bgr", [2, 1, 0], np.int64)
        planes = graph.add("Gather", [planes, order], "bgr_planes", axis=1)
    reduced = _reduce(graph, size, planes)
    spare = (padded - side for padded, side in zip(size.padded, size.analysis, strict=True))
    pads = [*[0] * 6, *spare]
    whole = graph.add("Pad", [reduced, graph.constant("frame_pads", pads, np.int64)], "whole", mode="reflect")
    low, high = spec.inputs[0].range or (0.0, 1.0)
    scaled = graph.add("Mul", [whole, graph.constant("unit", (high - low) / 255.0)], "scaled")
    graph.add("Add", [scaled, graph.constant("low", low)], image)


def _reduce(graph: _Graph, size: FrameSize, planes: str) -> str:
    """Area reduction to the analysis scale. Whole-number ratios are pooling, which reads each pixel once."""
    if size.frame == size.analysis:
        return planes
    ratios = {frame / small for frame, small in zip(size.frame, size.analysis, strict=True)}
    if len(ratios) == 1 and (ratio := ratios.pop()).is_integer():
        step = [int(ratio)] * 2
        reduced = graph.add("AveragePool", [planes], "reduced", kernel_shape=step, strides=step)
        if ratio == 2:  # OpenCV's own short cut for halving rounds one half up, everything else to even
            raised = graph.add("Add", [reduced, graph.constant("one_half", 0.5)], "raised")
            return graph.add("Floor", [raised], "rounded")
    else:
        rows = graph.constant("row_weights", area_weights(size.frame[0], size.analysis[0]))
        columns = graph.constant("column_weights", area_weights(size.frame[1], size.analysis[1]).T)
        narrowed = graph.add("MatMul", [planes, columns], "narrowed")
        reduced = graph.add("MatMul", [rows, narrowed], "reduced")
    return graph.add("Round", [reduced], "rounded")


def area_weights(n_from: int, n_to: int) -> NDArray[np.float32]:
    """(n_to, n_from): how much of each pixel lies in each larger one; rows sum to 1."""
    ratio = n_from / n_to
    starts = np.arange(n_to)[:, None] * ratio
    pixels = np.arange(n_from)[None, :]
    covered = np.minimum(pixels + 1, starts + ratio) - np.maximum(pixels, starts)
    return np.asarray(np.clip(covered, 0.0, 1.0) / ratio, dtype=np.float32)


def _add_sums(graph: _Graph, size: FrameSize, spec: EngineSpec) -> None:
    """Maps and boxes -> sums. Cells of the padding are cut off first."""
    from onnx import TensorProto

    cut = [graph.constant(name, values, np.int64) for name, values in _cut_to(size.cells).items()]
    maps = {name: graph.add("Slice", [name, *cut], f"seen_{name}") for name in _MAPS}
    if (prior := spec.params.get("prior")) is not None:
        maps["probability"] = add_judging(graph, maps["probability"], maps["evidence"], float(str(prior)))
    threshold = graph.constant("threshold", float(str(spec.params["threshold"])))
    above = graph.add("Greater", [maps["probability"], threshold], "above")
    blurred = graph.add("Cast", [above], "blurred", to=TensorProto.FLOAT)
    hit = graph.add("Mul", [maps["evidence"], blurred], "hit")
    levels = np.arange(1, N_LEVELS + 1, dtype=np.float32).reshape(1, -1, 1, 1) / N_LEVELS
    beyond = graph.add("Greater", [maps["intensity"], graph.constant("levels", levels)], "beyond")
    within = graph.add("Cast", [graph.add("Not", [beyond], "not_beyond")], "within", to=TensorProto.FLOAT)
    ones = graph.add(
        "Add", [graph.add("Mul", [hit, graph.constant("nought", 0.0)], "noughts"), "one"], "ones"
    )
    graph.constant("one", 1.0)
    extent = graph.add("Mul", [hit, maps["intensity"]], "hit_extent")
    reached = graph.add("Mul", [hit, within], "reached")
    likely = graph.add("Mul", [maps["evidence"], maps["probability"]], "likely")
    parts = [ones, maps["evidence"], likely, hit, extent, reached]
    features = graph.add("Concat", parts, "features", axis=1)
    flat = graph.constant("flat_features", [0, _PLAIN_SUMS + N_LEVELS, -1], np.int64)
    columns = graph.add(
        "Transpose", [graph.add("Reshape", [features, flat], "rows")], "columns", perm=[0, 2, 1]
    )
    masks = _add_masks(graph, size)
    graph.add("MatMul", [masks, columns], "sums")


def _cut_to(cells: tuple[int, int]) -> dict[str, list[int]]:
    """Inputs of a Slice that keeps the first rows and columns."""
    return {"cut_starts": [0, 0], "cut_ends": list(cells), "cut_axes": [2, 3]}


def _add_masks(graph: _Graph, size: FrameSize) -> str:
    """(N, R, cells) float32: 1 where a cell belongs to a box. Cells count if their centre lies inside."""
    from onnx import TensorProto

    axes = {}
    for axis, (n_cells, scale) in enumerate(zip(size.cells, reversed(size.frame_px_per_cell), strict=True)):
        axes[axis] = _add_axis(graph, axis, n_cells, scale)
    box = graph.add("And", [axes[0][0], axes[1][0]], "in_box")
    distance = graph.add("Add", [axes[0][1], axes[1][1]], "distance")
    round_ = graph.add("Not", [graph.add("Greater", [distance, "one"], "outside_ellipse")], "in_ellipse")
    wanted = graph.add(
        "Greater", [_corner(graph, 4, "wants_ellipse"), graph.constant("half", 0.5)], "elliptic"
    )
    both = graph.add("And", [graph.add("And", [box, round_], "in_both"), wanted], "elliptic_cells")
    as_float = graph.add("Cast", [both], "elliptic_float", to=TensorProto.FLOAT)
    places = graph.constant("cell_axes", [2, 3], np.int64)
    n_inside = graph.add("ReduceSum", [as_float, places], "n_elliptic", keepdims=1)
    rect = graph.add("Cast", [box], "box_float", to=TensorProto.FLOAT)
    # an ellipse too small to hold a cell's centre is looked at as a box
    some = graph.add("Greater", [n_inside, "half"], "some_elliptic")
    mask = graph.add("Where", [some, as_float, rect], "mask")
    flat = graph.constant("flat_mask", [0, 0, -1], np.int64)
    return graph.add("Reshape", [mask, flat], "masks")


def _add_axis(graph: _Graph, axis: int, n_cells: int, scale: float) -> tuple[str, str]:
    """Along rows (axis 0) or columns (1): which cells are inside, and how far from the middle, squared."""
    name = "yx"[axis]
    centres = np.arange(n_cells, dtype=np.float32) + 0.5
    shape = (1, 1, -1, 1) if axis == 0 else (1, 1, 1, -1)
    cells = graph.constant(f"{name}_centres", centres.reshape(shape))
    per_px = graph.constant(f"{name}_per_px", 1.0 / scale)
    low = graph.add("Mul", [_corner(graph, 1 - axis, f"{name}_low_px"), per_px], f"{name}_low")
    high = graph.add("Mul", [_corner(graph, 3 - axis, f"{name}_high_px"), per_px], f"{name}_high")
    late = graph.add("Not", [graph.add("Less", [cells, low], f"{name}_before")], f"{name}_late")
    early = graph.add("Less", [cells, high], f"{name}_early")
    inside = graph.add("And", [late, early], f"{name}_between")
    # the first cell belongs to the box even if the box is narrower than a cell
    half = graph.constant(f"{name}_half", 0.5)
    first = graph.add("Ceil", [graph.add("Sub", [low, half], f"{name}_edge")], f"{name}_edge_up")
    ends = [graph.constant(f"{name}_zero", 0.0), graph.constant(f"{name}_last", n_cells - 1.0)]
    first = graph.add("Add", [graph.add("Clip", [first, *ends], f"{name}_clipped"), half], f"{name}_first")
    inside = graph.add(
        "Or", [inside, graph.add("Equal", [cells, first], f"{name}_is_first")], f"{name}_inside"
    )
    middle = graph.add("Mul", [graph.add("Add", [low, high], f"{name}_both"), half], f"{name}_middle")
    size = graph.add("Mul", [graph.add("Sub", [high, low], f"{name}_length"), half], f"{name}_radius_raw")
    radius = graph.add("Max", [size, half], f"{name}_radius")
    offset = graph.add("Div", [graph.add("Sub", [cells, middle], f"{name}_off"), radius], f"{name}_offset")
    return inside, graph.add("Mul", [offset, offset], f"{name}_distance")


def _corner(graph: _Graph, place: int, name: str) -> str:
    """(N, R, 1, 1): one number of every box."""
    at = graph.constant(f"{name}_at", [place], np.int64)
    number = graph.add("Gather", ["boxes", at], f"{name}_flat", axis=2)
    return graph.add("Unsqueeze", [number, graph.constant(f"{name}_axis", [3], np.int64)], name)
