"""Runs assets through the pipeline: one in this process (`check`), many in killable workers (`scan`)."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from qc_plugin.batch.identity import HashIndex
from qc_plugin.batch.plan import find_files
from qc_plugin.batch.pool import run_isolated
from qc_plugin.batch.work import AssetOutcome, Workshop, done_already, quarantine
from qc_plugin.errors import UsageError
from qc_plugin.hooks.installed import packages

if TYPE_CHECKING:
    from qc_plugin.config import RunConfig

Progress = Callable[["AssetOutcome", int, int], None]


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What a scan did. `outcomes` in the order of the plan; `ignored`: files that are not media by name."""

    outcomes: tuple[AssetOutcome, ...]
    ignored: tuple[Path, ...]
    seconds: float
    n_reused: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)

    @property
    def exit_code(self) -> int:
        """0 when every asset was checked, else the worst system class (70, 75, 22, 21, 20 in that order)."""
        codes = {o.exit_code for o in self.outcomes if o.verdict == "error"}
        return next((code for code in (70, 75, 22, 21, 20) if code in codes), 0)


def check(path: Path, config: RunConfig) -> AssetOutcome:
    """Check one asset in this process and write its report. UsageError for a missing file or a folder."""
    if not path.exists():
        raise UsageError(f"{path}: no such file; check the path")
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; use `qc-plugin scan {path}` for many assets")
    return Workshop(config).process(path, None)


def scan(paths: Sequence[Path], config: RunConfig, progress: Progress | None = None) -> ScanResult:
    """Check every asset under `paths`; finished ones are not decoded again. No asset stops the rest."""
    started = time.monotonic()
    found = find_files(paths)
    index = HashIndex(config.reports)
    known = index.lookup(list(found.assets))
    outcomes = done_already(found.assets, known, config)
    n_reused = len(outcomes)
    todo = [path for path in found.assets if path not in outcomes]
    for n, outcome in enumerate(outcomes.values(), 1):
        _tell(progress, outcome, n, len(found.assets))
    for outcome in _work_through(todo, known, config):
        outcomes[Path(outcome.path)] = outcome
        if outcome.asset_id:
            index.remember({Path(outcome.path): outcome.asset_id})
        _tell(progress, outcome, len(outcomes), len(found.assets))
    ordered = tuple(outcomes[path] for path in found.assets)
    n_failed = sum(o.verdict == "error" for o in ordered)
    packages().batch_finished(config, len(ordered), n_failed)
    return ScanResult(
        ordered, found.ignored, time.monotonic() - started, n_reused, Counter(o.verdict for o in ordered)
    )


def _work_through(todo: list[Path], known: dict[Path, str], config: RunConfig) -> Iterator[AssetOutcome]:
    """Each asset once; one that takes its worker down is tried again alone, then quarantined."""
    suspects: list[Path] = []
    for path, outcome in run_isolated([(path, known.get(path)) for path in todo], config):
        if outcome is None:
            suspects.append(path)
        else:
            yield outcome
    for suspect in suspects:
        for path, outcome in run_isolated([(suspect, known.get(suspect))], config, jobs=1):
            yield outcome if outcome is not None else quarantine(path, config)


def _tell(progress: Progress | None, outcome: AssetOutcome, n_done: int, n_all: int) -> None:
    if progress is not None:
        progress(outcome, n_done, n_all)
