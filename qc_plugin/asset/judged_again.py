"""Stored measures under other rules: no picture is looked at."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qc_plugin.asset.identity import judge_key
from qc_plugin.scoring.asset_findings import INCOMPLETE, read_in_part

if TYPE_CHECKING:
    from qc_plugin.rulesets.ruleset import RuleSet
    from qc_plugin.types import AssetReport


def judge_again(report: AssetReport, rules: RuleSet) -> AssetReport:
    """`report` as these rules see it, under their judge key and its own measure key.

    An asset that could not be checked stays in error: rules cannot mend it.
    """
    from qc_plugin.pipeline.judge import judge_scores

    origin = replace(
        report.provenance,
        rules_id=rules.id,
        rules_sha256=rules.sha256,
        judge_key=judge_key(report.provenance.measure_key, rules.sha256),
    )
    carried = replace(report, provenance=origin, rules_text=rules.text)
    if report.verdict == "error" or report.media is None:
        return carried
    size_px = report.media.width_px, report.media.height_px
    judged = judge_scores(
        [row.score for row in report.frames], rules, size_px=size_px, incomplete=_why_incomplete(report)
    )
    return replace(
        carried,
        verdict=judged.verdict,
        frames=judged.frames,
        findings=judged.findings,
        funnel=judged.funnel,
        coverage=replace(report.coverage, rules_skipped=judged.rules_skipped),
    )


def _why_incomplete(report: AssetReport) -> str:
    """Why `report` is of a part only, as it says itself; older ones do not say it. "" for the whole."""
    told = next((f.text for f in report.findings if f.rule_id == INCOMPLETE), "")
    if told or not report.incomplete:
        return told
    return read_in_part(report.coverage.duration_s, report.coverage.decoded_s)
