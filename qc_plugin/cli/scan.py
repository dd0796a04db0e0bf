"""`scan`: a whole catalogue, again and again."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from qc_plugin.cli import options as o
from qc_plugin.cli.screen import err, out, print_plan, print_scan, scan_progress
from qc_plugin.cli.skipped import print_skipped
from qc_plugin.errors import UsageError
from qc_plugin.report.listing import is_file
from qc_plugin.store.address import given_place

if TYPE_CHECKING:
    from qc_plugin.batch.run import ScanOptions, ScanResult
    from qc_plugin.config import RunConfig
    from qc_plugin.store.address import Place

_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0}
Ledgers = Annotated[
    Optional[Path], typer.Option("--ledger", help="Ledger file on a local disk; default: in the reports.")
]


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(scan)


@o.with_settings(
    "reports", "rules", "sample", "ignore", "reader", "backend", "precision", "threads", "limits", "sandbox",
    jobs="auto", no_sheet=True,
)  # fmt: skip
def scan(
    paths: Annotated[
        list[str], typer.Argument(help="Files, folders, s3://bucket/prefix.", show_default=False)
    ],
    run: RunConfig,
    since: Annotated[Optional[str], typer.Option("--since", help="last: tell only of what is new.")] = None,
    budget: Annotated[Optional[str], typer.Option("--budget", help="Begin none after 90s, 30m, 4h.")] = None,
    limit: Annotated[Optional[int], typer.Option("--limit", min=1, help="At most so many assets.")] = None,
    shard: Annotated[Optional[str], typer.Option("--shard", help="INDEX/COUNT, INDEX from 0.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; do nothing.")] = False,
    fail_on: Annotated[
        str, typer.Option("--fail-on", help="never, review or reject: exit 10 / 11 then.")
    ] = "never",
    executor: Annotated[
        str, typer.Option("--executor", help="local, or ray: on the cluster RAY_ADDRESS names.")
    ] = "local",
    ledger: Ledgers = None,
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="Nothing where assets were: they were deleted.")
    ] = False,
    as_json: o.Json = False,
) -> int:
    """Example: qc-plugin scan footage/ --reports qc-reports --since last --budget 4h

    Check everything under PATHS; what is done already is not decoded again. Exit code 0 when all was checked.
    Stopped at any moment, the same command goes on where it was. Piped, it prints one JSON line an asset.
    """
    from qc_plugin.batch.plan import Shard
    from qc_plugin.batch.run import ScanOptions

    if fail_on not in ("never", "review", "reject"):
        raise UsageError(f"--fail-on {fail_on}: choose never, review or reject")
    if executor not in ("local", "ray"):
        raise UsageError(f"--executor {executor}: choose local or ray")
    options = ScanOptions(
        since_last=_since(since),
        limit=limit,
        budget_s=None if budget is None else seconds_of(budget),
        shard=Shard() if shard is None else Shard.parse(shard),
        ledger=ledger,
        executor="ray" if executor == "ray" else "local",
        keep_outcomes=False,
        allow_empty=allow_empty,
    )
    as_json = as_json or not out.is_terminal
    places = [given_place(path) for path in paths]
    if dry_run:
        return _show_plan(places, run, options, as_json=as_json)
    return _run(places, run, options, fail_on, as_json=as_json)


def seconds_of(text: str) -> float:
    """Seconds of `90s`, `30m`, `4h`, `1h30m`. Raises UsageError."""
    if not re.fullmatch(r"(\d+(\.\d+)?[smh])+", text):
        raise UsageError(f"--budget {text}: give hours, minutes or seconds, e.g. 4h, 90m, 30s")
    return sum(float(n) * _UNITS_S[unit] for n, unit in re.findall(r"([\d.]+)([smh])", text))


def _since(text: str | None) -> bool:
    if text not in (None, "last"):
        raise UsageError(f"--since {text}: only `last` is known: what is new since the last scan")
    return text == "last"


def _run(paths: list[Place], run: RunConfig, options: ScanOptions, fail_on: str, *, as_json: bool) -> int:
    from qc_plugin.batch.run import scan as scan_many

    with scan_progress(as_json=as_json) as tell:
        result = scan_many(paths, run, tell, options)
    print_scan(result, to=err if as_json else out)
    print_skipped(result, to=err if as_json else out, as_json=as_json)
    (err if as_json else out).print(f"reports: {run.store or run.reports}", soft_wrap=True)
    return _exit_code(result, fail_on)


def _exit_code(result: ScanResult, fail_on: str) -> int:
    if fail_on != "never" and result.verdicts["reject"]:
        return result.exit_code or 11
    if fail_on == "review" and result.verdicts["review"]:
        return result.exit_code or 10
    return result.exit_code


def _show_plan(paths: list[Place], run: RunConfig, options: ScanOptions, *, as_json: bool) -> int:
    from qc_plugin.batch.ledger import Ledger
    from qc_plugin.batch.run import ledger_file, plan_scan

    file = ledger_file(run, options.ledger)
    with Ledger(file if is_file(file) else None) as ledger:
        plan = plan_scan(paths, run, options, ledger)
        cost = ledger.cost()
    jobs = run.jobs or max(1, (os.cpu_count() or 2) // 2)
    estimate = plan.estimated_s(cost, jobs)
    if as_json:
        counts = {"counts": plan.counts, "bytes": plan.n_bytes, "estimated_s": estimate}
        names = {"ignored": plan.n_ignored, "left_out": plan.left_out, "skipped": plan.n_skipped}
        print(json.dumps({"schema": "qc.plan/1", "todo": plan.n_todo, **names, **counts}))
    else:
        print_plan(plan, estimate, jobs)
    print_skipped(plan, to=err if as_json else out, as_json=as_json)
    return 0
