"""What another rule set changes: frames whose decision is another, and how close to a limit each was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qc_plugin.scoring.selection import rounded
from qc_plugin.types.measures import BLUR_MEASURES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from qc_plugin.scoring.measure_limits import MeasureLimits
    from qc_plugin.types import Decision, Finding, FrameJudgement, FrameRow, FrameScore

# Below this no rule set gets a blur value: see `region_blur`.
_NO_EVIDENCE = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A frame whose decision changes, with the finding that is nearest to a limit among those that did it.

    `distance` from `value` to `limit` is a share of the limit, so that measures in different units compare.
    """

    frame_index: int
    pts_s: float
    before: Decision
    after: Decision
    rule_id: str
    value: float
    limit: float
    distance: float
    text: str


def closest_calls(before: Iterable[FrameRow], after: Iterable[FrameRow], n: int) -> list[Call]:
    """The `n` changed frames nearest to a limit, nearest first.

    A frame that an exclude now leaves out, or no longer leaves out, is no call: no rule spoke twice.
    """
    old = {row.score.frame_index: row.judgement for row in before}
    calls = []
    for row in after:
        judged = old.get(row.score.frame_index)
        if judged is not None and _is_changed(judged, row.judgement):
            nearest = min(_calls(judged, row), key=lambda call: call.distance, default=None)
            calls += [nearest] if nearest else []
    return sorted(calls, key=lambda call: (call.distance, call.frame_index))[:n]


def n_lost(score: FrameScore, limits: MeasureLimits) -> int:
    """How many regions of a stored frame (itself included) lack blur values that `limits` would show.

    Rules that need more evidence left them out of the report, and only a new decode brings them back.
    """
    places = [(score.measures, score.skipped), *((r.measures, r.skipped) for r in score.regions)]
    return sum(_is_lost(measures, skipped, limits) for measures, skipped in places)


def _is_lost(measures: Mapping[str, float], skipped: Mapping[str, str], limits: MeasureLimits) -> bool:
    evidence = measures.get("evidence", 0.0)
    dropped = BLUR_MEASURES[0] not in measures and skipped.get(BLUR_MEASURES[0], "").startswith("too flat")
    return dropped and evidence >= max(limits.evidence_needed or 0.0, _NO_EVIDENCE)


def _is_changed(before: FrameJudgement, after: FrameJudgement) -> bool:
    excluded = before.excluded is not None or after.excluded is not None
    return before.decision != after.decision and not excluded


def _calls(before: FrameJudgement, row: FrameRow) -> Iterator[Call]:
    for finding in _moved(before.findings, row.judgement.findings):
        assert finding.value is not None
        limit, distance = _nearest_limit(finding)
        yield Call(
            frame_index=row.score.frame_index,
            pts_s=row.score.pts_s,
            before=before.decision,
            after=row.judgement.decision,
            rule_id=finding.rule_id,
            value=rounded(finding.value),
            limit=limit,
            distance=distance,
            text=finding.text,
        )


def _moved(before: Sequence[Finding], after: Sequence[Finding]) -> Iterator[Finding]:
    """Findings with a value whose action is not that of the same rule before, or whose rule is gone."""
    old = {finding.rule_id: finding for finding in before}
    new = {finding.rule_id: finding for finding in after}
    for rule_id in dict.fromkeys((*new, *old)):
        actions = {side[rule_id].action if rule_id in side else "accept" for side in (old, new)}
        finding = new.get(rule_id) or old[rule_id]
        if len(actions) > 1 and finding.value is not None:
            yield finding


def _nearest_limit(finding: Finding) -> tuple[float, float]:
    """The limit of the rule that the value is nearest to, and how near."""
    assert finding.value is not None
    bands = finding.bands
    told = [finding.limit] if bands is None else [bands.pass_limit, bands.borderline_limit]
    limits = [limit for limit in told if limit is not None]
    limit = min(limits, key=lambda each: abs(each - finding.value))  # type: ignore[operator]
    return limit, abs(rounded(finding.value) - limit) / (abs(limit) or 1.0)
