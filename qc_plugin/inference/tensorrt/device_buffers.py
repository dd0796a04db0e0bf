"""GPU memory, pinned host memory and streams: the little of CUDA that running a plan needs.

The interface. `device_pycuda` and `device_cuda` implement it, `gpu` chooses between them; both use the GPU's
primary context, which is the one TensorRT uses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from qc_plugin.errors import EngineError, TemporaryError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FIX_MEMORY = "use a smaller batch or plan profile, or close what else runs on the GPU (nvidia-smi lists it)"
FIX_LOST = "look at dmesg for an Xid line, then start again"


class GpuMemoryError(EngineError):
    """The GPU has too little free memory for this batch. A smaller batch may fit."""


class GpuLostError(TemporaryError):
    """The GPU stopped answering; nothing on it can be used again by this process."""


@dataclass(frozen=True, slots=True)
class GpuInfo:
    """A GPU that is there. `capability` (8, 9) means sm_89; `driver` is the CUDA version it speaks: 13000."""

    index: int
    name: str
    capability: tuple[int, int]
    memory_bytes: int
    driver: int

    @property
    def target(self) -> str:
        """The name plans are built for: "sm_89"."""
        return f"sm_{self.capability[0]}{self.capability[1]}"


class DeviceMemory(Protocol):
    """A block of GPU memory; `pointer` is aligned to 256 bytes at least."""

    pointer: int
    n_bytes: int

    def release(self) -> None:
        """Give it back. Twice is fine."""


class PinnedMemory(Protocol):
    """Host memory that the GPU reads and writes by itself while the CPU goes on."""

    array: NDArray[np.uint8]

    def release(self) -> None:
        """Give it back; `array` must not be used afterwards. Twice is fine."""


class Stream(Protocol):
    """Work queued on the GPU, done in order."""

    handle: int

    def wait(self) -> None:
        """Return when all queued work is done. Raises GpuLostError if it failed."""

    def release(self) -> None:
        """Give it back. Twice is fine."""


class Device(Protocol):
    """One GPU, used by one thread at a time. Every method may raise GpuLostError."""

    library: str
    info: GpuInfo

    def activate(self) -> None:
        """Make this GPU the one of the calling thread."""

    def free_bytes(self) -> int:
        """Memory nobody uses."""

    def allocate(self, n_bytes: int) -> DeviceMemory:
        """Raises GpuMemoryError."""

    def pinned(self, n_bytes: int) -> PinnedMemory:
        """Raises GpuMemoryError."""

    def stream(self) -> Stream:
        """A new stream that does not wait for the default one."""

    def upload(self, target: DeviceMemory, source: NDArray[np.uint8], stream: Stream) -> None:
        """Queue a copy of all of `source` (pinned, flat) to the start of `target`."""

    def download(self, target: NDArray[np.uint8], source: DeviceMemory, stream: Stream) -> None:
        """Queue a copy from the start of `source` that fills `target` (pinned, flat)."""


def check_fits(device_memory: DeviceMemory, host: NDArray[np.uint8]) -> None:
    """Raise ValueError unless a copy of all of `host` stays within the block: CUDA would not notice."""
    if host.nbytes > device_memory.n_bytes or not host.flags.c_contiguous:
        raise ValueError(
            f"copy of {host.nbytes} bytes, contiguous {host.flags.c_contiguous}: expected a flat array of at "
            f"most {device_memory.n_bytes} bytes"
        )
