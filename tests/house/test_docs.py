"""The pages tell everything the code knows, their links lead somewhere, and the commands they quote exist."""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

import pyarrow as pa
import pytest
import typer

from qc_plugin import errors
from qc_plugin.asset.outcome import VERDICT_CODES
from qc_plugin.cli.main import _FILES, _WRONG_CALL, app_for
from qc_plugin.config import RunConfig
from qc_plugin.exchange.formats import EXPORTS
from qc_plugin.extensions import Hooks
from qc_plugin.host.event import EVENTS, Event, EventSettings
from qc_plugin.host.manifest import load_manifest
from qc_plugin.host.schemas import NAMES
from qc_plugin.report.meta import encode_meta
from qc_plugin.report.schema import SCHEMA
from qc_plugin.rulesets.lint import lint
from qc_plugin.rulesets.ruleset import load_rules
from qc_plugin.rulesets.tests import run_tests
from qc_plugin.types import Coverage, EngineUse, MediaInfo, Provenance
from qc_plugin.types.measures import MEASURES
from tests.support.fake_report import fake_report
from tests.support.pages import ROOT, all_pages, anchors, links, made, quoted_lines, site_pages

TREE = typer.main.get_command(app_for())  # once: it takes typer a tenth of a second
COMMANDS = dict(made().commands(TREE))
STOPPED = {130, 143}


def page(name):
    return site_pages()[name]


def rows(name, column=0):
    """The words in code in one column of the tables of a page."""
    lines = [line.split("|")[1:-1] for line in page(name).splitlines() if line.startswith("| ")]
    return {word for line in lines if len(line) > column for word in re.findall(r"`([^`]+)`", line[column])}


def test_every_command_has_its_line_and_no_other_is_told():
    assert rows("commands.md") == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_on_the_made_page(name):
    section = page("options.md").split(f"\n## {name}\n")[1].split("\n## ")[0]
    for parameter in COMMANDS[name].params:
        if parameter.name == "help":
            continue
        words = parameter.opts if parameter.param_type_name == "option" else [parameter.name.upper()]
        assert all(f"`{word}`" in section for word in words)
        assert parameter.help or parameter.param_type_name == "argument", f"{name} {words}: no help"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_begins_with_an_example_of_that_command(name):
    example = COMMANDS[name].help.splitlines()[0]
    assert example.startswith(f"Example: {name}")


def test_a_call_makes_the_commands_of_its_file_and_no_others():
    for names in _FILES.values():
        for word in names:
            assert list(typer.main.get_command(app_for(["--help", word])).commands) == list(names)
    assert set(TREE.commands) == {name for names in _FILES.values() for name in names}
    assert list(typer.main.get_command(app_for(["scam"])).commands) == list(TREE.commands)


def test_every_exit_code_has_its_line():
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.QcError)]
    known = {c.exit_code for c in classes} | set(VERDICT_CODES.values()) | STOPPED
    firsts = [line.split("|")[1] for line in page("exit-codes.md").splitlines() if line.startswith("| ")]
    assert {int(code) for first in firsts for code in re.findall(r"\d+", first)} == known


def test_every_measure_has_its_line():
    assert set(MEASURES) <= rows("rules.md")


def test_every_setting_has_its_line_with_variable_and_default():
    text = page("settings.md")
    table = text.split("| setting |")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == set(RunConfig.model_fields)
    for name, field in RunConfig.model_fields.items():
        line = next(line for line in table.splitlines() if line.startswith(f"| `{name}` "))
        cells = [cell.strip() for cell in line.split("|")]
        assert cells[2] == f"`QC_{name.upper()}`"
        if field.default not in (None, ()):
            default = str(field.default).lower() if isinstance(field.default, bool) else field.default
            assert cells[3].strip("`") == str(default).removesuffix(".0"), name
        for choice in get_args(field.annotation):
            assert not isinstance(choice, str) or choice == "auto" or f"`{choice}`" in line


def test_every_variable_of_the_environment_is_told():
    code = "\n".join(f.read_text(encoding="utf-8") for f in (ROOT / "qc_plugin").rglob("*.py"))
    named = set(re.findall(r'"(QC_[A-Z]\w*)"', code))
    assert "QC_WEBHOOK_SECRET" in named
    assert named <= rows("settings.md")


def test_what_hosts_may_say_is_told():
    text = page("hooks.md")
    told = {word for code in re.findall(r"`([^`\n]+)`", text) for word in re.split(r"[^\w.-]+", code)}
    told |= set(re.findall(r"\b(asset\.\w+)", text))
    manifest = load_manifest()
    fields = {info.alias or name for name, info in Event.model_fields.items()}
    tasks = {task.id for task in manifest.tasks}
    assert {*EVENTS, *EventSettings.model_fields, *fields, *tasks} - told == set()
    assert {hook.id for hook in manifest.hooks} <= told
    assert set(EventSettings.model_fields) <= set(re.findall(r"`(\w+)`", page("settings.md")))
    assert set(NAMES) <= rows("commands.md", column=1)


def test_every_hook_of_packages_is_told():
    names = [name for name, value in vars(Hooks).items() if callable(value) and not name.startswith("_")]
    told = {word.partition("(")[0] for word in rows("hooks.md")}
    assert len(names) == 5
    assert set(names) <= told


def test_every_format_has_its_line():
    assert set(EXPORTS) <= rows("exchange.md")


def _names(fields):
    """Of columns, and of what is inside lists and structs."""
    for field in fields:
        yield field.name
        kind = field.type.value_type if pa.types.is_list(field.type) else field.type
        if pa.types.is_struct(kind):
            yield from _names(kind)


def test_every_column_and_key_of_a_report_is_told():
    told = set(re.findall(r"`([^`\n]+)`", page("report.md")))
    inside = {"h", "w"}  # of `blur_rle`
    parts = [*Coverage.__slots__, *Provenance.__slots__, *EngineUse.__slots__]
    plain = set(re.findall(r"\w+", page("report.md")))
    assert {*_names(SCHEMA), *encode_meta(fake_report(8))} - told - inside == set()
    assert {*parts, *_names(SCHEMA)} - plain == set()
    assert {"codec", "container", "rotation"} <= plain
    assert MediaInfo.__slots__


@pytest.mark.parametrize("name", all_pages())
def test_every_link_inside_leads_somewhere(name):
    pages = all_pages()
    for link in links(pages[name]):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        place = (ROOT / name).parent.joinpath(target).resolve() if target else ROOT / name
        key = str(place.relative_to(ROOT))
        assert key in pages or place.exists(), f"{name}: {link}: nothing is there"
        assert not anchor or anchor in anchors(pages[key]), f"{name}: {link}: no such heading"
        assert not name.startswith("docs/") or key.startswith("docs/"), f"{name}: {link}: not in the site"


@pytest.mark.parametrize("name", all_pages())
def test_every_command_line_that_is_quoted_can_be_called(name):
    for whole, words in quoted_lines(all_pages()[name]):
        _parse(words, whole=whole)


def _parse(words, *, whole):
    """Read the words as the command line does, and execute nothing. `whole`: what is needed must be there."""
    command, given = TREE, list(words)
    path = ["qc-plugin"]
    while given and not given[0].startswith("-") and hasattr(command, "commands"):
        if given[0].isupper():  # COMMAND: a place-holder
            return
        assert given[0] in command.commands, f"`{' '.join(words)}`: no command {given[0]}"
        path.append(given[0])
        command = command.commands[given.pop(0)]
    eager = {name for p in command.params if p.is_eager for name in p.opts} | {"--help", "--version"}
    if set(given) & eager or (not given and not whole):  # these act while they are read
        assert set(given) <= eager
        return
    try:
        command.make_context(" ".join(path), given, resilient_parsing=not whole)
    except _WRONG_CALL as error:
        pytest.fail(f"`qc-plugin {' '.join(words)}`: {error.format_message()}")


RULE_FILES = [
    (name, block)
    for name, text in site_pages().items()
    for block in re.findall(r"```yaml\n(schema: 1\n.*?)```", text, re.DOTALL)
]


@pytest.mark.parametrize(("name", "block"), RULE_FILES, ids=[name for name, _ in RULE_FILES])
def test_a_rule_file_that_is_shown_can_be_used_and_its_tests_pass(tmp_path, name, block):
    path = tmp_path / "house.yaml"
    path.write_text(block, encoding="utf-8")
    assert lint(path) == []
    assert all(result.passed for result in run_tests(load_rules(str(path))))


def test_the_reading_of_quotes_finds_them():
    """A test of the tests: an empty harvest would pass everything."""
    found = [words for text in all_pages().values() for _, words in quoted_lines(text)]
    assert len(found) > 60
    assert ["rules", "test", "house.yaml"] in found
    with pytest.raises(pytest.fail.Exception):
        _parse(["check", "clip.mp4", "--no-such-option"], whole=True)
    with pytest.raises(AssertionError):
        _parse(["chekc", "clip.mp4"], whole=True)


@pytest.mark.skipif(find_spec("mkdocs") is None, reason="mkdocs is not installed; `make docs` installs it")
def test_mkdocs_takes_the_made_pages():
    from mkdocs.config import load_config
    from mkdocs.structure.files import get_files

    config = load_config(str(ROOT / "mkdocs.yml"))
    files = config.plugins.on_files(get_files(config), config=config)
    assert {"options.md", "adr/index.md", "index.md"} <= set(files.src_uris)
    assert files.get_file_from_path("options.md").content_string == made().options_page()
    assert not [uri for uri in files.src_uris if Path(uri).suffix == ".py" and not config.exclude_docs]
