"""Faces that motion blur hides from the detector: carried on for half a second, so that their blur is judged.

A face found in one sample and lost in the next keeps its box, moved on at its last velocity and marked
`predicted`, if the blur map says that what is there now is blurred by motion. A face that turned away or left
the picture has no blur in its place, and is not carried.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qc_plugin.signals.phash import similarity
from qc_plugin.stages.box_shares import area, share_of_smaller
from qc_plugin.stages.tracks import Tracker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qc_plugin.types import BlurMap, Box, Frame, Region

CARRY_S = 0.5
SAME_SCENE = 0.75  # share of equal bits of two pictures' hashes; unrelated ones have half
BLURRED = 0.5  # share of the box that must be blurred by motion
LEFT = 0.5  # share of the box that must still lie in the frame
OVERLAPS = 0.2  # of the smaller box with a found face, from which it is that face


class LostFaces:
    """Fed with the samples of a clip in order of time."""

    def __init__(self) -> None:
        self._tracker = Tracker(carry_s=CARRY_S)
        self._scene = 0
        self._phash: int | None = None

    def carry(self, frame: Frame, regions: Sequence[Region], blur: BlurMap, phash: int) -> list[Region]:
        """`regions` of the frame, as they are, and after them the faces that are lost to blur."""
        if self._phash is not None and similarity(self._phash, phash) < SAME_SCENE:
            self._scene += 1
        self._phash = phash
        tagged = self._tracker.update(regions, frame.pts_s, shot=self._scene, frame_index=frame.index)
        faces = [region.box_xyxy for region in regions if region.kind == "face"]
        height, width = frame.rgb.shape[:2]
        carried = []
        for region in tagged[len(regions) :]:
            box = _clipped(region.box_xyxy, width, height)
            if (
                area(box) >= LEFT * area(region.box_xyxy) > 0
                and not any(share_of_smaller(box, face) >= OVERLAPS for face in faces)
                and _blurred_share(blur, box) >= BLURRED
            ):
                carried.append(replace(region, box_xyxy=box, track_id=None))
        return [*regions, *carried]


def _clipped(box: Box, width: int, height: int) -> Box:
    x0, x1 = (min(max(x, 0.0), float(width)) for x in (box[0], box[2]))
    y0, y1 = (min(max(y, 0.0), float(height)) for y in (box[1], box[3]))
    return x0, y0, x1, y1


def _blurred_share(blur: BlurMap, box: Box) -> float:
    """Share of the box, 0..1, that the map calls blurred by motion."""
    rows, columns = blur.probability.shape
    x0, x1 = (round(x / blur.scale_xy[0]) for x in (box[0], box[2]))
    y0, y1 = (round(y / blur.scale_xy[1]) for y in (box[1], box[3]))
    x0, y0 = min(x0, columns - 1), min(y0, rows - 1)
    inside = blur.probability[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
    return float((inside >= blur.threshold).mean())
