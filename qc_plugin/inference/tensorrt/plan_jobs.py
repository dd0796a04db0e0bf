"""Which plans are wanted, which of them are there, and how long the others will take."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qc_plugin.errors import EngineError, UsageError
from qc_plugin.inference.tensorrt import flavours, gpu
from qc_plugin.inference.tensorrt.flavours import FLAVOURS, PORTABLE
from qc_plugin.inference.tensorrt.plan_builder import Tell, build_plan, plan_key
from qc_plugin.inference.tensorrt.plans import PROFILES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from qc_plugin.inference.spec import EngineSpec
    from qc_plugin.inference.tensorrt.plan_cache import PlanCache
    from qc_plugin.inference.tensorrt.plans import PlanKey

SPOKEN = {"fp16": "f16", "fp32": "f32", "int8": "int8", "f16": "f16", "f32": "f32"}


@dataclass(frozen=True, slots=True)
class PlanJob:
    """One plan to be made."""

    spec: EngineSpec
    key: PlanKey

    def estimate_s(self, cache: PlanCache) -> float:
        """As long as the last one like it took here, else the flavour's first guess."""
        return cache.seconds(self.key) or FLAVOURS[self.key.flavour].build_s

    def build(self, cache: PlanCache, content: bytes, *, tell: Tell | None = None) -> tuple[Path, float]:
        """Compile the network, keep the plan; its path, and the seconds it took. Raises EngineError."""
        started = time.monotonic()
        plan = build_plan(content, self.spec, self.key, tell=tell)
        seconds = time.monotonic() - started
        return cache.store(self.key, plan, seconds=seconds), seconds


def plan_jobs(
    specs: Sequence[EngineSpec], *, flavour: str, targets: str, profiles: str, precision: str
) -> list[PlanJob]:
    """Every engine for every target and profile (both comma-separated, or "auto"). Raises UsageError."""
    if precision not in SPOKEN:
        raise UsageError(f"--precision {precision!r}: choose fp16, int8 or fp32")
    package = choose_flavour(flavour, targets)
    wanted = [
        (target, profile)
        for target in choose_targets(package, targets)
        for profile in _split("--profile", profiles, tuple(PROFILES))
    ]
    return [
        PlanJob(
            spec,
            plan_key(spec, flavour=package, target=target, profile=profile, precision=SPOKEN[precision]),
        )
        for spec in specs
        for target, profile in wanted
    ]


def choose_flavour(asked: str, targets: str) -> str:
    """What builds: for "auto", `tensorrt` where it can (on a GPU, for that GPU), else `tensorrt_rtx`."""
    if asked != "auto":
        if asked not in FLAVOURS:
            raise UsageError(f"--flavour {asked!r}: choose auto, {' or '.join(FLAVOURS)}")
        flavours.load(asked)
        return asked
    there = flavours.installed()
    if "tensorrt" in there and targets == "auto" and gpu.gpu_missing() is None:
        return "tensorrt"
    if "tensorrt_rtx" not in there:
        raise EngineError(flavours.flavour_missing("tensorrt_rtx") or "tensorrt_rtx is missing")
    return "tensorrt_rtx"


def choose_targets(flavour: str, asked: str) -> list[str]:
    """What to build for; "auto" is the GPU that is here, or a portable plan if it is none of the list."""
    known = FLAVOURS[flavour].targets
    here = gpu.gpu_info() if gpu.gpu_missing() is None else None
    if not known:
        if here is None:
            raise EngineError(
                f"{flavour} builds only on the GPU that is to run the plan; {gpu.gpu_missing()}"
            )
        if asked not in ("auto", here.target):
            raise UsageError(
                f"--target {asked}: {flavour} builds for this GPU only ({here.target}); leave it out"
            )
        return [here.name]
    if asked == "auto":
        return [here.target if here and here.target in known else PORTABLE]
    return _split("--target", asked, known)


def _split(option: str, text: str, known: tuple[str, ...]) -> list[str]:
    parts = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    unknown = [part for part in parts if part not in known]
    if unknown or not parts:
        raise UsageError(f"{option} {text!r}: choose from {', '.join(known)}, separated by commas")
    return parts
