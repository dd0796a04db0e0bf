"""What the frames mean for the asset: findings joined over time, and one verdict."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qc_plugin.scoring.asset_findings import block_findings, incomplete_finding, left_out_finding
from qc_plugin.scoring.selection import rounded
from qc_plugin.types import (
    OUTCOME_ORDER,
    Finding,
    FrameJudgement,
    FrameRank,
    FrameScore,
    Verdict,
)
from qc_plugin.types.summary import speaks_against

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from qc_plugin.rulesets.ruleset import RuleSet

_Spoken = tuple[FrameScore, Finding]


def judge_asset(
    scores: Sequence[FrameScore],
    judgements: Sequence[FrameJudgement],
    ranks: Sequence[FrameRank],
    rules: RuleSet,
    incomplete: str = "",
) -> tuple[Verdict, tuple[Finding, ...]]:
    """The verdict on an asset, and what speaks against it: of frames joined over time, then of the whole.

    `scores`, `judgements` and `ranks` are of the same sampled frames, in time order. For artwork (one frame
    without a pts) the frame's decision is the verdict. Incomplete, or nothing judged, is never accepted;
    `incomplete` says why, and is "" for an asset that was looked at as a whole. A verdict other than accept
    always has a finding that leads to it.
    """
    joined = tuple(_joined(scores, judgements, rules))
    whole = tuple(_of_whole(scores, judgements, ranks, rules, joined, incomplete))
    if _is_artwork(scores):  # a repair that is due is not an accept
        decision = judgements[0].decision
        verdict: Verdict = "review" if decision == "deblur" else decision
    else:
        verdict = "accept"
    actions = {finding.action for finding in whole}
    if "reject" in actions:
        verdict = "reject"
    elif "review" in actions and verdict == "accept":
        verdict = "review"
    return verdict, joined + whole


def verdict_facts(
    scores: Sequence[FrameScore],
    judgements: Sequence[FrameJudgement],
    ranks: Sequence[FrameRank],
    findings: Sequence[Finding],
) -> dict[str, float]:
    """What the `verdict` block may ask about. Shares are of the frames judged, excluded ones aside."""
    judged = [judgement for judgement in judgements if judgement.excluded is None]
    errors = [f for f in findings if f.severity == "error" and f.outcome == "fail"]
    return {
        "share_rejected": sum(j.decision == "reject" for j in judged) / max(len(judged), 1),
        "share_review": sum(j.decision == "review" for j in judged) / max(len(judged), 1),
        "share_excluded": (len(judgements) - len(judged)) / max(len(judgements), 1),
        "share_corrupt": sum(s.measures.get("corrupt_fraction", 0.0) for s in scores) / max(len(scores), 1),
        "best_available": float(sum(rank.rank is not None for rank in ranks)),
        "error_findings": float(len(errors)),
        "longest_error_s": max((f.end_s - f.start_s for f in errors), default=0.0),
    }


def _is_artwork(scores: Sequence[FrameScore]) -> bool:
    return len(scores) == 1 and scores[0].pts is None


def _of_whole(
    scores: Sequence[FrameScore],
    judgements: Sequence[FrameJudgement],
    ranks: Sequence[FrameRank],
    rules: RuleSet,
    joined: Sequence[Finding],
    incomplete: str,
) -> Iterator[Finding]:
    """What speaks against the asset beyond its frames, and so decides its verdict."""
    if incomplete:
        yield incomplete_finding(incomplete)
    if all(judgement.excluded is not None for judgement in judgements):
        yield left_out_finding(judgements, rules)
    if not _is_artwork(scores):
        facts = verdict_facts(scores, judgements, ranks, joined)
        yield from block_findings("reject", rules.verdict.reject_if, facts, ranks)
        yield from block_findings("review", rules.verdict.review_if, facts, ranks)


def _joined(
    scores: Sequence[FrameScore], judgements: Sequence[FrameJudgement], rules: RuleSet
) -> Iterator[Finding]:
    """One finding for each unbroken run of frames that a rule speaks against, in the order of the rules."""
    for rule in rules.rules:
        # A still lasts no time at all; what is decided of it is told.
        shortest = rule.for_.longer_than_s if rule.for_ and not _is_artwork(scores) else None
        for run in _runs(scores, judgements, rule.id):
            finding = _join(run)
            if shortest is None or rounded(finding.end_s - finding.start_s) > shortest:
                yield finding


def _runs(
    scores: Sequence[FrameScore], judgements: Sequence[FrameJudgement], rule_id: str
) -> Iterator[list[_Spoken]]:
    """Runs of neighbouring sampled frames of one shot in which the rule speaks against them."""
    run: list[_Spoken] = []
    for score, judgement in zip(scores, judgements, strict=True):
        spoken = next((f for f in judgement.findings if f.rule_id == rule_id and speaks_against(f)), None)
        if run and (spoken is None or score.shot != run[-1][0].shot):
            yield run
            run = []
        if spoken is not None:
            run.append((score, spoken))
    if run:
        yield run


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
