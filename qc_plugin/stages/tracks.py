"""The same face, hand or person from sample to sample: stable `track_id`s within a shot.

Made for 1 to 30 samples a second without looking at pixels: each track moves on at its last velocity, and
tracks and regions of one kind are paired greedily, best pair first, by overlap or, where a fast hand no
longer overlaps itself, by nearness. Nothing is carried across a cut.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qc_plugin.types import Box, Region

FORGET_AFTER_S = 1.6  # three samples at 2 a second; longer, and another person may have taken the place
LEAST_OVERLAP = 0.1  # IoU from which a pair needs no nearness
NEAR = 0.8  # centre distance / mean box side that still counts as near
LARGEST_SIZE_RATIO = 1.8  # between the mean sides of a pair that is only near
VELOCITY_MEMORY = 0.5  # share of the old velocity that is kept: boxes jitter


@dataclass(slots=True)
class _Track:
    track_id: int
    last: Region
    seen_s: float
    velocity: tuple[float, float] = (0.0, 0.0)  # px a second

    def box_at(self, pts_s: float) -> Box:
        """Where the box should be by now."""
        # one second at most: a straight line says nothing about what comes later
        ahead_s = min(max(pts_s - self.seen_s, 0.0), 1.0)
        dx, dy = self.velocity[0] * ahead_s, self.velocity[1] * ahead_s
        x0, y0, x1, y1 = self.last.box_xyxy
        return (x0 + dx, y0 + dy, x1 + dx, y1 + dy)

    def follow(self, region: Region, pts_s: float) -> None:
        """Take `region` as the new place."""
        elapsed_s = pts_s - self.seen_s
        if elapsed_s > 0:
            old, new = _centre(self.last.box_xyxy), _centre(region.box_xyxy)
            measured = ((new[0] - old[0]) / elapsed_s, (new[1] - old[1]) / elapsed_s)
            fresh = 1 - VELOCITY_MEMORY
            self.velocity = (
                VELOCITY_MEMORY * self.velocity[0] + fresh * measured[0],
                VELOCITY_MEMORY * self.velocity[1] + fresh * measured[1],
            )
        self.last, self.seen_s = region, pts_s


class Tracker:
    """Gives regions their `track_id`; fed in order of time. Ids never repeat, also across shots."""

    def __init__(self, *, carry_s: float = 0.0) -> None:
        """`carry_s`: how long a face that is lost (to blur, say) keeps a box moved on, marked `predicted`."""
        self.carry_s = carry_s
        self._tracks: list[_Track] = []
        self._next_id = 1
        self._shot: int | None = None

    def update(
        self, regions: Sequence[Region], pts_s: float, *, shot: int = 0, frame_index: int | None = None
    ) -> list[Region]:
        """`regions` of one sample with ids, in the order given; carried faces, if any, come after them.

        `frame_index` is what carried faces are given; None takes that of the first region, or, where there is
        none, leaves the index of the frame where the face was last seen.
        """
        if shot != self._shot:
            self._tracks, self._shot = [], shot
        self._tracks = [t for t in self._tracks if pts_s - t.seen_s <= FORGET_AFTER_S]
        owners: dict[int, _Track] = {}
        taken: set[int] = set()
        for _, i, track in self._pairs(regions, pts_s):
            if i not in owners and track.track_id not in taken:
                owners[i] = track
                taken.add(track.track_id)
        lost = [track for track in self._tracks if track.track_id not in taken]
        tagged = [self._tag(region, owners.get(i), pts_s) for i, region in enumerate(regions)]
        if frame_index is None and regions:
            frame_index = regions[0].frame_index
        return tagged + self._carried(lost, frame_index, pts_s)

    def _pairs(self, regions: Sequence[Region], pts_s: float) -> list[tuple[float, int, _Track]]:
        """(merit, index of the region, track) of all pairs that may be the same, best first."""
        pairs = []
        for i, region in enumerate(regions):
            for track in self._tracks:
                if track.last.kind == region.kind:
                    merit = _likeness(track.box_at(pts_s), region.box_xyxy)
                    if merit > 0:
                        pairs.append((merit, i, track))
        return sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2].track_id))

    def _tag(self, region: Region, track: _Track | None, pts_s: float) -> Region:
        if track is None:
            track = _Track(self._next_id, region, pts_s)
            self._next_id += 1
            self._tracks.append(track)
        else:
            track.follow(region, pts_s)
        return replace(region, track_id=track.track_id)

    def _carried(self, lost: Sequence[_Track], frame_index: int | None, pts_s: float) -> list[Region]:
        return [
            replace(
                track.last,
                frame_index=track.last.frame_index if frame_index is None else frame_index,
                box_xyxy=track.box_at(pts_s),
                track_id=track.track_id,
                predicted=True,
            )
            for track in lost
            # a tenth longer: samples at 2 a second lie 0.5005 s apart in a clip of 29.97 frames a second
            if track.last.kind == "face" and pts_s - track.seen_s < 1.1 * self.carry_s
        ]


def track(
    frames_regions: Sequence[Sequence[Region]], shots: Sequence[int], pts_s: Sequence[float]
) -> list[list[Region]]:
    """All samples of a clip at once.

    Per sample its regions, its shot and its time in s; same order and lengths out.
    """
    tracker = Tracker()
    return [
        tracker.update(regions, at_s, shot=shot)
        for regions, shot, at_s in zip(frames_regions, shots, pts_s, strict=True)
    ]


def _centre(box: Box) -> tuple[float, float]:
    return ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)


def _likeness(a: Box, b: Box) -> float:
    """0: cannot be the same; up to 1: near and of one size; above 1: they overlap."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    inner = max(width, 0.0) * max(height, 0.0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inner
    if union > 0 and inner / union >= LEAST_OVERLAP:
        return 1.0 + inner / union
    side_a, side_b = (a[2] - a[0] + a[3] - a[1]) / 2, (b[2] - b[0] + b[3] - b[1]) / 2
    (ax, ay), (bx, by) = _centre(a), _centre(b)
    reach = NEAR * (side_a + side_b) / 2
    distance = ((ax - bx) ** 2 + (ay - by) ** 2) ** 0.5
    if distance >= reach or max(side_a, side_b) > LARGEST_SIZE_RATIO * min(side_a, side_b):
        return 0.0
    return float(1.0 - distance / reach)
