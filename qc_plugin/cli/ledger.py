"""Commands on what is stored of a catalogue: status, compact, ledger rebuild."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qc_plugin.cli import options as o
from qc_plugin.cli.scan import Ledgers
from qc_plugin.cli.screen import out, plain
from qc_plugin.errors import UsageError
from qc_plugin.report.listing import is_file

if TYPE_CHECKING:
    from qc_plugin.config import RunConfig

_MOST_ROWS, _ON_SCREEN = 10_000, 20
app = typer.Typer(
    no_args_is_help=True, help="The index of a reports folder. Example: qc-plugin ledger rebuild"
)


def register(main: typer.Typer) -> None:
    """Add the commands of this file."""
    main.command()(status)
    main.command()(compact)
    main.add_typer(app, name="ledger")


@app.callback()
def _group() -> None: ...


@app.command()
@o.with_settings("reports", "rules")
def rebuild(run: RunConfig, ledger: Ledgers = None) -> int:
    """Example: qc-plugin ledger rebuild --reports qc-reports

    Make the ledger again from the reports and the manifests of shards, and sweep away what killed runs left.
    """
    from qc_plugin.batch.rebuild import rebuild as rebuild_ledger
    from qc_plugin.batch.run import ledger_file

    done = rebuild_ledger(run, ledger_file(run, ledger))
    out.print(f"{done.n_assets} assets from {done.n_reports} reports; {done.n_swept} leftovers removed")
    for sentence in done.unreadable:
        out.print(f"  {plain(sentence)}", soft_wrap=True, markup=False)
    return 0


def status(
    reports: o.Reports = None, ledger: Ledgers = None, config: o.ConfigFile = None, as_json: o.Json = False
) -> int:
    """Example: qc-plugin status --reports qc-reports

    Say how the last scan ended, how many assets stand how, and which could not be checked.
    """
    from qc_plugin.batch.ledger import Ledger
    from qc_plugin.batch.run import ledger_file

    run = o.settings(config, reports=reports)
    file = ledger_file(run, ledger)
    if not is_file(file):
        other = f", or `qc-plugin ledger rebuild --reports {run.store}`" if run.store else ""
        raise UsageError(f"{file}: no ledger there; run `scan` first, or name it with --ledger{other}")
    with Ledger(file) as open_ledger:
        number, ended = open_ledger.last_run()
        counts = open_ledger.counts()
        waiting = list(islice(open_ledger.entries("verdict = 'error' OR attempts > 0"), _MOST_ROWS))
    if as_json:
        rows = [{"verdict": v, "exit_code": c, "assets": n} for v, c, n in counts]
        odd = [{k: getattr(e, k) for k in ("path", "exit_code", "attempts", "sentence")} for e in waiting]
        print(
            json.dumps({"schema": "qc.status/1", "run": number, "ended": ended, "counts": rows, "odd": odd})
        )
        return 0
    out.print(f"run {number}: {ended or 'goes on, or was killed: the same command goes on'}")
    for verdict, code, n in counts:
        out.print(f"{n:8} {verdict}" + (f" (exit code {code})" if code else ""))
    for entry in waiting[:_ON_SCREEN]:
        out.print(f"{plain(entry.path)}: {plain(entry.sentence)}", markup=False, soft_wrap=True)
    if len(waiting) > _ON_SCREEN:
        out.print(f"and {len(waiting) - _ON_SCREEN} more; --json names them")
    return 0


def compact(
    reports: o.Reports = None,
    out_dir: Annotated[Path, typer.Option("--out", help="Folder of the datasets.")] = Path("qc-dataset"),
    ledger: Ledgers = None,
    config: o.ConfigFile = None,
) -> int:
    """Example: qc-plugin compact --reports qc-reports --out qc-dataset

    Join the reports of each month into one dataset of frames and one of assets, for DuckDB or Spark, with all
    places where each content was at the last scan.
    """
    from qc_plugin.report.compact import compact as compact_reports

    run = o.settings(config, reports=reports)
    if run.store is not None:
        copy = f"aws s3 sync {run.store} qc-reports"
        raise UsageError(f"{run.store}: reports are joined from a folder; copy them first: {copy}")
    for month in compact_reports(run.reports, out_dir, ledger=ledger):
        state = "written" if month.written else "as it was"
        out.print(f"{month.month}: {month.n_reports} reports, {month.n_frames} frames, {state}")
    return 0
