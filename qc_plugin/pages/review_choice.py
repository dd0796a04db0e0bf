"""Which frames a person is asked about, how close each is to a limit, and what is written down about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from qc_plugin.pages.sheet_choice import fair_shares
from qc_plugin.pages.sheet_view import asset_name
from qc_plugin.report.text import plain_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qc_plugin.types import AssetReport, Decision, Finding, FrameRow

DECISIONS_SCHEMA = "qc.decisions/1"
_RANKED_SHARE = 3  # one frame in three may be a ranked one: calibration needs good ones as well


class JudgedValue(TypedDict):
    """One rule on one frame; names as in the `findings` of a report."""

    rule: str
    measure: str
    outcome: str
    value: float | None
    limit: float | None
    region_kind: str | None
    region_n: int | None


class DecisionRecord(TypedDict):
    """One line of `decisions.jsonl`, before a person has decided. The page adds `decision`."""

    schema: str
    asset_id: str
    asset_name: str
    judge_key: str
    rules_id: str
    frame_index: int
    pts_s: float
    suggested: str
    rules: list[JudgedValue]


def suggested(row: FrameRow) -> Decision:
    """What the rules say; of a still that was left out they said nothing, so a person does."""
    return "review" if row.judgement.excluded is not None else row.judgement.decision


def is_flagged(row: FrameRow) -> bool:
    """Whether a rule that leads to something speaks against this frame."""
    return any(f.out_of_limits and f.action != "accept" for f in row.judgement.findings)


def candidates(report: AssetReport) -> tuple[FrameRow, ...]:
    """Flagged frames, closest to a limit first, mixed with ranked ones, best first.

    An artwork is asked about in any case.
    """
    flagged = sorted((row for row in report.frames if is_flagged(row)), key=_by_closeness)
    ranked = [r for r in report.frames if r.rank.rank is not None and not is_flagged(r)]
    ranked.sort(key=lambda row: row.rank.rank or 0)
    found = _interleaved(flagged, ranked)
    return tuple(found) if found or report.asset.kind == "video" else report.frames


def shared(reports: Sequence[AssetReport], most: int) -> tuple[tuple[FrameRow, ...], ...]:
    """The frames shown of each report in order of time, at most `most` in all, shared fairly among assets."""
    found = [candidates(report) for report in reports]
    sizes = fair_shares([len(rows) for rows in found], most)
    return tuple(
        tuple(sorted(rows[:size], key=lambda row: row.score.frame_index))
        for rows, size in zip(found, sizes, strict=True)
    )


def margin(finding: Finding) -> tuple[float, float] | None:
    """(distance to the nearest limit as a share of that limit, the limit); None without value or limit.

    A share of the limit, so that measures in different units can be sorted together.
    """
    if finding.value is None or finding.bands is None or finding.outcome == "skip":
        return None
    bands, value = finding.bands, finding.value
    limits = [limit for limit in (bands.pass_limit, bands.borderline_limit) if limit is not None]
    return min((abs(value - limit) / (abs(limit) or 1.0), limit) for limit in limits)


def closest(row: FrameRow) -> tuple[float, float, Finding] | None:
    """The closest call of a frame among the rules that lead to something: (share, limit, finding)."""
    calls = [
        (*found, finding)
        for finding in row.judgement.findings
        if finding.severity != "info" and (found := margin(finding)) is not None
    ]
    return min(calls, key=lambda call: call[:2], default=None)


def record_of(report: AssetReport, row: FrameRow) -> DecisionRecord:
    """What is known about a frame before a person decides; values as stored, so that they compare."""
    return DecisionRecord(
        schema=DECISIONS_SCHEMA,
        asset_id=plain_text(report.asset.id),
        asset_name=asset_name(report),
        judge_key=report.provenance.judge_key,
        rules_id=report.provenance.rules_id,
        frame_index=row.score.frame_index,
        pts_s=row.score.pts_s,
        suggested=suggested(row),
        rules=[_judged(finding) for finding in row.judgement.findings],
    )


def _judged(finding: Finding) -> JudgedValue:
    return JudgedValue(
        rule=finding.rule_id,
        measure=finding.measure,
        outcome=finding.outcome,
        value=finding.value,
        limit=finding.limit,
        region_kind=finding.region_kind,
        region_n=finding.region_n,
    )


def _by_closeness(row: FrameRow) -> tuple[float, int]:
    call = closest(row)
    return (call[0] if call else float("inf")), row.score.frame_index


def _interleaved(flagged: list[FrameRow], ranked: list[FrameRow]) -> list[FrameRow]:
    """Two flagged frames, then a ranked one, so that any prefix holds both."""
    mixed: list[FrameRow] = []
    step = _RANKED_SHARE - 1
    for i in range(max((len(flagged) + step - 1) // step, len(ranked))):
        mixed += flagged[i * step : (i + 1) * step]
        mixed += ranked[i : i + 1]
    return mixed
