"""What people look at: stills of the ranked frames and the sheet, beside the reports."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from qc_plugin.files import write_whole
from qc_plugin.pages.sheet import write_sheet
from qc_plugin.pages.sheet_images import SheetImages, wanted_images
from qc_plugin.report.layout import repaired_of, sheet_of
from qc_plugin.report.repairs import accepted_repairs
from qc_plugin.report.write import report_path
from qc_plugin.stages.pictures import cut, encode_jpeg, sheet_jpeg

if TYPE_CHECKING:
    from qc_plugin.config import RunConfig
    from qc_plugin.pipeline import Checked
    from qc_plugin.types import AssetReport, FrameRow, RegionKind


def write_part_sheet(checked: Checked, config: RunConfig) -> Path | None:
    """The sheet of a run that was stopped, under a name that no later run takes for that of the whole."""
    if not config.sheet:
        return None
    target = sheet_of(report_path(config.reports, checked.report)).with_suffix(".partial.html")
    return write_sheet(checked.report, sheet_images(checked), target)


def ranked_rows(report: AssetReport) -> list[FrameRow]:
    """Best first."""
    rows = (row for row in report.frames if row.rank.rank is not None)
    return sorted(rows, key=lambda row: row.rank.rank or 0)


def write_stills(checked: Checked, folder: Path) -> None:
    """The ranked frames as JPEG, named by rank and time; the first is written last, and says that all are."""
    for row in reversed(ranked_rows(checked.report)):
        path = folder / f"{row.rank.rank:02d}-frame-{row.score.frame_index:06d}-{row.score.pts_s:.3f}s.jpg"
        write_whole(path, checked.pictures.jpeg(row.score.frame_index), what="the still")


def write_repaired(checked: Checked, report: Path) -> None:
    """The frames whose repair was accepted as JPEG; the receipts then say where they lie."""
    places = {}
    for index in accepted_repairs(checked.report):
        if index in checked.repaired.indices:
            path = repaired_of(report, index)
            write_whole(path, checked.repaired.jpeg(index), what="the repaired still")
            places[index] = Path(os.path.relpath(path, report.parent)).as_posix()
    rows = (_placed(row, places.get(row.score.frame_index)) for row in checked.report.frames)
    checked.report = replace(checked.report, frames=tuple(rows))


def sheet_images(checked: Checked) -> SheetImages:
    """The pictures the sheet asks for, each frame taken from the spool once."""
    wanted = wanted_images(checked.report)
    frames: dict[int, bytes] = {}
    crops: dict[tuple[int, RegionKind, int], bytes] = {}
    asked = {*wanted.frames, *(key[0] for key in wanted.region_crops)}
    for index in sorted(asked & checked.pictures.indices):
        rgb = checked.pictures.rgb(index)
        if index in wanted.frames:
            frames[index] = sheet_jpeg(rgb)
        for key in (k for k in wanted.region_crops if k[0] == index):
            box = _box(checked.report, key)
            crops[key] = encode_jpeg(cut(rgb, box, margin=0.15), quality=88)
    repaired = set(accepted_repairs(checked.report)) & checked.repaired.indices
    after = {index: sheet_jpeg(checked.repaired.rgb(index)) for index in sorted(repaired)}
    return SheetImages(frames=frames, region_crops=crops, repaired=after)


def _placed(row: FrameRow, uri: str | None) -> FrameRow:
    return (
        row if uri is None or row.repair is None else replace(row, repair=replace(row.repair, patch_uri=uri))
    )


def _box(report: AssetReport, key: tuple[int, RegionKind, int]) -> tuple[float, float, float, float]:
    index, kind, n = key
    row = next(row for row in report.frames if row.score.frame_index == index)
    return next(r.region.box_xyxy for r in row.score.regions if (r.region.kind, r.n) == (kind, n))
