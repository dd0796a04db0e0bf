"""Runs assets through the pipeline: one in this process (`check`), many in workers that may die (`scan`)."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, cast

from qc_plugin.batch.keys import rules_of, run_keys
from qc_plugin.batch.ledger import Entry, Ledger
from qc_plugin.batch.manifest import write_manifest
from qc_plugin.batch.outcome import AssetOutcome
from qc_plugin.batch.plan import Plan, Shard, Todo, key_of, make_plan
from qc_plugin.batch.pool import default_jobs, run_isolated
from qc_plugin.batch.work import Workshop, quarantine
from qc_plugin.errors import UsageError
from qc_plugin.hooks.installed import packages
from qc_plugin.report.write import sweep

if TYPE_CHECKING:
    from pathlib import Path

    from qc_plugin.config import RunConfig
    from qc_plugin.types import Verdict

Progress = Callable[["AssetOutcome", int, int], None]
_SYSTEM_CODES = (70, 75, 22, 21, 20)  # worst first
_RESERVE_BYTES = 64 << 20
_MOST_DEATHS = 2
_AT_ONCE = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanOptions:
    """How much of a catalogue to do, and how. `budget_s` and `limit` end the run early, without an error."""

    since_last: bool = False  # believe the ledger, and tell only of what is new
    limit: int | None = None
    budget_s: float | None = None
    shard: Shard = field(default_factory=Shard)
    ledger: Path | None = None
    keep_outcomes: bool = True  # False: memory does not grow with the catalogue


@dataclass(slots=True)
class ScanResult:
    """What a scan did. `outcomes` only if they were to be kept, those done before first."""

    outcomes: list[AssetOutcome] = field(default_factory=list)
    n_ignored: int = 0  # files that are not media by name
    seconds: float = 0.0
    n_reused: int = 0
    n_left: int = 0
    stopped: str = ""  # why assets are left
    verdicts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)  # (verdict, reason)
    codes: Counter[int] = field(default_factory=Counter)

    @property
    def exit_code(self) -> int:
        """0 when every asset was checked, else the worst system class (70, 75, 22, 21, 20 in that order)."""
        return next((code for code in _SYSTEM_CODES if self.codes[code]), 0)

    def count(self, outcome: AssetOutcome) -> None:
        """Take an outcome into account."""
        self.verdicts[outcome.verdict] += 1
        self.reasons[outcome.verdict, outcome.reason] += 1
        self.n_reused += outcome.reused
        if outcome.verdict == "error":
            self.codes[outcome.exit_code] += 1


def check(path: Path, config: RunConfig) -> AssetOutcome:
    """Check one asset in this process and write its report. UsageError for a missing file or a folder."""
    if not path.exists():
        raise UsageError(f"{path}: no such file; check the path")
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; use `qc-plugin scan {path}` for many assets")
    return Workshop(config).process(path, None)


def ledger_file(config: RunConfig, named: Path | None = None) -> Path:
    """Where the ledger of a reports folder lies."""
    return named or config.reports / "ledger.sqlite"


def plan_scan(paths: Sequence[Path], config: RunConfig, options: ScanOptions, ledger: Ledger) -> Plan:
    """What a scan would do; nothing is opened or hashed."""
    keys = run_keys(config, rules_of(config))
    believed = None if options.since_last else lambda entry: _is_there(entry, config)
    return make_plan(paths, ledger, keys, shard=options.shard, is_there=believed)


def scan(
    paths: Sequence[Path],
    config: RunConfig,
    progress: Progress | None = None,
    options: ScanOptions | None = None,
) -> ScanResult:
    """Check every asset under `paths`; finished ones are not decoded again. No asset stops the rest."""
    options = options or ScanOptions()
    started = time.monotonic()
    config.reports.mkdir(parents=True, exist_ok=True)
    with Ledger(ledger_file(config, options.ledger)) as ledger:
        if ledger.last_run() != (0, None) and ledger.last_run()[1] is None:
            sweep(config.reports)  # the last run was killed: half-written files may lie about
        run = ledger.begin_run()
        plan = plan_scan(paths, config, options, ledger)
        result = ScanResult(n_ignored=plan.n_ignored)
        n_all = plan.n_todo if options.since_last else plan.n_all
        # Closed at once: when `progress` raises, workers must not live on as long as its traceback does.
        with closing(_outcomes(plan, ledger, config, options, run, result)) as outcomes:
            for outcome in outcomes:
                result.count(outcome)
                if options.keep_outcomes:
                    result.outcomes.append(outcome)
                if progress is not None:
                    progress(outcome, result.verdicts.total(), n_all)
        result.n_left = n_all - result.verdicts.total()
        if options.shard.of > 1:
            write_manifest(config.reports, options.shard, plan, ledger, complete=not result.n_left)
        ledger.end_run(run, result.stopped or "done")
    result.seconds = time.monotonic() - started
    packages().batch_finished(config, result.verdicts.total(), result.verdicts["error"])
    return result


def _outcomes(
    plan: Plan, ledger: Ledger, config: RunConfig, options: ScanOptions, run: int, result: ScanResult
) -> Generator[AssetOutcome, None, None]:
    """What was done before, then what is done now, each written into the ledger before it is told."""
    if not options.since_last:
        yield from _done_before(plan, ledger, config)
    keys = run_keys(config, rules_of(config))
    stop = _Stop(config, options, result)
    todo = islice(plan.todo(), options.limit)
    for item, outcome in _work_through(todo, ledger, config, stop, run):
        ledger.remember([_entry(item, outcome, keys, run, config)])
        yield outcome
    if options.limit is not None and plan.n_todo > options.limit and not result.stopped:
        result.stopped = f"--limit {options.limit}"


def _done_before(plan: Plan, ledger: Ledger, config: RunConfig) -> Iterator[AssetOutcome]:
    done = plan.done()
    while chunk := list(islice(done, _AT_ONCE)):
        known = ledger.known([key_of(path) for path in chunk])
        yield from (_reused(path, known[key_of(path)], config) for path in chunk)


def _work_through(
    todo: Iterator[Todo], ledger: Ledger, config: RunConfig, stop: _Stop, run: int
) -> Iterator[tuple[Todo, AssetOutcome]]:
    """Each asset once; one that takes its worker down twice, now or in an earlier run, is quarantined."""
    deaths: list[Todo] = []
    for item, outcome in run_isolated(todo, config, jobs=default_jobs(config), go_on=stop):
        if outcome is not None:
            yield item, outcome
            continue
        item = item.after_death()  # noqa: PLW2901 - the same asset, one attempt later
        ledger.remember([_pending(item, run)])
        deaths.append(item)
    for item in deaths:
        yield from _again(item, config)


def _again(item: Todo, config: RunConfig) -> Iterator[tuple[Todo, AssetOutcome]]:
    """Alone, so that nothing else can be to blame."""
    while item.attempts < _MOST_DEATHS:
        _, outcome = next(run_isolated(iter([item]), config, jobs=1))
        if outcome is not None:
            yield item, outcome
            return
        item = item.after_death()
    yield item, quarantine(item.path, config)


class _Stop:
    """Whether another asset may be begun; says in the result why not."""

    def __init__(self, config: RunConfig, options: ScanOptions, result: ScanResult) -> None:
        self._started, self._config, self._options, self._result = time.monotonic(), config, options, result

    def __call__(self) -> bool:
        budget_s = self._options.budget_s
        if budget_s is not None and time.monotonic() - self._started > budget_s:
            self._result.stopped = "--budget"
        elif shutil.disk_usage(self._config.reports).free < _RESERVE_BYTES:
            self._result.stopped = "the disk is nearly full"
            self._result.codes[75] += 1
        return not self._result.stopped


def _is_there(entry: Entry, config: RunConfig) -> bool:
    return entry.report is not None and (config.reports / entry.report).is_file()


def _entry(item: Todo, outcome: AssetOutcome, keys: tuple[str, str], run: int, config: RunConfig) -> Entry:
    report = outcome.report
    inside = report is not None and report.is_relative_to(config.reports)
    return Entry(
        path=key_of(item.path),
        state=item.state,
        asset_id=outcome.asset_id,
        kind=outcome.kind,
        measures=keys[0],
        settings=keys[1],
        verdict=outcome.verdict,
        exit_code=outcome.exit_code,
        sentence=outcome.sentence,
        incomplete=outcome.incomplete,
        degraded=outcome.degraded,
        report=str(report.relative_to(config.reports)) if report is not None and inside else None,
        bytes=item.n_bytes,
        seconds=0.0 if outcome.reused else outcome.seconds,
        attempts=item.attempts,
        run=run,
    )


def _pending(item: Todo, run: int) -> Entry:
    """An asset whose worker died: kept, so that another death after a crash of ours counts as the second."""
    return Entry(
        path=key_of(item.path),
        state=item.state,
        asset_id=item.sha256 or "",
        kind="video",
        measures="",
        settings="",
        verdict="error",
        exit_code=75,
        sentence="its worker died; to be tried again",
        bytes=item.n_bytes,
        attempts=item.attempts,
        run=run,
    )


def _reused(path: Path, entry: Entry, config: RunConfig) -> AssetOutcome:
    return AssetOutcome(
        path=str(path),
        asset_id=entry.asset_id,
        kind="artwork" if entry.kind == "artwork" else "video",
        verdict=cast("Verdict", entry.verdict),
        exit_code=entry.exit_code,
        sentence=entry.sentence,
        report=None if entry.report is None else config.reports / entry.report,
        incomplete=bool(entry.incomplete),
        degraded=bool(entry.degraded),
        reused=True,
    )
