"""Which back-end runs an engine: one visible dict, and a choice that `Session.backend` always states."""

from __future__ import annotations

import difflib
import logging
from functools import partial
from typing import TYPE_CHECKING, Protocol

from qc_plugin.errors import EngineError, TemporaryError
from qc_plugin.inference.backends import onnxruntime, openvino, tensorrt
from qc_plugin.inference.fallback import SessionWithFallback

if TYPE_CHECKING:
    from qc_plugin.inference.session import Session
    from qc_plugin.inference.spec import EngineSpec


class Backend(Protocol):
    """What a back-end module offers. Importing the module must not import its runtime."""

    EXTRA: str  # pip requirement that installs the runtime
    FIX: str  # what to do when `missing` gives a reason
    PRECISIONS: tuple[str, ...]  # names `open_session` takes beside "auto"

    def missing(self) -> str | None:
        """Why the runtime cannot be used here, in a few words, or None if it can."""

    def open_session(self, spec: EngineSpec, *, precision: str, threads: int | None) -> Session:
        """Load the engine. Raises EngineError if model or precision do not suit this runtime."""


BACKENDS: dict[str, Backend] = {"openvino": openvino, "onnxruntime": onnxruntime, "tensorrt": tensorrt}
AUTO_ORDER = ("openvino", "onnxruntime")  # without a GPU: the default CPU runtime, then its fallback
_log = logging.getLogger(__name__)


def open_session(
    spec: EngineSpec, *, backend: str = "auto", precision: str = "auto", threads: int | None = None
) -> Session:
    """Load an engine on a back-end.

    `backend`: a key of BACKENDS, or "auto": tensorrt where a GPU and a plan for it are there, otherwise the
    first of AUTO_ORDER that is installed. `precision`: "auto" (what the runtime proposes), "f32", "bf16",
    "f16" or "int8". `threads`: at most this many; None leaves it to the runtime. Raises EngineError, with
    the fix, if that cannot be had.
    """
    if threads is not None and threads < 1:
        raise EngineError(f"threads: expected 1 or more, got {threads}; leave it out to use all cores")
    if spec.is_tflite:
        backend, precision = _reads_tflite(spec, backend, precision)
    on_cpu = partial(open_session, spec, backend="openvino", threads=threads)  # when a GPU is lost
    if backend == "auto" and (session := _on_gpu(spec, precision)) is not None:
        return SessionWithFallback(session, on_cpu)
    name = _first_usable() if backend == "auto" else _usable(backend)
    module = BACKENDS[name]
    if precision != "auto" and precision not in module.PRECISIONS:
        known = ", ".join(("auto", *module.PRECISIONS))
        raise EngineError(f"precision {precision!r}: {name} takes {known}; choose one of these")
    session = module.open_session(spec, precision=precision, threads=threads)
    return SessionWithFallback(session, on_cpu) if name == tensorrt.NAME else session


def _on_gpu(spec: EngineSpec, precision: str) -> Session | None:
    """A TensorRT session if a GPU and a plan are there; a GPU that cannot be used is told, not an error."""
    module = BACKENDS[tensorrt.NAME]
    if module.missing() is not None or precision not in ("auto", *module.PRECISIONS):
        return None
    try:
        return module.open_session(spec, precision=precision, threads=None)
    except (EngineError, TemporaryError) as error:
        _log.warning("the GPU is not used: %s", error)
        return None


def _reads_tflite(spec: EngineSpec, backend: str, precision: str) -> tuple[str, str]:
    """OpenVINO, also where the other engines run on a GPU: these are small networks for a CPU."""
    if backend == "onnxruntime":
        raise EngineError(
            f"{spec.name}: is a TFLite file, which onnxruntime cannot read; use backend auto or openvino"
        )
    return openvino.NAME, "auto" if backend == tensorrt.NAME else precision


def _usable(name: str) -> str:
    if name not in BACKENDS:
        near = difflib.get_close_matches(name, BACKENDS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"choose auto, {' or '.join(BACKENDS)}"
        raise EngineError(f"backend {name!r}: unknown; {hint}")
    reason = BACKENDS[name].missing()
    if reason is not None:
        raise EngineError(f"backend {name!r}: {reason}; {BACKENDS[name].FIX}")
    return name


def _first_usable() -> str:
    reasons = {name: BACKENDS[name].missing() for name in AUTO_ORDER}
    for name, reason in reasons.items():
        if reason is None:
            return name
    why = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
    raise EngineError(f"no back-end can run engines here ({why}); {BACKENDS[AUTO_ORDER[0]].FIX}")
