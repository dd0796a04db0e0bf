"""How large the activations of a network become on real pictures: what int8 has to represent."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import yaml

from qc_plugin.errors import EngineError
from qc_plugin.inference import onnx_int8, onnx_precision
from qc_plugin.inference.select import AUTO_ORDER, BACKENDS, open_session
from qc_plugin.inference.spec import EngineSpec, load_spec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from qc_plugin.inference.session import Array

_SAMPLES = (
    20_000  # values kept of each tensor and picture; ranges change by under 1 % with five times as many
)
_LONG_SIDE = 640  # of engines that state no analysis scale, px
_SHARES = np.linspace(0.3, 1.0, 29)  # of the largest magnitude: clipping a few outliers can pay


def activation_ranges(spec: EngineSpec, inputs: Sequence[Array]) -> dict[str, float]:
    """What `onnx_int8.to_int8` asks for: per tensor the magnitude at which clipping costs least.

    `inputs`: pictures as the engine takes them. They run through the fp32 network on the CPU. Raises
    EngineError if there are none, or if no CPU back-end is installed.
    """
    if not inputs:
        raise EngineError("calibration: no pictures; give --pictures a folder with some")
    backend = next((name for name in AUTO_ORDER if BACKENDS[name].missing() is None), AUTO_ORDER[0])
    names = onnx_int8.int8_inputs(spec.read_model())
    samples: dict[str, list[NDArray[np.float32]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        session = open_session(
            _open_heart(spec, names, Path(folder)), backend=backend, precision="f32", threads=None
        )
        try:
            for array in inputs:
                outputs = session.run({spec.inputs[0].name: array})
                for name in names:
                    samples[name].append(_thin(outputs[name]))
        finally:
            session.close()
    return {name: best_range(np.concatenate(parts)) for name, parts in samples.items()}


def picture_inputs(spec: EngineSpec, pictures: Iterable[NDArray[np.uint8]]) -> list[Array]:
    """(1, 3, H, W) float32 for each (h, w, 3) uint8 RGB picture: at the analysis scale, its edge repeated."""
    return [_planes(spec, picture) for picture in pictures]


def _planes(spec: EngineSpec, picture: NDArray[np.uint8]) -> Array:
    height, width = picture.shape[:2]
    ratio = min((spec.size.long_side or _LONG_SIDE) / max(height, width), 1.0)
    size = (max(round(width * ratio), 1), max(round(height * ratio), 1))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    beyond = [(0, spec.size.padded(side) - side) for side in small.shape[:2]]
    padded = np.pad(small, [*beyond, (0, 0)], mode="edge").astype(np.float32)
    low, high = spec.inputs[0].range or (0.0, 1.0)
    ordered = padded[..., ::-1] if spec.inputs[0].colour == "BGR" else padded
    return np.ascontiguousarray(ordered.transpose(2, 0, 1)[None]) * np.float32(
        (high - low) / 255
    ) + np.float32(low)


def best_range(magnitudes: NDArray[np.float32]) -> float:
    """The largest magnitude to represent so that 127 steps cost the least mean squared error."""
    largest = float(magnitudes.max(initial=0.0))
    if largest == 0.0:
        return 0.0
    candidates = largest * _SHARES
    errors = []
    for amax in candidates:
        step = amax / 127.0
        errors.append(float(np.mean((np.clip(np.rint(magnitudes / step), 0, 127) * step - magnitudes) ** 2)))
    return float(candidates[int(np.argmin(errors))])


def _thin(values: Array) -> NDArray[np.float32]:
    """Magnitudes of an evenly spread part of the values, and the largest of all."""
    flat = np.abs(values.astype(np.float32, copy=False)).ravel()
    # an odd step does not fall in time with rows of even width
    step = max(flat.size // _SAMPLES, 1) | 1
    return np.append(flat[::step], flat.max())


def _open_heart(spec: EngineSpec, names: list[str], folder: Path) -> EngineSpec:
    """The engine with inner tensors as outputs, written to `folder` as an engine of its own."""
    content = onnx_precision.with_outputs(spec.read_model(), names)
    (folder / "model.onnx").write_bytes(content)
    contract = spec.model_dump(mode="json", by_alias=True, exclude={"variants"})
    contract["model"] = {
        "file": "model.onnx",
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
    }
    known = {tensor.name for tensor in spec.outputs}
    contract["outputs"] += [{"name": name, "layout": "NCHW"} for name in names if name not in known]
    (folder / "engine.yaml").write_text(yaml.safe_dump(contract), encoding="utf-8")
    return load_spec(folder)
