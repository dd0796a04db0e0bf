"""A session: one engine loaded on one back-end. Named tensors in, named tensors out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from qc_plugin.errors import QcError
from qc_plugin.types import EngineUse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qc_plugin.inference.spec import EngineSpec, TensorSpec

Array = NDArray[Any]


class Session(Protocol):
    """What every back-end gives. One session is used by one thread at a time.

    `backend` and `device` say what runs, `precision` what it computes in: "f32", "bf16", "f16" or "int8".
    """

    @property
    def spec(self) -> EngineSpec:
        """The contract of the engine that was loaded."""

    @property
    def backend(self) -> str:
        """A key of `select.BACKENDS`."""

    @property
    def device(self) -> str:
        """The device as the runtime calls it, e.g. "CPU"."""

    @property
    def precision(self) -> str:
        """What the runtime computes in."""

    @property
    def use(self) -> EngineUse:
        """Engine, back-end, device and precision, for the provenance of a report."""

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by name for inputs by name. The arrays are the caller's to keep.

        Raises ValueError for inputs that break the contract (name, dtype, rank, channels, size).
        """

    def close(self) -> None:
        """Give memory back; the session cannot run afterwards. Closing twice is fine."""


def check_inputs(spec: EngineSpec, inputs: Mapping[str, Array]) -> None:
    """Raise ValueError, with expected and got, unless `inputs` are what the engine's contract asks for."""
    wanted = {tensor.name for tensor in spec.inputs}
    if set(inputs) != wanted:
        raise ValueError(f"{spec.name}: expected inputs {sorted(wanted)}, got {sorted(inputs)}")
    for tensor in spec.inputs:
        _check_input(spec, tensor, inputs[tensor.name])


def _check_input(spec: EngineSpec, tensor: TensorSpec, array: Array) -> None:
    where = f"{spec.name}.{tensor.name}"
    if not isinstance(array, np.ndarray) or array.dtype != np.dtype(tensor.dtype):
        got = getattr(array, "dtype", type(array).__name__)
        raise ValueError(f"{where}: expected a {tensor.dtype} array, got {got}")
    if array.ndim != len(tensor.layout) or array.size == 0:
        raise ValueError(f"{where}: expected a filled {tensor.layout} array, got shape {array.shape}")
    sizes = dict(zip(tensor.layout, array.shape, strict=True))
    channels = {"RGB": 3, "BGR": 3, "GRAY": 1, None: sizes.get("C")}[tensor.colour]
    if sizes.get("C") != channels:
        raise ValueError(f"{where}: expected {channels} channels ({tensor.colour}), got shape {array.shape}")
    for axis in "HW":
        if axis in sizes and not spec.size.takes(sizes[axis]):
            rule = f"a multiple of {spec.size.multiple} in {spec.size.min}..{spec.size.max}"
            raise ValueError(f"{where}: expected {axis} to be {rule}, got shape {array.shape}")


def check_range(spec: EngineSpec, name: str, array: Array, ends: tuple[float, float]) -> None:
    """Raise QcError if an output holds NaN, infinity or a value outside `ends` (both inclusive).

    A network that computes rubbish must stop the run: a NaN compares as "not blurred", and would pass.
    """
    low, high = float(array.min()), float(array.max())
    if not ends[0] - _SLACK <= low <= high <= ends[1] + _SLACK:  # a NaN makes every comparison false
        raise QcError(
            f"{spec.name}.{name}: the engine gave values from {low:g} to {high:g}, expected "
            f"{ends[0]:g} to {ends[1]:g}; run `qc-plugin engines verify`, then try another back-end"
        )


_SLACK = 1e-3  # reduced precision may end a sigmoid a rounding step beyond 1


def engine_use(session: Session) -> EngineUse:
    """Which engine ran and how, for the provenance of a report."""
    spec = session.spec
    return EngineUse(
        name=spec.name,
        version=spec.version,
        sha256=spec.model_file(session.precision).sha256,
        backend=session.backend,
        device=session.device,
        precision=session.precision,
    )
