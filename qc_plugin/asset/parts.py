"""Sheet and stills beside a report: which of them are wanted and lack, and making them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from qc_plugin.errors import QcError
from qc_plugin.report.layout import sheet_of, stills_of

if TYPE_CHECKING:
    from pathlib import Path

    from qc_plugin.asset.finished import Lacks, Part
    from qc_plugin.config import RunConfig
    from qc_plugin.pipeline import Checked
    from qc_plugin.types import AssetReport


class ReportParts:
    """Sheet and stills beside the reports, as far as the settings want them.

    Asking what lacks loads nothing heavy: a rescan asks it of every asset.
    """

    def __init__(self, config: RunConfig) -> None:
        self._reports = config.reports
        asked: dict[Part, bool] = {"sheet": config.sheet, "stills": config.stills}
        self._wanted = frozenset(part for part, wanted in asked.items() if wanted)

    def lacking(self, report: Path) -> Lacks:
        """Wanted parts that are not there whole."""
        there = {"sheet": lambda: sheet_of(report).is_file(), "stills": lambda: _has_stills(report)}
        return frozenset(part for part in self._wanted if not there[part]())

    def sheet(self, report: Path) -> Path | None:
        """The sheet, where one is there."""
        place = sheet_of(report)
        return place if place.is_file() else None

    def frames(self, report: AssetReport, lacks: Lacks) -> set[int]:
        """Frames that stills or sheet show, and those whose repair was accepted."""
        from qc_plugin.asset.publish import ranked_rows
        from qc_plugin.pages.sheet_images import wanted_images
        from qc_plugin.report.repairs import accepted_repairs

        indices = set(accepted_repairs(report))
        if "stills" in lacks:
            indices |= {row.score.frame_index for row in ranked_rows(report)}
        if "sheet" in lacks:
            wanted = wanted_images(report)
            indices |= {*wanted.frames, *(key[0] for key in wanted.region_crops)}
        return indices

    def write(self, checked: Checked, lacks: Lacks | None = None) -> Path | None:
        """Make these parts; the sheet's path. Receipts of a new report say where its pictures lie."""
        from qc_plugin.asset.publish import sheet_images, write_repaired, write_stills
        from qc_plugin.pages.sheet import write_sheet
        from qc_plugin.report.write import report_path

        asked = self._wanted if lacks is None else lacks
        report = report_path(self._reports, checked.report)
        if "stills" in asked:
            write_repaired(checked, report)
            write_stills(checked, stills_of(report))
        if "sheet" in asked:
            return write_sheet(checked.report, sheet_images(checked), sheet_of(report))
        return self.sheet(report)


def _has_stills(report: Path) -> bool:
    """Whether the stills of a report are there, or it has none; the first of them is written last."""
    folder = stills_of(report)
    if next(folder.glob("01-frame-*.jpg"), None) is not None:
        return True
    from qc_plugin.report.read import read_meta

    with suppress(QcError):
        meta = read_meta(report)
        n_ranked = meta["coverage"]["frames_scored"] - sum(meta["funnel"].values())
        return n_ranked <= 0 and (not meta["flags"]["repaired"] or any(folder.glob("repaired-frame-*.jpg")))
    return True  # a torn report: it is made anew, and its stills with it
