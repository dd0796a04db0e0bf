"""Commands that judge what is stored, without decoding: rejudge, calibrate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Optional

import typer

from qc_plugin.batch.rejudge import rejudge as rejudge_reports
from qc_plugin.cli import options as o
from qc_plugin.cli.judging_screen import counting, print_changes, print_summary, rejudge_json
from qc_plugin.cli.screen import err


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (rejudge,):
        app.command()(command)


def rejudge(
    reports: Annotated[list[Path], typer.Argument(help="Reports, or folders of them.", show_default=False)],
    rules: Annotated[list[str], typer.Option("--rules", help="Rule set; several: chosen by applies_to.")],
    diff: Annotated[bool, typer.Option("--diff", help="Say what changes, and the closest calls.")] = False,
    jobs: Annotated[int, typer.Option("--jobs", min=1, max=256, help="Processes.")] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing; say what would change.")] = False,
    target: Annotated[
        Optional[Path], typer.Option("--reports", help="Folder to write to; default: beside each report.")
    ] = None,
    config: o.ConfigFile = None,
    as_json: o.Json = False,
) -> int:
    """Example: qc-plugin rejudge qc-reports --rules new.yaml --diff --dry-run

    Judge stored measures by other rules: new reports beside the old, nothing decoded. Exit code 2 when a
    report could not be read; the others are judged.
    """
    run = o.settings(config, jobs=jobs)
    with counting("rejudge") as tell:
        result = rejudge_reports(
            reports,
            run,
            rules=rules,
            root=target,
            dry_run=dry_run,
            progress=lambda _, n_done, n_all: tell(n_done, n_all),
        )
    if as_json:
        print(json.dumps(rejudge_json(result)))
    else:
        print_summary(result, dry_run=dry_run)
        if diff or dry_run:
            print_changes(result)
    for warning in result.warnings:
        err.print(warning, markup=False, soft_wrap=True)
    return result.exit_code
