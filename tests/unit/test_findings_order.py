"""One order from mild to bad, wherever findings are told: outcomes, sheets, review pages, hosts."""

import random
from dataclasses import replace

from qc_plugin.types import Finding
from qc_plugin.types.summary import worst_first
from qc_plugin.types.words import SEVERITY_ORDER

MILD = Finding(
    rule_id="a", outcome="fail", severity="warning", action="review", measure="sharpness", text="-",
    value=0.5, limit=0.4,
)  # fmt: skip


def test_worst_first_is_by_action_severity_outcome_and_distance():
    expected = [
        replace(MILD, rule_id="rejects", action="reject", severity="error"),
        replace(MILD, rule_id="error", severity="error", outcome="borderline"),
        replace(MILD, rule_id="far", value=0.9),
        replace(MILD, rule_id="near"),
        replace(MILD, rule_id="borderline", outcome="borderline", value=0.9),
        replace(MILD, rule_id="note", severity="info", action="accept"),
    ]
    silent = [replace(MILD, outcome=outcome, action="accept") for outcome in ("pass", "skip")]
    mixed = [*silent, *expected]
    random.Random(0).shuffle(mixed)
    assert [finding.rule_id for finding in worst_first(mixed)] == [each.rule_id for each in expected]


def test_what_a_finding_says_of_its_limit():
    assert [replace(MILD, outcome=o).out_of_limits for o in ("skip", "pass", "borderline", "fail")] == [
        False, False, True, True,
    ]  # fmt: skip
    assert replace(MILD, value=0.25, limit=0.5).beyond == 0.25
    assert replace(MILD, value=None).beyond == 0.4
    assert SEVERITY_ORDER == ("info", "warning", "error")
