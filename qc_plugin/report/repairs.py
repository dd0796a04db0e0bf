"""Which frames of a report were repaired, and where their repaired pictures lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qc_plugin.report.layout import N_FOLDERS, repaired_of, root_above
from qc_plugin.report.read import read_column

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from qc_plugin.types import AssetReport, Repair


def repaired_pictures(path: Path) -> dict[int, Path]:
    """Frame index -> picture of the repaired frame, of those that exist.

    `patch_uri` is read as the plugin writes it: a file, relative to the folder of the report. Where pictures
    were made after the report, they lie where they would have. A report may come from a stranger: what it
    names outside of its reports folder is not looked at.
    """
    found = {}
    for index, repair in zip(read_column(path, "frame_index"), read_column(path, "repair"), strict=True):
        if isinstance(index, int) and isinstance(repair, dict):
            picture = _picture(path, index, repair)
            if picture is not None and picture.is_file():
                found[index] = picture
    return found


def _picture(report: Path, index: int, repair: Mapping[str, object]) -> Path | None:
    uri = repair.get("patch_uri")
    if not isinstance(uri, str) or not uri:
        in_place = repair.get("status") == "accepted" and len(report.parents) > N_FOLDERS
        return repaired_of(report, index) if in_place else None
    return _inside(report, report.parent / uri)


def _inside(report: Path, picture: Path) -> Path | None:
    if len(report.parents) <= N_FOLDERS:
        return None
    try:
        inside = picture.resolve().is_relative_to(root_above(report).resolve())
    except (OSError, ValueError):  # a loop of links, a NUL
        return None
    return picture if inside else None


def accepted_repairs(report: AssetReport) -> tuple[int, ...]:
    """Frames of a report whose repair was proved, in the order of time."""
    rows = (row for row in report.frames if row.repair is not None and row.repair.status == "accepted")
    return tuple(row.score.frame_index for row in rows)


def receipt_sentence(repair: Repair | None) -> str:
    """What became of a repair, for people; empty when none was tried."""
    if repair is None:
        return ""
    if repair.status == "refused":
        return f"Repair refused: {repair.refused_why or 'no reason given'}. The original is kept."
    return (
        f"Repaired beside the report: {repair.before:.0%} blurred before, {repair.after:.0%} after, "
        f"{repair.share:.1%} of the pixels changed. The source file is unchanged."
    )
