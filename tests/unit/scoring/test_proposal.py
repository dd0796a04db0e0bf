"""A proposal is a piece of a rule file that does what was tried."""

import pytest
import yaml

from qc_plugin.errors import RuleError
from qc_plugin.rulesets.proposal import is_upper, proposal_yaml, rule_named, with_limits
from qc_plugin.rulesets.ruleset import load_rules


def _extended(tmp_path, rules, block):
    path = tmp_path / "tried.yaml"
    path.write_text(f"schema: 1\nid: tried\ntitle: Tried\nextends: [{rules}]\n{block}", encoding="utf-8")
    return load_rules(path)


@pytest.mark.parametrize(
    ("rule_id", "limits"),
    [
        ("face-motion-blur", {"pass": 0.07, "borderline": 0.21}),  # both are params
        ("hand-motion-blur", {"pass": 0.44}),
        ("frame-motion-blur", {"pass": 0.33, "borderline": 0.44}),  # both are written out
        ("face-blur-strength", {"pass": 0.61}),
    ],
)
def test_put_into_a_file_it_does_what_was_tried(tmp_path, rule_id, limits):
    rules = load_rules("default")
    tried = with_limits(rules, rule_id, limits)
    block = proposal_yaml(rule_named(rules, rule_id), limits, rules.path)
    written = _extended(tmp_path, "default", block)
    assert rule_named(written, rule_id) == rule_named(tried, rule_id)
    others = {r.id: r for r in rules.rules if r.id != rule_id}
    assert {r.id: r for r in written.rules if r.id != rule_id} == others


def test_limits_that_are_params_are_proposed_as_params():
    rules = load_rules("default")
    limits = {"pass": 0.07, "borderline": 0.21}
    block = proposal_yaml(rule_named(rules, "face-motion-blur"), limits, rules.path)
    assert yaml.safe_load(block) == {"params": {"face_blur_ok": 0.07, "face_blur_bad": 0.21}}


def test_without_a_file_or_with_a_shared_param_it_is_an_override(tmp_path):
    rules = load_rules("default")
    rule = rule_named(rules, "hand-motion-blur")
    override = {"override": {"hand-motion-blur": {"pass": {"at_most": 0.4}}}}
    assert yaml.safe_load(proposal_yaml(rule, {"pass": 0.4}, None)) == override
    shared = tmp_path / "shared.yaml"
    shared.write_text(
        "schema: 1\nid: shared\ntitle: Shared\nparams: {ok: 0.1}\nrules:\n"
        '- {id: hand-motion-blur, region: {kind: hand}, measure: blur_coverage, pass: {at_most: "${ok}"}}\n'
        '- {id: other, measure: blur_coverage, pass: {at_most: "${ok}"}}\n'
    )
    assert yaml.safe_load(proposal_yaml(rule, {"pass": 0.4}, shared)) == override


def test_lower_bounds_stay_lower_bounds(tmp_path):
    path = tmp_path / "sharp.yaml"
    path.write_text(
        "schema: 1\nid: sharp\ntitle: Sharp\nrules:\n"
        "- {id: soft, measure: sharpness, pass: {at_least: 0.3}, borderline: {at_least: 0.1}}\n"
    )
    rules = load_rules(path)
    assert not is_upper(rule_named(rules, "soft"))
    limits = {"pass": 0.5, "borderline": 0.2}
    tried = rule_named(with_limits(rules, "soft", limits), "soft")
    assert (tried.pass_.at_least, tried.borderline.at_least) == (0.5, 0.2)
    written = _extended(tmp_path, "sharp", proposal_yaml(rule_named(rules, "soft"), limits, path))
    assert rule_named(written, "soft") == tried


def test_an_unknown_rule_names_the_nearest():
    with pytest.raises(RuleError, match="no rule `face-blur`; did you mean `face-motion-blur`"):
        rule_named(load_rules("default"), "face-blur")
