"""GPU memory and streams through pycuda (CUDA's driver API), for machines that have it."""

from __future__ import annotations

import atexit
import threading
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

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

_NON_BLOCKING = 1  # CU_STREAM_NON_BLOCKING


def driver() -> Any:
    """The module. Raises ImportError if it is not installed, or if there is no driver to load."""
    return import_module("pycuda.driver")


def count_gpus() -> int:
    """GPUs that can be used. Raises ImportError without package or driver, GpuLostError if it fails."""
    cuda = driver()
    guarded(cuda, cuda.init)
    return int(cuda.Device.count())


def guarded(cuda: Any, call: Callable[..., Any], *arguments: object) -> Any:
    """What the call returns. Raises GpuMemoryError or GpuLostError for pycuda's own errors."""
    try:
        return call(*arguments)
    except cuda.MemoryError as error:
        raise GpuMemoryError(f"{error}; {FIX_MEMORY}") from error
    except cuda.Error as error:
        raise GpuLostError(f"{error}; {FIX_LOST}") from error


@dataclass(slots=True)
class _Memory:
    pointer: int
    n_bytes: int
    native: Any

    def release(self) -> None:
        native, self.native = self.native, None
        if native is not None:
            native.free()


@dataclass(slots=True)
class _Pinned:
    """pycuda frees the memory with its array."""

    array: NDArray[np.uint8]

    def release(self) -> None:
        self.array = np.empty(0, np.uint8)


class _Stream:
    """pycuda destroys the stream with its object."""

    def __init__(self, device: PyCudaDevice) -> None:
        self._device = device
        self.native = device.call(device.cuda.Stream, _NON_BLOCKING)
        self.handle = int(self.native.handle)

    def wait(self) -> None:
        self._device.call(self.native.synchronize)

    def release(self) -> None:
        self.native, self.handle = None, 0


class PyCudaDevice:
    """`device_buffers.Device`; the docstrings are there."""

    library = "pycuda"

    def __init__(self, index: int = 0) -> None:
        self.cuda = driver()
        self.call(self.cuda.init)
        native = self.call(self.cuda.Device, index)
        self._context = self.call(native.retain_primary_context)
        self._threads: set[int] = set()
        self.activate()
        # pycuda ends the process if its own context stack is not empty when it is unloaded.
        atexit.register(self._context.pop)
        self.info = GpuInfo(
            index=index,
            name=native.name(),
            capability=native.compute_capability(),
            memory_bytes=native.total_memory(),
            driver=self.cuda.get_driver_version(),
        )

    def call(self, function: Callable[..., Any], *arguments: object) -> Any:
        """Call pycuda; see `guarded`."""
        return guarded(self.cuda, function, *arguments)

    def activate(self) -> None:
        """The driver API keeps a stack of contexts per thread: push once each."""
        if threading.get_ident() not in self._threads:
            self.call(self._context.push)
            self._threads.add(threading.get_ident())

    def free_bytes(self) -> int:
        """Memory nobody uses."""
        return int(self.call(self.cuda.mem_get_info)[0])

    def allocate(self, n_bytes: int) -> DeviceMemory:
        """GPU memory."""
        native = self.call(self.cuda.mem_alloc, n_bytes)
        return _Memory(int(native), n_bytes, native)

    def pinned(self, n_bytes: int) -> PinnedMemory:
        """Page-locked host memory."""
        return _Pinned(self.call(self.cuda.pagelocked_empty, n_bytes, np.uint8))

    def stream(self) -> Stream:
        """A non-blocking stream."""
        return _Stream(self)

    def upload(self, target: DeviceMemory, source: NDArray[np.uint8], stream: Stream) -> None:
        """Host to GPU."""
        check_fits(target, source)
        assert isinstance(stream, _Stream)
        self.call(self.cuda.memcpy_htod_async, target.pointer, source, stream.native)

    def download(self, target: NDArray[np.uint8], source: DeviceMemory, stream: Stream) -> None:
        """GPU to host."""
        check_fits(source, target)
        assert isinstance(stream, _Stream)
        self.call(self.cuda.memcpy_dtoh_async, target, source.pointer, stream.native)
