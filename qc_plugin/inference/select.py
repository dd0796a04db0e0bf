"""Which back-end runs an engine: one visible dict, and a choice that `Session.backend` always states."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Protocol

from qc_plugin.errors import EngineError
from qc_plugin.inference.backends import onnxruntime, openvino

if TYPE_CHECKING:
    from qc_plugin.inference.session import Session
    from qc_plugin.inference.spec import EngineSpec


class Backend(Protocol):
    """What a back-end module offers. Importing the module must not import its runtime."""

    EXTRA: str  # pip requirement that installs the runtime
    PRECISIONS: tuple[str, ...]  # names `open_session` takes beside "auto"

    def missing(self) -> str | None:
        """Why the runtime cannot be used here, in a few words, or None if it can."""

    def open_session(self, spec: EngineSpec, *, precision: str, threads: int | None) -> Session:
        """Load the engine. Raises EngineError if model or precision do not suit this runtime."""


BACKENDS: dict[str, Backend] = {"openvino": openvino, "onnxruntime": onnxruntime}
AUTO_ORDER = ("openvino", "onnxruntime")  # the default CPU runtime, then its fallback


def open_session(
    spec: EngineSpec, *, backend: str = "auto", precision: str = "auto", threads: int | None = None
) -> Session:
    """Load an engine on a back-end.

    `backend`: a key of BACKENDS, or "auto": the first of AUTO_ORDER that is installed. `precision`: "auto"
    (what the runtime proposes on this CPU), "f32", "bf16" or "int8". `threads`: at most this many; None
    leaves it to the runtime. Raises EngineError, with the fix, if that cannot be had.
    """
    if threads is not None and threads < 1:
        raise EngineError(f"threads: expected 1 or more, got {threads}; leave it out to use all cores")
    name = _first_usable() if backend == "auto" else _usable(backend)
    module = BACKENDS[name]
    if precision != "auto" and precision not in module.PRECISIONS:
        known = ", ".join(("auto", *module.PRECISIONS))
        raise EngineError(f"precision {precision!r}: {name} takes {known}; choose one of these")
    return module.open_session(spec, precision=precision, threads=threads)


def _usable(name: str) -> str:
    if name not in BACKENDS:
        near = difflib.get_close_matches(name, BACKENDS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"choose auto, {' or '.join(BACKENDS)}"
        raise EngineError(f"backend {name!r}: unknown; {hint}")
    reason = BACKENDS[name].missing()
    if reason is not None:
        raise EngineError(f"backend {name!r}: {reason}; pip install '{BACKENDS[name].EXTRA}'")
    return name


def _first_usable() -> str:
    reasons = {name: BACKENDS[name].missing() for name in AUTO_ORDER}
    for name, reason in reasons.items():
        if reason is None:
            return name
    why = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
    raise EngineError(
        f"no back-end can run engines here ({why}); pip install '{BACKENDS[AUTO_ORDER[0]].EXTRA}'"
    )
