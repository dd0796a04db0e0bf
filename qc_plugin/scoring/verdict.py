"""What the frames mean for the asset: findings joined over time, and one verdict."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qc_plugin.scoring.selection import rounded
from qc_plugin.types import (
    OUTCOME_ORDER,
    Finding,
    FrameJudgement,
    FrameRank,
    FrameScore,
    Verdict,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from qc_plugin.scoring.rule_models import Threshold
    from qc_plugin.scoring.ruleset import RuleSet

_Spoken = tuple[FrameScore, Finding]


def judge_asset(
    scores: Sequence[FrameScore],
    judgements: Sequence[FrameJudgement],
    ranks: Sequence[FrameRank],
    rules: RuleSet,
    incomplete: bool,
) -> tuple[Verdict, tuple[Finding, ...]]:
    """The verdict on an asset, and what speaks against it, joined over time.

    `scores`, `judgements` and `ranks` are of the same sampled frames, in time order. For artwork (one frame
    without a pts) the frame's decision is the verdict. Incomplete, or nothing judged, is never accepted.
    """
    findings = tuple(_joined(scores, judgements, rules))
    verdict = _verdict(scores, judgements, ranks, rules, findings)
    if verdict == "accept" and (incomplete or all(j.excluded is not None for j in judgements)):
        verdict = "review"
    return verdict, findings


def verdict_facts(
    judgements: Sequence[FrameJudgement], ranks: Sequence[FrameRank], findings: Sequence[Finding]
) -> dict[str, float]:
    """What the `verdict` block may ask about. Shares are of the frames judged, excluded ones aside."""
    judged = [judgement for judgement in judgements if judgement.excluded is None]
    errors = [f for f in findings if f.severity == "error" and f.outcome == "fail"]
    return {
        "share_rejected": sum(j.decision == "reject" for j in judged) / max(len(judged), 1),
        "share_review": sum(j.decision == "review" for j in judged) / max(len(judged), 1),
        "share_excluded": (len(judgements) - len(judged)) / max(len(judgements), 1),
        "best_available": float(sum(rank.rank is not None for rank in ranks)),
        "error_findings": float(len(errors)),
        "longest_error_s": max((f.end_s - f.start_s for f in errors), default=0.0),
    }


def _verdict(
    scores: Sequence[FrameScore],
    judgements: Sequence[FrameJudgement],
    ranks: Sequence[FrameRank],
    rules: RuleSet,
    findings: Sequence[Finding],
) -> Verdict:
    if len(scores) == 1 and scores[0].pts is None:  # artwork; a repair that is due is not an accept
        decision = judgements[0].decision
        return "review" if decision == "deblur" else decision
    facts = verdict_facts(judgements, ranks, findings)
    if _any_holds(rules.verdict.reject_if, facts):
        return "reject"
    return "review" if _any_holds(rules.verdict.review_if, facts) else "accept"


def _any_holds(conditions: Mapping[str, Threshold], facts: Mapping[str, float]) -> bool:
    return any(threshold.holds(rounded(facts[name])) for name, threshold in conditions.items())


def _joined(
    scores: Sequence[FrameScore], judgements: Sequence[FrameJudgement], rules: RuleSet
) -> Iterator[Finding]:
    """One finding for each unbroken run of frames that a rule speaks against, in the order of the rules."""
    for rule in rules.rules:
        shortest = rule.for_.longer_than_s if rule.for_ else None
        for run in _runs(scores, judgements, rule.id):
            finding = _join(run)
            if shortest is None or rounded(finding.end_s - finding.start_s) > shortest:
                yield finding


def _runs(
    scores: Sequence[FrameScore], judgements: Sequence[FrameJudgement], rule_id: str
) -> Iterator[list[_Spoken]]:
    """Runs of neighbouring sampled frames of one shot in which the rule is borderline or fails."""
    run: list[_Spoken] = []
    for score, judgement in zip(scores, judgements, strict=True):
        spoken = next((f for f in judgement.findings if f.rule_id == rule_id and _speaks(f)), None)
        if run and (spoken is None or score.shot != run[-1][0].shot):
            yield run
            run = []
        if spoken is not None:
            run.append((score, spoken))
    if run:
        yield run


def _speaks(finding: Finding) -> bool:
    return finding.outcome in ("borderline", "fail")


def _join(run: Sequence[_Spoken]) -> Finding:
    """The worst finding of the run, over the time of the run."""
    worst = max(run, key=lambda spoken: _badness(spoken[1]))[1]
    first, last = run[0][0], run[-1][0]
    start_s, end_s = first.pts_s, last.pts_s + last.duration_s
    text = worst.text
    if first.pts is not None:
        one = len(run) == 1
        when = f"{start_s:.2f} s" if one else f"{start_s:.2f} s to {end_s:.2f} s, {len(run)} frames"
        text += f" ({when})"
    return replace(worst, start_s=start_s, end_s=end_s, text=text)


def _badness(finding: Finding) -> tuple[int, float]:
    """Order from mild to bad: the outcome, then how far the value is on the bad side (missing: furthest)."""
    if finding.value is None:
        return OUTCOME_ORDER.index(finding.outcome), float("inf")
    upper = finding.bands is None or finding.bands.worse == "higher"
    return OUTCOME_ORDER.index(finding.outcome), finding.value if upper else -finding.value
