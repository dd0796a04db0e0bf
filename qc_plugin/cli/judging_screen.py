"""What `rejudge` and `calibrate` show."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from qc_plugin.batch.rejudge import Rejudged, RejudgeResult
from qc_plugin.cli.screen import err, out
from qc_plugin.scoring.changes import Call

_QUIET_S = 30.0  # without a terminal: one line this often


@contextmanager
def counting(name: str) -> Iterator[Callable[[int, int], None]]:
    """A callback (n_done, n_all): a bar on a terminal, else a line each 30 s; on standard error."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal, transient=True) as bar:
        task = bar.add_task(name, total=None)
        last = time.monotonic()

        def tell(n_done: int, n_all: int) -> None:
            nonlocal last
            bar.update(task, completed=n_done, total=n_all)
            if not err.is_terminal and time.monotonic() - last > _QUIET_S:
                last = time.monotonic()
                err.print(f"{name}: {n_done} of {n_all}")

        yield tell


def print_summary(result: RejudgeResult, *, dry_run: bool) -> None:
    """How many assets were judged, and how many verdicts are others now."""
    judged = [asset for asset in result.assets if not asset.problem]
    n_errors = sum(asset.verdict[0] == "error" for asset in judged)
    n_there = sum(not asset.written for asset in judged)
    n_changed = sum(n for (before, after), n in result.verdicts.items() if before != after)
    out.print(f"{len(judged)} assets judged in {result.seconds:.1f} s, {n_changed} change")
    if dry_run:
        out.print("nothing was written (--dry-run)")
    elif n_there:
        out.print(f"{n_there} had a report under these rules already")
    if n_errors:
        out.print(f"{n_errors} could not be checked when they were scanned; rules cannot mend that")


def print_changes(result: RejudgeResult) -> None:
    """How many assets and frames change from what to what, and the closest calls."""
    for name, counts in (("assets", result.verdicts), ("frames", result.frames)):
        moved = {change: n for change, n in counts.items() if change[0] != change[1]}
        out.print(f"{name}: {sum(moved.values())} of {sum(counts.values())} change")
        for (before, after), n in sorted(moved.items(), key=lambda item: -item[1]):
            out.print(f"  {n:>8}  {before} -> {after}")
    print_calls(result)


def print_calls(result: RejudgeResult) -> None:
    """The changed frames that are nearest to a limit: what a person should look at."""
    calls = result.closest()
    if not calls:
        return
    out.print(f"the {len(calls)} closest calls (--json names their reports, for qc-plugin explain):")
    for asset, call in calls:
        where = f"{Path(asset.uri).name} frame {call.frame_index} at {call.pts_s:.2f} s"
        numbers = f"{call.rule_id} {call.value:.4g}, limit {call.limit:.4g}"
        out.print(f"  {call.before} -> {call.after}  {where}: {numbers}", markup=False, soft_wrap=True)


def rejudge_json(result: RejudgeResult) -> dict[str, Any]:
    """The result as one object; keys are only ever added."""
    frames = sorted(result.frames.items())
    return {
        "schema": "qc.rejudge/1",
        "assets": [_asset_json(asset) for asset in result.assets],
        "frames": [{"before": old, "after": new, "frames": n} for (old, new), n in frames],
        "closest": [_call_json(asset, call) for asset, call in result.closest()],
        "warnings": list(result.warnings),
    }


def _asset_json(asset: Rejudged) -> dict[str, Any]:
    return {
        "asset_id": asset.asset_id,
        "uri": asset.uri,
        "before": asset.verdict[0],
        "after": asset.verdict[1],
        "report": str(asset.report) if asset.report else None,
        "written": asset.written,
        "problem": asset.problem or None,
    }


def _call_json(asset: Rejudged, call: Call) -> dict[str, Any]:
    return {
        "asset_id": asset.asset_id,
        "report": str(asset.source),
        "frame": call.frame_index,
        "at_s": call.pts_s,
        "before": call.before,
        "after": call.after,
        "rule": call.rule_id,
        "value": call.value,
        "limit": call.limit,
        "text": call.text,
    }
