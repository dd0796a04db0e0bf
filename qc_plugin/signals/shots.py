"""Where shots begin and end: cuts, fades and dissolves, from a stream of previews at any cadence.

Why our own: PySceneDetect's detectors want full BGR frames, have none for dissolves, and take thresholds in
frames of a constant rate; here luma and chroma of 320 px come at 25 or at 2 a second, with timestamps.

- A *cut* is a change between neighbours that stands out from the changes around it, and from which the
  picture does not come back at once (a camera flash does). Where neighbours are far apart (key frames only,
  one picture a second) most of them may be cuts, and none stands out: there it is enough that one shows
  nothing of what the other shows (see `views`).
- A *dissolve* is a run of frames that are each a mix of one frame before and one after (see `looks.blend`).
- A *fade* is a run of frames without any structure (black, white), with the ramps of contrast at both ends.
"""

from __future__ import annotations

import bisect
from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from qc_plugin.signals.fades import BLANK_RATIO, FAR_S, Edge, fades
from qc_plugin.signals.looks import CUT_CHANGE, PreviewLook, blend, change, look_at, structure_change
from qc_plugin.signals.views import same_view

if TYPE_CHECKING:
    from qc_plugin.types import Preview

NO_EDGE_S = 3600.0  # what edge_s_at says where no edge is known

_CUT_CHANGE_FAR = 0.65  # what CUT_CHANGE is for neighbours that are not less than _CLOSE_S apart
_CLOSE_S = 0.2
_CUT_STANDS_OUT = 2.5  # times the lower quartile of the changes around it
_AROUND = 6  # neighbours on each side
_FLASH_S, _FLASH_CHANGE = 0.3, 0.25  # a picture that is back so soon and so alike was interrupted, not cut

_REACHES_S = (0.25, 0.5, 1.0)  # how far before and after the middle a dissolve is looked at
_MIX = (0.2, 0.8)
_MIX_CHANGE = 0.5  # structure that the ends must differ in: less is a change of light
# What a mix may leave over. A slow pan over soft content is nearly a mix too, and leaves 0.26 where the ends
# differ by 0.5, 0.35 by 0.7, 0.5 by 0.9; the limit stays below that and gives way to motion in a dissolve.
_MIX_RESIDUE, _MIX_RESIDUE_SLOPE = 0.2, 0.35
_MIN_MIXED_S = 0.1  # a shorter run of mixes is a blended cut


@dataclass(frozen=True, slots=True)
class Shots:
    """The shots of a clip, by the edges between them, in order of time."""

    edges: tuple[Edge, ...] = ()
    _borders_s: tuple[float, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_borders_s", tuple(edge.middle_s for edge in self.edges if edge.splits))

    @property
    def edges_s(self) -> tuple[tuple[float, float], ...]:
        """(start, end) of every edge, seconds."""
        return tuple((edge.start_s, edge.end_s) for edge in self.edges)

    def __len__(self) -> int:
        return len(self._borders_s) + 1

    def shot_at(self, pts_s: float) -> int:
        """Number of the shot on screen at a time, from 0."""
        return bisect.bisect_right(self._borders_s, pts_s)

    def edge_s_at(self, pts_s: float) -> float:
        """Seconds to the nearest edge, 0 inside a fade or dissolve, NO_EDGE_S if the clip has no edge."""
        distances = (max(edge.start_s - pts_s, pts_s - edge.end_s, 0.0) for edge in self.edges)
        return min(distances, default=NO_EDGE_S)


@dataclass(frozen=True, slots=True)
class _Mix:
    """One frame seen as a mix: its number, its time and its position between the ends."""

    index: int
    pts_s: float
    position: float


class ShotDetector:
    """Takes previews in order of time, then says where the shots are. Keeps about two seconds of looks."""

    def __init__(self) -> None:
        self._recent: deque[tuple[int, PreviewLook]] = deque()
        self._pts_s: list[float] = []
        self._change: list[float] = []  # to the frame before
        self._contrast: list[float] = []
        self._back_to: dict[int, int] = {}  # frame -> earlier frame that it looks like again
        self._before: Preview | None = None
        self._unlike: set[int] = set()  # frames far from the one before that show another scene
        self._mixes: dict[float, list[_Mix]] = {reach: [] for reach in _REACHES_S}

    def update(self, preview: Preview) -> None:
        """Look at the next frame. Frames that do not come later than the one before are passed over."""
        if self._pts_s and preview.pts_s <= self._pts_s[-1]:
            return
        look, index = look_at(preview), len(self._pts_s)
        changed = change(self._recent[-1][1], look) if self._recent else 0.0
        self._pts_s.append(look.pts_s)
        self._change.append(changed)
        self._contrast.append(look.contrast)
        if changed > CUT_CHANGE:
            self._look_back(index, look)
        if self._is_of_another_scene(preview, changed):
            self._unlike.add(index)
        self._before = preview
        self._recent.append((index, look))
        self._find_mixes(look)
        while len(self._recent) > 2 and look.pts_s - self._recent[1][1].pts_s > 2 * _REACHES_S[-1]:
            self._recent.popleft()

    def finish(self) -> Shots:
        """The shots of everything seen so far."""
        faded = fades(self._pts_s, self._contrast, self._back_to)
        dissolves = [edge for edge in self._dissolves() if not _touches(edge, faded)]
        slow = faded + dissolves
        cuts = [edge for edge in self._cuts() if not _touches(edge, slow)]
        return Shots(tuple(sorted(slow + cuts, key=lambda edge: edge.start_s)))

    def _look_back(self, index: int, look: PreviewLook) -> None:
        """After a jump: is the picture back to what it was just before?"""
        for earlier, then in reversed(list(self._recent)[:-1]):
            if look.pts_s - then.pts_s > _FLASH_S:
                return
            if change(then, look) < _FLASH_CHANGE:
                self._back_to[index] = earlier
                return

    def _is_of_another_scene(self, preview: Preview, changed: float) -> bool:
        """Far from the frame before, and not a view of the same scene."""
        before = self._before
        if before is None or preview.pts_s - before.pts_s < FAR_S or changed <= _CUT_CHANGE_FAR:
            return False
        return not same_view(before.luma, preview.luma)

    def _find_mixes(self, after: PreviewLook) -> None:
        """Test frames `reach` ago as a mix of the frame twice as long ago and this one."""
        times = [look.pts_s for _, look in self._recent]
        for reach, mixes in self._mixes.items():
            middle = _nearest(times, after.pts_s - reach)
            before = _nearest(times, 2 * times[middle] - after.pts_s)
            spread = after.pts_s - times[before]
            if not before < middle < len(times) - 1 or not 1.4 * reach <= spread <= 2.8 * reach:
                continue
            (_, first), (index, mixed) = self._recent[before], self._recent[middle]
            position, residue = blend(first, mixed, after)
            if not _MIX[0] < position < _MIX[1] or (mixes and mixes[-1].index >= index):
                continue
            beyond = structure_change(first, after) - _MIX_CHANGE
            if beyond > 0 and residue < _MIX_RESIDUE + _MIX_RESIDUE_SLOPE * beyond:
                mixes.append(_Mix(index, mixed.pts_s, position))

    def _cuts(self) -> list[Edge]:
        flashes = set(self._back_to) | {earlier + 1 for earlier in self._back_to.values()}
        edges = []
        for index in range(1, len(self._pts_s)):
            before, now = self._pts_s[index - 1], self._pts_s[index]
            limit = CUT_CHANGE if now - before < _CLOSE_S else _CUT_CHANGE_FAR
            stands_out = index in self._unlike or self._stands_out(index)
            if self._change[index] > limit and index not in flashes and stands_out:
                edges.append(Edge((before + now) / 2, (before + now) / 2, "cut"))
        return edges

    def _stands_out(self, index: int) -> bool:
        """The lower quartile, not the median: in a fast montage half of the neighbours may be cuts too."""
        around = self._change[max(index - _AROUND, 1) : index] + self._change[index + 1 : index + 1 + _AROUND]
        usual = float(np.percentile(around, 25)) if around else 0.0
        return self._change[index] > _CUT_STANDS_OUT * usual

    def _dissolves(self) -> list[Edge]:
        """Runs of mixes at every reach; of those that overlap, the one that saw most of the way across."""
        found: list[tuple[float, Edge]] = []
        for reach, mixes in self._mixes.items():
            for run in _runs(mixes):
                edge = self._edge_of(run, reach)
                if edge is not None:
                    found.append((max(m.position for m in run) - min(m.position for m in run), edge))
        chosen: list[Edge] = []
        for _, edge in sorted(found, key=lambda pair: -pair[0]):
            if not _touches(edge, chosen):
                chosen.append(edge)
        return chosen

    def _edge_of(self, run: list[_Mix], reach: float) -> Edge | None:
        """From where the mix would be 0 to where it would be 1, on a straight line through the run."""
        first, last = run[0], run[-1]
        before = self._pts_s[max(first.index - 1, 0)]
        after = self._pts_s[min(last.index + 1, len(self._pts_s) - 1)]
        if after - before < _MIN_MIXED_S or self._is_cut_within(first.index, last.index):
            return None
        if len(run) > 2:
            before, after = self._extent(run, reach)
        before, after = max(before, self._pts_s[0]), min(after, self._pts_s[-1])
        return Edge(before, after, "fade" if self._dips(before, after) else "dissolve")

    def _extent(self, run: list[_Mix], reach: float) -> tuple[float, float]:
        """Start and end, from a straight line through the positions; at most `reach` beyond the run."""
        first_s, last_s = run[0].pts_s, run[-1].pts_s
        speed, _ = np.polyfit([mix.pts_s - first_s for mix in run], [mix.position for mix in run], 1)
        middle = float(np.mean([mix.position for mix in run]))
        centre_s = float(np.mean([mix.pts_s for mix in run]))
        if speed * (last_s - first_s) < 0.1:  # longer than the reach: mixes all along, each half-way
            return first_s - reach / 2, last_s + reach / 2
        start_s, end_s = centre_s - middle / speed, centre_s + (1 - middle) / speed
        return max(min(start_s, first_s), first_s - reach), min(max(end_s, last_s), last_s + reach)

    def _dips(self, start_s: float, end_s: float) -> bool:
        """A dissolve over black between two samples: contrast falls far below both ends, not by a third."""
        first, last = bisect.bisect_left(self._pts_s, start_s), bisect.bisect_right(self._pts_s, end_s) - 1
        ends = min(self._contrast[first], self._contrast[last])
        return min(self._contrast[first : last + 1]) < BLANK_RATIO * ends

    def _is_cut_within(self, first: int, last: int) -> bool:
        """One jump that is most of the whole change: a cut with blended frames beside it, not a dissolve."""
        changes = self._change[first : last + 2]
        return len(changes) > 3 and max(changes) > 0.6 * sum(changes)


def _nearest(times: list[float], wanted: float) -> int:
    """Index of the time nearest to `wanted`; times ascend."""
    right = bisect.bisect_left(times, wanted)
    if right == 0:
        return 0
    return right if right < len(times) and times[right] - wanted < wanted - times[right - 1] else right - 1


def _runs(mixes: list[_Mix]) -> list[list[_Mix]]:
    """Mixes whose frames follow each other, two missing at most."""
    result: list[list[_Mix]] = [[mix] for mix in mixes[:1]]
    for before, mix in pairwise(mixes):
        if mix.index - before.index <= 3:
            result[-1].append(mix)
        else:
            result.append([mix])
    return result


def _touches(edge: Edge, others: list[Edge]) -> bool:
    return any(edge.start_s <= other.end_s and other.start_s <= edge.end_s for other in others)
