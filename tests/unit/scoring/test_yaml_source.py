from pathlib import Path

import pytest

from qc_plugin.errors import RuleError
from qc_plugin.rulesets.yaml_source import KEY, Place, nearest, parse_source, place_of, plain, read_source

TRAPS = [
    ("on: x", 1, 1, "YAML reads the key `on` as bool, not as text", "use another word"),
    ("yes: x", 1, 1, "YAML reads the key `yes` as bool, not as text", "use another word"),
    ("012: x", 1, 1, "YAML reads the key `012` as int, not as text", "use another word"),
    ("crops: [16:9]", 1, 9, "`16:9` reads as 969 in YAML", 'write "16:9"'),
    ("crops: [2:3]", 1, 9, "`2:3` reads as 123 in YAML", 'write "2:3"'),
    ("a:\n  b: no", 2, 6, "`no` reads as false in YAML", 'write false or "no"'),
    ("a: Yes", 1, 4, "`Yes` reads as true in YAML", 'write true or "Yes"'),
    ("a: off", 1, 4, "`off` reads as false in YAML", 'write false or "off"'),
    ("a: 1e-3", 1, 4, "`1e-3` reads as text in YAML", "write 0.001"),
    ("a: 012", 1, 4, "`012` reads as 10 in YAML (octal)", "write 12"),
    ("a: .inf", 1, 4, "`.inf` is not a number that can be compared", "write a number"),
    (
        "a: 2024-01-01",
        1,
        4,
        "`2024-01-01` is a timestamp in YAML, which rule files do not use",
        'write "2024-01-01"',
    ),
    ("a: 1\nb: 2\na: 3", 3, 1, "key `a` appears twice", "keep one of them"),
    ("a: !!int x", 1, 4, "`x` does not fit its tag", "remove the tag"),
    ("a: !!set {b}", 1, 4, "the tag tag:yaml.org,2002:set is not accepted", "remove the tag"),
    ("a: {<<: {b: 1}}", 1, 5, "merge keys (<<) are not accepted", "write the keys out, or use `extends`"),
    ("? [a, b]\n: c", 1, 3, "a key is one word", "use a plain word as key"),
]


@pytest.mark.parametrize(("text", "line", "column", "message", "fix"), TRAPS, ids=[t[0] for t in TRAPS])
def test_a_trap_is_named_with_its_place_and_repair(text, line, column, message, fix):
    problems = parse_source(text, Path("house.yaml")).problems
    assert [(p.line, p.column, p.message, p.fix) for p in problems] == [(line, column, message, fix)]


@pytest.mark.parametrize(
    "text", ['a: "no"', "a: true", "a: False", 'a: "16:9"', "a: 0.001", "a: 10", "a: '012'", "a: 0"]
)
def test_what_is_meant_is_let_be(text):
    assert parse_source(text, Path("house.yaml")).problems == []


UNUSABLE = [
    ("a: &x 1\nb: *x", "house.yaml:1:4: anchors and aliases are not accepted; write it out"),
    ("a: *x", "house.yaml:1:4: anchors and aliases"),
    ("[" * 5000, "house.yaml:1:17: nested deeper than 16 levels; flatten it"),
    ("a: 1\n---\nb: 2", "house.yaml:2:1: a second document begins here"),
    ("- 1", "house.yaml:1:1: a rule file is a mapping of keys; begin it with `schema: 1`"),
    ("", "house.yaml:1:1: a rule file is a mapping"),
    ("a: [1,\nb: 2", "house.yaml:"),
    ("a: !!python/object/apply:os.system ['true']\n\tb: 1", "house.yaml:2:1"),
    ("a: \x01", "house.yaml:1:1: .*control characters"),
]


@pytest.mark.parametrize(("text", "message"), UNUSABLE, ids=range(len(UNUSABLE)))
def test_unusable_yaml_is_one_sentence_with_its_place(text, message):
    with pytest.raises(RuleError, match=message) as caught:
        parse_source(text, Path("house.yaml"))
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_tag_that_builds_objects_builds_nothing(tmp_path):
    source = parse_source(f"a: !!python/object/apply:pathlib.Path.touch ['{tmp_path}/x']", Path("house.yaml"))
    assert source.problems
    assert not (tmp_path / "x").exists()


def test_values_know_their_place():
    source = parse_source("a: 1\nrules:\n  - id: x\n    pass: {at_most: 3}\n", Path("house.yaml"))
    start = Place(Path("house.yaml"))
    assert place_of(source.data, ("rules", 0, "pass", "at_most"), start) == Place(Path("house.yaml"), 4, 21)
    assert place_of(source.data, ("rules", 0, "pass", "at_most", KEY), start) == Place(
        Path("house.yaml"), 4, 12
    )
    assert place_of(source.data, ("rules", 0, "pass"), start) == Place(Path("house.yaml"), 4, 5)
    assert place_of(source.data, ("rules", 0, "nothing"), start) == Place(Path("house.yaml"), 3, 5)
    assert place_of(source.data, ("nothing",), start) == start
    assert plain(source.data) == {"a": 1, "rules": [{"id": "x", "pass": {"at_most": 3}}]}


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(RuleError, match="cannot be read"):
        read_source(tmp_path / "none.yaml")
    with pytest.raises(RuleError, match="cannot be read"):
        read_source(tmp_path)


def test_a_file_that_nobody_reads(tmp_path):
    path = tmp_path / "house.yaml"
    path.write_text("schema: 1\n" + "# x\n" * 70_000)
    with pytest.raises(RuleError, match="larger than 256 KiB"):
        read_source(path)


def test_a_file_that_is_not_text(tmp_path):
    path = tmp_path / "house.yaml"
    path.write_bytes(b"schema: 1\ntitle: \xff\xfe\n")
    with pytest.raises(RuleError, match=r"house\.yaml:2:1: not UTF-8"):
        read_source(path)


def test_a_byte_order_mark_is_no_key(tmp_path):
    path = tmp_path / "house.yaml"
    path.write_bytes(b"\xef\xbb\xbfschema: 1\n")
    assert read_source(path).data == {"schema": 1}


def test_the_nearest_word():
    assert nearest("blur_cover", ["blur_coverage", "height"]) == "did you mean `blur_coverage`?"
    assert nearest("zzz", ["b", "a"]) == "known: a, b"
    assert nearest("zzz", []) == "known: none"
