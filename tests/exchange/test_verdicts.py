"""JUnit, OpenLineage and the EBU-style report say what the report says."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from qc_plugin.exchange.verdicts import rule_results, write_ebu, write_junit, write_openlineage
from qc_plugin.report.read import read_report

NOW = datetime(2026, 9, 20, 12, 0, tzinfo=UTC)
LATER = datetime(2026, 9, 21, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def broken(error_path):
    return read_report(error_path)


def test_a_rule_is_as_bad_as_its_worst_frame(report):
    results = {r.rule: r for r in rule_results(report)}
    assert set(results) == {"face-motion-blur", "hand-motion-blur"}
    counted = {rule: set() for rule in results}
    for row in (row for row in report.frames if not row.judgement.excluded):
        for finding in row.judgement.findings:
            counted[finding.rule_id].add(finding.outcome)
    assert all("fail" in outcomes for outcomes in counted.values())
    assert all(r.outcome == "fail" and r.failed for r in results.values())
    only = replace(report, frames=report.frames[:4], findings=())  # the four dark ones, which are not judged
    assert rule_results(only) == []


def test_junit_counts_what_it_shows(report):
    root = ET.fromstring(write_junit(report))
    (suite,) = root.findall("testsuite")
    cases = suite.findall("testcase")
    assert int(suite.get("tests")) == len(cases) == 3
    assert int(suite.get("failures")) == len(suite.findall("testcase/failure")) == 2
    assert int(suite.get("errors")) == 0
    failure = suite.find("testcase[@name='face-motion-blur']/failure")
    assert "is motion-blurred, limit" in failure.get("message")
    assert " s (frame " in failure.text
    properties = {p.get("name"): p.get("value") for p in suite.iter("property")}
    assert properties["verdict"] == report.verdict
    assert "\x1b" not in write_junit(report)
    assert "<hands>" in suite.get("name")


def test_an_asset_in_error_is_a_junit_error(broken):
    root = ET.fromstring(write_junit(broken))
    assert root.get("errors") == "1"
    assert "no video stream" in root.find("testsuite/testcase/error").get("message")


def test_openlineage_has_an_assertion_a_rule(report):
    event = json.loads(write_openlineage(report, Path("/reports/a.parquet"), now=NOW))
    facet = event["inputs"][0]["inputFacets"]["dataQualityAssertions"]
    assert {a["assertion"]: a["success"] for a in facet["assertions"]} == {
        "face-motion-blur": False,
        "hand-motion-blur": False,
    }
    assert event["eventType"] == "COMPLETE"
    assert event["eventTime"] == "2026-09-20T12:00:00+00:00"
    assert event["outputs"][0]["name"] == "/reports/a.parquet"
    again = json.loads(write_openlineage(report, Path("/reports/a.parquet"), now=LATER))
    assert again["run"]["runId"] == event["run"]["runId"]


def test_openlineage_fails_with_a_reason_and_without_secrets(broken):
    asset = replace(broken.asset, path="s3://user:pw@bucket/a/b.mp4?X-Amz-Signature=abc")
    text = write_openlineage(replace(broken, asset=asset), Path("r.parquet"), now=NOW)
    event = json.loads(text)
    assert event["eventType"] == "FAIL"
    assert "no video stream" in event["run"]["facets"]["errorMessage"]["message"]
    assert (event["inputs"][0]["namespace"], event["inputs"][0]["name"]) == ("s3://bucket", "a/b.mp4")
    assert "Signature" not in text
    assert "pw" not in event["inputs"][0]["namespace"]


def test_the_ebu_style_report_has_items_times_and_tags(report):
    tagged = replace(report, rules_text="rules:\n- {id: face-motion-blur, tags: ['house:1', 'ebu:0015B']}\n")
    root = ET.fromstring(write_ebu(tagged))
    space = {"q": "urn:qc-plugin:qc-report:1"}
    assert root.find("q:Result", space).get("status") == "review"
    items = {i.get("id"): i for i in root.findall("q:Items/q:Item", space)}
    assert items["face-motion-blur"].get("ebuItem") == "0015B"
    assert items["hand-motion-blur"].get("ebuItem") is None
    first = items["face-motion-blur"].find("q:Occurrence", space)
    assert float(first.get("value")) > float(first.get("limit"))
    assert float(first.get("end")) >= float(first.get("start"))


def test_an_asset_in_error_is_an_ebu_error(broken):
    assert 'status="error"' in write_ebu(broken)
