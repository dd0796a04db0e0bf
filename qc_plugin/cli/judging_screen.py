"""What `rejudge` and `calibrate` show."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from qc_plugin.cli.screen import err, out
from qc_plugin.scoring.calibration import Step, interval
from qc_plugin.scoring.changes import Call
from qc_plugin.types import DECISION_ORDER
from qc_plugin.workshop.calibrate import Calibration
from qc_plugin.workshop.rejudge import Rejudged, RejudgeResult

_ROWS = 12  # of a table of limits
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


def calibration_lines(found: Calibration) -> list[str]:
    """What `calibrate` found, as plain lines: they also head the proposal as comments."""
    rule, counts = found.rule, Counter(label.decision for label in found.labels)
    told = ", ".join(f"{counts[decision]} {decision}" for decision in DECISION_ORDER if counts[decision])
    lines = [f"rule {rule.id} ({rule.measure}): {len(found.labels)} decided frames: {told}"]
    for band, steps in found.steps.items():
        what = "are not accepted" if band == "pass" else "are rejected"
        lines += ["", f"{band}: of the frames beyond the limit, how many {what}"]
        lines.append(f"  {'limit':>9} {'beyond':>7} {'precision':>10} {'recall':>7}")
        lines += [_step_line(step, found, band) for step in _shown(steps, found, band)]
    lines += ["", *(_certainty(band, step) for band, step in found.proposed.items()), ""]
    for name, changes in (("frames", found.frames), ("assets", found.verdicts)):
        moved = {change: n for change, n in changes.items() if change[0] != change[1]}
        lines.append(f"with the proposal, {sum(moved.values())} of {sum(changes.values())} {name} change")
        lines += [f"  {n:>8}  {old} -> {new}" for (old, new), n in sorted(moved.items(), key=lambda m: -m[1])]
    return [*lines, f"for a rule file that extends the set of `{rule.id}`:"]


def _shown(steps: Sequence[Step], found: Calibration, band: str) -> list[Step]:
    """A table's worth of limits, evenly spread, with that of now and the proposed one among them."""
    spread = [steps[round(i * (len(steps) - 1) / _ROWS)] for i in range(_ROWS + 1)]
    by_limit = {step.limit: step for step in (*spread, found.current[band], found.proposed[band])}
    return [by_limit[limit] for limit in sorted(by_limit)]


def _step_line(step: Step, found: Calibration, band: str) -> str:
    marks = [
        word
        for word, other in (("now", found.current[band]), ("proposed", found.proposed[band]))
        if step.limit == other.limit
    ]
    precision = "-" if step.precision is None else f"{step.precision:.0%}"
    line = f"  {step.limit:>9.6g} {step.n_beyond:>7} {precision:>10} {step.recall:>7.0%}"
    return line + (f"  <- {', '.join(marks)}" if marks else "")


def _certainty(band: str, step: Step) -> str:
    """The proposed limit with the ranges in which its shares lie (95 %)."""
    low, high = interval(step.n_hit, step.n_beyond)
    least, most = interval(step.n_hit, step.n_faults)
    return (
        f"proposed {band} {step.limit:g}: precision {low:.0%} to {high:.0%}, recall {least:.0%} to {most:.0%}"
    )
