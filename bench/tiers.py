"""The ways to run a network that `backends.py` compares: arrays on the host in, arrays on the host out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from qc_plugin.inference import runtimes
from qc_plugin.inference.backends.tensorrt import TensorRtSession, plan_keys
from qc_plugin.inference.tensorrt import gpu
from qc_plugin.inference.tensorrt.flavours import installed
from qc_plugin.inference.tensorrt.plan_builder import build_plan, network

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qc_plugin.inference.session import Array
    from qc_plugin.inference.spec import EngineSpec
    from qc_plugin.inference.tensorrt.plan_cache import PlanCache


@dataclass
class Runner:
    """`run`: host arrays to host arrays. `compute(n)`: the last batch n more times, no copies; or None."""

    device: str
    run: Callable[[Mapping[str, Array]], dict[str, Array]]
    compute: Callable[[int], None] | None
    close: Callable[[], None] = lambda: None


@dataclass
class Tier:
    """`load(spec, precision, profile, ranges, cache)`; `missing()` says why it cannot be had here."""

    name: str
    precisions: tuple[str, ...]
    missing: Callable[[], str | None]
    load: Callable[..., Runner]


def seconds_a_call(call: Callable[[], object], budget_s: float) -> float:
    """Median of at least five calls, after one that does not count, within about `budget_s`."""
    call()
    times: list[float] = []
    ends = time.perf_counter() + budget_s
    while len(times) < 5 or (time.perf_counter() < ends and len(times) < 500):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return float(np.median(times))


def _tensorrt(
    spec: EngineSpec, precision: str, profile: str, ranges: dict[str, float], cache: PlanCache
) -> Runner:
    key = next(iter(plan_keys(spec, precision, profile, gpu.gpu_info())))
    if cache.load(key) is None:
        started = time.monotonic()
        plan = build_plan(network(spec, precision, ranges), spec, key)
        cache.store(key, plan, seconds=time.monotonic() - started)
    session = TensorRtSession(spec, precision=precision, cache=cache)
    return Runner(
        f"{session.device}, {key.flavour} {key.version}",
        session.run,
        lambda n: session.plan(profile).compute_again(n),
        session.close,
    )


def _tensorrt_missing() -> str | None:
    return gpu.gpu_missing() or (None if installed() else "no TensorRT is installed")


def _torch(spec: EngineSpec, precision: str, *, compiled: bool, device: str = "cuda") -> Runner:
    import torch

    from bench.onnx_torch import OnnxModule

    module = OnnxModule(network(spec, precision)).to(device).eval()
    model = torch.compile(module) if compiled else module
    last: list[torch.Tensor] = []

    def wait() -> None:
        if device == "cuda":
            torch.cuda.synchronize()

    @torch.inference_mode()
    def run(inputs: Mapping[str, Array]) -> dict[str, Array]:
        last[:] = [torch.from_numpy(np.ascontiguousarray(inputs[name])).to(device) for name in module.inputs]
        return {name: out.cpu().numpy() for name, out in zip(module.outputs, model(*last), strict=True)}

    @torch.inference_mode()
    def compute(n_times: int) -> None:
        for _ in range(n_times):
            model(*last)
        wait()

    name = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    return Runner(f"{name}, torch {torch.__version__}", run, compute)


def _torch_missing() -> str | None:
    if find_spec("torch") is None:
        return "torch is not installed"
    import torch

    return None if torch.cuda.is_available() else "torch sees no GPU"


def _ort_gpu(spec: EngineSpec, precision: str, *_: object) -> Runner:
    onnxruntime = runtimes.onnxruntime()

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        network(spec, precision), options, providers=["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    names = [tensor.name for tensor in spec.outputs]

    def run(inputs: Mapping[str, Array]) -> dict[str, Array]:
        return dict(zip(names, session.run(names, dict(inputs)), strict=True))

    return Runner(f"{session.get_providers()[0]}, onnxruntime {onnxruntime.__version__}", run, None)


def _ort_missing() -> str | None:
    if find_spec("onnxruntime") is None:
        return "onnxruntime is not installed"
    onnxruntime = runtimes.onnxruntime()

    found = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    return None if found else "this onnxruntime has no CUDA provider (pip install onnxruntime-gpu)"


def _cpu(spec: EngineSpec, precision: str, *_: object) -> Runner:
    from qc_plugin.inference.select import open_session

    session = open_session(spec, backend="openvino", precision=precision)
    return Runner("CPU, openvino", session.run, None, session.close)


TIERS = (
    Tier("tensorrt", ("f16", "int8"), _tensorrt_missing, _tensorrt),
    Tier("torch.compile", ("f16",), _torch_missing, lambda s, p, *_: _torch(s, p, compiled=True)),
    Tier("torch eager", ("f16",), _torch_missing, lambda s, p, *_: _torch(s, p, compiled=False)),
    Tier("onnxruntime-cuda", ("f16",), _ort_missing, _ort_gpu),
    Tier("openvino-cpu", ("f32",), lambda: None, _cpu),
    Tier("torch-cpu", ("f16",), lambda: None, lambda s, p, *_: _torch(s, p, compiled=False, device="cpu")),
)


def peaks() -> tuple[float, float] | None:
    """fp16 operations and bytes a second that this GPU reaches in this run, or None where torch sees none."""
    if _torch_missing() is not None:
        return None
    import torch

    a = torch.randn(8192, 8192, device="cuda", dtype=torch.float16)
    block = torch.empty(2**30, device="cuda", dtype=torch.uint8)

    def timed(call: Callable[[], object]) -> float:
        def once() -> None:
            call()
            torch.cuda.synchronize()

        return seconds_a_call(once, 1.0)

    operations = 2 * 8192**3 / timed(lambda: a @ a)
    return operations, 2 * 2**30 / timed(block.clone)
