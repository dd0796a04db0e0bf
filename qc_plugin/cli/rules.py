"""`qc-plugin rules`: look at rule sets, lint them, run the tests inside them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from qc_plugin.cli.screen import err, out
from qc_plugin.config import load_config
from qc_plugin.hooks.installed import packages
from qc_plugin.scoring.lint import lint as lint_file
from qc_plugin.scoring.rule_tests import run_tests
from qc_plugin.scoring.ruleset import load_rules, shipped_rule_sets

app = typer.Typer(no_args_is_help=True, help="Rule sets. Example: qc-plugin rules lint house.yaml")


@app.callback()
def _with_packages() -> None:
    """Let rules name the measures of installed packages."""
    packages().measures(load_config()[0])


Name = Annotated[str, typer.Argument(help="A shipped name or a file.", show_default=False)]


@app.command("list")
def list_() -> int:
    """Example: qc-plugin rules list

    Print the rule sets that are shipped.
    """
    table = Table("id", "title", "rules", box=None, pad_edge=False)
    for name in shipped_rule_sets():
        rules = load_rules(name)
        table.add_row(rules.id, rules.title, str(len(rules.rules)))
    out.print(table)
    return 0


@app.command()
def show(name: Name) -> int:
    """Example: qc-plugin rules show thumbnail-candidates

    Print a rule set with everything it inherits.
    """
    out.print(load_rules(name).text, markup=False, soft_wrap=True)
    return 0


@app.command()
def lint(files: Annotated[list[Path], typer.Argument(help="Rule files.", show_default=False)]) -> int:
    """Example: qc-plugin rules lint house.yaml

    Check rule files; every problem with its line and its repair. Exit code 2 when there is one.
    """
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
    names: Annotated[list[str], typer.Argument(help="Shipped names or files.", show_default=False)],
) -> int:
    """Example: qc-plugin rules test thumbnail-candidates

    Run the tests written inside rule sets. Exit code 2 when one fails.
    """
    failed = 0
    for name in names:
        for result in run_tests(load_rules(name)):
            out.print(f"{'✓' if result.passed else '✗'} {name}: {result.name}", markup=False, soft_wrap=True)
            if not result.passed:
                failed += 1
                out.print(f"    {result.message}", markup=False, soft_wrap=True)
    return 2 if failed else 0
