"""What people see: results on stdout, everything else on stderr; bars only on a terminal."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from qc_plugin.cli.streams import stop_if_unread
from qc_plugin.errors import ASSET_ERRORS
from qc_plugin.places import working_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qc_plugin.asset.outcome import AssetOutcome
    from qc_plugin.batch.plan import Plan
    from qc_plugin.batch.run import ScanResult

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

MARKS = {
    "accept": "[green]✓ accept[/]",
    "review": "[yellow]? review[/]",
    "reject": "[red]✗ reject[/]",
    "error": "[magenta]! error[/]",
}
_REASONS = {kind.__name__: f"{kind.in_totals} ({kind.exit_code})" for kind in ASSET_ERRORS}
_REASONS["incomplete"] = "checked in part"
_QUIET_S = 30.0  # without a terminal: one line this often, so that logs show life and stay short


def outcome_json(outcome: AssetOutcome) -> dict[str, Any]:
    """One asset as a JSON object; keys are only ever added."""
    plain = outcome.as_json() | {"schema": "qc.outcome/1", "exit_code": outcome.ends_with}
    return plain | ({"report": outcome.address} if outcome.address else {})


def print_outcome(outcome: AssetOutcome, *, as_json: bool) -> None:
    """The result of one asset."""
    if as_json:
        print(json.dumps(outcome_json(outcome)), flush=True)
        return
    out.print(f"{MARKS[outcome.verdict]}  {escape(shown(outcome.path))}", soft_wrap=True)
    out.print(f"  {plain(outcome.sentence)}", soft_wrap=True, markup=False)
    if outcome.frames and any(outcome.frames.values()):
        told = (_frames(name, n) for name, n in outcome.frames.items() if n)
        out.print(f"  frames: {', '.join(told)}", markup=False)
    for label, path in (("report", outcome.address or outcome.report), ("sheet", outcome.sheet)):
        if path is not None:
            out.print(f"  {label}: {path}", soft_wrap=True, markup=False)


def _frames(name: str, n: int) -> str:
    """`6 accept`, `2 excluded (dark)`."""
    from qc_plugin.types.summary import EXCLUDED

    rule = name.removeprefix(EXCLUDED)
    return f"{n} {name}" if rule == name else f"{n} excluded ({plain(rule)})"


@contextmanager
def scan_progress(*, as_json: bool) -> Iterator[Any]:
    """A callback (outcome, n_done, n_all): a bar on a terminal, else a line each 30 s; JSON if asked."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal) as bar:
        task = bar.add_task("scan", total=None)
        last = time.monotonic()

        def tell(outcome: AssetOutcome, n_done: int, n_all: int) -> None:
            nonlocal last
            bar.update(task, completed=n_done, total=n_all)
            if as_json:
                print_outcome(outcome, as_json=True)
                stop_if_unread()
            elif outcome.verdict != "accept" and not outcome.reused:
                _one_line(outcome)
            elif not err.is_terminal and time.monotonic() - last > _QUIET_S:
                last = time.monotonic()
                err.print(
                    f"{n_done} of {n_all} assets, last: {escape(shown(outcome.path))} ({outcome.verdict})",
                    soft_wrap=True,
                )

        yield tell


def print_scan(result: ScanResult, to: Console = out) -> None:
    """Totals by verdict and reason, and what is left to do."""
    totals = ", ".join(f"{n} {verdict}" for verdict, n in sorted(result.verdicts.items()))
    n_all = result.verdicts.total()
    to.print(f"{_assets(n_all)} in {result.seconds:.1f} s: {totals or 'nothing to check'}", soft_wrap=True)
    for (verdict, reason), n in sorted(result.reasons.items()):
        if reason:
            to.print(f"  {n} {verdict}: {_REASONS.get(reason, reason)}", soft_wrap=True)
    if result.n_reused:
        to.print(f"{result.n_reused} were done already under the same rules and engines")
    if result.n_gone:
        to.print(f"{_assets(result.n_gone)} of the last scan not there any more: their reports stay")
    if result.stopped:
        why = f"ended early, by {result.stopped}: {_assets(result.n_left)} left"
        to.print(f"{why}; the same command goes on", soft_wrap=True)


def _assets(n: int) -> str:
    return f"{n} asset" if n == 1 else f"{n} assets"


def _one_line(outcome: AssetOutcome) -> None:
    """An asset that needs a person."""
    out.print(f"{MARKS[outcome.verdict]}  {escape(shown(outcome.path))}", soft_wrap=True)
    out.print(f"          {plain(outcome.sentence)}", markup=False, soft_wrap=True)


def print_plan(plan: Plan, estimated_s: float | None, jobs: int) -> None:
    """What a scan would do."""
    from qc_plugin.batch.plan import REASONS

    for reason, text in REASONS.items():
        if plan.counts[reason]:
            n_bytes = plan.n_bytes[reason]
            out.print(f"{plan.counts[reason]:8} {text}, {n_bytes / 1e9:.2f} GB", soft_wrap=True)
    out.print(f"{plan.counts['done']:8} done already")
    if estimated_s is None:
        out.print("how long it takes is not known: nothing was checked here yet")
    else:
        out.print(f"about {estimated_s / 3600:.1f} h with {jobs} at once, by what the last assets took")


def shown(path: str) -> str:
    """Where an asset lies, for people: below the working folder without it, as they have typed it."""
    here = working_folder()
    below = here is not None and Path(path).is_absolute() and Path(path).is_relative_to(here)
    return plain(str(Path(path).relative_to(here)) if below and here is not None else path)


def plain(text: str) -> str:
    """`text` without what a terminal would obey: file names are written by strangers."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
