"""The tests inside a rule file: made-up frames, judged by the rules, compared with what was expected."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from qc_plugin.scoring.evaluate import judge_measured
from qc_plugin.scoring.measure_limits import apply_limits
from qc_plugin.types import FrameJudgement, FrameScore, Region, RegionScore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qc_plugin.rulesets.ruleset import RuleSet
    from qc_plugin.scoring.rule_models import Expect, Given, GivenRegion, RuleTest

_FRAME_PX = (1920, 1080)  # of the made-up frame; rules only see shares of it
_WIDTH_OF_HEIGHT = 0.75  # of a made-up region, unless its area is given


@dataclass(frozen=True, slots=True)
class RuleTestResult:
    """How one case went; `message` says what differs, and is empty when it passed."""

    name: str
    passed: bool
    message: str = ""


def run_tests(rules: RuleSet) -> list[RuleTestResult]:
    """The cases of `rules`, in the order of the file."""
    return [_run(test, rules) for test in rules.tests]


def _run(test: RuleTest, rules: RuleSet) -> RuleTestResult:
    score = apply_limits(made_up_frame(test.given), rules.limits)
    score = replace(
        score, measures={**score.measures, **test.given.frame}
    )  # what is given is not counted anew
    differences = list(_differences(test.expect, judge_measured(score, rules)))
    return RuleTestResult(test.name, not differences, "; ".join(differences))


def made_up_frame(given: Given) -> FrameScore:
    """A frame score with these measures and regions, numbered like real ones."""
    scored = sorted((_made_up_region(region) for region in given.regions), key=_area, reverse=True)
    numbers: dict[str, int] = {}
    regions = []
    for region in scored:
        numbers[region.region.kind] = numbers.get(region.region.kind, 0) + 1
        regions.append(replace(region, n=numbers[region.region.kind]))
    return FrameScore(
        frame_index=0,
        pts=0,
        time_base=(1, 1),
        pts_s=0.0,
        duration_s=1.0,
        shot=0,
        phash=0,
        measures=dict(given.frame),
        regions=tuple(regions),
    )


def _area(scored: RegionScore) -> float:
    return scored.measures["area_fraction"]


def _made_up_region(given: GivenRegion) -> RegionScore:
    """A region in the middle of the frame; `n` is set later."""
    width_px, height_px = _FRAME_PX
    tall = given.height * height_px
    extra = given.model_extra or {}
    area = extra.get("area_fraction", tall * tall * _WIDTH_OF_HEIGHT / (width_px * height_px))
    wide = min(area * width_px * height_px / tall, float(width_px)) if tall else 0.0
    x0, y0 = (width_px - wide) / 2, (height_px - tall) / 2
    region = Region(0, given.kind, (x0, y0, x0 + wide, y0 + tall), given.confidence)
    measures = {
        "height": given.height,
        "confidence": given.confidence,
        "area_fraction": min(area, 1.0),
        **extra,
    }
    return RegionScore(n=1, region=region, measures=measures)


def _differences(expect: Expect, judged: FrameJudgement) -> Iterator[str]:
    if judged.excluded != expect.excluded:
        yield f"excluded: expected {expect.excluded or 'nothing'}, got {judged.excluded or 'nothing'}"
    findings = {finding.rule_id: finding for finding in judged.findings}
    if expect.decision is not None and judged.decision != expect.decision:
        why = [f"{f.rule_id}: {f.text}" for f in judged.findings if f.action == judged.decision]
        told = f" ({why[0]})" if why else ""
        yield f"decision: expected {expect.decision}, got {judged.decision}{told}"
    for rule_id, outcome in expect.rules.items():
        finding = findings.get(rule_id)
        if finding is None:
            yield f"{rule_id}: expected {outcome}, but the frame is excluded"
        elif finding.outcome != outcome:
            yield f"{rule_id}: expected {outcome}, got {finding.outcome} ({finding.text})"
