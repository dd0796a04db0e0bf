"""Limits of a rule against what people decided: a table, a proposed band, and what it would change."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qc_plugin.asset.check_one import rules_of
from qc_plugin.asset.judged_again import judge_again
from qc_plugin.errors import RuleError, UsageError
from qc_plugin.pages.limit_curve import BandCurve, limit_curve
from qc_plugin.report.read import read_meta, read_report
from qc_plugin.rulesets.proposal import is_upper, rule_named, with_limits
from qc_plugin.rulesets.ruleset import load_rules, shipped_rule_sets
from qc_plugin.scoring.calibration import (
    Label,
    Step,
    limits_between,
    mildest_with_recall,
    single_limit,
    step_at,
    strictest_with_precision,
)
from qc_plugin.scoring.evaluate import judge_frame
from qc_plugin.types.words import DECISION_ORDER
from qc_plugin.workshop.decisions import read_decisions
from qc_plugin.workshop.rejudge import Change, count_changes
from qc_plugin.workshop.stored import find_reports, group_by_asset, rules_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from qc_plugin.config import RunConfig
    from qc_plugin.rulesets.ruleset import RuleSet
    from qc_plugin.scoring.rule_models import Rule
    from qc_plugin.types import AssetReport, Decision
    from qc_plugin.workshop.decisions import Decided

# What each limit is there to stop: `pass` what a person would not use as it is, `borderline` what they
# threw out.
FAULTS: dict[str, frozenset[Decision]] = {
    "pass": frozenset({"deblur", "review", "reject"}),
    "borderline": frozenset({"reject"}),
}
_FEW = 30  # labels of a kind below which the intervals are too wide to lean on


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What the proposal aims at, as shares: faults found by `pass`, rejects among what fails."""

    recall: float = 0.95
    precision: float = 0.90


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Everything `calibrate` found out, by band. `steps` of each: strictest limit first."""

    rule: Rule
    source: Path | None
    labels: tuple[Label, ...]
    steps: Mapping[str, tuple[Step, ...]]
    current: Mapping[str, Step]
    proposed: Mapping[str, Step]
    frames: Counter[Change]
    verdicts: Counter[Change]
    warnings: tuple[str, ...]

    @property
    def limits(self) -> dict[str, float]:
        """The proposed limits by band."""
        return {band: step.limit for band, step in self.proposed.items()}

    def curve(self) -> str:
        """What the limits of the rule do, as an SVG picture."""
        side = "at most" if is_upper(self.rule) else "at least"
        title = f"{self.rule.id}: {self.rule.measure} {side} ... ({len(self.labels)} decided frames)"
        decided: dict[str, list[float]] = {
            name: [x.value for x in self.labels if x.decision == name] for name in DECISION_ORDER
        }
        return limit_curve(title, [self._band(band) for band in self.steps], decided)

    def _band(self, band: str) -> BandCurve:
        steps = self.steps[band]
        return BandCurve(
            name=band,
            what="not accepted" if band == "pass" else "rejected",
            limit=self.limits[band],
            now=self.current[band].limit,
            recall=[(step.limit, step.recall) for step in steps],
            precision=[(step.limit, step.precision) for step in steps if step.precision is not None],
        )


def calibrate(
    decisions: Path,
    reports: Sequence[Path],
    rule_id: str,
    config: RunConfig,
    *,
    rules: str | None = None,
    goal: Goal | None = None,
    drop_contradictory: bool = False,
) -> Calibration:
    """Hold the limits of `rule_id` against `decisions` on frames of `reports` (files, or folders of them).

    `rules` is the set the rule is of, by default the one the reports were judged by. All reports count for
    what would change. Raises UsageError or RuleError for what cannot be used; lesser things are warnings.
    """
    decided, warnings = read_decisions(decisions, drop_contradictory=drop_contradictory)
    files, unreadable = _newest(reports)
    chosen, source = _rules(files, config, rules)
    rule = rule_named(chosen, rule_id)
    labels, more = _labels(decided, files, chosen, rule)
    steps = _steps(labels, rule)
    proposed, notes = _propose(steps, labels, rule, goal or Goal())
    other = with_limits(chosen, rule_id, {band: step.limit for band, step in proposed.items()})
    frames, verdicts = _changes(files, chosen, other)
    return Calibration(
        rule=rule,
        source=source,
        labels=tuple(labels),
        steps=steps,
        current={band: _step(limit, labels, rule, band) for band, limit in _limits(rule).items()},
        proposed=proposed,
        frames=frames,
        verdicts=verdicts,
        warnings=(*warnings, *unreadable, *more, *_few(labels), *notes),
    )


def _newest(paths: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """The newest report of each asset: measures are the same in all of them."""
    assets, unreadable = group_by_asset(find_reports(paths))
    newest = {asset.asset_id: asset.reports[-1] for asset in assets}
    if not newest:
        raise UsageError(f"no report can be read: {unreadable[0]}")
    return list(newest.values()), unreadable


def _rules(files: Sequence[Path], config: RunConfig, named: str | None) -> tuple[RuleSet, Path | None]:
    """The rule set to work on, and its file if there is one on this machine."""
    if named is not None:
        rules = rules_of(config.model_copy(update={"rules": named}))
        return rules, rules.path
    metas = {meta["rules"]["sha256"]: (file, meta) for file in files for meta in [read_meta(file)]}
    if len(metas) > 1:
        names = ", ".join(sorted({meta["rules"]["id"] for _, meta in metas.values()}))
        raise UsageError(
            f"these reports were judged by {len(metas)} rule sets ({names}); name one with --rules"
        )
    [(sha256, (file, meta))] = metas.items()
    rules_of(config)  # lets rules name the measures of installed packages
    if meta["rules"]["id"] in shipped_rule_sets():
        shipped = load_rules(meta["rules"]["id"])
        if shipped.sha256 == sha256:
            return shipped, shipped.path
    try:
        return rules_in(read_report(file)), None
    except RuleError as error:
        raise UsageError(f"{file}: its rules cannot be read again; name a set with --rules") from error


def _labels(
    decided: Sequence[Decided], files: Sequence[Path], rules: RuleSet, rule: Rule
) -> tuple[list[Label], list[str]]:
    """The value of the rule on each decided frame, and sentences about decisions that cannot be used."""
    by_asset: dict[str, list[Decided]] = {}
    for each in decided:
        by_asset.setdefault(each.asset_id, []).append(each)
    labels: list[Label] = []
    missed: Counter[str] = Counter()
    for file in files:
        meta = read_meta(file)
        mine = by_asset.pop(meta["asset"]["id"], [])
        if mine:
            labels += _labels_of(mine, read_report(file), rules, rule, missed)
    n_foreign = sum(map(len, by_asset.values()))
    if n_foreign == len(decided):
        raise UsageError("no decision is about an asset of these reports; name the reports they were made on")
    if n_foreign:
        missed["they are about assets without a report here; name those reports as well"] = n_foreign
    told = [f"{n} decisions are not used: {why}" for why, n in missed.most_common()]
    if not labels:
        raise UsageError(f"no decision can be used for `{rule.id}`; {'; '.join(told)}")
    return labels, told


def _labels_of(
    decided: Sequence[Decided], report: AssetReport, rules: RuleSet, rule: Rule, missed: Counter[str]
) -> Iterator[Label]:
    rows = {row.score.frame_index: row for row in report.frames}
    for each in decided:
        row = rows.get(each.frame_index)
        if row is None:
            missed["the frame is not in the report; was it made with another --sample?"] += 1
            continue
        judgement = judge_frame(row.score, rules)
        found = next((f for f in judgement.findings if f.rule_id == rule.id), None)
        if judgement.excluded is not None:
            missed[f"the exclude `{judgement.excluded}` leaves the frame out before any rule"] += 1
        elif found is None or found.value is None:
            missed[f"`{rule.id}` has no value there (e.g. no such region, or too flat to tell)"] += 1
        else:
            yield Label(round(found.value, 6), each.decision)


def _steps(labels: Sequence[Label], rule: Rule) -> dict[str, tuple[Step, ...]]:
    """Every limit that parts the labels, by band. Raises UsageError where nothing can be parted."""
    limits = limits_between([label.value for label in labels], upper=is_upper(rule))
    n_faults = sum(label.decision in FAULTS["pass"] for label in labels)
    if not limits or n_faults in (0, len(labels)):
        raise UsageError(
            f"{len(labels)} decisions on `{rule.id}`, {n_faults} of them other than accept: a limit needs "
            "both kinds, and values that differ; decide about more frames"
        )
    return {band: tuple(_step(limit, labels, rule, band) for limit in limits) for band in _limits(rule)}


def _limits(rule: Rule) -> dict[str, float]:
    own = {"pass": rule.pass_.limit}
    return own | ({"borderline": rule.borderline.limit} if rule.borderline else {})


def _step(limit: float, labels: Sequence[Label], rule: Rule, band: str) -> Step:
    return step_at(limit, labels, FAULTS[band], upper=is_upper(rule))


def _propose(
    steps: Mapping[str, tuple[Step, ...]], labels: Sequence[Label], rule: Rule, goal: Goal
) -> tuple[dict[str, Step], list[str]]:
    """Limits by band, and a note for each goal that is missed."""
    if "borderline" not in steps:
        return {"pass": single_limit(steps["pass"])}, []
    notes = []
    passed, met = mildest_with_recall(steps["pass"], goal.recall)
    if not met:
        notes.append(f"no limit finds {goal.recall:.0%} of the faults; the strictest: {passed.recall:.0%}")
    beyond = steps["borderline"][steps["pass"].index(passed) + 1 :]
    found = strictest_with_precision(beyond, goal.precision) if beyond else None
    if found is None:
        failed = _mildest(passed, labels, rule)
        notes.append(f"no rejected frame lies beyond `pass`; `borderline` is {failed.limit:g} for now")
    else:
        failed = found[0]
        if not found[1]:
            notes.append(f"beyond no limit are {goal.precision:.0%} rejects; at best {failed.precision:.0%}")
    return {"pass": passed, "borderline": failed}, notes


def _mildest(passed: Step, labels: Sequence[Label], rule: Rule) -> Step:
    """The borderline limit of now if it lies beyond `passed`, else the worst value seen (nothing fails)."""
    assert rule.borderline is not None
    now, upper = rule.borderline.limit, is_upper(rule)
    if now > passed.limit if upper else now < passed.limit:
        return _step(now, labels, rule, "borderline")
    values = [label.value for label in labels]
    return _step(max(values) if upper else min(values), labels, rule, "borderline")


def _few(labels: Sequence[Label]) -> Iterator[str]:
    counts = Counter("accepted" if label.decision == "accept" else "other" for label in labels)
    for kind in ("accepted", "other"):
        if counts[kind] < _FEW:
            yield f"only {counts[kind]} {kind} frames: read the intervals, not the shares"


def _changes(files: Sequence[Path], now: RuleSet, then: RuleSet) -> tuple[Counter[Change], Counter[Change]]:
    """Frames and verdicts of all reports under `now` against `then`; nothing is written."""
    frames: Counter[Change] = Counter()
    verdicts: Counter[Change] = Counter()
    for file in files:
        report = read_report(file)
        before, after = judge_again(report, now), judge_again(report, then)
        frames += count_changes(before, after)
        verdicts[before.verdict, after.verdict] += 1
    return frames, verdicts
