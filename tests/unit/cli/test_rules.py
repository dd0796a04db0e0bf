"""`qc-plugin rules`, as a person types it."""

import json

import jsonschema
import pytest
import yaml

from qc_plugin.report.write import write_report
from qc_plugin.rulesets.ruleset import load_rules, shipped_rule_sets
from tests.support.fake_report import fake_artwork, fake_error, fake_report

HEAD = "schema: 1\nid: {0}\ntitle: {0}\nextends: [default]\n"


@pytest.fixture
def sets(tmp_path):
    (tmp_path / "house.yaml").write_text(HEAD.format("house"), encoding="utf-8")
    drama = HEAD.format("drama") + "applies_to: {asset: [video], genre: [drama], width: {at_least: 1000}}\n"
    (tmp_path / "drama.yaml").write_text(drama, encoding="utf-8")
    return "house.yaml", "drama.yaml"


def test_the_schema_accepts_what_we_ship_and_refuses_a_slip(qc):
    code, out, _ = qc("rules", "schema")
    schema = json.loads(out)
    assert code == 0
    for name in shipped_rule_sets():
        jsonschema.validate(yaml.safe_load(load_rules(name).path.read_text(encoding="utf-8")), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"schema": 1, "id": "a", "title": "A", "rulez": []}, schema)


def test_show_prints_a_rule_file(qc, tmp_path):
    code, out, _ = qc("rules", "show", "thumbnail-candidates")
    (tmp_path / "copy.yaml").write_text(out, encoding="utf-8")
    assert code == 0
    assert load_rules(tmp_path / "copy.yaml").sha256 == load_rules("thumbnail-candidates").sha256


@pytest.mark.parametrize(
    ("options", "chosen"),
    [(["--genre", "drama"], "drama"), (["--genre", "news"], "house"), ([], "house")],
)
def test_show_takes_the_set_that_says_most_about_a_report(qc, sets, tmp_path, options, chosen):
    report = write_report(fake_report(20), tmp_path / "reports")
    code, out, err = qc("rules", "show", *sets, "--asset", report, *options, "--effective")
    assert code == 0
    assert f"id: {chosen}" in out
    assert f"{chosen}.yaml" in err
    assert "# shipped default.yaml:" in out


def test_show_reads_an_asset_file(qc, sets, tmp_path):
    from PIL import Image

    Image.new("RGB", (80, 60)).save(tmp_path / "poster.png")
    assert "id: house" in qc("rules", "show", *sets, "--asset", "poster.png", "--genre", "drama")[1]
    code, _, err = qc("rules", "show", "drama.yaml", "--asset", "poster.png")
    assert code == 0
    assert "note: `drama` says it is not for this asset" in err


def test_show_takes_a_report_without_media(qc, sets, tmp_path):
    report = write_report(fake_error(), tmp_path / "reports")
    assert "id: house" in qc("rules", "show", *sets, "--asset", report, "--genre", "drama")[1]


def test_show_says_what_is_missing(qc, sets, tmp_path):
    code, out, err = qc("rules", "show", *sets)
    assert (code, out) == (2, "")
    assert "--asset FILE" in err
    code, _, err = qc("rules", "show", "default", "strict", "--asset", write_report(fake_artwork(), tmp_path))
    assert code == 2
    assert "no rule set is for this artwork" in err
    code, _, err = qc("rules", "show", "default", "strict", "--asset", "house.yaml")
    assert code == 20
    assert qc("rules", "show", "defualt")[0] == 2


def test_diff_tells_values_and_places(qc, sets):
    code, out, err = qc("rules", "diff", "default", "drama.yaml")
    assert code == 0
    assert '  applies_to.genre: [] -> ["drama"]  # drama.yaml:5' in out.splitlines()
    assert "2 differences" in err
    code, out, _ = qc("rules", "diff", "default", "strict", "--json")
    found = {each["where"]: each for each in json.loads(out)["differences"]}
    assert found["rules.combing"]["before"] is None
    assert found["rules.face-motion-blur.pass.at_most"]["origin"].startswith("shipped strict.yaml:")
    assert "decide the same" in qc("rules", "diff", "default", "default")[2]


TRAPS = [  # each trap of YAML, and what is told about it
    ("rank: {crops: [16:9]}", "`16:9` reads as 969 in YAML", 'write "16:9"'),
    ("on: 1", "reads the key `on` as bool", "use another word"),
    (
        "exclude: [{id: no, when: {luma_p90: {below: 0.1}}}]",
        "`no` reads as false in YAML",
        'write false or "no"',
    ),
    ("params: {face_blur_ok: 1e-3}", "`1e-3` reads as text in YAML", "write 0.001"),
    ("rank: {best: 012}", "`012` reads as 10 in YAML (octal)", "write 12"),
    ("exclude: [{id: a, title: Cut, fade, when: {luma_p90: {below: 0.1}}}]", "unknown key `fade`", ""),
    (
        "params: {face_blur_ok: 0.1, face_blur_ok: 0.2}",
        "key `face_blur_ok` appears twice",
        "keep one of them",
    ),
    ("params: &a {face_blur_ok: 0.1}", "anchors and aliases are not accepted", "write it out"),
    ("params: {<<: {face_blur_ok: 0.1}}", "merge keys (<<) are not accepted", "use `extends`"),
    ("title: !!python/object:os.system x", "is a os.system in YAML", 'write "x"'),
    ("---\nid: b", "a second document begins here", "write one document a file"),
    ("rules:\n\t- {id: a}", "cannot start any token", "correct the YAML"),
]


@pytest.mark.parametrize(("line", "told", "fix"), TRAPS, ids=[case[0][:24] for case in TRAPS])
def test_lint_names_a_trap_with_line_and_repair(qc, tmp_path, line, told, fix):
    head = HEAD.format("house")
    (tmp_path / "trap.yaml").write_text(
        (head.replace("title: house\n", "") if line.startswith("title") else head) + line + "\n"
    )
    code, out, err = qc("rules", "lint", "trap.yaml")
    assert code == 2
    problem = next(row for row in out.splitlines() if told in row)
    assert problem.split(":")[0] == "trap.yaml"
    assert int(problem.split(":")[1]) >= 4
    assert fix in out
    assert "problems" in err


def test_lint_goes_on_after_a_file_that_cannot_be_read(qc, sets):
    code, out, _ = qc("rules", "lint", "absent.yaml", "house.yaml")
    assert code == 2
    assert "absent.yaml:1:1: cannot be read (No such file or directory)" in out
    assert qc("rules", "lint", "house.yaml")[0] == 0


def test_tests_of_a_set_run_and_fail_aloud(qc, tmp_path):
    case = "tests: [{name: bright, given: {frame: {luma_p90: 0.5}}, expect: {excluded: dark}}]\n"
    (tmp_path / "house.yaml").write_text(HEAD.format("house") + case, encoding="utf-8")
    code, out, _ = qc("rules", "test", "house.yaml")
    assert code == 2
    assert "✗ house.yaml: bright" in out
    assert qc("rules", "test", *shipped_rule_sets())[0] == 0
