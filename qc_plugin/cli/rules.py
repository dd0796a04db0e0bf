"""`qc-plugin rules`: look at rule sets, compare and lint them, run the tests inside them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer
from rich.table import Table

from qc_plugin.cli import options as o
from qc_plugin.cli.screen import err, out
from qc_plugin.errors import UsageError

if TYPE_CHECKING:
    from qc_plugin.rulesets.diff import Difference

app = typer.Typer(no_args_is_help=True, help="Rule sets. Example: qc-plugin rules lint house.yaml")


def register(main: typer.Typer) -> None:
    """Add the commands of this file."""
    main.add_typer(app, name="rules")


@app.callback()
def _with_packages() -> None:
    """Let rules name the measures of installed packages."""
    from qc_plugin.config import load_config
    from qc_plugin.extensions.installed import packages

    packages().measures(load_config()[0])


Names = Annotated[list[str], typer.Argument(help="Shipped names or files.", show_default=False)]


@app.command("list")
def list_() -> int:
    """Example: qc-plugin rules list

    Print the rule sets that are shipped.
    """
    from qc_plugin.rulesets.ruleset import load_rules, shipped_rule_sets

    table = Table("id", "title", "rules", box=None, pad_edge=False)
    for name in shipped_rule_sets():
        rules = load_rules(name)
        table.add_row(rules.id, rules.title, str(len(rules.rules)))
    out.print(table)
    return 0


@app.command()
def schema() -> int:
    """Example: qc-plugin rules schema > ruleset.schema.json

    Print the JSON Schema of rule files. An editor completes and checks a rule file whose first line is
    `# yaml-language-server: $schema=ruleset.schema.json`.
    """
    from qc_plugin.host.schemas import schema_text

    print(schema_text("ruleset"), end="")
    return 0


@app.command()
def show(
    names: Names,
    asset: Annotated[
        Optional[Path], typer.Option("--asset", help="Of several sets, the one for this asset or report.")
    ] = None,
    content: Annotated[Optional[str], typer.Option("--content", help="Its content, for applies_to.")] = None,
    genre: Annotated[Optional[str], typer.Option("--genre", help="Its genre, for applies_to.")] = None,
    effective: Annotated[
        bool, typer.Option("--effective", help="With the file and line each line comes from.")
    ] = False,
) -> int:
    """Example: qc-plugin rules show house.yaml drama.yaml --asset film.mp4 --genre drama --effective

    Print a rule set with everything it inherits; what is printed is a rule file of its own.
    """
    from qc_plugin.asset.rules_for import facts_of, rules_for
    from qc_plugin.config import load_config
    from qc_plugin.rulesets.effective import effective as effective_text
    from qc_plugin.rulesets.ruleset import load_rules

    sets = [load_rules(name) for name in names]
    if asset is None and len(sets) > 1:
        raise UsageError("several rule sets are named; say which asset one is chosen for, with --asset FILE")
    chosen, warning = sets[0], ""
    if asset is not None:
        facts = facts_of(asset, load_config()[0], content=content, genre=genre)
        chosen, warning = rules_for(sets, facts)
        err.print(f"{asset}: {chosen.path}", markup=False, soft_wrap=True)
    if warning:
        err.print(f"note: {warning}", markup=False, soft_wrap=True)
    print(effective_text(chosen.path) if effective else chosen.text, end="")
    return 0


@app.command()
def diff(
    before: Annotated[str, typer.Argument(help="A shipped name or a file.", show_default=False)],
    after: Annotated[str, typer.Argument(help="The same, for the newer set.", show_default=False)],
    as_json: o.Json = False,
) -> int:
    """Example: qc-plugin rules diff default house.yaml

    Say what the second set decides differently, key by key. What that does to reports: `rejudge --diff`.
    """
    from qc_plugin.rulesets.diff import rule_diff
    from qc_plugin.rulesets.ruleset import load_rules

    found = rule_diff(load_rules(before), load_rules(after))
    if as_json:
        print(json.dumps({"schema": "qc.rule-diff/1", "differences": [asdict(each) for each in found]}))
        return 0
    for each in found:
        print("\n".join(_difference_lines(each)))
    err.print(f"{len(found)} differences" if found else "the two decide the same")
    return 0


def _difference_lines(each: Difference) -> list[str]:
    where = f"  # {each.origin}" if each.origin else ""
    if each.before is None or each.after is None:
        sign, value = ("-", each.before) if each.after is None else ("+", each.after)
        return [f"{sign} {each.where}: {_one_line(value)}{where}"]
    return [f"  {each.where}: {_one_line(each.before)} -> {_one_line(each.after)}{where}"]


def _one_line(value: object) -> str:
    """JSON is YAML, too, and needs no more than a line; what says nothing is left out."""
    if isinstance(value, dict):
        value = {key: item for key, item in value.items() if item not in ([], {})}
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@app.command()
def lint(files: Annotated[list[Path], typer.Argument(help="Rule files.", show_default=False)]) -> int:
    """Example: qc-plugin rules lint house.yaml

    Check rule files; every problem with its line and its repair. Exit code 2 when there is one.
    """
    from qc_plugin.rulesets.lint import lint as lint_file

    n = 0
    for file in files:
        for problem in lint_file(file):
            n += 1
            out.print(
                f"{file}:{problem.line}:{problem.column}: {problem.message}", markup=False, soft_wrap=True
            )
            if problem.fix:
                out.print(f"    fix: {problem.fix}", markup=False, soft_wrap=True)
    err.print(f"{len(files)} files, {n} problems")
    return 2 if n else 0


@app.command()
def test(
    names: Names,
) -> int:
    """Example: qc-plugin rules test thumbnail-candidates

    Run the tests written inside rule sets. Exit code 2 when one fails.
    """
    from qc_plugin.rulesets.ruleset import load_rules
    from qc_plugin.rulesets.tests import run_tests

    failed = 0
    for name in names:
        for result in run_tests(load_rules(name)):
            out.print(f"{'✓' if result.passed else '✗'} {name}: {result.name}", markup=False, soft_wrap=True)
            if not result.passed:
                failed += 1
                out.print(f"    {result.message}", markup=False, soft_wrap=True)
    return 2 if failed else 0
