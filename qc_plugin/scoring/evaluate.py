"""Rules applied to the scores of one frame: findings with their sentence, and the decision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qc_plugin.scoring.deciding import Value, action_of, decide
from qc_plugin.scoring.measure_limits import apply_limits
from qc_plugin.scoring.selection import describe, rounded, select, selection_of
from qc_plugin.scoring.sentences import sentence, subject_of
from qc_plugin.scoring.verdict import judge_asset
from qc_plugin.types import (
    DECISION_ORDER,
    OUTCOME_ORDER,
    Bands,
    Finding,
    FrameJudgement,
    FrameScore,
    Outcome,
)
from qc_plugin.types.measures import MEASURES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from qc_plugin.rulesets.ruleset import RuleSet
    from qc_plugin.scoring.rule_models import Rule, Selection

__all__ = ["ENGINES", "judge_asset", "judge_frame", "judge_measured", "skipped_rules"]

ENGINES: Final = ("motion_blur", "regions")  # those that are always there; a rule's `needs` may name others


def judge_frame(score: FrameScore, rules: RuleSet, *, engines: Collection[str] = ENGINES) -> FrameJudgement:
    """Findings and decision for one frame. `engines`: names of those that ran, for rules with `needs`.

    An excluded frame is never failed: it has the id of its exclude rule and no findings.
    """
    return judge_measured(apply_limits(score, rules.limits), rules, engines=engines)


def judge_measured(
    score: FrameScore, rules: RuleSet, *, engines: Collection[str] = ENGINES
) -> FrameJudgement:
    """As `judge_frame`, but takes every measure of `score` as it is."""
    excluded = _excluded_by(score, rules)
    if excluded is not None:
        return FrameJudgement(
            frame_index=score.frame_index, decision="accept", outcome_worst="skip", excluded=excluded
        )
    findings = tuple(_judge(rule, score, rules, engines) for rule in rules.rules)
    return FrameJudgement(
        frame_index=score.frame_index,
        decision=max((f.action for f in findings), key=DECISION_ORDER.index, default="accept"),
        outcome_worst=max((f.outcome for f in findings), key=OUTCOME_ORDER.index, default="skip"),
        findings=findings,
    )


def skipped_rules(judgements: Sequence[FrameJudgement]) -> dict[str, str]:
    """Rules skipped in every judged frame, each with its first reason; for the coverage statement."""
    reasons: dict[str, str] = {}
    spoke: set[str] = set()
    for judgement in judgements:
        for finding in judgement.findings:
            if finding.outcome == "skip":
                reasons.setdefault(finding.rule_id, finding.text)
            else:
                spoke.add(finding.rule_id)
    return {rule_id: reason for rule_id, reason in reasons.items() if rule_id not in spoke}


def _excluded_by(score: FrameScore, rules: RuleSet) -> str | None:
    """The first exclude rule all of whose conditions hold; a measure that is missing meets no condition."""
    for exclude in rules.exclude:
        values = {name: score.measures.get(name) for name in exclude.when}
        if all(v is not None and exclude.when[name].holds(rounded(v)) for name, v in values.items()):
            return exclude.id
    return None


def _judge(rule: Rule, score: FrameScore, rules: RuleSet, engines: Collection[str]) -> Finding:
    absent = [name for name in rule.needs if name not in engines]
    if absent:
        return _missing(rule, score, None, f"engine `{absent[0]}` is not there", always_skip=True)
    found = [name for name in rule.unless_found if select(rules.regions[name], score.regions)]
    if found:
        instead = f"a {rules.regions[found[0]].kind} is in this frame, and judged"
        return _missing(rule, score, None, instead, always_skip=True)
    selection = selection_of(rule, rules.regions)
    values, reason = _values(rule, score, selection)
    if not values:
        return _missing(rule, score, selection, reason)
    decided = decide(rule, values, score)
    value, scored, outcome = decided.value, decided.region, decided.outcome
    limit = _limit_told(rule, "fail" if decided.doubt else outcome)
    kind = selection.kind if selection else None
    n = scored.n if scored else None
    measure = MEASURES[rule.measure]
    return Finding(
        rule_id=rule.id,
        outcome=outcome,
        severity=rule.severity,
        action=decided.action,
        measure=rule.measure,
        text=sentence(rule, measure, value=rounded(value), limit=limit, kind=kind, n=n) + decided.doubt,
        value=value,
        limit=limit,
        region_kind=kind,
        region_n=n,
        frame_index=score.frame_index,
        start_s=score.pts_s,
        end_s=score.pts_s + score.duration_s,
        bands=_bands(rule),
    )


def _values(rule: Rule, score: FrameScore, selection: Selection | None) -> tuple[list[Value], str]:
    """The values that the rule speaks of, or none and the reason."""
    if selection is None:
        value = score.measures.get(rule.measure)
        if value is None:
            return [], f"{rule.measure} {_why(score.skipped, rule.measure)}"
        return [(value, None)], ""
    chosen = select(selection, score.regions)
    if rule.measure == "count":
        return [(float(len(chosen)), None)], ""
    if not chosen:
        return [], f"{describe(selection)} in this frame"
    values: list[Value] = [(r.measures[rule.measure], r) for r in chosen if rule.measure in r.measures]
    first = chosen[0]
    return values, f"{first.region.kind} {first.n}: {rule.measure} {_why(first.skipped, rule.measure)}"


def _why(skipped: Mapping[str, str], measure: str) -> str:
    reason = skipped.get(measure)
    return f"not measured: {reason}" if reason else "not measured"


def _limit_told(rule: Rule, outcome: Outcome) -> float:
    """The limit that was crossed last, or for a pass the one that held."""
    return rule.borderline.limit if outcome == "fail" and rule.borderline else rule.pass_.limit


def _bands(rule: Rule) -> Bands:
    return Bands(
        pass_limit=rule.pass_.limit,
        borderline_limit=rule.borderline.limit if rule.borderline else None,
        worse="higher" if rule.pass_.at_most is not None else "lower",
    )


def _missing(
    rule: Rule, score: FrameScore, selection: Selection | None, reason: str, *, always_skip: bool = False
) -> Finding:
    """A rule without a value: skipped with the reason, or failed where the rule asks for that."""
    outcome: Outcome = "fail" if rule.if_missing == "fail" and not always_skip else "skip"
    kind = selection.kind if selection else None
    text = (
        reason
        if outcome == "skip"
        else f"{subject_of(rule, kind, None)}: {rule.measure} is required; {reason}"
    )
    return Finding(
        rule_id=rule.id,
        outcome=outcome,
        severity=rule.severity,
        action=action_of(rule, outcome),
        measure=rule.measure,
        text=text,
        limit=rule.pass_.limit,
        region_kind=kind,
        frame_index=score.frame_index,
        start_s=score.pts_s,
        end_s=score.pts_s + score.duration_s,
        bands=_bands(rule),
    )
