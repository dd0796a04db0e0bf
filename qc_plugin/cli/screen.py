"""What people see: results on stdout, everything else on stderr; bars only on a terminal."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from qc_plugin.batch import AssetOutcome, ScanResult

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

MARKS = {
    "accept": "[green]✓ accept[/]",
    "review": "[yellow]? review[/]",
    "reject": "[red]✗ reject[/]",
    "error": "[magenta]! error[/]",
}
_QUIET_S = 30.0  # without a terminal: one line this often, so that logs show life and stay short


def outcome_json(outcome: AssetOutcome) -> dict[str, Any]:
    """One asset as a JSON object; keys are only ever added."""
    plain = asdict(outcome) | {"schema": "qc.outcome/1"}
    return {k: str(v) if k in ("report", "sheet") and v is not None else v for k, v in plain.items()}


def print_outcome(outcome: AssetOutcome, *, as_json: bool) -> None:
    """The result of one asset."""
    if as_json:
        print(json.dumps(outcome_json(outcome)), flush=True)
        return
    out.print(f"{MARKS[outcome.verdict]}  {escape(outcome.path)}", soft_wrap=True)
    out.print(f"  {outcome.sentence}", soft_wrap=True, markup=False)
    if outcome.frames and any(outcome.frames.values()):
        out.print("  frames: " + ", ".join(f"{n} {name}" for name, n in outcome.frames.items() if n))
    for label, path in (("report", outcome.report), ("sheet", outcome.sheet)):
        if path is not None:
            out.print(f"  {label}: {path}", soft_wrap=True, markup=False)


@contextmanager
def scan_progress(*, as_json: bool) -> Iterator[Any]:
    """A callback (outcome, n_done, n_all): a bar on a terminal, else a line each 30 s; JSON if asked."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal) as bar:
        task = bar.add_task("scan", total=None)
        last = time.monotonic()

        def tell(outcome: AssetOutcome, n_done: int, n_all: int) -> None:
            nonlocal last
            bar.update(task, completed=n_done, total=n_all)
            if as_json:
                print_outcome(outcome, as_json=True)
            elif not err.is_terminal and time.monotonic() - last > _QUIET_S:
                last = time.monotonic()
                err.print(
                    f"{n_done} of {n_all} assets, last: {outcome.path} ({outcome.verdict})", soft_wrap=True
                )

        yield tell


def print_scan(result: ScanResult) -> None:
    """Totals, and one line for every asset that needs a person."""
    for o in (o for o in result.outcomes if o.verdict != "accept"):
        out.print(f"{MARKS[o.verdict]}  {escape(o.path)}", soft_wrap=True)
        out.print(f"          {o.sentence}", markup=False, soft_wrap=True)
    totals = ", ".join(f"{n} {verdict}" for verdict, n in sorted(result.verdicts.items()))
    out.print(f"{len(result.outcomes)} assets in {result.seconds:.1f} s: {totals or 'nothing to check'}")
    if result.n_reused:
        out.print(f"{result.n_reused} were done already under the same rules and engines")
    if result.ignored:
        out.print(f"{len(result.ignored)} files that are not media by name were left out")
