"""Compile an engine into a TensorRT plan. With the flavour tensorrt_rtx this needs neither GPU nor driver."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from qc_plugin.errors import EngineError
from qc_plugin.inference.tensorrt import flavours, onnx_int8, onnx_precision
from qc_plugin.inference.tensorrt.flavours import FLAVOURS, PORTABLE
from qc_plugin.inference.tensorrt.plans import PlanKey, Shape, plan_shapes

if TYPE_CHECKING:
    from qc_plugin.inference.spec import EngineSpec

_log = logging.getLogger(__name__)
PRECISIONS = ("f16", "int8", "f32")
Tell = Callable[[str, int, int], None]  # phase, steps done, steps in all


def plan_key(
    spec: EngineSpec, *, flavour: str, target: str, profile: str, precision: str, version: str | None = None
) -> PlanKey:
    """The key of a plan of this engine. `version` is looked up unless given."""
    return PlanKey(
        engine=spec.name,
        model_sha256=spec.model.sha256,
        flavour=flavour,
        version=version or flavours.version(flavour),
        target=target,
        profile=profile,
        shapes=plan_shapes(spec, profile),
        precision=precision,
        conversion=onnx_precision.REVISION,
    )


def network(spec: EngineSpec, precision: str, amax: Mapping[str, float] | None = None) -> bytes:
    """The engine as ONNX in a precision of PRECISIONS, made from its checked fp32 file.

    Never from a variant the engine ships: those follow another runtime's rules. `amax`: for int8, see
    `onnx_int8.to_int8`. Raises EngineError.
    """
    content = spec.read_model("f32")
    if precision == "f16":
        return onnx_precision.to_f16(content)
    if precision == "int8":
        return onnx_int8.to_int8(content, amax or {})
    return content


def build_plan(content: bytes, spec: EngineSpec, key: PlanKey, *, tell: Tell | None = None) -> bytes:
    """The plan of an ONNX network (as `network` gives it). Raises EngineError with what TensorRT said.

    `tell` hears how far it is; TensorRT names its phases itself.
    """
    trt = flavours.load(key.flavour)
    said: list[str] = []
    builder = trt.Builder(make_logger(trt, said))
    definition = builder.create_network(_network_flags(trt))
    parser = trt.OnnxParser(definition, builder.logger)
    if not parser.parse(content):
        errors = [parser.get_error(n) for n in range(parser.num_errors)]
        reasons = "; ".join(f"{e.node_operator()} {e.node_name()}: {e.desc()}" for e in errors)
        path = spec.folder / spec.model.file
        raise EngineError(f"{path}: {key.flavour} cannot load it: {reasons}; export it again")
    config = _configure(trt, builder, definition, spec, key)
    if tell is not None:
        config.progress_monitor = _make_monitor(trt, tell)
    built = builder.build_serialized_network(definition, config)
    if built is None:
        raise EngineError(
            f"{spec.name}: {key.flavour} built no plan: {'; '.join(said) or 'it gave no reason'}"
        )
    return bytes(built)


def _network_flags(trt: Any) -> int:
    """Strongly typed, where that must still be asked for; tensorrt_rtx and TensorRT 11 know nothing else."""
    flag = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    return 0 if flag is None else 1 << int(flag)


def _configure(trt: Any, builder: Any, definition: Any, spec: EngineSpec, key: PlanKey) -> Any:
    config = builder.create_builder_config()
    # TF32 keeps 10 bits of mantissa: what is left in fp32 is left there because it needs 23.
    config.clear_flag(trt.BuilderFlag.TF32)
    profile = builder.create_optimization_profile()
    stated = {definition.get_input(n).name: definition.get_input(n) for n in range(definition.num_inputs)}
    for tensor in spec.inputs:
        fixed = tuple(stated[tensor.name].shape) if tensor.name in stated else ()
        shapes = plan_shapes(spec, key.profile, tensor)
        ends = (_with_fixed(shape, fixed) for shape in (shapes.least, shapes.typical, shapes.most))
        profile.set_shape(tensor.name, *ends)
    config.add_optimization_profile(profile)
    if FLAVOURS[key.flavour].targets and key.target != PORTABLE:
        name = key.target.upper().replace("_", "")
        target = getattr(trt.ComputeCapability, name, None)
        config.num_compute_capabilities = 1
        if target is None or not config.set_compute_capability(target, 0):
            known = ", ".join(FLAVOURS[key.flavour].targets)
            raise EngineError(
                f"target {key.target!r}: {key.flavour} cannot build for it; choose from {known}"
            )
    return config


def _with_fixed(shape: Shape, fixed: Shape) -> Shape:
    """`shape` where the network leaves an axis open (-1), the network's own length where it does not."""
    return tuple(length if length >= 0 else side for length, side in zip(fixed, shape, strict=True))


def make_logger(trt: Any, errors: list[str]) -> Any:
    """A TensorRT logger that collects errors and passes the rest to Python's logging as debug lines.

    Its warnings are about graph clean-up and come by the dozen; what matters comes as an error.
    """

    class Logger(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.Severity.ERROR, trt.ILogger.Severity.INTERNAL_ERROR):
                errors.append(" ".join(message.split()))
            _log.debug("%s", message)

    return Logger()


def _make_monitor(trt: Any, tell: Tell) -> Any:
    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self.steps: dict[str, int] = {}

        def phase_start(self, phase_name: str, _parent: str, num_steps: int) -> None:
            self.steps[phase_name] = num_steps
            tell(phase_name, 0, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            tell(phase_name, step + 1, self.steps.get(phase_name, 0))
            return True

        def phase_finish(self, phase_name: str) -> None:
            n_steps = self.steps.pop(phase_name, 0)
            tell(phase_name, n_steps, n_steps)

    return Monitor()
