"""How large the activations of a network become on real pictures: what int8 has to represent."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import yaml

from qc_plugin.errors import EngineError
from qc_plugin.files import temporary_folder, write_whole
from qc_plugin.inference.pictures import fitted, plan_scale, to_tensor
from qc_plugin.inference.select import AUTO_ORDER, BACKENDS, open_session
from qc_plugin.inference.spec import EngineSpec, load_spec
from qc_plugin.inference.tensorrt import onnx_int8, onnx_precision

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from qc_plugin.inference.session import Array

# Room above the largest magnitude seen. Measured on motion_blur: change of the mask's IoU on 12 labelled
# photos against fp32, calibrated on 14 other photos / on 13 frames of one clip: no room +0.24 / +1.23 points,
# half as much again -0.09 / +0.47, twice -0.13 / +0.10. Clipping costs more than coarse steps.
HEADROOM = 2.0
_LONG_SIDE = 640  # of engines that state no analysis scale, px


def activation_ranges(spec: EngineSpec, inputs: Sequence[Array]) -> dict[str, float]:
    """What `onnx_int8.to_int8` asks for: per tensor the largest magnitude to be represented.

    `inputs`: pictures as the engine takes them. They run through the fp32 network on the CPU. Raises
    EngineError if there are none, or if no CPU back-end is installed.
    """
    if not inputs:
        raise EngineError("calibration: no pictures; give --pictures a folder with some")
    backend = next((name for name in AUTO_ORDER if BACKENDS[name].missing() is None), AUTO_ORDER[0])
    names = onnx_int8.int8_inputs(spec.read_model())
    largest = dict.fromkeys(names, 0.0)
    with temporary_folder("qc-calibration-") as folder:
        session = open_session(
            _open_heart(spec, names, folder), backend=backend, precision="f32", threads=None
        )
        try:
            for array in inputs:
                outputs = session.run({spec.inputs[0].name: array})
                for name in names:
                    largest[name] = max(largest[name], float(np.abs(outputs[name]).max()))
        finally:
            session.close()
    return {name: value * HEADROOM for name, value in largest.items()}


def picture_inputs(spec: EngineSpec, pictures: Iterable[NDArray[np.uint8]]) -> list[Array]:
    """Each (h, w, 3) uint8 RGB picture as the engine takes it at its analysis scale, a batch each."""
    inputs = []
    for picture in pictures:
        height, width = picture.shape[:2]
        scale = plan_scale(height, width, spec, long_side=spec.size.long_side or _LONG_SIDE)
        inputs.append(to_tensor([fitted(picture, scale, spec)], spec))
    return inputs


def _open_heart(spec: EngineSpec, names: list[str], folder: Path) -> EngineSpec:
    """The engine with inner tensors as outputs, written to `folder` as an engine of its own."""
    content = onnx_precision.with_outputs(spec.read_model(), names)
    write_whole(folder / "model.onnx", content)
    contract = spec.model_dump(mode="json", by_alias=True, exclude={"variants"})
    contract["model"] = {
        "file": "model.onnx",
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
    }
    known = {tensor.name for tensor in spec.outputs}
    contract["outputs"] += [{"name": name, "layout": "NCHW"} for name in names if name not in known]
    write_whole(folder / "engine.yaml", yaml.safe_dump(contract))
    return load_spec(folder)
