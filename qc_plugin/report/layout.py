"""What lies in a reports folder beside the reports.

All of it begins with an underscore, by which readers of Parquet folders (pyarrow, pandas, Spark) know what is
no part of a dataset: `pandas.read_parquet("qc-reports")` works.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LEDGER = "_ledger.sqlite"
MANIFESTS = "_manifests"
SHEETS = "_sheets"
STILLS = "_stills"
EVENTS = "_events"
OUTBOX = "_outbox"
SPOOL = "_spool"
N_FOLDERS = 3  # between a reports folder and its reports
# As they were called before. Stills stay where they are: reports name the repaired ones.
_RENAMED = (LEDGER, MANIFESTS, SHEETS, EVENTS, OUTBOX)


def adopt(reports: Path) -> None:
    """Give what an earlier version wrote its present name; what is in use, or cannot be renamed, stays.

    A folder that may not be looked into is left to those who read it: they say so.
    """
    for name in _RENAMED:
        old, new = reports / name.removeprefix("_"), reports / name
        with suppress(OSError):
            if old.exists() and not new.exists() and not (reports / f"{old.name}-wal").exists():
                old.rename(new)


def root_above(report: Path) -> Path:
    """The reports folder of `<root>/schema=N/kind=K/ab/NAME.parquet`."""
    return report.parents[N_FOLDERS]


def sheet_of(report: Path) -> Path:
    """The sheet of a report."""
    return root_above(report) / SHEETS / f"{_name(report)}.html"


def stills_of(report: Path) -> Path:
    """The folder with the stills of a report."""
    return root_above(report) / STILLS / _name(report)


def repaired_of(report: Path, frame_index: int) -> Path:
    """The picture of a frame whose repair was accepted."""
    return stills_of(report) / f"repaired-frame-{frame_index:06d}.jpg"


def _name(report: Path) -> str:
    return report.name.split(".")[0]  # of a report that is there in part, too
