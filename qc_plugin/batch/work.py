"""One asset in one worker: identify, check, write the report, then tell."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from qc_plugin.batch.identity import canonical_hash, hash_file, identified, judge_key, measure_key
from qc_plugin.decode import sniff_kind
from qc_plugin.decode.limits import PROFILES
from qc_plugin.errors import AssetError, DecoderDied, QcError, Quarantined, TemporaryError
from qc_plugin.hooks.installed import packages
from qc_plugin.inference.spec import load_spec
from qc_plugin.isolation.samples import warm_up
from qc_plugin.report.write import report_path_for, write_partial, write_report
from qc_plugin.scoring.ruleset import RuleSet, load_rules
from qc_plugin.types import Asset, AssetKind, AssetReport, Coverage, EngineUse, Provenance, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from qc_plugin.config import RunConfig
    from qc_plugin.pipeline import Checked, Engines, Watch

    Publisher = Callable[[Checked], Path | None]

log = logging.getLogger(__name__)
ENGINES = ("motion_blur", "regions")
KINDS: tuple[AssetKind, ...] = ("video", "artwork")


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetOutcome:
    """What became of one asset; small, and safe to send between processes."""

    path: str
    asset_id: str
    kind: AssetKind
    verdict: Verdict
    exit_code: int
    sentence: str
    report: Path | None
    sheet: Path | None = None
    incomplete: bool = False
    degraded: bool = False
    frames: Mapping[str, int] | None = None
    seconds: float = 0.0
    reused: bool = False
    retryable: bool = False  # the same call may give more later
    delivered: tuple[str, ...] = ()  # addresses that report sinks have named


class Workshop:
    """Engines, rules and settings of a worker, opened once."""

    def __init__(
        self,
        config: RunConfig,
        *,
        rules: RuleSet | None = None,
        publisher: Publisher | None = None,
        tell: bool = True,
    ) -> None:
        """`publisher` writes what people look at and gives the sheet's path; by default sheet and stills.

        `tell` False: installed packages are not told of reports and deliver none (a dry run).
        """
        self.config = config
        self.rules = rules or rules_of(config)
        self._publisher = publisher
        self._tells = tell
        self._engines: Engines | None = None

    @property
    def engines(self) -> Engines:
        """The networks, loaded at the first asset that needs them (a scan of broken files needs none)."""
        if self._engines is None:
            from qc_plugin.pipeline import Engines

            c = self.config
            warm_up(c.sandbox)
            self._engines = Engines.load(backend=c.backend, precision=c.precision, threads=c.threads)
        return self._engines

    def process(
        self, path: Path, sha256: str | None, watch: Watch | None = None, *, uri: str | None = None
    ) -> AssetOutcome:
        """Check one asset, make its report visible. Only a broken setup raises; a bad asset is an outcome.

        `watch` may stop it after a batch of frames; the part is then kept beside the place of the report.
        `uri` is what the report calls an asset that was fetched into `path`.
        """
        started = time.monotonic()
        asset = Asset(id=sha256 or canonical_hash({"path": str(path)}), path=str(path), kind="video")
        try:
            limits = PROFILES[self.config.limits]
            asset = identified(asset, sha256, limits)
            # Before the engines: most bad files end here.
            asset = replace(asset, kind=sniff_kind(path, limits=limits))
            return self._check(asset, started, watch, uri)
        except TemporaryError as error:  # nothing durable: the next run tries again
            report = self._error_report(asset, error, uri)
            return replace(_outcome(report, None, None, started), retryable=True)
        except AssetError as error:
            report = self._error_report(asset, error, uri)
        except QcError:
            raise  # rules, settings, engines: wrong for every asset, so the run must stop
        except Exception as error:  # the one broad net: our bug costs this asset, not the batch
            log.exception("%s: internal error", path)
            report = self._error_report(asset, error, uri)
        return self._told(_outcome(report, write_report(report, self.config.reports), None, started))

    def _check(self, asset: Asset, started: float, watch: Watch | None, uri: str | None) -> AssetOutcome:
        from qc_plugin.batch.publish import publish

        keys = keys_for(self.config, asset.id, self.rules)
        origin = provenance(self.config, self.rules, keys, self.engines.uses)
        checked = self._decoded(asset, origin, watch)
        try:
            if uri is not None:
                named = replace(checked.report.asset, path=uri)
                checked.report = replace(checked.report, asset=named)
            if checked.stopped:
                return self._part(checked, started)
            sheet = self._publisher(checked) if self._publisher else publish(checked, self.config)
            path = write_report(checked.report, self.config.reports)
        finally:
            checked.close()
        return self._told(_outcome(checked.report, path, sheet, started))

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
        from qc_plugin.batch.publish import publish

        # No stills: the ranks of the whole would leave those of the part lying beside them.
        sheet = publish(checked, self.config.model_copy(update={"stills": False}))
        path = write_partial(checked.report, self.config.reports)
        return replace(_outcome(checked.report, path, sheet, started), retryable=True)

    def _told(self, outcome: AssetOutcome) -> AssetOutcome:
        """Let installed packages deliver and hear of a durable report."""
        assert outcome.report is not None
        if not self._tells:
            return outcome
        delivered = packages().deliver(outcome.report, outcome.sheet, self.config)
        packages().asset_finished(outcome.report, self.config)
        return replace(outcome, delivered=tuple(delivered))

    def _error_report(self, asset: Asset, error: Exception, uri: str | None) -> AssetReport:
        report = error_report(asset, error, self.config, self.rules)
        if uri is None or report.error is None:
            return report
        return replace(report, asset=replace(asset, path=uri), error=report.error.replace(asset.path, uri))


def rules_of(config: RunConfig) -> RuleSet:
    """The rule set of a run; measures of installed packages are known to it."""
    packages().measures(config)
    return load_rules(config.rules)


def keys_for(config: RunConfig, asset_id: str, rules: RuleSet) -> tuple[str, str]:
    """(measure key, judge key) of an asset under the present engines, decode settings and rules."""
    engines = {name: load_spec(name).model.sha256 for name in ENGINES}
    decode = {"sample": config.sample, "reader": config.reader, "limits": config.limits}
    decode |= {f"measure {extra.name}": extra.version for extra in packages().measures(config)}
    measures = measure_key(asset_id, engines, decode)
    return measures, judge_key(measures, rules.sha256)


def error_report(asset: Asset, error: Exception, config: RunConfig, rules: RuleSet) -> AssetReport:
    """Report of an asset that could not be checked: no rows, and one sentence that says why."""
    ours = isinstance(error, QcError)
    keys = keys_for(config, asset.id, rules)
    return AssetReport(
        asset=asset,
        verdict="error",
        media=None,
        frames=(),
        findings=(),
        funnel={},
        coverage=Coverage(duration_s=None, decoded_s=0.0, frames_decoded=0, frames_scored=0, frames_lost=0),
        provenance=provenance(config, rules, keys, ()),
        rules_text=rules.text,
        incomplete=True,
        error=str(error) if ours else f"internal error: {error!r}; please report it with the log",
        error_class=type(error).__name__,
        exit_code=error.exit_code if isinstance(error, QcError) else 70,
    )


def provenance(
    config: RunConfig, rules: RuleSet, keys: tuple[str, str], engines: tuple[EngineUse, ...]
) -> Provenance:
    """How the numbers came about."""
    from qc_plugin import __version__

    return Provenance(
        plugin_version=__version__,
        engines=engines,
        decoder=config.reader,
        sample=config.sample,
        rules_id=rules.id,
        rules_sha256=rules.sha256,
        measure_key=keys[0],
        judge_key=keys[1],
    )


def done_already(
    paths: Iterable[Path], known: Mapping[Path, str], config: RunConfig
) -> dict[Path, AssetOutcome]:
    """Outcomes of assets whose report is already there under the same keys; nothing is decoded or hashed."""
    rules = rules_of(config)
    found: dict[Path, AssetOutcome] = {}
    for path in paths:
        if path not in known:
            continue
        judged = keys_for(config, known[path], rules)[1]
        for kind in KINDS:
            report = report_path_for(config.reports, known[path], kind, judged)
            if report.is_file():
                found[path] = _from_report(path, known[path], report)
                break
    return found


def _from_report(path: Path, asset_id: str, report: Path) -> AssetOutcome:
    from qc_plugin.report.read import read_meta

    meta = read_meta(report)
    error = meta.get("error") or {}
    return AssetOutcome(
        path=str(path),
        asset_id=asset_id,
        kind=meta["asset"]["kind"],
        verdict=meta["verdict"],
        exit_code=int(error.get("exit_code", 0)),
        sentence=str(error.get("text") or "done already"),
        report=report,
        incomplete=bool(meta["flags"]["incomplete"]),
        degraded=bool(meta["flags"]["degraded"]),
        reused=True,
    )


def _outcome(report: AssetReport, path: Path | None, sheet: Path | None, started: float) -> AssetOutcome:
    counts = dict.fromkeys(("accept", "deblur", "review", "reject"), 0)
    for row in report.frames:
        counts[row.judgement.decision] += 1
    best = next((f.text for f in report.findings if f.outcome in ("fail", "borderline")), "nothing to report")
    return AssetOutcome(
        path=report.asset.path,
        asset_id=report.asset.id,
        kind=report.asset.kind,
        verdict=report.verdict,
        exit_code=report.exit_code,
        sentence=report.error or best,
        report=path,
        sheet=sheet,
        incomplete=report.incomplete,
        degraded=report.degraded,
        frames=counts,
        seconds=time.monotonic() - started,
    )


def quarantine(path: Path, config: RunConfig) -> AssetOutcome:
    """Row of an asset that took its worker down twice."""
    started = time.monotonic()
    error = Quarantined(
        f"{path}: crashed the decoder twice; it will not be tried again until its content changes"
    )
    asset = Asset(id=hash_file(path), path=str(path), kind="video")
    report = error_report(asset, error, config, rules_of(config))
    return _outcome(report, write_report(report, config.reports), None, started)


_workshop: Workshop | None = None


def start_worker(config: RunConfig) -> None:
    """Prepare a worker process: settings and rules now, engines at the first asset."""
    global _workshop  # noqa: PLW0603 - a pool initializer can only leave its work in a global
    _workshop = Workshop(config)


def work(path: Path, sha256: str | None) -> AssetOutcome:
    """Check one asset in a worker made by `start_worker`."""
    assert _workshop is not None
    return _workshop.process(path, sha256)
