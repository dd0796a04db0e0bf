"""A plan at work on the GPU: two slots, so that copies run while the other slot computes.

Per slot an execution context, a stream and its memory; the host writes into pinned memory of one slot while
the GPU reads the other. Contexts are TensorRT's; nothing here imports it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from qc_plugin.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from qc_plugin.inference.session import Array
    from qc_plugin.inference.tensorrt.device_buffers import Device, DeviceMemory, PinnedMemory

N_SLOTS = 2


@dataclass(frozen=True, slots=True)
class Wire:
    """One input or output of a plan: name and dtype as it lies in memory."""

    name: str
    dtype: np.dtype[Any]
    is_input: bool


@dataclass(slots=True)
class _Lane:
    """Memory of one wire on both sides, grown when a larger batch comes."""

    device: Device
    memory: DeviceMemory | None = None
    staging: PinnedMemory | None = None

    def fit(self, n_bytes: int) -> tuple[DeviceMemory, PinnedMemory]:
        """Blocks of at least `n_bytes`. Raises GpuMemoryError."""
        if self.memory is None or self.staging is None or self.memory.n_bytes < n_bytes:
            self.release()  # first, so that old and new need not fit side by side
            self.memory = self.device.allocate(n_bytes)
            self.staging = self.device.pinned(n_bytes)
        return self.memory, self.staging

    def release(self) -> None:
        """Give both back."""
        for block in (self.memory, self.staging):
            if block is not None:
                block.release()
        self.memory = self.staging = None


class Slot:
    """One batch in flight: `submit`, later `collect`."""

    def __init__(self, device: Device, context: Any, wires: Sequence[Wire]) -> None:
        self._device = device
        self._context = context
        self._wires = {wire.name: wire for wire in wires}
        self._stream = device.stream()
        self._lanes = {wire.name: _Lane(device) for wire in wires}
        self._work: DeviceMemory | None = None
        self._shapes: dict[str, tuple[int, ...]] = {}

    def submit(self, inputs: Mapping[str, Array]) -> None:
        """Queue upload, computation and download of one batch. The inputs may be reused at once.

        Raises GpuMemoryError, after which nothing is queued, or EngineError if the plan refuses the shapes.
        """
        shapes = {name: array.shape for name, array in inputs.items()}
        if any(self._shapes.get(name) != shape for name, shape in shapes.items()):
            self._take_shapes(shapes)
        for (
            wire
        ) in self._wires.values():  # all memory before the first copy: what is queued cannot be taken back
            memory, _ = self._lanes[wire.name].fit(self._n_bytes(wire))
            if not self._context.set_tensor_address(wire.name, memory.pointer):
                raise EngineError(f"the plan has no tensor {wire.name!r}; build it again")
        for name, array in inputs.items():
            np.copyto(self._staged(name), array)
            memory, staging = self._lanes[name].fit(0)
            self._device.upload(memory, staging.array[: array.nbytes], self._stream)
        if not self._context.execute_async_v3(self._stream.handle):
            raise EngineError("TensorRT could not queue the plan; build it again")
        for wire in self._outputs():
            memory, staging = self._lanes[wire.name].fit(0)
            self._device.download(staging.array[: self._n_bytes(wire)], memory, self._stream)

    def collect(self) -> dict[str, Array]:
        """Outputs of the batch that was submitted, as arrays of the caller's. Raises GpuLostError."""
        self._stream.wait()
        return {wire.name: self._staged(wire.name).copy() for wire in self._outputs()}

    def compute_again(self, n_times: int) -> None:
        """Compute the last batch again without copies, and wait: what benchmarks divide by."""
        for _ in range(n_times):
            self._context.execute_async_v3(self._stream.handle)
        self._stream.wait()

    def wait(self) -> None:
        """Let whatever is queued end."""
        self._stream.wait()

    def release(self) -> None:
        """Give memory, stream and context back."""
        self.shrink()
        self._stream.release()
        self._context = None

    def shrink(self) -> None:
        """Give all memory back; the slot can go on with smaller batches."""
        for lane in self._lanes.values():
            lane.release()
        if self._work is not None:
            self._work.release()
        self._work, self._shapes = None, {}

    def _take_shapes(self, shapes: dict[str, tuple[int, ...]]) -> None:
        """Tell the context the input shapes, ask it for the outputs', and give it the memory it needs."""
        self._shapes = {}
        for name, shape in shapes.items():
            if not self._context.set_input_shape(name, shape):
                raise EngineError(f"the plan does not take {name} of shape {shape}; build it again")
        n_bytes = max(int(self._context.update_device_memory_size_for_shapes()), 1)
        if self._work is None or self._work.n_bytes < n_bytes:
            if self._work is not None:
                self._work.release()
                self._work = None
            self._work = self._device.allocate(n_bytes)
        self._context.set_device_memory(self._work.pointer, self._work.n_bytes)
        found = {wire.name: tuple(self._context.get_tensor_shape(wire.name)) for wire in self._wires.values()}
        self._shapes = found

    def _outputs(self) -> Iterator[Wire]:
        return (wire for wire in self._wires.values() if not wire.is_input)

    def _staged(self, name: str) -> Array:
        """The pinned memory of a wire as an array of the batch at hand."""
        wire = self._wires[name]
        _, staging = self._lanes[name].fit(0)
        return staging.array[: self._n_bytes(wire)].view(wire.dtype).reshape(self._shapes[name])

    def _n_bytes(self, wire: Wire) -> int:
        return prod(self._shapes[wire.name]) * wire.dtype.itemsize


def run_through(slots: Sequence[Slot], batches: Iterable[Mapping[str, Array]]) -> Iterator[dict[str, Array]]:
    """Outputs of every batch, in order; as many batches are in flight as there are slots."""
    flying: deque[Slot] = deque()
    try:
        for n, batch in enumerate(batches):
            if len(flying) == len(slots):
                yield flying.popleft().collect()
            slot = slots[n % len(slots)]
            slot.submit(batch)
            flying.append(slot)
        while flying:
            yield flying.popleft().collect()
    finally:
        for slot in flying:  # after an error: no memory may be freed while the GPU still writes to it
            slot.wait()
