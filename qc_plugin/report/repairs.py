"""Which frames of a report were repaired, and where their repaired pictures lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qc_plugin.report.read import read_column

if TYPE_CHECKING:
    from pathlib import Path


def repaired_pictures(path: Path) -> dict[int, Path]:
    """Frame index -> picture of the repaired frame, of those that exist.

    `patch_uri` is read as the plugin writes it: a file, relative to the folder of the report.
    """
    found = {}
    for index, repair in zip(read_column(path, "frame_index"), read_column(path, "repair"), strict=True):
        uri = repair.get("patch_uri") if isinstance(repair, dict) else None
        picture = path.parent / uri if uri and "://" not in uri else None
        if isinstance(index, int) and picture is not None and picture.is_file():
            found[index] = picture
    return found
