"""OpenVINO on the CPU: the default.

One compiled model with dynamic shapes serves every size: measured on motion_blur at 640x384, 1280x768 and a
batch of four, a model compiled for one shape is at most 3 % faster with bit-identical output, and compiling
costs 0.15 s a shape.
In bf16 whatever feeds a logarithm still runs in f32, as a model of its own: the band energies of motion_blur
are differences of less than 1/256, which bf16 rounds away (with it the area called blurred on a soft webcam
clip fell from 5 to 2 %).

There is no model cache on disk: compiling takes 0.2 s, less than finding out whether a cache may be trusted.
"""

from __future__ import annotations

import functools
import importlib.util
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from qc_plugin.errors import EngineError
from qc_plugin.files import temporary_folder, write_whole
from qc_plugin.inference import runtimes
from qc_plugin.inference.session import Array, check_inputs, engine_use

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qc_plugin.inference.spec import EngineSpec
    from qc_plugin.types import EngineUse

NAME = "openvino"
EXTRA = "openvino>=2026.4,<2027"
FIX = f"pip install '{EXTRA}'"
PRECISIONS: tuple[str, ...] = ("f32", "bf16", "int8")
_DEVICE = "CPU"
_FIRST_USE = threading.Lock()


def missing() -> str | None:
    """Why OpenVINO cannot be used here, or None."""
    return None if importlib.util.find_spec("openvino") else "openvino is not installed"


def open_session(spec: EngineSpec, *, precision: str, threads: int | None) -> OpenVinoSession:
    """Load an engine on the CPU; see `select.open_session`."""
    return OpenVinoSession(spec, precision=precision, threads=threads)


def choose_precision(spec: EngineSpec, asked: str, capabilities: list[str]) -> str:
    """Precision to run in; "auto" is bf16 where OpenVINO proposes it, else int8 if shipped, else f32.

    bf16 forced on a CPU without it was 10x slower than f32, so it is refused rather than obeyed.
    """
    if asked == "int8" and not spec.has_variant("int8"):
        raise EngineError(f"{spec.name}: ships no int8 variant; use precision auto or f32")
    if asked == "bf16" and "BF16" not in capabilities:
        raise EngineError(f"{spec.name}: this CPU has no bf16 arithmetic; use precision auto or f32")
    if asked != "auto":
        return asked
    if "BF16" in capabilities:
        return "bf16"
    return "int8" if spec.has_variant("int8") else "f32"


@functools.cache
def _used() -> bool:
    """Runs a network of one addition."""
    openvino = runtimes.openvino()
    ops = openvino.opset15
    given = ops.parameter([1], np.float32, name="given")
    added = ops.add(given, np.ones(1, np.float32))
    added.output(0).set_names({"added"})
    core = openvino.Core()
    request = core.compile_model(openvino.Model([added], [given]), _DEVICE).create_infer_request()
    results = request.infer({0: np.zeros(1, np.float32)})
    return bool(np.array(results["added"])[0])


def _use_once() -> None:
    """Fill the tables that OpenVINO's Python layer fills at first use, while one thread is there alone.

    Two threads that come first at once wait for each other for ever: one holds the interpreter and waits for
    the table, the other fills the table and waits for the interpreter.
    """
    with _FIRST_USE:
        _used()


class OpenVinoSession:
    """An engine compiled by OpenVINO; see `session.Session`."""

    def __init__(self, spec: EngineSpec, *, precision: str, threads: int | None) -> None:
        openvino = runtimes.openvino()
        _use_once()
        core = openvino.Core()
        self.spec = spec
        self.backend = NAME
        self.device = _DEVICE
        self.precision = choose_precision(
            spec, precision, core.get_property(_DEVICE, "OPTIMIZATION_CAPABILITIES")
        )
        model_bytes = spec.read_model(self.precision)
        try:
            models = [_read(core, spec, model_bytes)]
            if self.precision == "bf16":
                models = split_at_logarithms(models[0], _read(core, spec, model_bytes))
            self._requests: list[Any] = [
                core.compile_model(
                    model, _DEVICE, self._settings(threads, is_last=model is models[-1])
                ).create_infer_request()
                for model in models
            ]
        except RuntimeError as error:
            path = spec.folder / spec.model_file(self.precision).file
            raise EngineError(
                f"{path}: OpenVINO cannot load it: {_first_line(error)}; export it again"
            ) from error

    def _settings(self, threads: int | None, *, is_last: bool) -> dict[str, object]:
        """The precision hint is always set: OpenVINO's default follows the CPU, and results would too."""
        settings: dict[str, object] = {
            "INFERENCE_PRECISION_HINT": "bf16" if self.precision == "bf16" and is_last else "f32",
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,  # else every session and every worker process pins the same core
        }
        return settings if threads is None else settings | {"INFERENCE_NUM_THREADS": threads}

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by name; copies, because OpenVINO writes the next result into the same memory."""
        if not self._requests:
            raise ValueError(f"{self.spec.name}: the session is closed; open a new one")
        check_inputs(self.spec, inputs)
        tensors = {name: np.ascontiguousarray(array) for name, array in inputs.items()}
        for stem in self._requests[:-1]:
            tensors |= {output.any_name: value for output, value in stem.infer(tensors).items()}
        results = self._requests[-1].infer(tensors)
        return {tensor.name: np.array(results[tensor.name]) for tensor in self.spec.outputs}

    @property
    def use(self) -> EngineUse:
        """What ran, and how."""
        return engine_use(self)

    def close(self) -> None:
        """Give memory back."""
        self._requests = []


def _read(core: Any, spec: EngineSpec, content: bytes) -> Any:
    """The network in the checked bytes; OpenVINO reads TFLite from files only, so they go into one first."""
    if not spec.is_tflite:
        return core.read_model(model=content)
    with temporary_folder("qc-engine-") as folder:
        path = folder / spec.model.file
        write_whole(path, content)
        return core.read_model(model=str(path))


def split_at_logarithms(model: Any, copy: Any) -> list[Any]:
    """[everything up to the logarithms, the rest], from two readings of one model; [model] if it has none.

    The rest takes the inputs of the model and, named `logarithm_0` and so on, what the first part gives.
    """
    openvino = runtimes.openvino()
    ops = openvino.opset13
    logarithms = [node for node in model.get_ordered_ops() if node.get_type_name() == "Log"]
    if not logarithms:
        return [model]
    for number, node in enumerate(logarithms):
        node.output(0).set_names({f"logarithm_{number}"})
    stem = openvino.Model([node.output(0) for node in logarithms], model.get_parameters(), "stem")
    given = []
    cut = [node for node in copy.get_ordered_ops() if node.get_type_name() == "Log"]
    for number, node in enumerate(cut):
        parameter = ops.parameter(node.output(0).get_partial_shape(), np.float32)
        parameter.output(0).set_names({f"logarithm_{number}"})
        for target in node.output(0).get_target_inputs():
            target.replace_source_output(parameter.output(0))
        given.append(parameter)
    return [stem, openvino.Model(copy.get_results(), [*copy.get_parameters(), *given], "rest")]


def _first_line(error: Exception) -> str:
    """OpenVINO's messages carry source positions over many lines; the last line with words is the reason."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
