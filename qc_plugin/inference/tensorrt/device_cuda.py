"""GPU memory and streams through cuda-bindings (CUDA's runtime API): wheels, and imports without a driver."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from qc_plugin.errors import QcError
from qc_plugin.inference.tensorrt.device_buffers import (
    FIX_LOST,
    FIX_MEMORY,
    DeviceMemory,
    GpuInfo,
    GpuLostError,
    GpuMemoryError,
    PinnedMemory,
    Stream,
    check_fits,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_OUT_OF_MEMORY = "cudaErrorMemoryAllocation"
# Answers that mean our call was wrong. All others leave the GPU unusable for this process, or absent.
_OUR_FAULT = frozenset(
    {"cudaErrorInvalidValue", "cudaErrorInvalidDevicePointer", "cudaErrorInvalidHostPointer"}
)


def runtime() -> Any:
    """The module. Raises ImportError if it is not installed."""
    return import_module("cuda.bindings.runtime")


def count_gpus() -> int:
    """GPUs that can be used. Raises ImportError without the package, GpuLostError without a driver."""
    return int(answer("cudaGetDeviceCount", runtime().cudaGetDeviceCount()))


def answer(call: str, returned: tuple[Any, ...]) -> Any:
    """The value of a call (a tuple if it has several, None if none), whose first return value is its status.

    Raises GpuMemoryError, GpuLostError, or QcError for a call that was wrong.
    """
    status, *values = returned
    if int(status) == 0:
        return (values[0] if len(values) == 1 else tuple(values)) if values else None
    if status.name == _OUT_OF_MEMORY:
        raise GpuMemoryError(f"{call}: the GPU is out of memory; {FIX_MEMORY}")
    if status.name in _OUR_FAULT:
        raise QcError(f"{call}: {status.name}; please report this")
    raise GpuLostError(f"{call}: {status.name}; {FIX_LOST}")


@dataclass(slots=True)
class _Memory:
    pointer: int
    n_bytes: int
    free: Callable[[], None] | None

    def release(self) -> None:
        free, self.free = self.free, None
        if free is not None:
            free()


@dataclass(slots=True)
class _Pinned:
    array: NDArray[np.uint8]
    free: Callable[[], None] | None

    def release(self) -> None:
        free, self.free = self.free, None
        if free is not None:
            free()


class _Stream:
    def __init__(self, device: CudaDevice) -> None:
        self._device = device
        self._native = device.call("cudaStreamCreateWithFlags", device.cuda.cudaStreamNonBlocking)
        self.handle = int(self._native)

    def wait(self) -> None:
        self._device.call("cudaStreamSynchronize", self._native)

    def release(self) -> None:
        if self.handle:
            self.handle = 0
            self._device.call("cudaStreamDestroy", self._native)


class CudaDevice:
    """`device_buffers.Device`; the docstrings are there."""

    library = "cuda-bindings"

    def __init__(self, index: int = 0) -> None:
        self.cuda = runtime()
        self._index = index
        self.activate()
        found = self.call("cudaGetDeviceProperties", index)
        name = found.name.decode() if isinstance(found.name, bytes) else str(found.name)
        self.info = GpuInfo(
            index=index,
            name=name.strip("\0"),
            capability=(int(found.major), int(found.minor)),
            memory_bytes=int(found.totalGlobalMem),
            driver=int(self.call("cudaDriverGetVersion")),
        )

    def call(self, name: str, *arguments: object) -> Any:
        """Call the runtime API; see `answer`."""
        return answer(name, getattr(self.cuda, name)(*arguments))

    def activate(self) -> None:
        """The runtime API keeps a current device per thread."""
        self.call("cudaSetDevice", self._index)

    def free_bytes(self) -> int:
        """Memory nobody uses."""
        return int(self.call("cudaMemGetInfo")[0])

    def allocate(self, n_bytes: int) -> DeviceMemory:
        """GPU memory."""
        pointer = int(self.call("cudaMalloc", n_bytes))
        return _Memory(pointer, n_bytes, lambda: self.call("cudaFree", pointer))

    def pinned(self, n_bytes: int) -> PinnedMemory:
        """Page-locked host memory."""
        pointer = int(self.call("cudaMallocHost", n_bytes))
        array = np.ctypeslib.as_array((ctypes.c_uint8 * n_bytes).from_address(pointer))
        return _Pinned(array, lambda: self.call("cudaFreeHost", pointer))

    def stream(self) -> Stream:
        """A non-blocking stream."""
        return _Stream(self)

    def upload(self, target: DeviceMemory, source: NDArray[np.uint8], stream: Stream) -> None:
        """Host to GPU."""
        check_fits(target, source)
        kind = self.cuda.cudaMemcpyKind.cudaMemcpyHostToDevice
        self.call("cudaMemcpyAsync", target.pointer, source.ctypes.data, source.nbytes, kind, stream.handle)

    def download(self, target: NDArray[np.uint8], source: DeviceMemory, stream: Stream) -> None:
        """GPU to host."""
        check_fits(source, target)
        kind = self.cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self.call("cudaMemcpyAsync", target.ctypes.data, source.pointer, target.nbytes, kind, stream.handle)
