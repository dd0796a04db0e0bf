"""A page about every report below a folder, read from their metadata: no row and no asset is opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qc_plugin.errors import UsageError
from qc_plugin.pages.catalogue import CatalogueRow, entry_of, write_catalogue
from qc_plugin.report.layout import SHEETS
from qc_plugin.report.read import read_meta
from qc_plugin.workshop.review import report_files

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Where the page is, how many assets it speaks of, and how many files could not be read."""

    page: Path
    n_assets: int
    n_unreadable: int


def make_catalogue(folder: Path, out: Path) -> Catalogue:
    """Write the catalogue page of the reports in `folder` to `out`; of each asset the newest report counts.

    A damaged report is named on the page and stops nothing. UsageError for a folder without reports.
    """
    if not folder.is_dir():
        raise UsageError(f"--catalogue {folder}: is not a folder; name the reports folder of a scan")
    newest: dict[str, CatalogueRow] = {}
    unreadable, n_read = [], 0
    for path in report_files([folder]):
        try:
            meta = read_meta(path)
            seconds = path.stat().st_mtime
        except (UsageError, OSError) as error:
            unreadable.append((str(path.relative_to(folder)), str(error).removeprefix(f"{path}: ")))
            continue
        n_read += 1
        sheet = folder / SHEETS / f"{path.stem}.html"
        entry = entry_of(meta, seconds=seconds, sheet=sheet if sheet.is_file() else None)
        asset = str(meta["asset"]["id"])
        if asset not in newest or newest[asset].seconds < seconds:
            newest[asset] = entry
    entries = list(newest.values())
    title, n_older = folder.resolve().name, n_read - len(entries)
    page = write_catalogue(entries, out, title=title, unreadable=unreadable, n_older=n_older)
    return Catalogue(page, len(entries), len(unreadable))
