"""Why an asset as a whole is not accepted, as findings: no verdict goes without its reason."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal

from qc_plugin.scoring.selection import rounded
from qc_plugin.types import Finding
from qc_plugin.types.measures import MEASURES
from qc_plugin.types.summary import EXCLUDED, OF_ASSET

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from qc_plugin.rulesets.ruleset import RuleSet
    from qc_plugin.scoring.rule_models import Threshold
    from qc_plugin.types import Decision, FrameJudgement, FrameRank, Severity

INCOMPLETE = f"{OF_ASSET}incomplete"
LEFT_OUT = f"{OF_ASSET}left-out"
_BESIDE = ("duplicate", "per_shot", "min_gap", "outranked")  # good frames that a better one stands for
_DIGITS = 4  # at most, of a time that is told from another
_IN_WORDS = {
    ("best_available", 0.0): "no frame can be offered",
    ("best_available", 1.0): "1 frame can be offered",
    ("error_findings", 1.0): "1 finding is an error",
}


def read_in_part(duration_s: float | None, decoded_s: float) -> str:
    """Why an asset is incomplete: "5.6 of 9.4 s could be read"."""
    if duration_s is None or decoded_s >= duration_s:
        return f"it broke off after {decoded_s:.1f} s: the rest could not be read"
    for digits in range(1, _DIGITS + 1):
        read, stated = f"{decoded_s:.{digits}f}", f"{duration_s:.{digits}f}"
        if read != stated:
            break
    return f"{read} of {stated} s could be read"


def incomplete_finding(why: str) -> Finding:
    """That the asset was looked at in part only."""
    return _of_asset(INCOMPLETE, "review", "error", "incomplete", why)


def left_out_finding(judgements: Sequence[FrameJudgement], rules: RuleSet) -> Finding:
    """That no frame was judged, and which exclude rules left how many out."""
    reasons = _left_out(judgements, rules)
    n_all = len(judgements)
    if not n_all:
        text = "no frame could be looked at"
    elif n_all == 1:
        text = f"the only picture is left out: {next(iter(reasons))}"
    elif len(reasons) == 1:
        text = f"{n_all} of {n_all} frames are left out: {next(iter(reasons))}"
    else:
        told = ", ".join(f"{n} {reason}" for reason, n in reasons.items())
        text = f"{n_all} of {n_all} frames are left out: {told}"
    return _of_asset(LEFT_OUT, "review", "error", "share_excluded", text, value=1.0)


def block_findings(
    leads_to: Literal["review", "reject"],
    conditions: Mapping[str, Threshold],
    facts: Mapping[str, float],
    ranks: Sequence[FrameRank],
) -> Iterator[Finding]:
    """One finding for each condition of the `verdict` block that holds."""
    severity: Severity = "error" if leads_to == "reject" else "warning"
    for name, threshold in conditions.items():
        value = rounded(facts[name])
        if threshold.holds(value):
            limit = threshold.limit
            bound = _bound(name, limit, more=threshold.below is not None)
            text = f"{_said(name, value, more=threshold.below is not None)}, {bound}"
            if name == "best_available":
                text += _why_unranked(ranks)
            yield _of_asset(f"{OF_ASSET}{name}", leads_to, severity, name, text, value=value, limit=limit)


def _of_asset(
    rule_id: str,
    action: Decision,
    severity: Severity,
    measure: str,
    text: str,
    *,
    value: float | None = None,
    limit: float | None = None,
) -> Finding:
    return Finding(
        rule_id=rule_id, outcome="fail", severity=severity, action=action, measure=measure, text=text,
        value=value, limit=limit,
    )  # fmt: skip


def _left_out(judgements: Sequence[FrameJudgement], rules: RuleSet) -> dict[str, int]:
    """Frames by the title of their exclude rule, most first."""
    titles = {exclude.id: exclude.title or exclude.id for exclude in rules.exclude}
    counts = Counter(j.excluded for j in judgements if j.excluded is not None)
    return {_lower(titles.get(name, name)): n for name, n in counts.most_common()}


def _lower(title: str) -> str:
    """The title inside a sentence; an abbreviation keeps its letters."""
    return title if title[:2].isupper() else title[:1].lower() + title[1:]


def _said(name: str, value: float, *, more: bool) -> str:
    """A fact as the first half of a sentence; `more`: more of it is needed."""
    told = _IN_WORDS.get((name, value)) or MEASURES[name].says.format(value=_exact(name, value))
    return f"only {told}" if more and value else told


def _bound(name: str, limit: float, *, more: bool) -> str:
    return f"{_exact(name, limit)} needed" if more else f"limit {_exact(name, limit)}"


def _exact(name: str, value: float) -> str:
    """A fact with four digits, or more where it needs them to be written out: 10800 s."""
    measure = MEASURES[name]
    number = value * 100 if measure.as_percent else value
    digits = max(_DIGITS, len(f"{number:.0f}") + 1)
    return f"{number:.{digits}g}{' %' if measure.as_percent else measure.suffix}"


def _why_unranked(ranks: Sequence[FrameRank]) -> str:
    """What became of the other frames: " (4 rejected, 2 left out)"."""
    counts: Counter[str] = Counter()
    for rank in ranks:
        reason = rank.unranked or ""
        if reason.startswith(EXCLUDED):
            counts["left out"] += 1
        elif reason in _BESIDE:
            counts["beside better ones"] += 1
        elif reason:
            counts[{"review": "for a look"}.get(reason, reason)] += 1
    return f" ({', '.join(f'{n} {word}' for word, n in counts.most_common())})" if counts else ""
