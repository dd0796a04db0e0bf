"""onnxruntime on the CPU: the small fallback, plain fp32 (or the int8 variant)."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

from qc_plugin.errors import EngineError
from qc_plugin.inference import runtimes
from qc_plugin.inference.session import Array, check_inputs, engine_use

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qc_plugin.inference.spec import EngineSpec
    from qc_plugin.types import EngineUse

NAME = "onnxruntime"
EXTRA = "qc-plugin[ort]"
FIX = f"pip install '{EXTRA}'"
PRECISIONS: tuple[str, ...] = ("f32", "int8")
_DEVICE = "CPU"


def missing() -> str | None:
    """Why onnxruntime cannot be used here, or None."""
    return None if importlib.util.find_spec("onnxruntime") else "onnxruntime is not installed"


def open_session(spec: EngineSpec, *, precision: str, threads: int | None) -> OnnxRuntimeSession:
    """Load an engine on the CPU; see `select.open_session`."""
    return OnnxRuntimeSession(spec, precision=precision, threads=threads)


class OnnxRuntimeSession:
    """An engine run by onnxruntime; see `session.Session`.

    Precision "auto" is f32: the numbers that every other back-end is compared with.
    """

    def __init__(self, spec: EngineSpec, *, precision: str, threads: int | None) -> None:
        onnxruntime = runtimes.onnxruntime()
        failures = onnxruntime.capi.onnxruntime_pybind11_state
        self.spec = spec
        self.backend = NAME
        self.device = _DEVICE
        self.precision = "f32" if precision == "auto" else precision
        if self.precision == "int8" and not spec.has_variant("int8"):
            raise EngineError(f"{spec.name}: ships no int8 variant; use precision auto or f32")
        model_bytes = spec.read_model(self.precision)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0  # 0: all cores
        options.log_severity_level = 3  # errors only: its warnings are about graph clean-up
        bad_model = (failures.InvalidGraph, failures.InvalidProtobuf, failures.Fail, failures.NotImplemented)
        try:
            self._session: Any = onnxruntime.InferenceSession(
                model_bytes, options, providers=["CPUExecutionProvider"]
            )
        except (*bad_model, failures.InvalidArgument) as error:
            path = spec.folder / spec.model_file(self.precision).file
            reason = " ".join(str(error).split())
            raise EngineError(f"{path}: onnxruntime cannot load it: {reason}; export it again") from error

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by name; onnxruntime allocates them anew for every run."""
        if self._session is None:
            raise ValueError(f"{self.spec.name}: the session is closed; open a new one")
        check_inputs(self.spec, inputs)
        names = [tensor.name for tensor in self.spec.outputs]
        return dict(zip(names, self._session.run(names, dict(inputs)), strict=True))

    @property
    def use(self) -> EngineUse:
        """What ran, and how."""
        return engine_use(self)

    def close(self) -> None:
        """Give memory back."""
        self._session = None
