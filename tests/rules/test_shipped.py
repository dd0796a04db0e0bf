"""The rule sets that are shipped: clean, with tests that pass and that can fail."""

from dataclasses import replace

import pytest

from qc_plugin.resources import shipped
from qc_plugin.rulesets.lint import lint
from qc_plugin.rulesets.ruleset import AssetFacts, RuleSet, applies, load_rules, shipped_rule_sets
from qc_plugin.rulesets.tests import run_tests

NAMES = shipped_rule_sets()
CASES = [
    pytest.param(name, i, id=f"{name}: {t.name}")
    for name in NAMES
    for i, t in enumerate(load_rules(name).tests)
]


def test_these_are_shipped():
    assert NAMES == ["artwork", "default", "strict", "thumbnail-candidates"]


@pytest.mark.parametrize("name", NAMES)
def test_a_set_is_clean_and_named_like_its_file(name):
    assert lint(shipped("rules", f"{name}.yaml")) == []
    assert load_rules(name).id == name


@pytest.mark.parametrize(("name", "i"), CASES)
def test_a_case_of_a_set(name, i):
    result = run_tests(load_rules(name))[i]
    assert result.passed, result.message


@pytest.mark.parametrize("name", NAMES)
def test_a_set_tests_every_kind_of_outcome(name):
    rules = load_rules(name)
    assert len(rules.tests) >= 6
    outcomes = {outcome for test in rules.tests for outcome in test.expect.rules.values()}
    assert {"pass", "fail", "skip"} <= outcomes
    assert "borderline" in outcomes or not any(rule.borderline for rule in rules.rules)
    assert any(test.expect.excluded for test in rules.tests) or not rules.exclude


def _bent(rules: RuleSet, **patch: object) -> RuleSet:
    """The rule set with every rule patched."""
    bent = tuple(rule.model_copy(update=patch) for rule in rules.rules)
    return replace(rules, resolved=rules.resolved.model_copy(update={"rules": bent}))


@pytest.mark.parametrize("name", NAMES)
def test_the_cases_notice_rules_that_judge_nothing(name):
    rules = load_rules(name)
    blind = _bent(rules, needs=("an-engine-that-is-not-there",))
    assert any(not result.passed for result in run_tests(blind))


MOVABLE = [
    pytest.param(name, rule.id, id=f"{name}: {rule.id}")
    for name in NAMES
    for rule in load_rules(name).rules
    if rule.then.fail != "accept" and load_rules(name).origins[rule.id].stem == name
]


@pytest.mark.parametrize(("name", "rule_id"), MOVABLE)
def test_the_cases_notice_a_limit_that_is_gone(name, rule_id):
    """A rule that sends frames away, and stands or is patched in this set, must have a case that needs it."""
    rules = load_rules(name)
    bands = {}
    for rule in rules.rules:
        wide = {"at_most": 9.0} if rule.pass_.at_most is not None else {"at_least": -9.0}
        bands[rule.id] = rule.pass_.model_copy(update=wide if rule.id == rule_id else {})
    moved = tuple(rule.model_copy(update={"pass_": bands[rule.id]}) for rule in rules.rules)
    bent = replace(rules, resolved=rules.resolved.model_copy(update={"rules": moved}))
    assert any(not result.passed for result in run_tests(bent))


def test_a_failing_case_says_what_differs(tmp_path):
    path = tmp_path / "house.yaml"
    path.write_text(
        "schema: 1\nid: house\ntitle: House\nexclude: [{id: dark, when: {luma_p90: {below: 0.1}}}]\n"
        "rules: [{id: a, measure: sharpness, pass: {at_least: 0.3}}]\n"
        "tests:\n"
        "  - {name: one, given: {frame: {sharpness: 0.1}}, expect: {decision: accept, rules: {a: pass}}}\n"
        "  - {name: two, given: {frame: {luma_p90: 0}}, expect: {rules: {a: skip}}}\n"
        "  - {name: three, given: {frame: {sharpness: 0.9}}, expect: {excluded: dark}}\n"
    )
    results = run_tests(load_rules(path))
    assert [(r.name, r.passed, r.message) for r in results] == [
        (
            "one",
            False,
            (
                "decision: expected accept, got review (a: frame: sharpness 0.10, at least 0.30 needed); "
                "a: expected pass, got fail (frame: sharpness 0.10, at least 0.30 needed)"
            ),
        ),
        ("two", False, "excluded: expected nothing, got dark; a: expected skip, but the frame is excluded"),
        ("three", False, "excluded: expected dark, got nothing"),
    ]


def test_who_the_sets_are_for():
    video, artwork = AssetFacts(kind="video"), AssetFacts(kind="artwork")
    assert {name for name in NAMES if applies(load_rules(name), video)} == {
        "default",
        "strict",
        "thumbnail-candidates",
    }
    assert {name for name in NAMES if applies(load_rules(name), artwork)} == {"artwork"}
    cartoon = AssetFacts(kind="video", content="animation")
    assert not applies(load_rules("thumbnail-candidates"), cartoon)


@pytest.mark.parametrize("name", NAMES)
def test_a_set_decides_for_the_whole_asset(name):
    """A video set must say when nothing good is left; for artwork the one frame decides."""
    rules = load_rules(name)
    if name != "artwork":
        assert "best_available" in rules.verdict.review_if
