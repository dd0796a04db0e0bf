"""Where the content of a report lies now, by the ledger of the last scan.

A report is written once and names the place where its content was first seen; copies, moves and deletions are
known to the ledger alone.
"""

from __future__ import annotations

import logging
import os
import re
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from qc_plugin.report.layout import LEDGER
from qc_plugin.report.text import without_secrets

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)
_ID_DIGITS = 16  # of the content's id, that the name of a report begins with
_SCHEMA_FOLDER = re.compile(r"schema=\d+")


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Addresses of one content: the first seen (another where that one is gone), and all others, sorted.

    `present`: whether the last scan found it anywhere; None where there is no ledger.
    """

    uri: str
    also_at: tuple[str, ...] = ()
    present: bool | None = None


class Places:
    """What a ledger says of where contents lie. Reads only; without a ledger nothing is known."""

    def __init__(self, ledger: Path | None) -> None:
        self._db = None if ledger is None or not ledger.is_file() else _opened(ledger)

    def paths(self, report: Path) -> list[str]:
        """Paths and addresses where the content of `report` was at the last scan, sorted."""
        if self._db is None:
            return []
        start = report.name[:_ID_DIGITS]
        query = "SELECT path FROM assets WHERE asset_id >= ? AND asset_id < ? ORDER BY path"
        return [os.fsdecode(path) for (path,) in self._db.execute(query, (start, f"{start}g"))]

    def of(self, report: Path, uri: str) -> Whereabouts:
        """The same as a report tells it, which itself names `uri`."""
        known = [without_secrets(path) for path in self.paths(report)]
        if not known:
            return Whereabouts(uri, present=None if self._db is None else False)
        first = uri if uri in known else known[0]
        return Whereabouts(first, tuple(path for path in known if path != first), present=True)


def ledger_beside(path: Path) -> Path | None:
    """The ledger of the reports folder that `path` is, or lies in; None where it has none."""
    here = path.absolute()
    homes = (folder.parent for folder in (here, *here.parents) if _SCHEMA_FOLDER.fullmatch(folder.name))
    return next((folder / LEDGER for folder in (here, *homes) if (folder / LEDGER).is_file()), None)


def _opened(ledger: Path) -> sqlite3.Connection | None:
    """A connection that writes nothing; where even the lock files cannot be made, to the file as it lies."""
    for how in ("mode=ro", "mode=ro&immutable=1"):
        with suppress(sqlite3.Error):
            db = sqlite3.connect(f"file:{quote(os.fsencode(ledger))}?{how}", uri=True)
            db.execute("SELECT 1 FROM assets LIMIT 1")
            return db
    log.warning("%s: cannot be read, so that copies of assets are not told; scan again", ledger)
    return None
