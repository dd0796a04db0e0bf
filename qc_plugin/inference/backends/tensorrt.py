"""TensorRT on an NVIDIA GPU, with plans that were built before (`qc-plugin engines build`).

Not yet run on a GPU: building, the plan cache and every refusal are tested without one; docs/gpu.md says what
is left to check, and bench/gpu_check.sh checks it.

A plan is never built silently: building can take minutes, and whoever waits should know for what. Set
QC_BUILD_PLANS=1 to have fp16 and fp32 plans built when they are first needed.
"""

from __future__ import annotations

import logging
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from qc_plugin.environment import variable
from qc_plugin.errors import EngineError
from qc_plugin.inference.session import Array, check_inputs
from qc_plugin.inference.tensorrt import flavours, gpu, plan_builder
from qc_plugin.inference.tensorrt.device_buffers import GpuMemoryError
from qc_plugin.inference.tensorrt.device_slots import N_SLOTS, Slot, Wire, run_through
from qc_plugin.inference.tensorrt.flavours import FLAVOURS, PORTABLE
from qc_plugin.inference.tensorrt.plan_cache import PlanCache
from qc_plugin.inference.tensorrt.plans import PROFILES, PlanKey, plan_shapes
from qc_plugin.types import EngineUse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from qc_plugin.inference.spec import EngineSpec
    from qc_plugin.inference.tensorrt.device_buffers import Device, GpuInfo

NAME = "tensorrt"
EXTRA = "qc-plugin[gpu]"
FIX = "`qc-plugin doctor` tells what is missing, and the command for it"
PRECISIONS: tuple[str, ...] = plan_builder.PRECISIONS
_log = logging.getLogger(__name__)


def missing() -> str | None:
    """Why TensorRT cannot be used here, in a few words, or None. Looks for the packages, then for a GPU."""
    if not any(find_spec(flavour.module) for flavour in FLAVOURS.values()):
        return "neither tensorrt nor tensorrt_rtx is installed"
    if gpu.gpu_missing() is not None:
        return "no NVIDIA GPU can be used"
    return None if flavours.installed() else "neither tensorrt nor tensorrt_rtx imports"


def open_session(spec: EngineSpec, *, precision: str, threads: int | None) -> TensorRtSession:
    """Load an engine on the first GPU; see `select.open_session`. `threads` has no meaning here."""
    del threads
    return TensorRtSession(spec, precision=precision)


def plan_keys(spec: EngineSpec, precision: str, profile: str, info: GpuInfo) -> Iterator[PlanKey]:
    """Keys of the plans that would do on this GPU, best first."""
    for flavour in flavours.installed():
        known = FLAVOURS[flavour].targets
        targets = [t for t in (info.target, PORTABLE) if t in known] if known else [info.name]
        for target in targets:
            yield plan_builder.plan_key(
                spec, flavour=flavour, target=target, profile=profile, precision=precision
            )


class TensorRtSession:
    """An engine run by TensorRT; see `session.Session`.

    Precision "auto" is f16. Plans of several profiles may be there: each batch uses the smallest that takes
    its pictures. Batches larger than the plan takes, or than memory allows, are cut.
    """

    def __init__(self, spec: EngineSpec, *, precision: str, cache: PlanCache | None = None) -> None:
        self.spec = spec
        self.backend = NAME
        self.precision = "f16" if precision == "auto" else precision
        self._cache = cache or PlanCache()
        self._gpu: Device | None = gpu.open_device()
        self.device = self._gpu.info.name
        self._plans: dict[str, LoadedPlan] = {}
        if not any(self._open(profile) for profile in PROFILES):
            raise EngineError(f"{spec.name}: no {self.precision} plan for {self.device}; {self._fix()}")

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by name. Raises GpuLostError if the GPU stops answering, EngineError without a plan."""
        if self._gpu is None:
            raise ValueError(f"{self.spec.name}: the session is closed; open a new one")
        check_inputs(self.spec, inputs)
        self._gpu.activate()
        return self._plan_for(inputs[self.spec.inputs[0].name].shape).run(inputs)

    def plan(self, profile: str) -> LoadedPlan:
        """The plan of a profile, which must be there. Raises EngineError with the command to build it."""
        if not self._open(profile):
            raise EngineError(f"{self.spec.name}: no {profile} plan for {self.device}; {self._fix(profile)}")
        return self._plans[profile]

    @property
    def use(self) -> EngineUse:
        """What ran, and how. The checksum is the fp32 file's: every plan is made from it."""
        spec = self.spec
        return EngineUse(
            name=spec.name,
            version=spec.version,
            sha256=spec.model.sha256,
            backend=self.backend,
            device=self.device,
            precision=self.precision,
        )

    def close(self) -> None:
        """Give memory back."""
        if self._gpu is not None:
            self._gpu.activate()
            for plan in self._plans.values():
                plan.close()
        self._plans, self._gpu = {}, None

    def _plan_for(self, shape: tuple[int, ...]) -> LoadedPlan:
        holding = [name for name in PROFILES if plan_shapes(self.spec, name).holds(shape)]
        for profile in sorted(holding, key=lambda name: plan_shapes(self.spec, name).most[1:]):
            if self._open(profile):
                return self._plans[profile]
        fix = self._fix(holding[0]) if holding else "no profile is that large: analyse in tiles"
        raise EngineError(f"{self.spec.name}: no {self.precision} plan takes shape {shape}; {fix}")

    def _open(self, profile: str) -> bool:
        """True if the plan of a profile is loaded, which it is at most once."""
        assert self._gpu is not None
        if profile not in self._plans:
            for key in plan_keys(self.spec, self.precision, profile, self._gpu.info):
                content = self._cache.load(key) or self._build_if_asked(key)
                if content is not None:
                    self._plans[profile] = LoadedPlan(self.spec, self._gpu, self._cache, key, content)
                    break
        return profile in self._plans

    def _build_if_asked(self, key: PlanKey) -> bytes | None:
        """int8 needs pictures to calibrate with, which a session does not have."""
        if variable("QC_BUILD_PLANS") != "1" or key.precision == "int8":
            return None
        _log.warning("building %s, as QC_BUILD_PLANS=1 asks", key.file_name)
        started = time.monotonic()
        content = plan_builder.build_plan(plan_builder.network(self.spec, key.precision), self.spec, key)
        self._cache.store(key, content, seconds=time.monotonic() - started)
        return content

    def _fix(self, profile: str = "analysis") -> str:
        names = {"f16": "fp16", "f32": "fp32"}
        how = f"--precision {names.get(self.precision, self.precision)} --profile {profile}"
        return f"build it: qc-plugin engines build {self.spec.name} {how}"


class LoadedPlan:
    """A plan on the GPU: two slots, and what TensorRT finished for this GPU, kept for the next start."""

    def __init__(
        self, spec: EngineSpec, device: Device, cache: PlanCache, key: PlanKey, content: bytes
    ) -> None:
        self._trt = flavours.load(key.flavour)
        self._cache, self._key = cache, key
        self._jit_kind = f"jit-{device.info.target}-{device.info.driver}"
        self._jit: Any = None
        self._target = device.info.target
        self._batch_axis = spec.inputs[0].layout.index("N")
        self._largest = key.shapes.most[self._batch_axis]
        self._said: list[str] = []
        self._runtime = self._trt.Runtime(plan_builder.make_logger(self._trt, self._said))
        self._engine = self._deserialize(content)
        wires = self._wires()
        self._check(spec, wires)
        config = self._runtime_config() if FLAVOURS[key.flavour].runtime_config else None
        self._slots = [Slot(device, self._context(config), wires) for _ in range(N_SLOTS)]

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs of one batch of any size. Raises GpuMemoryError if not even one picture fits."""
        while True:
            try:
                parts = list(run_through(self._slots, self._cut(inputs)))
            except GpuMemoryError:
                if self._largest == 1:
                    raise
                self._largest //= 2
                _log.warning(
                    "GPU memory is short: batches of %s go on with %d", self._key.engine, self._largest
                )
                for slot in self._slots:
                    slot.shrink()
            else:
                axis = self._batch_axis
                return (
                    parts[0]
                    if len(parts) == 1
                    else {name: np.concatenate([part[name] for part in parts], axis) for name in parts[0]}
                )

    def compute_again(self, n_times: int) -> None:
        """Compute the last batch again without copies; see `Slot.compute_again`."""
        self._slots[0].compute_again(n_times)

    def close(self) -> None:
        """Keep what was finished for this GPU, then give all memory back."""
        if self._jit is not None:
            content = bytes(self._jit.serialize())
            if content != self._cache.load(self._key, kind=self._jit_kind):
                self._cache.store(self._key, content, kind=self._jit_kind)
        for slot in self._slots:
            slot.release()
        self._slots, self._engine, self._runtime, self._jit = [], None, None, None

    def _cut(self, inputs: Mapping[str, Array]) -> Iterator[dict[str, Array]]:
        n_all = next(iter(inputs.values())).shape[self._batch_axis]
        if n_all <= self._largest:
            yield dict(inputs)
            return
        for first in range(0, n_all, self._largest):
            places = range(first, min(first + self._largest, n_all))
            yield {name: array.take(places, self._batch_axis) for name, array in inputs.items()}

    def _deserialize(self, content: bytes) -> Any:
        """TensorRT answers None, not an exception, for a plan it cannot run here."""
        engine = self._runtime.deserialize_cuda_engine(content)
        if engine is not None:
            return engine
        flavour, reason = self._key.flavour, "; ".join(self._said) or "it gave no reason"
        known = FLAVOURS[flavour].targets
        if known and self._target not in known:  # another build would be refused as well
            fix = (
                f"it does not list {self._target}: {FLAVOURS['tensorrt'].install}, or use --backend openvino"
            )
        else:
            self._cache.discard(self._key, f"{flavour} refused it: {reason}")
            fix = f"build it again: qc-plugin engines build {self._key.engine}"
        raise EngineError(f"{self._key.engine}: {flavour} cannot run its plan on this GPU ({reason}); {fix}")

    def _wires(self) -> list[Wire]:
        names = [self._engine.get_tensor_name(n) for n in range(self._engine.num_io_tensors)]
        return [
            Wire(
                name,
                np.dtype(self._trt.nptype(self._engine.get_tensor_dtype(name))),
                self._engine.get_tensor_mode(name) == self._trt.TensorIOMode.INPUT,
            )
            for name in names
        ]

    def _check(self, spec: EngineSpec, wires: list[Wire]) -> None:
        wanted = {(t.name, np.dtype(t.dtype), True) for t in spec.inputs}
        wanted |= {(t.name, np.dtype(t.dtype), False) for t in spec.outputs}
        if {(wire.name, wire.dtype, wire.is_input) for wire in wires} != wanted:
            self._cache.discard(self._key, "its tensors are not the engine's")
            raise EngineError(f"{spec.name}: the plan's tensors are not the engine's; build it again")

    def _runtime_config(self) -> Any:
        """tensorrt_rtx: CUDA graphs, and kernels that were finished for this GPU in an earlier run."""
        config = self._engine.create_runtime_config()
        config.cuda_graph_strategy = self._trt.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
        config.set_execution_context_allocation_strategy(
            self._trt.ExecutionContextAllocationStrategy.USER_MANAGED
        )
        self._jit = config.create_runtime_cache()
        kept = self._cache.load(self._key, kind=self._jit_kind)
        if kept is not None:
            self._jit.deserialize(kept)  # False if driver or package changed since: it is made anew
        config.set_runtime_cache(self._jit)
        return config

    def _context(self, config: Any) -> Any:
        """Memory is ours, sized by the batch at hand: TensorRT's own would be sized by the largest batch."""
        how = self._trt.ExecutionContextAllocationStrategy.USER_MANAGED if config is None else config
        context = self._engine.create_execution_context(how)
        if context is None:
            raise EngineError(f"{self._key.engine}: no execution context: {'; '.join(self._said)}")
        return context
