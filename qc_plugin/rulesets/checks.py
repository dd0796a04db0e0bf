"""Whether the words of a well-formed rule set mean something, and whether its limits can hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from qc_plugin.rulesets.inherit import Fault
from qc_plugin.rulesets.yaml_source import KEY, Block, Place, nearest, place_of
from qc_plugin.scoring.rank_parts import PARTS
from qc_plugin.scoring.sentences import message_fault
from qc_plugin.types import DECISION_ORDER, Decision
from qc_plugin.types.measures import ASSET_FACTS, MEASURES, Measure, measures_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from qc_plugin.scoring.rule_models import Band, ResolvedRules, Rule, RuleTest, Threshold

FRAME = "frame"
_PLACES = {"frame": "the frame", "region": "regions", "selection": "a selection", "asset": "the whole asset"}
# (path of the value, what is wrong, the repair); the path is turned into a place by `check_meaning`.
_Found = tuple[tuple[str | int, ...], str, str]


def check_meaning(rules: ResolvedRules, data: Block) -> list[Fault]:
    """Faults of `rules`, each at its place in `data`, from which they were made."""
    found: list[_Found] = []
    for i, rule in enumerate(rules.rules):
        found += ((("rules", i, *loc), message, fix) for loc, message, fix in _rule_faults(rule, rules))
    for i, exclude in enumerate(rules.exclude):
        found += ((("exclude", i, "when", *loc), m, fix) for loc, m, fix in _condition_faults(exclude.when))
    if FRAME in rules.regions:
        found.append((("regions", FRAME), "`frame` means the whole frame", "use another name"))
    found += ((("rank", "score", name, KEY), f"unknown part `{name}`", nearest(name, PARTS))
              for name in rules.rank.score if name not in PARTS)  # fmt: skip
    for block, facts in (("reject_if", rules.verdict.reject_if), ("review_if", rules.verdict.review_if)):
        found += ((("verdict", block, *loc), message, fix) for loc, message, fix in _verdict_faults(facts))
    for i, test in enumerate(rules.tests):
        found += ((("tests", i, *loc), message, fix) for loc, message, fix in _test_faults(test, rules))
    start = Place(data.place.path)
    return [Fault(place_of(data, loc, start), message, fix) for loc, message, fix in found]


def _verdict_faults(facts: Mapping[str, Threshold]) -> Iterator[_Found]:
    """Conditions on facts of the asset that are not known, or can never hold."""
    for name, threshold in facts.items():
        if name not in ASSET_FACTS:
            yield (name, KEY), f"unknown fact `{name}`", nearest(name, ASSET_FACTS)
        elif fix := _out_of_range(threshold.limit, MEASURES[name]):
            yield (name, next(iter(threshold.model_fields_set))), *fix


def _rule_faults(rule: Rule, rules: ResolvedRules) -> Iterator[_Found]:
    measure = MEASURES.get(rule.measure)
    if measure is None:
        taken = measures_at("frame", "region", "both", "selection")
        yield ("measure",), f"unknown measure `{rule.measure}`", nearest(rule.measure, taken)
    else:
        yield from _place_faults(rule, measure)
        yield from _band_faults(rule, measure)
    if isinstance(rule.region, str) and rule.region != FRAME and rule.region not in rules.regions:
        known = (*rules.regions, FRAME)
        yield ("region",), f"unknown region `{rule.region}`", nearest(rule.region, known)
    for n, name in enumerate(rule.unless_found):
        if name not in rules.regions:
            yield ("unless_found", n), f"unknown region `{name}`", nearest(name, rules.regions)
    yield from _action_faults(rule)
    found = _condition_faults(rule.contradicted_by, "frame" if rule.region == FRAME else "region")
    yield from ((("contradicted_by", *loc), message, fix) for loc, message, fix in found)
    numbered = rule.region != FRAME and rule.measure != "count" and rule.reduce != "mean"
    fault = message_fault(rule.message or "", numbered=numbered)
    if fault:
        yield ("message",), fault, "correct the message"


def _place_faults(rule: Rule, measure: Measure) -> Iterator[_Found]:
    """Whether the measure is taken where the rule looks, and can be reduced."""
    if measure.where == "asset":
        yield ("measure",), f"`{measure.name}` is measured on {_PLACES['asset']}", "name it under `verdict`"
    elif rule.region == FRAME and measure.where in ("region", "selection"):
        yield ("measure",), f"`{measure.name}` is measured on regions, not on the frame", "name a `region`"
    elif rule.region != FRAME and measure.where == FRAME:
        yield ("measure",), f"`{measure.name}` is measured on the frame only", "write region: frame"
    if rule.reduce and (rule.region == FRAME or measure.where == "selection"):
        yield ("reduce",), "`reduce` needs several values, and there is one here", "remove it"


def _band_faults(rule: Rule, measure: Measure) -> Iterator[_Found]:
    upper = rule.pass_.at_most is not None
    if measure.worse != "neither" and upper != (measure.worse == "higher"):
        word = "at_most" if measure.worse == "higher" else "at_least"
        yield ("pass",), f"{measure.worse} `{measure.name}` is worse", f"write {word}"
    for key, band in (("pass", rule.pass_), ("borderline", rule.borderline)):
        if band is not None and (fix := _out_of_range(band.limit, measure)):
            yield (key, next(iter(band.model_fields_set))), *fix
    if rule.borderline is None:
        return
    if (rule.borderline.at_most is not None) != upper:
        yield (
            ("borderline",),
            "`pass` and `borderline` are bounds of different directions",
            "use one direction",
        )
    elif not _looser(rule.borderline, rule.pass_, upper=upper):
        yield ("borderline",), "nothing can be borderline: its limit is not beyond that of `pass`", "widen it"


def _looser(borderline: Band, pass_: Band, *, upper: bool) -> bool:
    return borderline.limit > pass_.limit if upper else borderline.limit < pass_.limit


def _out_of_range(limit: float, measure: Measure) -> tuple[str, str] | None:
    high = measure.high
    if limit >= measure.low and (high is None or limit <= high):
        return None
    ends = f"{measure.low:g}..{'' if high is None else f'{high:g}'}"
    # The usual slip: a share written in percent.
    fix = f"did you mean {limit / 100:g}?" if high == 1 and 1 < limit <= 100 else "write a limit within it"
    return f"{limit:g} is outside the range {ends} of `{measure.name}`", fix


def _action_faults(rule: Rule) -> Iterator[_Found]:
    """Only errors reject, and a worse outcome never has the milder action."""
    actions: dict[str, Decision] = {"pass": rule.then.pass_, "fail": rule.then.fail}
    if rule.borderline is not None:
        actions = {"pass": rule.then.pass_, "borderline": rule.then.borderline, "fail": rule.then.fail}
    for outcome, action in actions.items():
        if action == "reject" and rule.severity != "error":
            message = f"only severity `error` may reject, this rule is `{rule.severity}`"
            yield ("then", outcome), message, "write severity: error"
    order = [DECISION_ORDER.index(action) for action in actions.values()]
    if order != sorted(order):
        told = ", ".join(f"{outcome}: {action}" for outcome, action in actions.items())
        yield ("then",), f"a worse outcome has a milder action ({told})", "order them from mild to hard"


def _condition_faults(
    when: Mapping[str, Threshold], here: Literal["frame", "region"] = "frame"
) -> Iterator[_Found]:
    """Conditions on measures that are not known, not measured `here`, or out of range."""
    known = measures_at(here, "both")
    for name, threshold in when.items():
        if name not in MEASURES:
            yield (name, KEY), f"unknown measure `{name}`", nearest(name, known)
        elif name not in known:
            there = _PLACES[MEASURES[name].where]
            yield (
                (name,),
                f"`{name}` is measured on {there}, not on {_PLACES[here]}",
                f"use a measure of {_PLACES[here]}",
            )
        elif fix := _out_of_range(threshold.limit, known[name]):
            yield (name, next(iter(threshold.model_fields_set))), *fix


def _test_faults(test: RuleTest, rules: ResolvedRules) -> Iterator[_Found]:
    rule_ids = {rule.id for rule in rules.rules}
    for name in test.expect.rules:
        if name not in rule_ids:
            yield ("expect", "rules", name, KEY), f"unknown rule `{name}`", nearest(name, rule_ids)
    exclude_ids = {exclude.id for exclude in rules.exclude}
    if test.expect.excluded is not None and test.expect.excluded not in exclude_ids:
        name = test.expect.excluded
        yield ("expect", "excluded"), f"unknown exclude `{name}`", nearest(name, exclude_ids)
    yield from _given_faults(("given", "frame"), test.given.frame, "frame")
    for i, region in enumerate(test.given.regions):
        yield from _given_faults(("given", "regions", i), region.model_extra or {}, "region")


def _given_faults(
    loc: tuple[str | int, ...], values: Mapping[str, float], here: Literal["frame", "region"]
) -> Iterator[_Found]:
    """Whether given values are measures of this place and within their range."""
    known = measures_at(here, "both")
    for name, value in values.items():
        if name not in known:
            yield (*loc, name, KEY), f"unknown measure `{name}` here", nearest(name, known)
        elif fix := _out_of_range(value, known[name]):
            yield (*loc, name), *fix
