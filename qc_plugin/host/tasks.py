"""The tasks of plugin.yaml: the nightly scan, and making a machine ready before the first asset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qc_plugin import __version__
from qc_plugin.asset.check_one import AssetChecker
from qc_plugin.batch import AssetOutcome, scan
from qc_plugin.errors import TemporaryError
from qc_plugin.host.answer import reason_for
from qc_plugin.host.result import Reason, Result, TaskSummary
from qc_plugin.store.address import given_place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from qc_plugin.batch.found import Skipped
    from qc_plugin.config import RunConfig
    from qc_plugin.host.deadline import Deadline
    from qc_plugin.host.event import Event


_MOST_TOLD = 20


class _Over(Exception):
    """Raised between two assets of a scan; finished assets keep their reports."""


def run_task(event: Event, config: RunConfig, clock: Deadline) -> Result:
    """Do the task of `event`. A task that is cut short says `incomplete`; asked again, it goes on."""
    skipped: list[Skipped] = []
    if event.task == "warm-up":
        summary, whole = TaskSummary(engines=warm_up(config)), True
    else:
        summary, whole = _nightly_scan(event, config, clock, skipped)
    bad = summary.exit_code != 0
    return Result(
        id=event.id,
        event=event.event,
        verdict="review" if bad or not whole else "accept",
        stop=False,
        incomplete=not whole,
        reasons=list(_reasons(summary, whole, skipped)),
        # Disk, share or store may be back when the same is asked again.
        retryable=not whole or summary.exit_code == TemporaryError.exit_code,
        task=summary,
        causation=event.causation,
        plugin_version=__version__,
    )


def _reasons(summary: TaskSummary, whole: bool, skipped: Sequence[Skipped]) -> Iterator[Reason]:
    """Why a task is not accepted."""
    yield from (reason_for("skipped", each.text) for each in skipped[:_MOST_TOLD])
    if not whole:
        yield reason_for("incomplete", f"the time was over after {summary.assets} assets; send it again")
    n_bad = summary.verdicts.get("error", 0)
    if n_bad:
        yield reason_for("errors", f"{n_bad} of {summary.assets} assets could not be checked")


def warm_up(config: RunConfig) -> dict[str, str]:
    """Load every engine the way a run will, so that plans are built now; engine to where it runs."""
    uses = AssetChecker(config).engines.uses
    return {use.name: f"{use.backend}, {use.device}, {use.precision}" for use in uses}


def _nightly_scan(
    event: Event, config: RunConfig, clock: Deadline, skipped: list[Skipped]
) -> tuple[TaskSummary, bool]:
    seen: list[AssetOutcome] = []

    def tell(outcome: AssetOutcome, n_done: int, n_all: int) -> None:
        seen.append(outcome)
        if not clock.watch(n_done / n_all, "scan") and n_done < n_all:
            raise _Over

    try:
        result = scan([given_place(p) for p in event.paths or []], config, tell)
    except _Over:
        return _summary(seen, 0, 0), False
    skipped += result.skipped
    return _summary(seen, result.exit_code, result.n_skipped), True


def _summary(seen: list[AssetOutcome], exit_code: int, n_skipped: int) -> TaskSummary:
    verdicts: dict[str, int] = {}
    for outcome in seen:
        verdicts[outcome.verdict] = verdicts.get(outcome.verdict, 0) + 1
    n_reused = sum(outcome.reused for outcome in seen)
    return TaskSummary(
        assets=len(seen), reused=n_reused, skipped=n_skipped, verdicts=verdicts, exit_code=exit_code
    )
