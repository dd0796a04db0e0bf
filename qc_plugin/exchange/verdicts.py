"""What rules said about an asset, for systems that collect checks: JUnit, OpenLineage, EBU's manner."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from qc_plugin import __version__
from qc_plugin.exchange.xml_text import child, document
from qc_plugin.report.text import plain_text, without_secrets
from qc_plugin.types import OUTCOME_ORDER, Finding, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from qc_plugin.types import AssetReport

_PRODUCER = f"urn:qc-plugin:{__version__}"
_LINEAGE = "https://openlineage.io/spec"
# Our own name space: EBU's has no item for blur, and its schema is not published for others to claim.
_QC_SPACE = "urn:qc-plugin:qc-report:1"


@dataclass(frozen=True, slots=True)
class RuleResult:
    """The worst a rule said anywhere in an asset, and where."""

    rule: str
    outcome: Outcome
    severity: str
    measure: str
    findings: tuple[Finding, ...]  # those with that outcome, in order of time

    @property
    def failed(self) -> bool:
        """A rule that only informs cannot fail an asset."""
        return self.outcome == "fail" and self.severity != "info"


def rule_results(report: AssetReport) -> list[RuleResult]:
    """One result a rule, in the order of the report."""
    by_rule: dict[str, list[Finding]] = {}
    for finding in _findings(report):
        by_rule.setdefault(finding.rule_id, []).append(finding)
    results = []
    for rule, findings in by_rule.items():
        worst = max((f.outcome for f in findings), key=OUTCOME_ORDER.index)
        same = tuple(f for f in findings if f.outcome == worst)
        results.append(RuleResult(rule, worst, same[0].severity, same[0].measure, same))
    return results


def _findings(report: AssetReport) -> Iterable[Finding]:
    """Of the asset, and of each frame; an excluded frame is never judged."""
    yield from (f for row in report.frames if row.judgement.excluded is None for f in row.judgement.findings)
    yield from report.findings


def write_junit(report: AssetReport) -> str:
    """One test case a rule, so that CI servers show rules like tests. Decimal seconds say where it failed."""
    results, name = rule_results(report), without_secrets(report.asset.path)
    failed = sum(r.failed for r in results)
    skipped = sum(r.outcome == "skip" for r in results)
    errors = int(report.verdict == "error")
    counts = {"tests": len(results) + 1, "failures": failed, "errors": errors, "skipped": skipped}
    root = ET.Element("testsuites", {k: str(v) for k, v in counts.items()})
    suite = child(root, "testsuite", name=name, **counts)
    properties = child(suite, "properties")
    for key, value in _facts(report).items():
        child(properties, "property", name=key, value=value)
    case = child(suite, "testcase", classname="asset", name="can be checked")
    if report.verdict == "error":
        child(case, "error", report.error, message=report.error, type=report.error_class)
    for result in results:
        _junit_case(suite, result, report.provenance.rules_id)
    return document(root)


def _junit_case(suite: ET.Element, result: RuleResult, rules_id: str) -> None:
    case = child(suite, "testcase", classname=rules_id, name=result.rule)
    lines = "\n".join(_line(finding) for finding in result.findings[:100])
    if result.failed:
        child(case, "failure", lines, message=result.findings[0].text, type=result.severity)
    elif result.outcome == "skip":
        child(case, "skipped", message=result.findings[0].text)
    elif result.outcome != "pass":
        child(case, "system-out", lines)


def write_openlineage(report: AssetReport, path: Path, *, now: datetime | None = None) -> str:
    """A run event with one data-quality assertion a rule, of the time when the report at `path` was written.

    The run id follows from the report, so that an event that is sent twice is one run.
    """
    then = datetime.fromtimestamp(path.stat().st_mtime, UTC) if now is None else now
    facet = {
        "_producer": _PRODUCER,
        "_schemaURL": f"{_LINEAGE}/facets/1-0-1/DataQualityAssertionsDatasetFacet.json",
        "assertions": [_assertion(result) for result in rule_results(report) if result.outcome != "skip"],
    }
    run_id = uuid.uuid5(uuid.NAMESPACE_URL, f"{report.asset.id}/{report.provenance.judge_key}")
    failure = {
        "errorMessage": {
            "_producer": _PRODUCER,
            "_schemaURL": f"{_LINEAGE}/facets/1-0-1/ErrorMessageRunFacet.json",
            "message": report.error,
            "programmingLanguage": "Python",
        }
    }
    broken = report.verdict == "error"
    event: dict[str, Any] = {
        "eventType": "FAIL" if broken else "COMPLETE",
        "eventTime": then.isoformat(),
        "producer": _PRODUCER,
        "schemaURL": f"{_LINEAGE}/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": str(run_id), "facets": failure if broken else {}},
        "job": {"namespace": "qc-plugin", "name": f"check.{report.provenance.rules_id}"},
        "inputs": [_dataset(report.asset.path, {"inputFacets": {"dataQualityAssertions": facet}})],
        "outputs": [_dataset(str(path), {})],
    }
    return json.dumps(event, indent=1) + "\n"


def _assertion(result: RuleResult) -> dict[str, Any]:
    severity = "error" if result.severity == "error" else "warn"
    return {
        "assertion": result.rule,
        "success": not result.failed,
        "column": result.measure,
        "severity": severity,
    }


def _dataset(uri: str, facets: dict[str, Any]) -> dict[str, Any]:
    """Named as OpenLineage names files and objects: the store, and the path in it."""
    clean = without_secrets(uri)
    if "://" in clean:
        scheme, rest = clean.split("://", 1)
        store, _, name = rest.partition("/")
        return {"namespace": f"{scheme}://{store}", "name": name or "/", **facets}
    return {"namespace": "file", "name": plain_text(clean), **facets}


def write_ebu(report: AssetReport) -> str:
    """A QC report in the manner of EBU QC: items that were checked, with measured values, limits and times.

    A rule's tags such as `ebu:0015B` name the EBU item; rules without one are ours alone.
    """
    root = ET.Element("QCReport", {"xmlns": _QC_SPACE, "version": "1"})
    subject = child(root, "Subject")
    child(
        subject, "Asset", without_secrets(report.asset.path), sha256=report.asset.id, kind=report.asset.kind
    )
    child(root, "Tool", "qc-plugin", version=__version__)
    profile = report.provenance
    child(root, "Profile", profile.rules_id, sha256=profile.rules_sha256)
    tags = _ebu_tags(report)
    overall = {"accept": "pass", "review": "review", "reject": "fail", "error": "error"}[report.verdict]
    result = child(root, "Result", status=overall, incomplete=str(report.incomplete).lower())
    if report.error:
        child(result, "Message", report.error)
    items = child(root, "Items")
    for each in rule_results(report):
        item = child(
            items, "Item", id=each.rule, ebuItem=tags.get(each.rule), type="check", status=each.outcome,
            severity=each.severity, measure=each.measure,
        )  # fmt: skip
        for finding in (f for f in each.findings if f.out_of_limits):
            child(
                item, "Occurrence", finding.text, start=f"{finding.start_s:.3f}", end=f"{finding.end_s:.3f}",
                frame=finding.frame_index, value=finding.value, limit=finding.limit,
            )  # fmt: skip
    return document(root)


def _ebu_tags(report: AssetReport) -> dict[str, str]:
    """Rule to EBU item, from the text of the rules in the report."""
    import yaml

    rules = (yaml.safe_load(report.rules_text) or {}).get("rules") or [] if report.rules_text else []
    tagged = {rule["id"]: [str(tag) for tag in rule.get("tags") or []] for rule in rules}
    return {
        rule: tag.removeprefix("ebu:")
        for rule, tags in tagged.items()
        for tag in tags
        if tag.startswith("ebu:")
    }


def _facts(report: AssetReport) -> dict[str, object]:
    return {
        "verdict": report.verdict,
        "incomplete": report.incomplete,
        "degraded": report.degraded,
        "rules": report.provenance.rules_id,
        "frames_scored": report.coverage.frames_scored,
        "plugin_version": report.provenance.plugin_version,
    }


def _line(finding: Finding) -> str:
    return f"{finding.start_s:.3f} s (frame {finding.frame_index}): {finding.text}"
