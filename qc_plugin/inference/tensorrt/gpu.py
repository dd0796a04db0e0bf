"""Which GPU is there, and through which library it is reached.

pycuda where it imports, cuda-bindings otherwise. Nothing is imported until somebody asks, and without a
driver both answer with a reason.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from qc_plugin.errors import EngineError, QcError
from qc_plugin.inference.tensorrt import device_cuda, device_pycuda

if TYPE_CHECKING:
    from qc_plugin.inference.tensorrt.device_buffers import Device, GpuInfo

LIBRARIES = {"pycuda": device_pycuda, "cuda-bindings": device_cuda}  # in the order they are tried
_FIX_LIBRARY = "pip install 'qc-plugin[gpu]'"
FIX_DRIVER = "install NVIDIA's driver (nvidia-smi must list the GPU), or start the container with --gpus all"


def open_device(index: int = 0, *, library: str | None = None) -> Device:
    """The GPU through `library`, or through the first that works. Raises EngineError with the fix."""
    reasons = {name: unusable(name) for name in ([library] if library else LIBRARIES)}
    for name, reason in reasons.items():
        if reason is None:
            return device_pycuda.PyCudaDevice(index) if name == "pycuda" else device_cuda.CudaDevice(index)
    told = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
    raise EngineError(f"no GPU can be used here ({told})")


@functools.cache
def unusable(library: str) -> str | None:
    """Why no GPU is reached through `library`, with the fix, or None. Looked up once a process."""
    try:
        n_found = LIBRARIES[library].count_gpus()
    except ImportError as error:
        return f"does not import ({str(error).splitlines()[0]}); {_FIX_LIBRARY}"
    except QcError as error:
        return f"no driver answers ({str(error).split(';', maxsplit=1)[0]}); {FIX_DRIVER}"
    return None if n_found else f"no NVIDIA GPU is visible; {FIX_DRIVER}"


def gpu_missing() -> str | None:
    """Why no GPU can be used here, with the fix, or None."""
    if any(unusable(name) is None for name in LIBRARIES):
        return None
    return unusable("cuda-bindings")


@functools.cache
def gpu_info() -> GpuInfo:
    """The first GPU. Raises EngineError if there is none."""
    return open_device().info
