# ruff: noqa: E501 - a case reads best on one line
"""Loading: every wrong word is named with file, line, column and the repair."""

import json
import re
from pathlib import Path

import pytest
import yaml

from qc_plugin.errors import RuleError
from qc_plugin.rulesets.lint import lint
from qc_plugin.rulesets.ruleset import (
    AssetFacts,
    applies,
    choose_rules,
    json_schema,
    load_rules,
    shipped_rule_sets,
)
from tests.unit.scoring.made_up import HEAD, rules_of

RULE = "rules:\n  - {id: a, measure: sharpness, pass: {at_least: 0.3}}\n"


def _write(tmp_path: Path, body: str, name: str = "house") -> Path:
    path = tmp_path / f"{name}.yaml"
    path.write_text(HEAD.replace("house", name) + body, encoding="utf-8")
    return path


# (what follows the three lines of head, with § before the place of the fault; the sentence)
FAULTS = [
    (
        "rules: [{id: a, measure: §blur_cover, pass: {at_most: 0.1}}]",
        "unknown measure `blur_cover`; did you mean `blur_coverage`?",
    ),
    ("§rulez: []", "unknown key `rulez`; did you mean `rules`?"),
    (
        "rules:\n  - {id: a, §mesure: sharpness, measure: sharpness, pass: {at_least: 0.3}}",
        "unknown key `mesure`; did you mean `measure`?",
    ),
    ("rules:\n  - §{id: a, pass: {at_least: 0.3}}", "`measure` is missing; add `measure:`"),
    (
        "regions: {big: {kind: face, §min_heigth: 0.2}}",
        "unknown key `min_heigth`; did you mean `min_height`?",
    ),
    (
        "rules: [{id: a, region: §main_fce, measure: sharpness, pass: {at_least: 0.3}}]\nregions: {main_face: {kind: face}}",
        "unknown region `main_fce`; did you mean `main_face`?",
    ),
    (
        "rules: [{id: a, region: {kind: §foot}, measure: sharpness, pass: {at_least: 0.3}}]",
        "unknown word `foot` for `kind`",
    ),
    (
        "rules: [{id: a, measure: sharpness, pass: {at_least: 0.3}, severity: §eror}]",
        "unknown word `eror` for `severity`; did you mean `error`?",
    ),
    (
        "rules: [{id: a, measure: sharpness, pass: {at_least: §'0.3'}}]",
        "`at_least`: input should be a valid number",
    ),
    (
        "rules: [{id: a, measure: sharpness, pass: {at_least: §true}}]",
        "`at_least`: input should be a valid number",
    ),
    (
        "rules: [{id: a, measure: sharpness, §pass: {}}]",
        "`pass` takes exactly one of `at_most` or `at_least`",
    ),
    (
        "rules: [{id: a, measure: sharpness, §pass: {at_most: 0.2, at_least: 0.1}}]",
        "`pass` takes exactly one of `at_most` or `at_least`",
    ),
    (
        "rules: [{id: a, measure: blur_coverage, §pass: {at_least: 0.2}}]",
        "higher `blur_coverage` is worse; write at_most",
    ),
    (
        "rules: [{id: a, measure: sharpness, §pass: {at_most: 0.2}}]",
        "lower `sharpness` is worse; write at_least",
    ),
    (
        "rules: [{id: a, measure: blur_coverage, pass: {at_most: §15}}]",
        "15 is outside the range 0..1 of `blur_coverage`; did you mean 0.15?",
    ),
    (
        "rules: [{id: a, measure: blur_coverage, pass: {at_most: 0.2}, §borderline: {at_most: 0.1}}]",
        "nothing can be borderline",
    ),
    (
        "rules: [{id: a, measure: luma_mean, pass: {at_most: 0.2}, §borderline: {at_least: 0.1}}]",
        "`pass` and `borderline` are bounds of different directions",
    ),
    (
        "rules: [{id: a, measure: §height, pass: {at_most: 0.2}}]",
        "`height` is measured on regions, not on the frame; name a `region`",
    ),
    (
        "rules: [{id: a, region: {kind: face}, measure: §comb_ratio, pass: {at_most: 0.2}}]",
        "`comb_ratio` is measured on the frame only; write region: frame",
    ),
    (
        "rules: [{id: a, measure: sharpness, unless_found: [§main_face], pass: {at_least: 0.3}}]",
        "unknown region `main_face`",
    ),
    (
        "rules: [{id: a, measure: sharpness, reduce: §max, pass: {at_least: 0.3}}]",
        "`reduce` needs several values",
    ),
    (
        "rules: [{id: a, measure: sharpness, pass: {at_least: 0.3}, then: {fail: §reject}}]",
        "only severity `error` may reject, this rule is `warning`; write severity: error",
    ),
    (
        "rules: [{id: a, measure: sharpness, pass: {at_least: 0.3}, borderline: {at_least: 0.1}, §then: {fail: accept}}]",
        "a worse outcome has a milder action (pass: accept, borderline: review, fail: accept)",
    ),
    (
        'rules: [{id: a, measure: sharpness, pass: {at_least: 0.3}, message: §"{value.real}"}]',
        "message names `{value.real}`; it may name {value}, {limit}",
    ),
    (
        'rules: [{id: a, measure: sharpness, pass: {at_least: 0.3}, message: §"face {n}"}]',
        "message names `{n}`, but this rule does not speak of one region",
    ),
    (
        'rules: [{id: a, measure: sharpness, pass: {at_least: 0.3}, message: §"{value:>99}"}]',
        "message formats `{value}` in an unknown way",
    ),
    (
        'rules: [{id: a, measure: sharpness, pass: {at_least: 0.3}, message: §"{value"}]',
        "message cannot be read",
    ),
    (
        "rules:\n  - {id: a, measure: sharpness, pass: {at_least: 0.3}}\n  - §{id: a, measure: sharpness, pass: {at_least: 0.2}}",
        "id `a` appears twice in `rules`; rename one",
    ),
    (
        "exclude: [{id: dark, when: {§luma_p9: {below: 0.1}}}]",
        "unknown measure `luma_p9`; did you mean `luma_p90`?",
    ),
    ("exclude: [{id: dark, when: {§height: {below: 0.1}}}]", "`height` is measured on regions"),
    ("exclude: [{id: dark, when: {luma_p90: {below: §8}}}]", "8 is outside the range 0..1 of `luma_p90`"),
    ("exclude: [{id: dark, §when: {}}]", "`when`:"),
    ("regions: {§frame: {kind: face}}", "`frame` means the whole frame; use another name"),
    ("rank: {score: {§face_sharp: 1}}", "unknown part `face_sharp`; did you mean `face_sharpness`?"),
    ("rank: {score: {exposure: §0}}", "`exposure`: input should be greater than 0"),
    ("rank: {crops: [§16:9]}", '`16:9` reads as 969 in YAML; write "16:9"'),
    ('rank: {crops: [§"4:3"]}', "unknown word `4:3`"),
    ("rank: {best: §0}", "`best`: input should be greater than or equal to 1"),
    ("rank: {best: §2.5}", "`best`: input should be a valid integer"),
    (
        "verdict: {reject_if: {§share_reject: {above: 0.5}}}",
        "unknown fact `share_reject`; did you mean `share_rejected`?",
    ),
    (
        "verdict: {reject_if: {share_rejected: {above: §40}}}",
        "40 is outside the range 0..1 of `share_rejected`; did you mean 0.4?",
    ),
    (
        "rules: [{id: a, measure: §share_rejected, pass: {at_most: 0.5}}]",
        "`share_rejected` is measured on the whole asset; name it under `verdict`",
    ),
    (
        "rules: [{id: a, measure: §share_reject, pass: {at_most: 0.5}}]",
        "unknown measure `share_reject`; known:",
    ),
    (
        "rules: [{id: a, region: {kind: face}, measure: sharpness, pass: {at_least: 0.3}, contradicted_by: {§count: {above: 1}}}]",
        "`count` is measured on a selection, not on regions; use a measure of regions",
    ),
    (
        "tests: [{name: x, given: {regions: [{kind: face, height: 0.2, §count: 2}]}, expect: {decision: accept}}]",
        "unknown measure `count` here",
    ),
    ("tests: [{name: x, given: {}, §expect: {}}]", "expects nothing; give `decision`, `excluded` or `rules`"),
    (
        "tests: [{name: x, given: {}, expect: {rules: {§b: pass}}}]\nrules:\n  - {id: a, measure: sharpness, pass: {at_least: 0.3}}\n",
        "unknown rule `b`; known: a",
    ),
    (
        "tests: [{name: x, given: {}, expect: {excluded: §darkness}}]\nexclude: [{id: dark, when: {luma_p90: {below: 0.1}}}]",
        "unknown exclude `darkness`; did you mean `dark`?",
    ),
    (
        "tests: [{name: x, given: {frame: {§height: 0.1}}, expect: {decision: accept}}]",
        "unknown measure `height` here",
    ),
    (
        "tests: [{name: x, given: {regions: [{kind: face, height: 0.2, §blur: 0.1}]}, expect: {decision: accept}}]",
        "unknown measure `blur` here",
    ),
    (
        "tests: [{name: x, given: {frame: {sharpness: §30}}, expect: {decision: accept}}]",
        "30 is outside the range 0..1 of `sharpness`; did you mean 0.3?",
    ),
    (
        'params: {ok: 0.1}\nrules:\n  - {id: b, measure: sharpness, pass: {at_least: "${ok}"}}\n  - {id: a, measure: sharpness, pass: {at_least: §"${okay}"}}',
        "unknown param `okay`; did you mean `ok`?",
    ),
    (
        'params: {ok: 0.1, §bad: 0.3}\nrules: [{id: a, measure: sharpness, pass: {at_least: "${ok}"}}]',
        "param `bad` is used by no rule",
    ),
    (
        'params: {ok: 0.1}\nrules:\n  - {id: b, measure: sharpness, pass: {at_least: "${ok}"}}\n  - {id: a, measure: sharpness, pass: {at_least: §"${ok} + 1"}}',
        "a param stands alone",
    ),
    ("params: {evidence_needed: §high}", "`evidence_needed`: input should be a valid number"),
    ("extends: [§defualt]", "no rule set `defualt` beside this file or shipped; did you mean `default`?"),
    ("extends: [§../default]", "no rule set `../default`"),
    ("§extends: default", "`extends` is a list of names; write extends: [name]"),
    ("disable: [§nothing]", "`disable` names `nothing`, which no parent has; known: none"),
    (
        "extends: [default]\ndisable: [§exposur]",
        "`disable` names `exposur`, which no parent has; did you mean `exposure`?",
    ),
    ("override: {§exposure: {severity: info}}", "`override` patches `exposure`, which no parent has"),
    (
        "extends: [default]\noverride: {exposure: {§sevrity: info}}",
        "unknown key `sevrity`; did you mean `severity`?",
    ),
    (
        "extends: [default]\noverride: {§exposure: {id: other}}",
        "the patch of `exposure` is a mapping without `id`",
    ),
    ("§override: [a]", "`override` maps rule ids to patches"),
    ("§rules: {a: 1}", "`rules` is a list; make it a list"),
    ("§params: [1]", "`params` is a mapping; make it a mapping"),
    ("applies_to: {asset: [§vidoe]}", "unknown word `vidoe`"),
    ("applies_to: {§widht: {at_least: 4}}", "unknown key `widht`; did you mean `width`?"),
]


@pytest.mark.parametrize(("body", "sentence"), FAULTS, ids=[f[1][:48] for f in FAULTS])
def test_a_fault_is_named_with_its_place_and_repair(tmp_path, body, sentence):
    before = (HEAD + body).split("§")[0]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    path = _write(tmp_path, body.replace("§", ""))
    problems = lint(path)
    assert [(p.line, p.column) for p in problems] == [(line, column)], [str(p) for p in problems]
    assert sentence in str(problems[0])
    with pytest.raises(RuleError, match=re.escape(f"{path}:{line}:{column}: ")) as caught:
        load_rules(path)
    assert sentence in str(caught.value)
    assert caught.value.exit_code == 2


def test_all_problems_at_once_in_the_order_of_the_lines(tmp_path):
    path = _write(
        tmp_path,
        "rulez: []\n"
        "rank: {crops: [16:9], bst: 3}\n"
        "rules:\n  - {id: a, measure: sharpnes, pass: {at_least: no}}\n  - {id: b, measur: x}\n",
    )
    assert [str(p).split(";")[0] for p in lint(path)] == [
        "4:1: unknown key `rulez`",
        "5:16: `16:9` reads as 969 in YAML",
        "5:23: unknown key `bst`",
        "7:49: `no` reads as false in YAML",
        "8:5: `measure` is missing",
        "8:5: `pass` is missing",
        "8:13: unknown key `measur`",
    ]
    with pytest.raises(RuleError, match=r"\(and \d+ more: `qc-plugin rules lint "):
        load_rules(path)


def test_what_every_file_needs(tmp_path):
    path = tmp_path / "house.yaml"
    path.write_text("rules: []\n")
    assert {p.message for p in lint(path)} == {"`schema` is missing", "`id` is missing", "`title` is missing"}
    path.write_text("schema: 2\nid: house\ntitle: x\n")
    assert [str(p) for p in lint(path)] == ["1:9: `schema`: input should be 1, got 2"]


def test_lint_of_a_file_that_is_not_there(tmp_path):
    assert "cannot be read" in lint(tmp_path / "none.yaml")[0].message


def test_lint_names_the_place_in_a_parent(tmp_path):
    _write(tmp_path, "rules: [{id: a, measure: blur_cover, pass: {at_most: 0.1}}]", "genre")
    child = _write(tmp_path, "extends: [genre]")
    (problem,) = lint(child)
    assert (problem.line, problem.column) == (4, 1)
    assert f"in {tmp_path}/genre.yaml:4:26: unknown measure `blur_cover`" in problem.message


def test_an_unknown_name_names_the_nearest():
    with pytest.raises(RuleError, match="no rule set `defualt`; did you mean `default`"):
        load_rules("defualt")


# --- inheritance -----------------------------------------------------------------------------------------


def test_parents_left_to_right_then_disable_then_override_then_own(tmp_path):
    one = "rules:\n  - {id: a, measure: sharpness, pass: {at_least: 0.1}}\n  - {id: b, measure: sharpness, pass: {at_least: 0.1}}\n"
    two = "rules:\n  - {id: b, measure: sharpness, pass: {at_least: 0.2}}\n  - {id: c, measure: sharpness, pass: {at_least: 0.2}}\n"
    _write(tmp_path, one, "one")
    _write(tmp_path, two, "two")
    rules = rules_of(
        tmp_path,
        "extends: [one, two]\ndisable: [a]\noverride: {c: {severity: info, title: patched}}\n"
        "rules: [{id: d, measure: sharpness, pass: {at_least: 0.4}}]\n",
    )
    assert [(r.id, r.pass_.at_least, r.severity) for r in rules.rules] == [
        ("b", 0.2, "warning"),
        ("c", 0.2, "info"),
        ("d", 0.4, "warning"),
    ]
    assert {name: path.stem for name, path in rules.origins.items() if name != "a"} == {
        "b": "two",
        "c": "house",
        "d": "house",
    }


def test_the_same_id_replaces_the_whole_rule(tmp_path):
    _write(tmp_path, "rules: [{id: a, measure: sharpness, pass: {at_least: 0.1}, severity: error}]", "genre")
    rules = rules_of(tmp_path, "extends: [genre]\nrules: [{id: a, measure: evidence, pass: {at_least: 0.2}}]")
    assert [(r.measure, r.severity) for r in rules.rules] == [("evidence", "warning")]


def test_a_child_overrides_one_number(tmp_path):
    _write(
        tmp_path,
        'params: {ok: 0.1}\nrules: [{id: a, measure: sharpness, pass: {at_least: "${ok}"}}]',
        "genre",
    )
    assert rules_of(tmp_path, "extends: [genre]\nparams: {ok: 0.7}").rules[0].pass_.at_least == 0.7


def test_blocks_are_patched_by_key(tmp_path):
    _write(
        tmp_path,
        "rank: {best: 7, score: {exposure: 1}}\nregions: {big: {kind: face}, small: {kind: hand}}",
        "genre",
    )
    rules = rules_of(
        tmp_path, "extends: [genre]\nrank: {score: {frame_sharpness: 2}}\nregions: {small: {kind: person}}"
    )
    assert rules.rank.best == 7
    assert rules.rank.score == {"frame_sharpness": 2}
    assert {name: s.kind for name, s in rules.regions.items()} == {"big": "face", "small": "person"}


def test_tests_and_applies_to_are_not_inherited(tmp_path):
    _write(
        tmp_path,
        "applies_to: {asset: [video]}\ntests: [{name: x, given: {}, expect: {decision: accept}}]",
        "genre",
    )
    rules = rules_of(tmp_path, "extends: [genre]")
    assert rules.tests == ()
    assert rules.resolved.applies_to is None


def test_beside_the_file_first_then_shipped(tmp_path):
    _write(tmp_path, "rules: [{id: mine, measure: sharpness, pass: {at_least: 0.1}}]", "default")
    assert [r.id for r in rules_of(tmp_path, "extends: [default]").rules] == ["mine"]


def test_a_file_that_extends_its_own_name_means_the_shipped_one(tmp_path):
    path = _write(tmp_path, "extends: [default]", "default")
    assert [r.id for r in load_rules(path).rules] == [r.id for r in load_rules("default").rules]


def test_a_circle_is_refused(tmp_path):
    _write(tmp_path, "extends: [house]", "genre")
    path = _write(tmp_path, "extends: [genre]")
    assert "extends itself in a circle" in lint(path)[0].message


def test_three_levels_and_no_more(tmp_path):
    _write(tmp_path, RULE, "l1")
    _write(tmp_path, "extends: [l1]", "l2")
    assert len(load_rules(_write(tmp_path, "extends: [l2]", "l3")).rules) == 1
    assert "level 4 of 3" in lint(_write(tmp_path, "extends: [l3]", "l4"))[0].message


def test_shipped_sets_lie_below_the_three_levels(tmp_path):
    _write(tmp_path, "extends: [thumbnail-candidates]\nparams: {face_blur_bad: 0.20}", "house")
    _write(tmp_path, "extends: [house]\noverride: {exposure: {severity: info}}", "drama")
    title = load_rules(
        _write(tmp_path, "extends: [drama]\nparams: {face_blur_ok: 0.01}\ndisable: [black-bars]", "hamlet")
    )
    rules = {rule.id: rule for rule in title.rules}
    assert (rules["face-motion-blur"].pass_.limit, rules["face-motion-blur"].borderline.limit) == (0.01, 0.20)
    assert rules["exposure"].severity == "info"
    assert "black-bars" not in rules


# --- identity --------------------------------------------------------------------------------------------


def test_comments_layout_and_tests_do_not_change_the_hash(tmp_path):
    plain = rules_of(tmp_path, RULE)
    commented = rules_of(
        tmp_path,
        "# why\nrules:\n- id: a   # here\n  pass:\n    at_least: 0.30\n  measure: sharpness\n"
        "tests: [{name: x, given: {}, expect: {decision: accept}}]\n",
    )
    assert plain.sha256 == commented.sha256
    assert len(plain.sha256) == 64


@pytest.mark.parametrize(
    "body",
    [
        RULE.replace("0.3", "0.31"),
        RULE.replace("id: a", "id: b"),
        RULE + "rank: {best: 3}\n",
        RULE + "params: {evidence_needed: 0.5}\n",
        RULE + "verdict: {review_if: {best_available: {below: 2}}}\n",
        RULE + "exclude: [{id: dark, when: {luma_p90: {below: 0.1}}}]\n",
    ],
)
def test_whatever_decides_changes_the_hash(tmp_path, body):
    assert rules_of(tmp_path, body, "other").sha256 != rules_of(tmp_path, RULE).sha256
    assert rules_of(tmp_path, body).sha256 != rules_of(tmp_path, RULE).sha256


@pytest.mark.parametrize("name", shipped_rule_sets())
def test_the_text_is_a_rule_file_that_decides_the_same(tmp_path, name):
    rules = load_rules(name)
    path = tmp_path / f"{name}.yaml"
    path.write_text(rules.text, encoding="utf-8")
    again = load_rules(path)
    assert again.sha256 == rules.sha256
    assert again.resolved.rules == rules.resolved.rules
    assert again.text == rules.text
    assert "extends" not in yaml.safe_load(rules.text)


def test_limits_of_measuring_come_from_params_and_else_from_default(tmp_path):
    default = load_rules("default").limits
    assert rules_of(tmp_path, RULE).limits == default
    mine = rules_of(tmp_path, "params: {evidence_needed: 0.44}\n" + RULE).limits
    assert mine.evidence_needed == 0.44
    assert mine.sharp_face_blur == default.sharp_face_blur


def test_rank_settings_of_a_command():
    rules = load_rules("thumbnail-candidates")
    asked = rules.with_rank(best=3, crops=["1:1"])
    assert (asked.rank.best, asked.rank.crops) == (3, ("1:1",))
    assert asked.rank.score == rules.rank.score
    assert asked.sha256 != rules.sha256
    assert rules.with_rank() == rules
    with pytest.raises(RuleError, match="16:9, 2:3, 1:1"):
        rules.with_rank(crops=["4:3"])
    with pytest.raises(RuleError, match=r"best: .*greater than or equal to 1, got 0"):
        rules.with_rank(best=0)


# --- selection by asset ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("applies_to", "facts", "fits"),
    [
        ("{}", AssetFacts(kind="video"), True),
        ("{asset: [video]}", AssetFacts(kind="artwork"), False),
        ("{genre: [drama]}", AssetFacts(kind="video"), False),
        ("{genre: [drama, news]}", AssetFacts(kind="video", genre="news"), True),
        ("{content: [animation]}", AssetFacts(kind="video", content="live-action"), False),
        ("{unless: {content: [animation]}}", AssetFacts(kind="video", content="animation"), False),
        ("{unless: {content: [animation]}}", AssetFacts(kind="video"), True),
        ("{width: {at_least: 1280}}", AssetFacts(kind="video", width_px=1280), True),
        ("{width: {at_least: 1280}}", AssetFacts(kind="video", width_px=1279), False),
        ("{width: {at_most: 720}}", AssetFacts(kind="video", width_px=721), False),
        ("{width: {at_most: 720}}", AssetFacts(kind="video"), False),
    ],
)
def test_applies_to(tmp_path, applies_to, facts, fits):
    assert applies(rules_of(tmp_path, f"applies_to: {applies_to}"), facts) is fits


def test_the_most_specific_set_wins_and_a_tie_names_both(tmp_path):
    house = rules_of(tmp_path, "", "house")
    video = rules_of(tmp_path, "applies_to: {asset: [video]}", "video")
    drama = rules_of(tmp_path, "applies_to: {asset: [video], genre: [drama]}", "drama")
    other = rules_of(tmp_path, "applies_to: {asset: [video], genre: [drama, soap]}", "other")
    facts = AssetFacts(kind="video", genre="drama")
    assert choose_rules([house, drama, video], facts) is drama
    assert choose_rules([house, drama, video], AssetFacts(kind="artwork")) is house
    with pytest.raises(RuleError, match=r"drama\.yaml and .*other\.yaml are for this video alike"):
        choose_rules([house, drama, other], facts)
    with pytest.raises(RuleError, match="no rule set is for this artwork"):
        choose_rules([video], AssetFacts(kind="artwork"))


# --- schema ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", shipped_rule_sets())
def test_editors_accept_what_is_shipped(name):
    jsonschema = pytest.importorskip("jsonschema")
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    path = load_rules(name).path
    jsonschema.validate(yaml.safe_load(path.read_text()), schema)


def test_editors_refuse_an_unknown_key():
    jsonschema = pytest.importorskip("jsonschema")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(
            {"schema": 1, "id": "x", "title": "x", "rulez": []}, json.loads(json.dumps(json_schema()))
        )
