"""Which frames and findings a sheet shows: enough to decide by, few enough to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qc_plugin.types.summary import is_of_asset, worst_first

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qc_plugin.types import AssetReport, Finding, FrameRow, RegionKind

MAX_PICKS = 20
MAX_CARDS = 24
_MAX_NOTES = 2  # cards of a rule that leads to nothing: worth knowing, not worth the room of others


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """Findings of one rule, worst first. `n_found` counts those that are not shown, too.

    `is_note`: the rule fails but leads to nothing (its action is accept).
    """

    rule_id: str
    outcome: str
    is_note: bool
    shown: tuple[Finding, ...]
    n_found: int


def picks(report: AssetReport, ratio: str | None = None) -> tuple[FrameRow, ...]:
    """The ranked frames, best first: of the whole frame, or of the crop to `ratio`."""
    placed = [(place, row) for row in report.frames if (place := place_of(row, ratio)) is not None]
    return tuple(row for _, row in sorted(placed, key=lambda pair: pair[0]))[:MAX_PICKS]


def place_of(row: FrameRow, ratio: str | None) -> int | None:
    """Rank of a frame for `ratio`; None when it has none, or no crop of that ratio."""
    if ratio is None:
        return row.rank.rank
    has_crop = any(crop.ratio == ratio for crop in row.rank.crops)
    return row.rank.rank_by_crop.get(ratio) if has_crop else None


def ratios(report: AssetReport) -> tuple[str, ...]:
    """Crop ratios that any frame is ranked for, widest first."""
    found = {ratio for row in report.frames for ratio in row.rank.rank_by_crop}
    return tuple(sorted((r for r in found if picks(report, r)), key=lambda r: (-_width_over_height(r), r)))


def finding_groups(report: AssetReport) -> tuple[FindingGroup, ...]:
    """Failed and borderline findings by rule, worst rule first, at most `MAX_CARDS` findings shown in all."""
    found: dict[str, list[Finding]] = {}
    for finding in worst_first(_findings(report)):
        found.setdefault(finding.rule_id, []).append(finding)
    notes = [findings[0].action == "accept" for findings in found.values()]
    sizes = [
        min(len(f), _MAX_NOTES if note else MAX_CARDS) for f, note in zip(found.values(), notes, strict=True)
    ]
    return tuple(
        FindingGroup(rule_id, findings[0].outcome, note, tuple(findings[:n]), len(findings))
        for (rule_id, findings), note, n in zip(
            found.items(), notes, fair_shares(sizes, MAX_CARDS), strict=True
        )
    )


def frame_of_finding(report: AssetReport, finding: Finding) -> FrameRow | None:
    """The frame a finding shows; None for one about the whole asset, such as "too few frames to rank"."""
    for row in report.frames:
        if row.score.frame_index == finding.frame_index:
            about_frames = any(f.rule_id == finding.rule_id for f in row.judgement.findings)
            return row if about_frames else None
    return None


def nearest_better(report: AssetReport, finding: Finding, row: FrameRow) -> FrameRow | None:
    """The nearest accepted frame on which this rule passes, in the same shot when there is one."""
    better = [other for other in report.frames if _is_better(other, finding.rule_id)]
    same_shot = [other for other in better if other.score.shot == row.score.shot]
    candidates = same_shot or better
    return min(candidates, key=lambda other: abs(other.score.pts_s - row.score.pts_s), default=None)


def region_key(finding: Finding) -> tuple[int, RegionKind, int] | None:
    """The region a finding speaks of, as `SheetImages.region_crops` names it."""
    if finding.region_kind is None or finding.region_n is None:
        return None
    return finding.frame_index, finding.region_kind, finding.region_n


def _findings(report: AssetReport) -> Iterable[Finding]:
    """What speaks for the asset, or for its frames where nothing does."""
    of_asset = [f for f in report.findings if is_of_asset(f)]
    joined = [f for f in report.findings if not is_of_asset(f)]
    return of_asset + (joined or [f for row in report.frames for f in row.judgement.findings])


def fair_shares(sizes: list[int], most: int) -> list[int]:
    """How many of each group to show, `most` in all, so that a noisy one does not crowd out the others."""
    shares, left = [0] * len(sizes), most
    while left and any(share < size for share, size in zip(shares, sizes, strict=True)):
        for i, size in enumerate(sizes):
            if left and shares[i] < size:
                shares[i] += 1
                left -= 1
    return shares


def _is_better(row: FrameRow, rule_id: str) -> bool:
    judgement = row.judgement
    bad = any(f.rule_id == rule_id and f.out_of_limits for f in judgement.findings)
    return judgement.decision == "accept" and judgement.excluded is None and not bad


def _width_over_height(ratio: str) -> float:
    width, _, height = ratio.partition(":")
    try:
        return float(width) / float(height)
    except (ValueError, ZeroDivisionError):
        return 0.0
