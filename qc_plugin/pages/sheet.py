"""The sheet: one offline HTML file that shows a report to people. A view; the report stays the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qc_plugin.pages.html_page import render_page, write_page
from qc_plugin.pages.sheet_images import SheetImages, WantedImages, fit, wanted_images
from qc_plugin.pages.sheet_view import view_of

if TYPE_CHECKING:
    from pathlib import Path

    from qc_plugin.types import AssetReport

__all__ = ["SheetImages", "WantedImages", "wanted_images", "write_sheet"]


def write_sheet(report: AssetReport, images: SheetImages, path: Path) -> Path:
    """Write the sheet of `report` to `path` and return it; an older sheet there is replaced whole.

    Pictures that are missing are said to be missing. Raises UsageError when `path` cannot be written,
    TemporaryError when the disk is full.
    """
    return write_page(render(report, images), path, what="the sheet")


def render(report: AssetReport, images: SheetImages) -> str:
    """The sheet as HTML text. All that comes from outside is escaped, and the page may load nothing."""
    view = view_of(report, fit(images, wanted_images(report)))
    return render_page("sheet.html.j2", {"view": view}, styles=["sheet.css"], scripts=["sheet.js"])
