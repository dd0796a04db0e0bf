"""Stored measures judged by other rules: new reports beside the old, nothing decoded, nothing rewritten."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qc_plugin.asset.check_one import rules_of
from qc_plugin.asset.judged_again import judge_again
from qc_plugin.errors import RuleError, UsageError
from qc_plugin.places import check_room_for_sockets
from qc_plugin.report.read import read_report
from qc_plugin.report.write import report_path, write_report
from qc_plugin.rulesets.ruleset import AssetFacts, choose_rules
from qc_plugin.scoring.changes import Call, closest_calls, n_lost
from qc_plugin.workshop.stored import find_reports, group_by_asset, root_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from qc_plugin.config import RunConfig
    from qc_plugin.rulesets.ruleset import RuleSet
    from qc_plugin.types import AssetReport, FrameRow
    from qc_plugin.workshop.stored import StoredAsset

    Progress = Callable[["Rejudged", int, int], None]
    _Stored = tuple[Path, AssetReport]

N_CALLS = 20
Change = tuple[str, str]  # from what to what


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejudged:
    """What new rules make of one asset; small, and safe to send between processes.

    `frames` counts all frames by (decision before, decision after); an excluded frame is "left out".
    `source` is the report compared with, `measured` the one whose measures were judged by `rules_id`.
    `calls` are its changed frames, the closest to a limit first. `lost` counts blur values that the old rules
    kept out of the report and the new ones would ask for. `problem` says why there is no new report.
    """

    uri: str
    asset_id: str
    source: Path
    rules_id: str = ""
    measured: Path | None = None
    verdict: Change = ("error", "error")
    report: Path | None = None
    written: bool = False
    frames: Counter[Change] | None = None
    calls: tuple[Call, ...] = ()
    lost: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class RejudgeResult:
    """All assets, sorted by name, and a sentence for every file that could not be read."""

    assets: tuple[Rejudged, ...]
    unreadable: tuple[str, ...]
    seconds: float

    @property
    def problems(self) -> tuple[str, ...]:
        """One sentence for each report that could not be judged."""
        return (*self.unreadable, *(each.problem for each in self.assets if each.problem))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person must know before they trust the counts."""
        lost = sum(asset.lost for asset in self.assets)
        text = (
            f"{lost} faces, hands or pictures lack a blur value in these reports, because the rules that "
            "made them asked for more evidence; to judge those as well, scan their assets into another folder"
        )
        return (*self.problems, text) if lost else self.problems

    @property
    def exit_code(self) -> int:
        """0 when every report was judged, else 2: trying again changes nothing."""
        return 2 if self.problems else 0

    @property
    def verdicts(self) -> Counter[Change]:
        """Assets by (verdict before, verdict after)."""
        return Counter(each.verdict for each in self.assets if not each.problem)

    @property
    def frames(self) -> Counter[Change]:
        """Frames by (decision before, decision after)."""
        total: Counter[Change] = Counter()
        for each in self.assets:
            total.update(each.frames or {})
        return total

    def closest(self, n: int = N_CALLS) -> list[tuple[Rejudged, Call]]:
        """Of the frames whose decision changes, those nearest to a limit: what a person should look at."""
        calls = ((asset, call) for asset in self.assets for call in asset.calls)
        return sorted(calls, key=lambda c: (c[1].distance, c[0].uri, c[1].frame_index))[:n]


def rejudge(
    paths: Sequence[Path],
    config: RunConfig,
    *,
    rules: Sequence[str],
    root: Path | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> RejudgeResult:
    """Judge all reports under `paths` by `rules`; write to `root`, by default where each lies.

    Of several sets, each asset gets the one whose `applies_to` says most about it; a single one is for all.
    `config.jobs` processes. Raises UsageError for a path without reports, RuleError for a bad rule file.
    """
    started = time.monotonic()
    worker = _Worker(config, tuple(rules), root, dry_run)  # a bad rule file ends the run before any work
    assets, unreadable = group_by_asset(find_reports(paths))
    done = []
    for outcome in _each(worker, assets, config.jobs or 1):
        done.append(outcome)
        if progress is not None:
            progress(outcome, len(done), len(assets))
    ordered = tuple(sorted(done, key=lambda each: (each.uri, each.asset_id)))
    return RejudgeResult(ordered, tuple(unreadable), time.monotonic() - started)


class _Worker:
    """Settings and rules of a process; pickled by its settings, because rules are quickly read again."""

    def __init__(self, config: RunConfig, names: tuple[str, ...], root: Path | None, dry_run: bool) -> None:
        self._config, self._names, self._root, self._dry_run = config, names, root, dry_run
        self._sets = [rules_of(config.model_copy(update={"rules": name})) for name in names]

    def __reduce__(self) -> tuple[type[_Worker], tuple[RunConfig, tuple[str, ...], Path | None, bool]]:
        return _Worker, (self._config, self._names, self._root, self._dry_run)

    def __call__(self, asset: StoredAsset) -> Rejudged:
        """One asset; what is wrong with its reports becomes a sentence, and the others go on."""
        newest = asset.reports[-1]
        try:
            return self._judge(asset)
        except (UsageError, RuleError) as error:
            return Rejudged(uri=str(newest), asset_id=asset.asset_id, source=newest, problem=str(error))

    def _judge(self, asset: StoredAsset) -> Rejudged:
        reports = [(path, read_report(path)) for path in asset.reports]
        rules = self._rules_for(reports[-1][1])
        (path, before), (measured, fullest) = _choose(reports, rules)
        after = judge_again(fullest, rules)
        root = self._root or root_of(path)
        target = report_path(root, after)
        there = target.exists()
        if not self._dry_run:
            write_report(after, root)
        return Rejudged(
            uri=after.asset.path,
            asset_id=after.asset.id,
            source=path,
            rules_id=rules.id,
            measured=measured,
            verdict=(before.verdict, after.verdict),
            report=target,
            written=not there and not self._dry_run,
            frames=count_changes(before, after),
            calls=tuple(closest_calls(before.frames, after.frames, N_CALLS)),
            lost=sum(n_lost(row.score, rules.limits) for row in fullest.frames),
        )

    def _rules_for(self, report: AssetReport) -> RuleSet:
        if len(self._sets) == 1:
            return self._sets[0]
        width_px = report.media.width_px if report.media else None
        try:
            return choose_rules(self._sets, AssetFacts(kind=report.asset.kind, width_px=width_px))
        except RuleError as error:
            raise RuleError(f"{report.asset.path}: {error}") from error


def _choose(reports: Sequence[_Stored], rules: RuleSet) -> tuple[_Stored, _Stored]:
    """What to compare with, and the report with most values of the same measures.

    Compared is the newest report by other rules, so that asking again gives the same answer. Rules that need
    much evidence keep blur values out of their reports; a report by other rules may still have them.
    """
    others = [each for each in reports if each[1].provenance.rules_sha256 != rules.sha256]
    before = (others or reports)[-1]
    fullest = max(reports, key=lambda each: _n_values(each[1]))
    return before, fullest if _n_values(fullest[1]) > _n_values(before[1]) else before


def _n_values(report: AssetReport) -> int:
    scores = [row.score for row in report.frames]
    return sum(len(s.measures) + sum(len(region.measures) for region in s.regions) for s in scores)


def count_changes(before: AssetReport, after: AssetReport) -> Counter[Change]:
    """All frames of an asset by (decision before, decision after)."""
    old = {row.score.frame_index: row for row in before.frames}
    return Counter(
        (_word(old[row.score.frame_index]), _word(row))
        for row in after.frames
        if row.score.frame_index in old
    )


def _word(row: FrameRow) -> str:
    return "left out" if row.judgement.excluded is not None else row.judgement.decision


def _each(worker: _Worker, assets: Sequence[StoredAsset], jobs: int) -> Iterator[Rejudged]:
    if jobs == 1 or len(assets) < 2:
        yield from map(worker, assets)
        return
    check_room_for_sockets()
    context = multiprocessing.get_context("forkserver" if os.name == "posix" else "spawn")
    with ProcessPoolExecutor(min(jobs, len(assets)), mp_context=context) as pool:
        yield from pool.map(worker, assets, chunksize=_chunk(len(assets), jobs))


def _chunk(n_assets: int, jobs: int) -> int:
    """Assets a process takes at a time: it reads the rules once for each lot."""
    return max(1, min(50, n_assets // (4 * jobs)))
