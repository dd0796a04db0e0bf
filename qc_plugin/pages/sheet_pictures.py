"""Whole frames of a sheet, each held once in the file, before and after a repair."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qc_plugin.pages.outline import outlines

if TYPE_CHECKING:
    from qc_plugin.pages.sheet_images import SheetImages
    from qc_plugin.types import AssetReport


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame picture, held once in the file and drawn where it is needed. `paths` are its blur outlines."""

    frame_index: int
    href: str
    paths: tuple[str, ...]
    repaired_href: str = ""


def pictures(report: AssetReport, images: SheetImages) -> tuple[Picture, ...]:
    """Every picture the sheet holds."""
    masks = {row.score.frame_index: row.score.blur for row in report.frames if row.score.blur}
    return tuple(
        Picture(
            index,
            data_uri(data),
            outlines(masks[index]) if index in masks else (),
            data_uri(images.repaired[index]) if index in images.repaired else "",
        )
        for index, data in sorted(images.frames.items())
    )


def data_uri(data: bytes) -> str:
    """A JPEG as a link that holds it."""
    return "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")
