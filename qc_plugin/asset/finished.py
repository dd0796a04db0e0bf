"""Is this asset done? The one answer: a report in place, and which of the wanted parts beside it lack."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol

from qc_plugin.asset.outcome import AssetOutcome, from_report
from qc_plugin.report.listing import is_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from qc_plugin.batch.ledger import LedgerEntry
    from qc_plugin.config import RunConfig
    from qc_plugin.pipeline import Checked
    from qc_plugin.types import AssetReport

Part = Literal["sheet", "stills", "picks"]
Lacks = frozenset[Part]
NOTHING: Lacks = frozenset()


class Parts(Protocol):
    """What is wanted of an asset beside its report: looked for and, where it lacks, made."""

    def lacking(self, report: Path) -> Lacks:
        """Wanted parts of the report at this place that are not there whole."""
        ...

    def sheet(self, report: Path) -> Path | None:
        """The sheet of that report, where one is wanted or there anyway."""
        ...

    def frames(self, report: AssetReport, lacks: Lacks) -> Iterable[int]:
        """Indices of the frames whose pictures these parts show."""
        ...

    def write(self, checked: Checked, lacks: Lacks | None = None) -> Path | None:
        """Make these parts (None: all that are wanted); the sheet's path, if there is one."""
        ...


@dataclass(frozen=True, slots=True)
class Finished:
    """An asset whose report is in place, and the parts that are still to be made of it."""

    outcome: AssetOutcome
    lacks: Lacks = NOTHING


def finished(report: Path, asset_id: str, parts: Parts | None = None, *, name: str = "") -> Finished | None:
    """What the report at `report` says of this asset, called `name`; None when it is not done.

    Not done: no report, a torn one, or one of another asset. A report of an error has no parts.
    """
    outcome = from_report(name, asset_id, report) if is_file(report) else None
    if outcome is None:
        return None
    if parts is None or outcome.verdict == "error":
        return Finished(outcome)
    return Finished(replace(outcome, sheet=parts.sheet(report)), parts.lacking(report))


def finished_entry(entry: LedgerEntry, config: RunConfig, parts: Parts) -> bool:
    """The same for an asset that the ledger knows by this entry; reports are looked for and not opened."""
    if entry.report is None:
        return False
    report = config.reports / entry.report
    return is_file(report) and (entry.verdict == "error" or not parts.lacking(report))
