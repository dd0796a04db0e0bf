"""Tiny ONNX graphs and engine folders built in code, so that tests need no downloads and no training."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from pathlib import Path

MAPS = ("probability", "intensity", "evidence")


def constant(name: str, values: Any, dtype: Any = np.float32) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(values, dtype), name)


def _model(nodes, outputs, initializers, *, channels=3):
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", channels, "h", "w"])
    graph = helper.make_graph(
        nodes,
        "tiny",
        [image],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        initializers,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def blur_maps(*, kernel: int = 5, offset: float = 0.0, scale: float = 1.0) -> onnx.ModelProto:
    """Three maps at stride 4: local means of the three colours (a box of `kernel` cells), times scale plus
    offset.

    Its receptive radius is kernel // 2 cells of 4 px, so tiling must be exact from that halo on.
    """
    box = np.ones((3, 1, kernel, kernel), np.float32) / kernel**2
    nodes = [
        helper.make_node("AveragePool", ["image"], ["cells"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Conv", ["cells", "box"], ["means"], group=3, pads=[kernel // 2] * 4),
        helper.make_node("Mul", ["means", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "offset"], ["maps"]),
        helper.make_node("Split", ["maps"], list(MAPS), axis=1, num_outputs=3),
    ]
    return _model(nodes, MAPS, [constant("box", box), constant("scale", scale), constant("offset", offset)])


def small_network(*, seed: int = 0) -> onnx.ModelProto:
    """The operators of a real engine, small: convolutions, log, pooling, enlargement, skip, sigmoid."""
    rng = np.random.default_rng(seed)

    def weights(name, n_out, n_in, size):
        return constant(
            name, rng.standard_normal((n_out, n_in, size, size)) * (2 / (n_in * size * size)) ** 0.5
        )

    nodes = [
        helper.make_node("Conv", ["image", "w0"], ["a"], pads=[1] * 4),
        helper.make_node("Abs", ["a"], ["b"]),
        helper.make_node("AveragePool", ["b"], ["c"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Add", ["c", "floor"], ["d"]),
        helper.make_node("Log", ["d"], ["e"]),
        helper.make_node("Conv", ["e", "w1"], ["f"], pads=[1] * 4, strides=[2, 2]),
        helper.make_node("Relu", ["f"], ["g"]),
        helper.make_node("Resize", ["g", "", "twice"], ["h"], mode="nearest"),
        helper.make_node("Concat", ["h", "e"], ["i"], axis=1),
        helper.make_node("Conv", ["i", "w2"], ["j"], pads=[1] * 4),
        helper.make_node("Sigmoid", ["j"], ["k"]),
        helper.make_node("Split", ["k"], list(MAPS), axis=1, num_outputs=3),
    ]
    initializers = [
        weights("w0", 16, 3, 3),
        weights("w1", 32, 16, 3),
        weights("w2", 3, 48, 3),
        constant("floor", 1e-3),
        constant("twice", [1, 1, 2, 2]),
    ]
    return _model(nodes, MAPS, initializers)


def not_a_number() -> onnx.ModelProto:
    """Maps that are NaN wherever the picture is black: the logarithm of a negative number."""
    nodes = [
        helper.make_node("AveragePool", ["image"], ["cells"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Sub", ["cells", "little"], ["less"]),
        helper.make_node("Log", ["less"], ["logs"]),
        helper.make_node("Sigmoid", ["logs"], ["maps"]),
        helper.make_node("Split", ["maps"], list(MAPS), axis=1, num_outputs=3),
    ]
    return _model(nodes, MAPS, [constant("little", 0.01)])


def contract(content: bytes, **changes: Any) -> dict[str, Any]:
    """engine.yaml of a blur engine as a dict; `changes` replace whole top-level keys."""
    document: dict[str, Any] = {
        "schema": 1,
        "name": "tiny",
        "version": "0.1.0",
        "task": "motion_blur",
        "licence": "Apache-2.0",
        "model": {
            "file": "model.onnx",
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
            "opset": 18,
        },
        "inputs": [
            {"name": "image", "layout": "NCHW", "dtype": "float32", "colour": "RGB", "range": [0.0, 1.0]}
        ],
        "outputs": [{"name": n, "layout": "NCHW", "dtype": "float32", "meaning": n} for n in MAPS],
        "size": {"multiple": 8, "min": 16, "max": 4096, "long_side": 64},
        "decoder": "blur_maps",
        "classes": [],
        "params": {"stride": 4, "threshold": 0.5, "evidence_floor": 0.15, "extent_full_scale_px": 24},
    }
    return document | changes


def write_engine(folder: Path, model: onnx.ModelProto | None = None, **changes: Any) -> Path:
    """An engine folder with this model and contract; returns the folder."""
    content = (model or blur_maps()).SerializeToString()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(content)
    (folder / "engine.yaml").write_text(yaml.safe_dump(contract(content, **changes), sort_keys=False))
    return folder
