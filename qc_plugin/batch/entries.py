"""Outcomes as rows of the ledger, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from qc_plugin.asset.outcome import AssetOutcome
from qc_plugin.batch.ledger import LedgerEntry
from qc_plugin.batch.plan import Todo, key_of
from qc_plugin.errors import TemporaryError, class_of
from qc_plugin.report.layout import sheet_of
from qc_plugin.store.address import Address

if TYPE_CHECKING:
    from qc_plugin.asset.keys import Keys
    from qc_plugin.config import RunConfig
    from qc_plugin.store.address import Place
    from qc_plugin.types import Verdict


def entry_of(item: Todo, outcome: AssetOutcome, keys: Keys, run: int, config: RunConfig) -> LedgerEntry:
    """What to remember of an asset that was worked on."""
    report = outcome.report
    inside = report is not None and report.is_relative_to(config.reports)
    return LedgerEntry(
        path=key_of(item.path),
        state=item.state,
        asset_id=outcome.asset_id,
        kind=outcome.kind,
        measure_key=keys.measure,
        judge_key=keys.judge,
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


def pending(item: Todo, run: int) -> LedgerEntry:
    """An asset whose worker died: kept, so that another death after a crash of ours counts as the second."""
    return LedgerEntry(
        path=key_of(item.path),
        state=item.state,
        asset_id=item.sha256 or "",
        kind="video",
        measure_key="",
        judge_key="",
        verdict="error",
        exit_code=TemporaryError.exit_code,
        sentence="its worker died; to be tried again",
        bytes=item.n_bytes,
        attempts=item.attempts,
        run=run,
    )


def reused(path: Place, entry: LedgerEntry, config: RunConfig) -> AssetOutcome:
    """The outcome of an asset that needs nothing, from what is remembered."""
    report = None if entry.report is None else config.reports / entry.report
    sheet = None if report is None else sheet_of(report)
    kind = class_of(entry.exit_code)
    return AssetOutcome(
        path=str(path),
        asset_id=entry.asset_id,
        kind="artwork" if entry.kind == "artwork" else "video",
        verdict=cast("Verdict", entry.verdict),
        exit_code=entry.exit_code,
        sentence=entry.sentence,
        report=report,
        sheet=sheet if sheet is not None and sheet.is_file() else None,
        address=str(Address.parse(config.store).below(entry.report)) if config.store and entry.report else "",
        incomplete=bool(entry.incomplete),
        degraded=bool(entry.degraded),
        error_class="" if kind is None else kind.__name__,
        reused=True,
    )
