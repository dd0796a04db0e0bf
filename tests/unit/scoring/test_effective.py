"""The set as it holds: same decisions, each line with its place; and what two sets do differently."""

import pytest
import yaml

from qc_plugin.rulesets.diff import rule_diff
from qc_plugin.rulesets.effective import effective, effective_lines
from qc_plugin.rulesets.ruleset import load_rules, shipped_rule_sets
from qc_plugin.rulesets.yaml_source import read_source

HOUSE = """schema: 1
id: house
title: "Our house: stricter"
extends: [default]
params:
  face_blur_bad: 0.25
  sharp_face_blur: 0.15
"""
DRAMA = """schema: 1
id: drama
title: Drama
applies_to: {asset: [video], genre: [drama]}
extends: [house]
override:
  exposure: {severity: info, then: {borderline: accept, fail: accept}}
exclude:
  - {id: dark, when: {luma_p90: {below: 0.02}}}
"""
HAMLET = """schema: 1
id: hamlet
title: Hamlet
extends: [drama]
params: {face_blur_ok: 0.01}
disable: [black-bars]
verdict: {review_if: {best_available: {below: 3}}}
tests:
  - {name: dark castle, given: {frame: {luma_p90: 0.05}}, expect: {decision: accept}}
"""


@pytest.fixture
def hamlet(tmp_path):
    for name, text in (("house", HOUSE), ("drama", DRAMA), ("hamlet", HAMLET)):
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    return tmp_path / "hamlet.yaml"


@pytest.mark.parametrize("name", shipped_rule_sets())
def test_it_decides_as_the_set_does(tmp_path, name):
    rules = load_rules(name)
    copy = tmp_path / f"{name}.yaml"
    copy.write_text(effective(rules.path), encoding="utf-8")
    assert load_rules(copy).sha256 == rules.sha256


def test_a_title_over_a_genre_over_the_house_decides_the_same(hamlet, tmp_path):
    copy = tmp_path / "copy.yaml"
    copy.write_text(effective(hamlet), encoding="utf-8")
    again = load_rules(copy)
    assert again.sha256 == load_rules(hamlet).sha256
    assert "extends" not in yaml.safe_load(copy.read_text(encoding="utf-8"))
    assert again.tests == ()


def _origin(lines, text):
    return next(line.origin for line in lines if line.text.strip().startswith(text))


def test_each_line_says_where_it_comes_from(hamlet):
    lines = effective_lines(hamlet)
    folder = hamlet.parent
    assert _origin(lines, "title: Hamlet") == f"{hamlet}:3"
    assert _origin(lines, "sharp_face_blur: 0.15") == f"{folder}/house.yaml:7"
    assert _origin(lines, "evidence_needed:").startswith("shipped default.yaml:")
    assert _origin(lines, "best_available: {below: 3}") == f"{hamlet}:7"
    assert _origin(lines, "luma_p90: {below: 0.02}") == f"{folder}/drama.yaml:9"
    patched = [line.origin for line in lines if line.text == "    severity: info"]
    assert patched == [f"{folder}/drama.yaml:7"]
    assert not any("black-bars" in line.text for line in lines)


def test_a_number_of_params_names_its_use_and_its_value(hamlet):
    lines = effective_lines(hamlet)
    use, value = _origin(lines, "pass: {at_most: 0.01}").split(", ")
    assert use.startswith("shipped default.yaml:")
    assert value == f"face_blur_ok: {hamlet}:5"
    assert _origin(lines, "borderline: {at_most: 0.25}").endswith(
        f"face_blur_bad: {hamlet.parent}/house.yaml:6"
    )


@pytest.mark.parametrize("name", shipped_rule_sets())
def test_a_line_named_holds_what_is_told(name):
    """Whoever goes to the place finds the key there."""
    sources = {}
    for line in effective_lines(load_rules(name).path):
        place = line.origin.split(", ")[0].removeprefix("shipped ")
        file, number = place.rsplit(":", 1)
        source = sources.setdefault(
            file, load_rules(file.removesuffix(".yaml")).path.read_text().splitlines()
        )
        key = line.text.strip().removeprefix("- ").split(":")[0]
        assert key in source[int(number) - 1]


def test_no_difference_between_a_set_and_its_resolved_text(tmp_path):
    rules = load_rules("thumbnail-candidates")
    copy = tmp_path / "other-name.yaml"
    copy.write_text(
        "# the same\n" + rules.text.replace("id: thumbnail", "id: copy-thumbnail"), encoding="utf-8"
    )
    assert rule_diff(rules, load_rules(copy)) == []


def test_differences_are_told_by_key_with_the_place_of_the_newer_value(hamlet):
    found = {each.where: each for each in rule_diff(load_rules("default"), load_rules(hamlet))}
    assert (
        found["rules.face-motion-blur.pass.at_most"].before,
        found["rules.face-motion-blur.pass.at_most"].after,
        found["rules.face-motion-blur.pass.at_most"].origin,
    ) == (0.12, 0.01, f"{hamlet}:5")
    gone = found["rules.black-bars"]
    assert gone.after is None
    assert gone.before["measure"] == "bar_fraction"
    assert gone.origin.startswith("shipped default.yaml:")
    assert found["exclude.dark.when.luma_p90.below"].after == 0.02
    assert found["params.sharp_face_blur"].after == 0.15
    assert found["verdict.review_if.best_available.below"].after == 3
    assert not any(where.startswith(("title", "id", "tests")) for where in found)


def test_the_other_way_round_is_the_mirror(hamlet):
    there = rule_diff(load_rules("default"), load_rules(hamlet))
    back = rule_diff(load_rules(hamlet), load_rules("default"))
    assert {(d.where, str(d.before), str(d.after)) for d in there} == {
        (d.where, str(d.after), str(d.before)) for d in back
    }


def test_yaml_that_needs_quotes_stays_what_it_is(hamlet):
    hamlet.write_text(
        hamlet.read_text(encoding="utf-8").replace("title: Hamlet", 'title: "on: 16:9 # no {comment}"'),
        encoding="utf-8",
    )
    copy = hamlet.with_name("copy.yaml")
    copy.write_text(effective(hamlet), encoding="utf-8")
    assert read_source(copy).data["title"] == "on: 16:9 # no {comment}"
    assert load_rules(copy).sha256 == load_rules(hamlet).sha256
