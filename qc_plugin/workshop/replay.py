"""A row of a report, measured again: the same numbers, or what differs and what may be the reason."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from qc_plugin import __version__
from qc_plugin.files import temporary_folder, write_whole
from qc_plugin.pipeline import Engines
from qc_plugin.pipeline.again import measured_again
from qc_plugin.report.read import read_report
from qc_plugin.rulesets.ruleset import load_rules
from qc_plugin.scoring.measure_limits import MeasureLimits, apply_limits
from qc_plugin.workshop.explain import row_at, source_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from qc_plugin.config import RunConfig
    from qc_plugin.types import AssetReport, EngineUse, FrameScore, RegionScore

# Only the whole clip can tell these, so that one frame alone cannot replay them.
_OF_THE_CLIP = ("shot_edge_s", "similarity_prev", "corrupt_fraction", "bar_fraction")
# A network run on one frame instead of a batch of four may sum in another order.
_ROUNDING = 1e-3
_BOX_PX = 0.5


@dataclass(frozen=True, slots=True)
class Replay:
    """How many numbers were compared, what differs, and what is not as it was when the report was made."""

    n_compared: int
    differences: tuple[str, ...]
    circumstances: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether the row's own numbers came out again."""
        return not self.differences


def replay_frame(
    report_path: Path, frame_index: int, config: RunConfig, *, asset: Path | None = None
) -> Replay:
    """Measure one scored frame again, with the settings of the report where this machine has them.

    Raises UsageError for a frame not scored or an asset that moved, EngineError without its back-end.
    """
    report = read_report(report_path)
    row = row_at(report, frame_index)
    source = source_of(report, asset, report_path)
    settings = _settings(report, config)
    engines = Engines.load(
        backend=settings.backend,
        precision=settings.precision,
        threads=settings.threads,
        detectors=settings.detector_names,
    )
    moved = replace(report.asset, path=str(source))
    score = apply_limits(measured_again(moved, frame_index, engines, settings), _limits(report))
    then = _found_alone(row.score)
    pairs = list(_pairs(then, score))
    found = [*_missing(then, score), *(text for text in (_compare(*pair) for pair in pairs) if text)]
    return Replay(len(pairs), tuple(found), tuple(_circumstances(report, engines.uses)))


def _settings(report: AssetReport, config: RunConfig) -> RunConfig:
    """As the report was made; what this run was told by hand wins where the report cannot say."""
    origin = report.provenance
    known: dict[str, object] = {"sample": origin.sample}
    if origin.decoder.split()[0].startswith("decord"):
        known["reader"] = "decord"
    if origin.engines and config.backend == "auto":
        known["backend"] = origin.engines[0].backend
    precisions = {engine.precision for engine in origin.engines}
    if len(precisions) == 1 and config.precision == "auto":  # if mixed, "auto" made them so
        known["precision"] = precisions.pop()
    return config.model_copy(update=known)


def _found_alone(score: FrameScore) -> FrameScore:
    """Without the faces that only the frame before could tell of."""
    return replace(score, regions=tuple(r for r in score.regions if not r.region.predicted))


def _limits(report: AssetReport) -> MeasureLimits:
    """The limits of the rules the report was judged by; their text is in it."""
    with temporary_folder("qc-replay-") as folder:
        file = folder / "rules.yaml"
        write_whole(file, report.rules_text)
        return load_rules(file).limits


Pair = tuple[str, float, float, float]  # what, then, now, tolerance


def _pairs(then: FrameScore, now: FrameScore) -> Iterator[Pair]:
    yield "pts_s", then.pts_s, now.pts_s, 1e-6
    yield "phash (bits that differ)", 0.0, float((then.phash ^ now.phash).bit_count()), 0.0
    yield from _measures("frame", then.measures, now.measures)
    known = {_name(region): region for region in now.regions}
    for region in then.regions:
        other = known.get(_name(region))
        if other is None:
            continue
        places = zip(("x0", "y0", "x1", "y1"), region.region.box_xyxy, other.region.box_xyxy, strict=True)
        yield from ((f"{_name(region)} {place}", a, b, _BOX_PX) for place, a, b in places)
        yield from _measures(_name(region), region.measures, other.measures)


def _measures(of: str, then: Mapping[str, float], now: Mapping[str, float]) -> Iterator[Pair]:
    for name in sorted(set(then) & set(now) - set(_OF_THE_CLIP)):
        yield f"{of} {name}", then[name], now[name], _ROUNDING


def _missing(then: FrameScore, now: FrameScore) -> Iterator[str]:
    """Measures and regions that are on one side only."""
    sides = [("frame", then.measures, now.measures)]
    after = {_name(region): region for region in now.regions}
    before = {_name(region): region for region in then.regions}
    sides += [(name, before[name].measures, after[name].measures) for name in before if name in after]
    for of, old, new in sides:
        for name in sorted((set(old) ^ set(new)) - set(_OF_THE_CLIP)):
            yield f"{of} {name}: {'only in the report' if name in old else 'only now'}"
    for name in sorted(set(before) ^ set(after)):
        yield f"{name}: {'only in the report' if name in before else 'found only now'}"


def _name(region: RegionScore) -> str:
    return f"{region.region.kind} {region.n}"


def _compare(what: str, then: float, now: float, tolerance: float) -> str:
    if abs(then - now) <= tolerance:
        return ""
    return f"{what}: report {then:.6g}, now {now:.6g}"


def _circumstances(report: AssetReport, uses: tuple[EngineUse, ...]) -> Iterator[str]:
    origin = report.provenance
    if origin.plugin_version != __version__:
        yield f"qc-plugin: report {origin.plugin_version}, now {__version__}"
    now = {use.name: use for use in uses}
    for use in origin.engines:
        other = now.get(use.name)
        if other is None:
            yield f"engine {use.name}: not loaded now"
            continue
        for field in ("version", "sha256", "backend", "device", "precision"):
            then_value, now_value = str(getattr(use, field)), str(getattr(other, field))
            if then_value != now_value:
                yield f"engine {use.name} {field}: report {then_value[:16]}, now {now_value[:16]}"
