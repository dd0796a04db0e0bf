"""Rows 11 to 14, 34 and 35: settings as people write them, and what JSON says of the end."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from qc_plugin.config import RunConfig
from qc_plugin.environment import VARIABLES

ROOT = Path(__file__).resolve().parents[2]
SOURCES = {".py", ".md", ".yaml", ".json", ".sh"}
REFUSE = """
schema: 1
id: refuse
title: Every picture is too dark
applies_to: {{asset: [artwork]}}
rules:
  - id: bright
    title: Brighter than white
    measure: luma_p90
    pass: {{at_least: 1.0}}
    severity: error
    then: {{fail: {action}}}
    message: "{{value:.2f}} of {{limit:.2f}}"
"""


def shown(done):
    """Setting -> (value, where from) of `config show`."""
    assert done.returncode == 0, done.stderr
    rows = (line.split(maxsplit=2) for line in done.stdout.splitlines()[1:])
    return {row[0]: tuple(row[1:]) for row in rows if len(row) == 3}


@pytest.mark.parametrize("name", RunConfig.model_fields)
def test_row_11_an_empty_variable_is_not_set(monkeypatch, name):
    from qc_plugin.config import load_config

    monkeypatch.setenv(f"QC_{name.upper()}", "")
    assert load_config()[1][name] == "default"


def test_row_11_an_empty_variable_from_outside(stranger):
    values = shown(stranger("config", "show", QC_REPORTS="", XDG_CONFIG_HOME="", QC_SHEET=" "))
    assert values["reports"] == ("qc-reports", "default")


def test_row_12_a_carriage_return_is_no_part_of_a_value(stranger):
    values = shown(stranger("config", "show", QC_RULES="default\r", QC_SAMPLE="1fps \r", QC_THREADS=" 2\r\n"))
    assert values["rules"] == ("default", "environment")
    assert values["sample"] == ("1fps", "environment")
    assert values["threads"] == ("2", "environment")


@pytest.mark.parametrize(
    ("name", "meant"),
    [("QC_RULS", "QC_RULES"), ("QC_SMAPLE", "QC_SAMPLE"), ("QC_WEBHOOK_SECRT", "QC_WEBHOOK_SECRET")],
)
def test_row_13_a_misspelt_variable_names_the_nearest(stranger, name, meant):
    done = stranger("config", "show", **{name: "strict"})
    assert done.returncode == 2
    assert (
        done.stderr
        == f"error: environment: unknown variable `{name}`; did you mean `{meant}`? Else unset it\n"
    )


def test_row_13_variables_of_other_people_and_our_own_are_none_of_it(stranger):
    others = dict.fromkeys(("QC_PROJECT", "QC_HOST", "QC_USER_ID", "QC_ENV", "QC_TOKEN"), "x")
    assert stranger("config", "show", **others).returncode == 0
    assert stranger("config", "show", **dict.fromkeys(VARIABLES, "1")).returncode == 0
    assert stranger("config", "show", QC_RULS="").returncode == 0


def test_row_13_every_variable_that_the_project_reads_is_known():
    text = ""
    for folder in ("qc_plugin", "engines", "bench", "examples", "deploy", "docs", "tests"):
        files = (ROOT / folder).rglob("*.*")
        ours = (path for path in files if path.suffix in SOURCES and path.parent.name != "strangers")
        text += "".join(path.read_text(encoding="utf-8") for path in ours)
    named = set(re.findall(r"QC_[A-Z][A-Z_]*[A-Z]", text + (ROOT / "Makefile").read_text(encoding="utf-8")))
    assert {"QC_RULES", "QC_REQUIRE_GPU", "QC_SHARDS"} <= named
    named -= {"QC_SPACE"}  # a constant
    assert named <= {*VARIABLES, *(f"QC_{name.upper()}" for name in RunConfig.model_fields)}


def test_row_14_toml_with_a_byte_order_mark(stranger, tmp_path):
    text = b'\xef\xbb\xbfrules = "strict"\r\nsample = "keyframes"\r\n'
    for name in ("named.toml", "qc-plugin.toml"):
        (tmp_path / "work" / name).write_bytes(text)
    for more in ([], ["--config", "named.toml"]):
        assert shown(stranger("config", "show", *more))["rules"][0] == "strict"


def test_row_34_json_says_what_the_process_ends_with(stranger, still, tmp_path):
    rules = tmp_path / "work/rules.yaml"
    for action, code in (("reject", 11), ("review", 10)):
        rules.write_text(REFUSE.format(action=action), encoding="utf-8")
        for command in ("check", "scan"):
            done = stranger(command, still, "--rules", rules, "--json", "--no-sheet")
            outcome = json.loads(done.stdout.splitlines()[0])
            assert (outcome["verdict"], outcome["exit_code"]) == (action, code), done.stderr
            assert done.returncode == (code if command == "check" else 0)
    (tmp_path / "work/none.png").touch()
    done = stranger("check", "none.png", "--json", "--no-sheet")
    assert json.loads(done.stdout)["exit_code"] == done.returncode == 20


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("2FPS", "2fps"),
        ("2.0fps", "2fps"),
        (" 2fps", "2fps"),
        ("2 fps", "2fps"),
        ("02fps", "2fps"),
        (".5fps", "0.5fps"),
        ("23.976fps", "23.976fps"),
        ("KeyFrames ", "keyframes"),
    ],
)
def test_row_35_one_spelling_of_a_way_to_sample(text, spelling):
    assert RunConfig(sample=text).sample == spelling


def test_row_35_spellings_share_their_report(stranger, still, tmp_path):
    for text in (" 2.0FPS", "2fps"):
        done = stranger("scan", still, "--sample", text, "--rules", "artwork", "--no-sheet", "--json")
        assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "work").rglob("*.parquet"))) == 1


def test_row_35_what_is_none_says_where_it_was_set(stranger):
    done = stranger("config", "show", QC_SAMPLE="often")
    assert done.returncode == 2
    assert done.stderr.startswith("error: environment: `sample`: ")
    assert "keyframes" in done.stderr


def test_a_setting_with_a_nul_is_one_sentence(stranger, tmp_path):
    (tmp_path / "nul.toml").write_text('reports = "a\\u0000b"\n')
    done = stranger("check", "x.png", "--config", tmp_path / "nul.toml")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("nul.toml: `reports` holds a NUL character; remove it\n")
