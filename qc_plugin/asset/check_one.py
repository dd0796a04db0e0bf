"""One asset in one worker: identify, check, write the report, then tell."""

from __future__ import annotations

import logging
import time
from contextlib import closing, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from qc_plugin.asset.fetched import at_hand
from qc_plugin.asset.finished import finished
from qc_plugin.asset.identity import canonical_hash, hash_file, identified
from qc_plugin.asset.keys import error_report, keys_for, provenance, rules_of
from qc_plugin.asset.outcome import AssetOutcome, outcome_of
from qc_plugin.asset.parts import ReportParts
from qc_plugin.decode.limits import PROFILES
from qc_plugin.errors import AssetError, DecoderDied, QcError, Quarantined, TemporaryError
from qc_plugin.extensions.installed import packages
from qc_plugin.files import try_folder
from qc_plugin.isolation.media import kind_of
from qc_plugin.isolation.samples import warm_up
from qc_plugin.report.layout import adopt
from qc_plugin.report.write import report_path_for, write_partial, write_report
from qc_plugin.store.address import absolute
from qc_plugin.store.s3 import S3
from qc_plugin.types import Asset, AssetReport

if TYPE_CHECKING:
    from qc_plugin.asset.finished import Lacks, Parts
    from qc_plugin.asset.report_store import ReportStore
    from qc_plugin.config import RunConfig
    from qc_plugin.pipeline import Checked, Engines, Watch
    from qc_plugin.rulesets.ruleset import RuleSet
    from qc_plugin.store.address import Place
    from qc_plugin.store.s3 import Listed
    from qc_plugin.types import Provenance


log = logging.getLogger(__name__)
__all__ = ["AssetChecker", "AssetOutcome", "keys_for", "quarantine", "rules_of"]


class AssetChecker:
    """Engines, rules and settings of a worker, opened once."""

    def __init__(
        self,
        config: RunConfig,
        *,
        rules: RuleSet | None = None,
        parts: Parts | None = None,
        tell: bool = True,
        keep: bool = True,
    ) -> None:
        """`parts` is what is wanted beside the reports; by default sheet and stills as the settings say.

        `tell` False: installed packages are not told of reports and deliver none, nor does a store get them
        (a dry run). `keep` False: what a store has got does not stay here.
        """
        adopt(config.reports)
        self.config = config
        self.rules = rules or rules_of(config)
        self._given_parts = parts
        self._tells, self._keeps = tell, keep
        self._engines: Engines | None = None

    @property
    def engines(self) -> Engines:
        """The networks, loaded at the first asset that needs them (a scan of broken files needs none)."""
        if self._engines is None:
            from qc_plugin.pipeline import Engines

            c = self.config
            warm_up(c.sandbox)
            self._engines = Engines.load(
                backend=c.backend, precision=c.precision, threads=c.threads, detectors=c.detector_names
            )
        return self._engines

    @cached_property
    def _parts(self) -> Parts:
        return self._given_parts or ReportParts(self.config)

    @cached_property
    def store(self) -> S3:
        """The connection to the store, made when it is first needed."""
        return S3()

    @cached_property
    def report_store(self) -> ReportStore | None:
        """The store that reports go to, if any."""
        from qc_plugin.asset.report_store import ReportStore

        return ReportStore(self.config, self.store) if self.config.store is not None and self._tells else None

    def process(
        self,
        place: Path | Listed,
        sha256: str | None,
        watch: Watch | None = None,
        *,
        uri: str | None = None,
        root: Path | None = None,
        old: Path | None = None,
    ) -> AssetOutcome:
        """Check one asset, make its report visible. Only a broken setup raises; a bad asset is an outcome.

        An object of a store is copied into the spool meanwhile. `watch` may stop it after a batch of frames;
        the part is then kept beside the place of the report. `uri` is what the report calls an asset that was
        fetched into `place`. `root`: a folder that `place` must not leave by a link. `old`: a report of the
        same measures under other rules; where only numbers are wanted it is judged again, and nothing
        decoded. A finished report of the same content and keys stays.
        """
        started = time.monotonic()
        if isinstance(place, Path):
            place = absolute(place)  # what a report names can be found from any working folder
        else:
            uri = str(place.address)
        try:
            again = self._judged_again(old, started)
            return again or self._looked_at(place, sha256, watch, uri, root, started)
        except TemporaryError as error:  # nothing durable: the next run tries again
            asset = _unread(place, sha256)
            report = self._error_report(asset, error, uri)
            return replace(outcome_of(report, None, None, started), retryable=True)

    def _looked_at(
        self,
        place: Path | Listed,
        sha256: str | None,
        watch: Watch | None,
        uri: str | None,
        root: Path | None,
        started: float,
    ) -> AssetOutcome:
        asset, limits = _unread(place, sha256), PROFILES[self.config.limits]
        try:
            store = None if isinstance(place, Path) else self.store
            with at_hand(place, self.config, store, watch) as (path, digest):
                asset = identified(replace(asset, path=str(path)), digest or sha256, limits, root)
                # Before the engines: most bad files end here.
                asset = replace(asset, kind=kind_of(path, limits=limits))
                return self._done(asset, uri, started) or self._check(asset, started, watch, uri)
        except TemporaryError:
            raise
        except AssetError as error:
            report = self._error_report(asset, error, uri)
        except QcError:
            raise  # rules, settings, engines: wrong for every asset, so the run must stop
        except Exception as error:  # the one broad net: our bug costs this asset, not the batch
            log.exception("%s: internal error", uri or place)
            report = self._error_report(asset, error, uri)
        return self._told(outcome_of(report, write_report(report, self.config.reports), None, started))

    def _done(self, asset: Asset, uri: str | None, started: float) -> AssetOutcome | None:
        """Of the same content under the same keys: written before a crash, or for a copy of the file."""
        judged = keys_for(self.config, asset.id, self.rules).judge
        path = report_path_for(self.config.reports, asset.id, asset.kind, judged)
        if self.report_store is not None:
            self.report_store.bring(path)
        found = finished(path, asset.id, self._parts, name=uri or asset.path)
        if found is None or found.outcome.verdict == "error":
            return None
        if found.lacks and self.report_store is not None:
            self.report_store.bring_pictures(path)
            found = finished(path, asset.id, self._parts, name=uri or asset.path) or found
        if not found.lacks:
            return self._stored(found.outcome)
        try:
            sheet = self._completed(asset, path, found.lacks)
        except TemporaryError:
            raise
        except AssetError as error:  # the answer stands
            log.warning("%s: checked before; its pictures cannot be made again: %s", uri or asset.path, error)
            return self._stored(found.outcome)
        taken_s = time.monotonic() - started
        return self._told(replace(found.outcome, sheet=sheet or found.outcome.sheet, seconds=taken_s))

    def _completed(self, asset: Asset, path: Path, lacks: Lacks) -> Path | None:
        """Make the parts that a finished report lacks, by one decode of the frames they show."""
        from qc_plugin.pipeline.again import checked_again
        from qc_plugin.report.read import read_report
        from qc_plugin.report.repairs import repaired_pictures

        report = read_report(path)
        known = {} if "stills" in lacks else repaired_pictures(path)
        frames = self._parts.frames(report, lacks)
        with closing(checked_again(asset, report, frames, self.config, self.rules, known)) as checked:
            return self._parts.write(checked, lacks)

    def _judged_again(self, old: Path | None, started: float) -> AssetOutcome | None:
        """Stored measures under the present rules; None where pictures are wanted or something is missing."""
        from qc_plugin.asset.judged_again import judge_again
        from qc_plugin.report.read import read_report
        from qc_plugin.scoring.changes import n_lost

        if old is None or self.config.sheet or self.config.stills:
            return None
        if self.report_store is not None:
            self.report_store.bring(old)
        try:
            before = read_report(old)
        except QcError:
            return None
        if any(n_lost(row.score, self.rules.limits) for row in before.frames):
            return None
        report = judge_again(before, self.rules)
        return self._told(outcome_of(report, write_report(report, self.config.reports), None, started))

    def _check(self, asset: Asset, started: float, watch: Watch | None, uri: str | None) -> AssetOutcome:
        try_folder(self.config.reports)  # before hours of work, not after
        keys = keys_for(self.config, asset.id, self.rules)
        origin = provenance(self.config, self.rules, keys, self.engines.uses)
        checked = self._decoded(asset, origin, watch)
        try:
            if uri is not None:
                named = replace(checked.report.asset, path=uri)
                checked.report = replace(checked.report, asset=named)
            if checked.stopped:
                return self._part(checked, started)
            sheet = self._parts.write(checked)
            path = write_report(checked.report, self.config.reports)
        finally:
            checked.close()
        return self._told(outcome_of(checked.report, path, sheet, started))

    def _decoded(self, asset: Asset, origin: Provenance, watch: Watch | None) -> Checked:
        """The asset through the pipeline; one that takes the decoder down twice is quarantined."""
        from qc_plugin.pipeline import check_asset

        most = PROFILES[self.config.limits].max_attempts
        for attempt in range(1, most + 1):
            try:
                return check_asset(asset, self.engines, self.rules, self.config, origin, watch)
            except DecoderDied as error:
                log.warning("attempt %d of %d: %s", attempt, most, error)
                last = error
        raise Quarantined(f"{last} (tried {most} times; not again until its content changes)") from last

    def _part(self, checked: Checked, started: float) -> AssetOutcome:
        """A run that was stopped: its part is shown, but nothing takes it for the report."""
        from qc_plugin.asset.publish import write_part_sheet

        # No stills: the ranks of the whole would leave those of the part lying beside them.
        sheet = write_part_sheet(checked, self.config)
        path = write_partial(checked.report, self.config.reports)
        return replace(outcome_of(checked.report, path, sheet, started), retryable=True)

    def _told(self, outcome: AssetOutcome) -> AssetOutcome:
        """Let installed packages deliver and hear of a durable report."""
        assert outcome.report is not None
        if not self._tells:
            return outcome
        delivered = packages().deliver(outcome.report, outcome.sheet, self.config)
        packages().asset_finished(outcome.report, self.config)
        return self._stored(replace(outcome, delivered=tuple(delivered)))

    def _stored(self, outcome: AssetOutcome) -> AssetOutcome:
        return outcome if self.report_store is None else self.report_store.put(outcome, keep=self._keeps)

    def _error_report(self, asset: Asset, error: Exception, uri: str | None) -> AssetReport:
        report = error_report(asset, error, self.config, self.rules)
        if uri is None or report.error is None:
            return report
        return replace(report, asset=replace(asset, path=uri), error=report.error.replace(asset.path, uri))


def quarantine(place: Place, config: RunConfig) -> AssetOutcome:
    """Row of an asset that took its worker down twice."""
    started = time.monotonic()
    error = Quarantined(f"{place}: took its worker down twice; not tried again until its content changes")
    asset_id = canonical_hash({"path": str(place)})
    if isinstance(place, Path):
        with suppress(AssetError, TemporaryError):
            asset_id = hash_file(place)
    asset = Asset(id=asset_id, path=str(place), kind="video")
    report = error_report(asset, error, config, rules_of(config))
    outcome = outcome_of(report, write_report(report, config.reports), None, started)
    report_store = AssetChecker(config).report_store
    return outcome if report_store is None else report_store.put(outcome, keep=False)


def _unread(place: Path | Listed, sha256: str | None) -> Asset:
    """The asset before a byte of it was seen."""
    name = str(place if isinstance(place, Path) else place.address)
    return Asset(id=sha256 or canonical_hash({"path": name}), path=name, kind="video")
