"""The pictures of a sheet: which ones it wants, and how they are kept small enough for one file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import cv2
import numpy as np

from qc_plugin.pages.sheet_choice import finding_groups, frame_of_finding, picks, ratios, region_key
from qc_plugin.report.repairs import accepted_repairs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qc_plugin.types import AssetReport, RegionKind

_BUDGET_BYTES = 4_200_000  # of JPEG: 5.6 MB as base64 text
_SMALLER = ((960, 75), (800, 72), (640, 68), (480, 62), (320, 55))  # longest side in px, JPEG quality


@dataclass(frozen=True, slots=True)
class SheetImages:
    """JPEG bytes by frame index, and by (frame index, region kind, region n). A picture may be missing.

    `frames` are upright whole frames, at most 960 px wide; `region_crops` are regions at their own pixels.
    Outlines of blur are drawn from the masks in the report.
    """

    frames: Mapping[int, bytes] = field(default_factory=dict)
    region_crops: Mapping[tuple[int, RegionKind, int], bytes] = field(default_factory=dict)
    repaired: Mapping[int, bytes] = field(default_factory=dict)  # whole frames after an accepted repair


@dataclass(frozen=True, slots=True)
class WantedImages:
    """What to put into `SheetImages`: the sheet shows these pictures and no others."""

    frames: tuple[int, ...]
    region_crops: tuple[tuple[int, RegionKind, int], ...]


def wanted_images(report: AssetReport) -> WantedImages:
    """The pictures that the sheet of `report` shows."""
    ranked = [row for ratio in (None, *ratios(report)) for row in picks(report, ratio)]
    frames = {row.score.frame_index for row in ranked}
    if report.asset.kind == "artwork":
        frames |= {row.score.frame_index for row in report.frames}
    frames |= set(accepted_repairs(report))
    crops = set()
    for finding in (f for group in finding_groups(report) for f in group.shown):
        row = frame_of_finding(report, finding)
        if row is None:
            continue
        frames.add(row.score.frame_index)
        key = region_key(finding)
        if key and any((r.region.kind, r.n) == key[1:] for r in row.score.regions):
            crops.add(key)
    return WantedImages(tuple(sorted(frames)), tuple(sorted(crops)))


def fit(images: SheetImages, wanted: WantedImages) -> SheetImages:
    """The wanted pictures that are there, made smaller where together they would make the file too heavy."""
    frames = {index: images.frames[index] for index in wanted.frames if index in images.frames}
    crops = {key: images.region_crops[key] for key in wanted.region_crops if key in images.region_crops}
    repaired = {index: data for index, data in images.repaired.items() if index in frames}
    sizes = [len(data) for data in (*frames.values(), *crops.values(), *repaired.values())]
    if sum(sizes) <= _BUDGET_BYTES:
        return SheetImages(frames, crops, repaired)
    quota = _BUDGET_BYTES // len(sizes)
    return SheetImages(
        {index: shrink_jpeg(data, quota) for index, data in frames.items()},
        {key: shrink_jpeg(data, quota) for key, data in crops.items()},
        {index: shrink_jpeg(data, quota) for index, data in repaired.items()},
    )


def shrink_jpeg(data: bytes, quota: int) -> bytes:
    """The JPEG at the best size and quality that takes at most `quota` bytes, or at the smallest."""
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if len(data) > quota else None
    if picture is None:
        return data
    smaller = data
    for longest, quality in _SMALLER:
        scale = min(1.0, longest / max(picture.shape[:2]))
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        smaller = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        if len(smaller) <= quota:
            break
    return smaller
