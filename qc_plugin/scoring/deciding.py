"""What the values of a rule come to: which one decides, its outcome, and what another measure denies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qc_plugin.scoring.selection import rounded
from qc_plugin.scoring.sentences import number_of
from qc_plugin.types import Decision, FrameScore, Outcome, RegionScore
from qc_plugin.types.measures import MEASURES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qc_plugin.scoring.rule_models import Band, Rule
    from qc_plugin.types.measures import Measure

Value = tuple[float, RegionScore | None]


@dataclass(frozen=True, slots=True)
class Decided:
    """The value that decides, of which region (None: of the frame or of several), and what follows.

    `doubt` is the end of the sentence where another measure contradicts the value.
    """

    value: float
    region: RegionScore | None
    outcome: Outcome
    action: Decision
    doubt: str = ""


def decide(rule: Rule, values: Sequence[Value], score: FrameScore) -> Decided:
    """What `values` of one frame come to under `rule`.

    A value that would reject, and that another measure of the same place contradicts, is borderline and for a
    person to look at: two measures that deny each other prove nothing.
    """
    value, region = _reduced(rule, values)
    outcome = _outcome(rule, value)
    action = action_of(rule, outcome)
    doubt = _doubt(rule, region, score)
    if action != "reject" or not doubt:
        return Decided(value, region, outcome, action)
    if rule.reduce in ("max", "min", None):  # the worst decides: of those that nothing contradicts, too
        sure = [each for each in values if not _doubt(rule, each[1], score)]
        if sure and action_of(rule, _outcome(rule, _reduced(rule, sure)[0])) == "reject":
            return decide(rule, sure, score)
    return Decided(value, region, "borderline", "review", doubt)


def _doubt(rule: Rule, region: RegionScore | None, score: FrameScore) -> str:
    """What contradicts a value of this place, as the end of a sentence; "" where nothing does."""
    measures = score.measures if region is None else region.measures
    for name, threshold in rule.contradicted_by.items():
        value = measures.get(name)
        if value is None or not threshold.holds(rounded(value)):
            return ""
    told = [_said(MEASURES[name], measures[name]) for name in rule.contradicted_by]
    return f", but {' and '.join(told)} contradicts it: look at it" if told else ""


def _said(measure: Measure, value: float) -> str:
    return measure.says.format(value=number_of(measure, value))


def _reduced(rule: Rule, values: Sequence[Value]) -> Value:
    """One value of several. Without `reduce` the worst decides; `any` lets the best one decide."""
    if rule.reduce == "mean":
        return sum(value for value, _ in values) / len(values), None
    upper = rule.pass_.at_most is not None
    largest = {"max": True, "min": False, "any": not upper, None: upper}[rule.reduce]
    return max(values, key=lambda v: v[0]) if largest else min(values, key=lambda v: v[0])


def _outcome(rule: Rule, value: float) -> Outcome:
    if _within(rule.pass_, value):
        return "pass"
    return "borderline" if rule.borderline is not None and _within(rule.borderline, value) else "fail"


def _within(band: Band, value: float) -> bool:
    return rounded(value) <= band.limit if band.at_most is not None else rounded(value) >= band.limit


def action_of(rule: Rule, outcome: Outcome) -> Decision:
    """What an outcome of `rule` does to the frame."""
    actions: dict[Outcome, Decision] = {
        "pass": rule.then.pass_,
        "borderline": rule.then.borderline,
        "fail": rule.then.fail,
        "skip": "accept",
    }
    return actions[outcome]
