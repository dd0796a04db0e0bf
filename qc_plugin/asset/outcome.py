"""What became of one asset, in a few words."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qc_plugin.errors import QcError
from qc_plugin.types.summary import count_frames, worst_first

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from qc_plugin.types import AssetKind, AssetReport, Finding, Verdict

VERDICT_CODES: dict[Verdict, int] = {"accept": 0, "review": 10, "reject": 11, "error": QcError.exit_code}
_NOTHING = "nothing to report"


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
    frames: Mapping[str, int] | None = None  # by decision; those left out by `excluded:<rule>`
    seconds: float = 0.0
    reused: bool = False
    retryable: bool = False  # the same call may give more later
    error_class: str = ""
    delivered: tuple[str, ...] = ()  # addresses that report sinks have named
    address: str = ""  # of the report in a store; after a scan it is there only

    def as_json(self) -> dict[str, Any]:
        """Plain values, for a pipe or a ledger."""
        plain = ((each.name, getattr(self, each.name)) for each in fields(self))  # `asdict` copies deeply
        return {name: os.fspath(v) if isinstance(v, Path) else v for name, v in plain}

    @classmethod
    def of_json(cls, plain: Mapping[str, Any]) -> AssetOutcome:
        """The same again."""
        paths = {name: plain[name] and Path(plain[name]) for name in ("report", "sheet")}
        return cls(**{**plain, **paths, "delivered": tuple(plain["delivered"])})

    @property
    def ends_with(self) -> int:
        """What `check` ends with: the code of the error, else of the verdict."""
        return self.exit_code or VERDICT_CODES[self.verdict]

    @property
    def reason(self) -> str:
        """What to count it under beside its verdict: the class of the error, or whether frames failed."""
        return self.error_class or ("incomplete" if self.incomplete else "")


def outcome_of(report: AssetReport, path: Path | None, sheet: Path | None, started: float) -> AssetOutcome:
    """The outcome that `report` tells of; `started` is by the monotonic clock."""
    return AssetOutcome(
        path=report.asset.path,
        asset_id=report.asset.id,
        kind=report.asset.kind,
        verdict=report.verdict,
        exit_code=report.exit_code,
        sentence=report.error or _worst(report.findings),
        report=path,
        sheet=sheet,
        incomplete=report.incomplete,
        degraded=report.degraded,
        frames=count_frames(row.judgement for row in report.frames),
        error_class=report.error_class or "",
        seconds=time.monotonic() - started,
    )


def sentence_of(meta: Mapping[str, Any]) -> str:
    """What the metadata of a report say in one sentence, as when it was made."""
    from qc_plugin.report.rows import finding_of

    return str((meta["error"] or {}).get("text") or _worst(finding_of(f) for f in meta["findings"]))


def _worst(findings: Iterable[Finding]) -> str:
    """The sentence of the worst finding."""
    return next((finding.text for finding in worst_first(findings)), _NOTHING)


def from_report(path: str, asset_id: str, report: Path) -> AssetOutcome | None:
    """What a report that is in place says of its asset; None when it is torn, or of another asset."""
    from qc_plugin.report.meta import frames_of
    from qc_plugin.report.read import read_meta

    try:
        meta = read_meta(report)
    except QcError:
        return None
    if meta["asset"]["id"] != asset_id:
        return None
    error = meta.get("error") or {}
    return AssetOutcome(
        path=path,
        asset_id=asset_id,
        kind=meta["asset"]["kind"],
        verdict=meta["verdict"],
        exit_code=int(error.get("exit_code", 0)),
        sentence=sentence_of(meta),
        report=report,
        incomplete=bool(meta["flags"]["incomplete"]),
        degraded=bool(meta["flags"]["degraded"]),
        frames=frames_of(meta),
        error_class=str(error.get("class") or ""),
        reused=True,
    )
