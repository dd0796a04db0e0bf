"""docs/rules.md knows every word of the rule language, and no measure that is not there."""

import re
from pathlib import Path

import pytest
import yaml

from qc_plugin.rulesets.inherit import LIMIT_PARAMS
from qc_plugin.rulesets.lint import lint
from qc_plugin.rulesets.ruleset import load_rules, shipped_rule_sets
from qc_plugin.scoring import rule_models
from qc_plugin.scoring.rank import REASONS
from qc_plugin.scoring.rank_parts import PARTS
from qc_plugin.scoring.rule_models import RuleFile
from qc_plugin.types.measures import ASSET_FACTS, MEASURES

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
OURS = [name for name in MEASURES if name not in ASSET_FACTS]


def _keys():
    models = [
        m for m in vars(rule_models).values() if isinstance(m, type) and issubclass(m, rule_models.BaseModel)
    ]
    named = [(m.__name__, info.alias or name) for m in models for name, info in m.model_fields.items()]
    return sorted(set(named))


@pytest.mark.parametrize("name", OURS)
def test_a_measure_has_its_line_with_unit_direction_and_place(name):
    measure = MEASURES[name]
    assert f"| `{name}` | {_unit_and_range(measure)} | {measure.worse} | {measure.where} |" in DOCS


@pytest.mark.parametrize("name", ASSET_FACTS)
def test_a_fact_of_the_asset_has_its_line_with_unit(name):
    assert f"| `{name}` | {_unit_and_range(MEASURES[name])} |" in DOCS


def _unit_and_range(measure):
    return f"{measure.unit} {measure.low:g}..{'' if measure.high is None else f'{measure.high:g}'}"


def test_no_measure_is_told_that_is_not_there():
    table = DOCS.split("## Measures")[1].split("## The file")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(OURS)


@pytest.mark.parametrize(("model", "key"), _keys(), ids=str)
def test_a_key_is_told(model, key):
    assert re.search(rf"\b{re.escape(key)}\b", DOCS), f"{model}.{key} is not in docs/rules.md"


@pytest.mark.parametrize("word", [*PARTS, *REASONS, *LIMIT_PARAMS])
def test_a_word_is_told(word):
    assert f"`{word}`" in DOCS


@pytest.mark.parametrize("name", shipped_rule_sets())
def test_excludes_and_sets_are_told(name):
    rules = load_rules(name)
    assert all(f"| `{exclude.id}` |" in DOCS for exclude in rules.exclude)
    assert f"| `{name}` |" in (ROOT / "rules" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", shipped_rule_sets())
def test_the_table_of_sets_says_what_they_reject(name):
    rules = {rule.id: rule for rule in load_rules(name).rules}
    told = next(
        line
        for line in (ROOT / "rules" / "README.md").read_text(encoding="utf-8").splitlines()
        if f"`{name}`" in line
    )
    for rule_id in ("face-motion-blur", "frame-motion-blur"):
        limit = rules[rule_id].borderline.limit
        assert f"more than {limit * 100:.0f} %" in told


BLOCKS = re.findall(r"```yaml\n(.*?)```", DOCS, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=[block.split(":")[0] for block in BLOCKS])
def test_an_example_can_be_used_as_it_stands(tmp_path, block):
    content = yaml.safe_load(block)
    assert set(content) <= {info.alias or name for name, info in RuleFile.model_fields.items()}
    head = "" if "schema" in content else "schema: 1\nid: house\ntitle: House\n"
    if "schema" not in content:
        head += "extends: [default]\n"
    path = tmp_path / "house.yaml"
    path.write_text(head + block, encoding="utf-8")
    assert lint(path) == []
