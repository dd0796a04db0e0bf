"""Runs assets through the pipeline: one in this process (`check`), many in workers that may die (`scan`)."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from qc_plugin.asset.finished import finished_entry
from qc_plugin.asset.keys import RunKeys, rules_of
from qc_plugin.asset.parts import ReportParts
from qc_plugin.batch.entries import entry_of, pending, reused
from qc_plugin.batch.gone import forget_gone, if_complete
from qc_plugin.batch.ledger import Ledger
from qc_plugin.batch.plan import Plan, Shard, Todo, key_of, make_plan
from qc_plugin.batch.pool import default_jobs, run_isolated
from qc_plugin.batch.shard_manifest import write_manifest
from qc_plugin.batch.walk import check_places
from qc_plugin.errors import CODES_WORST_FIRST, QcError, TemporaryError, UsageError
from qc_plugin.extensions.installed import packages
from qc_plugin.files import RESERVE_BYTES, make_folder, sweep
from qc_plugin.report.layout import LEDGER, adopt
from qc_plugin.store.address import Address

if TYPE_CHECKING:
    from qc_plugin.asset.outcome import AssetOutcome
    from qc_plugin.batch.found import Skipped
    from qc_plugin.batch.leftovers import Reason
    from qc_plugin.config import RunConfig
    from qc_plugin.store.address import Place
    from qc_plugin.store.s3 import Listed

Progress = Callable[["AssetOutcome", int, int], None]
_MOST_DEATHS = 2
_MOST_LATER = 50
_STOPPED = "stopped before its end"
_AT_ONCE = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanOptions:
    """How much of a catalogue to do, and how. `budget_s` and `limit` end the run early, without an error."""

    since_last: bool = False  # believe the ledger, and tell only of what is new
    limit: int | None = None
    budget_s: float | None = None
    shard: Shard = field(default_factory=Shard)
    ledger: Path | None = None
    executor: Literal["local", "ray"] = "local"
    keep_outcomes: bool = True  # False: memory does not grow with the catalogue
    allow_empty: bool = False  # a place that had assets at the last scan may have none now


@dataclass(slots=True)
class ScanResult:
    """What a scan did. `outcomes` only if they were to be kept, those done before first."""

    outcomes: list[AssetOutcome] = field(default_factory=list)
    left_out: Counter[Reason] = field(default_factory=Counter)  # by name, why
    skipped: list[Skipped] = field(default_factory=list)  # not searched; at most MOST_SKIPPED of `n_skipped`
    n_skipped: int = 0
    n_gone: int = 0  # known at the last scan, not there now
    seconds: float = 0.0
    n_reused: int = 0
    n_left: int = 0
    stopped: str = ""  # why assets are left
    verdicts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)  # (verdict, reason)
    codes: Counter[int] = field(default_factory=Counter)
    n_later: int = 0  # assets in a row that are for later: the fault is hardly theirs

    @property
    def n_ignored(self) -> int:
        """Files and folders left out by name."""
        return self.left_out.total()

    @property
    def exit_code(self) -> int:
        """0 when every asset was checked, else the worst system class (70, 75, 22, 21, 20 in that order)."""
        return next((code for code in CODES_WORST_FIRST if self.codes[code]), 0)

    def count(self, outcome: AssetOutcome) -> None:
        """Take an outcome into account."""
        self.verdicts[outcome.verdict] += 1
        self.reasons[outcome.verdict, outcome.reason] += 1
        self.n_reused += outcome.reused
        self.n_later = self.n_later + 1 if outcome.exit_code == TemporaryError.exit_code else 0
        if outcome.verdict == "error":
            self.codes[outcome.exit_code] += 1


def check(place: Place, config: RunConfig) -> AssetOutcome:
    """Check one asset in this process and write its report. UsageError for a missing file or a folder."""
    from qc_plugin.asset.check_one import AssetChecker

    return AssetChecker(config).process(_one(place), None)


def _one(place: Place) -> Path | Listed:
    if isinstance(place, Path):
        if not place.exists():
            raise UsageError(f"{place}: no such file; check the path")
        if place.is_dir():
            raise UsageError(f"{place}: is a folder; use `qc-plugin scan {place}` for many assets")
        return place
    from qc_plugin.store.s3 import S3

    found = S3().find(place)
    if found is None:
        raise UsageError(f"{place}: no such object; check the key, or use `qc-plugin scan {place}` for many")
    return found


def ledger_file(config: RunConfig, named: Path | None = None) -> Path:
    """Where the ledger of a reports folder lies; one of an earlier version gets its present name first."""
    adopt(config.reports)
    return named or config.reports / LEDGER


def plan_scan(paths: Sequence[Place], config: RunConfig, options: ScanOptions, ledger: Ledger) -> Plan:
    """What a scan would do; nothing is opened or hashed."""
    keys = RunKeys(config, rules_of(config)).of("")
    # Of reports in a store the ledger is believed: to ask for each of a million costs an hour.
    believed = options.since_last or config.store is not None
    parts = ReportParts(config)
    is_there = None if believed else lambda entry: finished_entry(entry, config, parts)
    but: list[Place] = [config.reports, *([Address.parse(config.store)] if config.store else [])]
    plan = make_plan(
        paths, ledger, keys, shard=options.shard, is_there=is_there, but=but, ignore=config.ignore
    )
    if options.allow_empty:
        plan.allow_empty()
    return plan


def scan(
    paths: Sequence[Place],
    config: RunConfig,
    progress: Progress | None = None,
    options: ScanOptions | None = None,
) -> ScanResult:
    """Check every asset under `paths`; finished ones are not decoded again. No asset stops the rest."""
    options = options or ScanOptions()
    started = time.monotonic()
    check_places(paths)
    if options.executor == "ray":  # nodes have other working folders
        config = config.model_copy(update={"reports": config.reports.absolute()})
    make_folder(config.reports)
    with Ledger(ledger_file(config, options.ledger)) as ledger:
        number, ended = ledger.last_run()
        if number and ended in (None, _STOPPED):
            sweep(config.reports)  # half-written files may lie about
        run = ledger.begin_run()
        try:
            result = _scan(paths, config, progress, options, ledger, run)
        except BaseException:
            with suppress(QcError):
                ledger.end_run(run, _STOPPED)
            raise
        ledger.end_run(run, result.stopped or "done")
    result.seconds = time.monotonic() - started
    packages().batch_finished(config, result.verdicts.total(), result.verdicts["error"])
    return result


def _scan(
    paths: Sequence[Place],
    config: RunConfig,
    progress: Progress | None,
    options: ScanOptions,
    ledger: Ledger,
    run: int,
) -> ScanResult:
    plan = plan_scan(paths, config, options, ledger)
    result = ScanResult(left_out=plan.left_out, skipped=plan.skipped, n_skipped=plan.n_skipped)
    result.codes.update(each.exit_code for each in plan.skipped)
    result.n_gone = forget_gone(paths, plan, ledger, options.shard)
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
    if options.shard.of > 1 or config.store is not None:
        manifest = write_manifest(config.reports, options.shard, plan, ledger, complete=not result.n_left)
        if config.store is not None:
            from qc_plugin.asset.report_store import ReportStore

            ReportStore(config).put_file(manifest)
    return result


def _outcomes(
    plan: Plan, ledger: Ledger, config: RunConfig, options: ScanOptions, run: int, result: ScanResult
) -> Generator[AssetOutcome, None, None]:
    """What was done before, then what is done now, each written into the ledger before it is told."""
    if not options.since_last:
        yield from _done_before(plan, ledger, config)
    stop = _Stop(config, options, result)
    todo = islice(plan.todo(), options.limit)
    workers = _Workers(config, options, plan.n_todo)
    for item, done in _work_through(todo, ledger, config, workers, stop, run):
        outcome = if_complete(item, done)
        ledger.remember([entry_of(item, outcome, plan.keys, run, config)])
        yield outcome
    if options.limit is not None and plan.n_todo > options.limit and not result.stopped:
        result.stopped = f"--limit {options.limit}"


def _done_before(plan: Plan, ledger: Ledger, config: RunConfig) -> Iterator[AssetOutcome]:
    done = plan.done()
    while chunk := list(islice(done, _AT_ONCE)):
        known = ledger.known([key_of(path) for path in chunk])
        yield from (reused(path, known[key_of(path)], config) for path in chunk)


class _Workers:
    """Where assets are worked on: here, or on a Ray cluster."""

    def __init__(self, config: RunConfig, options: ScanOptions, n_todo: int) -> None:
        self._config, self._on_ray, self._n_todo = config, options.executor == "ray", n_todo

    def work(
        self, todo: Iterator[Todo], go_on: Callable[[], bool]
    ) -> Generator[tuple[Todo, AssetOutcome | None], None, None]:
        """Each asset and what became of it; None where it took its worker down."""
        if not self._on_ray:
            return run_isolated(todo, self._config, jobs=default_jobs(self._config), go_on=go_on)
        from qc_plugin.batch.ray_pool import run_on_ray

        return run_on_ray(todo, self._config, n_items=self._n_todo, go_on=go_on)

    def alone(self, item: Todo) -> AssetOutcome | None:
        """One asset with nothing else that could be to blame."""
        with closing(self.work(iter([item]), lambda: True)) as done:
            return next(done)[1]


def _work_through(
    todo: Iterator[Todo], ledger: Ledger, config: RunConfig, workers: _Workers, stop: _Stop, run: int
) -> Iterator[tuple[Todo, AssetOutcome]]:
    """Each asset once; one that takes its worker down twice, now or in an earlier run, is quarantined."""
    deaths: list[Todo] = []
    for item, outcome in workers.work(todo, stop):
        if outcome is not None:
            yield item, outcome
            continue
        item = item.after_death()  # noqa: PLW2901 - the same asset, one attempt later
        ledger.remember([pending(item, run)])
        deaths.append(item)
    yield from (_again(item, config, workers) for item in deaths)


def _again(item: Todo, config: RunConfig, workers: _Workers) -> tuple[Todo, AssetOutcome]:
    while item.attempts < _MOST_DEATHS:
        outcome = workers.alone(item)
        if outcome is not None:
            return item, outcome
        item = item.after_death()
    from qc_plugin.asset.check_one import quarantine

    return item, quarantine(item.path, config)


class _Stop:
    """Whether another asset may be begun; says in the result why not."""

    def __init__(self, config: RunConfig, options: ScanOptions, result: ScanResult) -> None:
        self._started, self._config, self._options, self._result = time.monotonic(), config, options, result

    def __call__(self) -> bool:
        budget_s = self._options.budget_s
        if budget_s is not None and time.monotonic() - self._started > budget_s:
            self._result.stopped = "--budget"
        elif self._result.n_later >= _MOST_LATER:
            self._result.stopped = f"{_MOST_LATER} assets in a row that cannot be had now"
        elif shutil.disk_usage(self._config.reports).free < RESERVE_BYTES:
            self._result.stopped = "the disk is nearly full"
            self._result.codes[TemporaryError.exit_code] += 1
        return not self._result.stopped
