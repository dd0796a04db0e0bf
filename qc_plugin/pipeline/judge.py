"""Decisions, ranks and the verdict from measures alone: for a fresh asset and for a stored report.

Nothing here needs a pixel, so new rules judge old reports without a decode.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from qc_plugin.scoring.evaluate import judge_asset, judge_measured, skipped_rules
from qc_plugin.scoring.measure_limits import apply_limits
from qc_plugin.scoring.rank import rank_frames
from qc_plugin.signals.technical import similarity
from qc_plugin.types import FrameRow, FrameScore, RegionScore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qc_plugin.rulesets.ruleset import RuleSet
    from qc_plugin.types import Finding, Verdict


@dataclass(frozen=True, slots=True)
class Judged:
    """What rules say of an asset: the parts of an `AssetReport` that change with the rules."""

    verdict: Verdict
    frames: tuple[FrameRow, ...]
    findings: tuple[Finding, ...]
    funnel: Mapping[str, int]
    rules_skipped: Mapping[str, str]


def judge_scores(
    measured: Sequence[FrameScore], rules: RuleSet, *, size_px: tuple[int, int], incomplete: str
) -> Judged:
    """Judge and rank the sampled frames of one asset of `size_px` (width, height), in time order.

    `incomplete` says why only a part of the asset was looked at; "" for the whole.
    """
    scores = [apply_limits(as_stored(score), rules.limits) for score in measured]
    judgements = [judge_measured(score, rules) for score in scores]
    ranking = rank_frames(scores, judgements, rules, size_px=size_px, similarity=similarity)
    verdict, findings = judge_asset(scores, judgements, ranking.ranks, rules, incomplete=incomplete)
    rows = zip(scores, judgements, ranking.ranks, strict=True)
    return Judged(
        verdict=verdict,
        frames=tuple(FrameRow(score=s, judgement=j, rank=r) for s, j, r in rows),
        findings=findings,
        funnel=ranking.funnel,
        rules_skipped=skipped_rules(judgements),
    )


def as_stored(score: FrameScore) -> FrameScore:
    """`score` with its numbers as a report gives them back (float32).

    Judging what is stored, and not what was measured, is what makes a later judgement by the same rules come
    out the same to the last rank: a value a hair beside a limit would else be on either side of it.
    """
    regions = tuple(_region_as_stored(region) for region in score.regions)
    return replace(score, measures=_narrow(score.measures), regions=regions)


def _region_as_stored(scored: RegionScore) -> RegionScore:
    x0, y0, x1, y1 = (_f32(side) for side in scored.region.box_xyxy)
    confidence = _f32(scored.region.confidence)
    region = replace(scored.region, box_xyxy=(x0, y0, x1, y1), confidence=confidence)
    return replace(scored, region=region, measures=_narrow(scored.measures))


def _narrow(measures: Mapping[str, float]) -> dict[str, float]:
    return {name: _f32(value) for name, value in measures.items()}


def _f32(value: float) -> float:
    return float(np.float32(value))
