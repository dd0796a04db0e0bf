"""What `doctor` says about the GPU: each line is what was found, or what is missing with the exact fix."""

from __future__ import annotations

import platform
from collections.abc import Callable
from importlib import import_module, metadata
from typing import TYPE_CHECKING

from qc_plugin.errors import EngineError
from qc_plugin.inference.spec import list_engines, load_spec
from qc_plugin.inference.tensorrt import flavours, gpu
from qc_plugin.inference.tensorrt.flavours import FLAVOURS, PORTABLE
from qc_plugin.inference.tensorrt.plan_cache import PlanCache

if TYPE_CHECKING:
    from qc_plugin.inference.tensorrt.device_buffers import GpuInfo

Line = tuple[str, Callable[[], str]]  # label, and what it found or raises


def gpu_lines() -> list[Line]:
    """Label and check of every line, none of which is needed: without a GPU the CPU does it all."""
    return [
        ("gpu", _gpu),
        ("gpu memory library", _library),
        *((f"gpu runtime {name}", lambda name=name: _flavour(name)) for name in FLAVOURS),
        ("gpu plan builder (onnx)", _converter),
        ("gpu plans", _plans),
    ]


def _gpu() -> str:
    reason = gpu.gpu_missing()
    if reason is not None:
        raise EngineError(reason)
    info = gpu.gpu_info()
    driver = f"driver for CUDA {info.driver // 1000}.{info.driver % 1000 // 10}"
    return f"{info.name}, {info.target}, {info.memory_bytes / 2**30:.0f} GiB, {driver}"


def _library() -> str:
    """Which one is there; whether it reaches a GPU is the line above."""
    try:
        import_module("pycuda.driver")
    except ImportError:
        try:
            import_module("cuda.bindings.runtime")
        except ImportError as error:
            raise ImportError(
                "neither pycuda nor cuda-bindings imports; pip install 'qc-plugin[gpu]'"
            ) from error
        return f"cuda-bindings {metadata.version('cuda-bindings')}"
    return f"pycuda {metadata.version('pycuda')}"


def _flavour(name: str) -> str:
    if platform.system() != "Linux" and name == "tensorrt":
        raise EngineError("not tried on this system")
    reason = flavours.flavour_missing(name)
    if reason is not None:
        raise EngineError(reason)
    known = FLAVOURS[name].targets
    found = f"{name} {flavours.version(name)}"
    here = gpu.gpu_info() if gpu.gpu_missing() is None else None
    if here is not None and known and here.target not in known:
        install = FLAVOURS["tensorrt"].install
        raise EngineError(f"{found} does not list this GPU ({here.target}) as a target; {install}")
    return f"{found}, builds for {', '.join(known) if known else 'the GPU at hand'}"


def _converter() -> str:
    try:
        import_module("onnx")
    except ImportError as error:
        raise ImportError(
            "onnx is not installed, plans cannot be built; pip install 'qc-plugin[gpu]'"
        ) from error
    return f"onnx {metadata.version('onnx')}"


def _plans() -> str:
    """Plans of the shipped engines; raises unless every engine has one that would run here."""
    cache = PlanCache()
    there = cache.keys()
    here = gpu.gpu_info() if gpu.gpu_missing() is None else None
    lacking = [name for name in list_engines() if not any(_would_do(key, name, here) for key in there)]
    if lacking:
        raise EngineError(
            f"none for {', '.join(lacking)} in {cache.folder}; qc-plugin engines build {' '.join(lacking)}"
        )
    return f"{len(there)} in {cache.folder}"


def _would_do(key: dict[str, object], engine: str, here: GpuInfo | None) -> bool:
    spec = load_spec(engine)
    targets = (PORTABLE, here.target, here.name) if here is not None else (key.get("target"),)
    return (key.get("engine"), key.get("model_sha256")) == (engine, spec.model.sha256) and key.get(
        "target"
    ) in targets
