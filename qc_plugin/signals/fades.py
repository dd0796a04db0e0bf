"""Fades: runs of frames without any structure (black, white), with the ramps of contrast at both ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

EdgeKind = Literal["cut", "fade", "dissolve"]
FAR_S = 0.4  # neighbours so far apart tell nothing of what lay between: no ramp, and any number of cuts
BLANK_RATIO = 0.3  # a frame with at most this share of the contrast around it is blank: dark scenes are not

_BLANK_CONTRAST = 5.0  # codes; coding noise on black stays below
_RAMP_S = 3.0  # longest ramp of a fade
_RAMP_GROWTH = 0.15  # a second later in the ramp the contrast is at least this share of its end higher


@dataclass(frozen=True, slots=True)
class Edge:
    """A transition; a cut is a moment, half-way between its two frames. `splits`: shots on both sides."""

    start_s: float
    end_s: float
    kind: EdgeKind
    splits: bool = True

    @property
    def middle_s(self) -> float:
        """Where the next shot is taken to begin."""
        return (self.start_s + self.end_s) / 2


@dataclass(frozen=True, slots=True)
class _Curve:
    """Contrast over time, of all frames of a clip."""

    pts_s: Sequence[float]
    contrast: Sequence[float]

    @property
    def last(self) -> int:
        return len(self.pts_s) - 1

    def blank_runs(self) -> list[tuple[int, int]]:
        """(first, last) of every run of blank frames in a clip that is not as dark all around."""
        contrast, pts_s = np.array(self.contrast), self.pts_s
        found = []
        for first, last in _true_runs(contrast < _BLANK_CONTRAST):
            near = slice(*np.searchsorted(pts_s, (pts_s[first] - _RAMP_S / 2, pts_s[last] + _RAMP_S / 2)))
            # Pictures far apart have none so near: the next on each side tell.
            around = contrast[min(near.start, max(first - 1, 0)) : max(near.stop, last + 2)]
            if contrast[first : last + 1].min() <= BLANK_RATIO * around.max():
                found.append((first, last))
        return found

    def ramp(self, index: int, step: int) -> int:
        """The frame at which contrast has stopped growing, going away from a blank frame."""
        here = index
        while 0 <= here + step <= self.last and abs(self.pts_s[here] - self.pts_s[index]) < _RAMP_S:
            further = here + step
            apart_s = abs(self.pts_s[further] - self.pts_s[here])
            growth = self.contrast[further] - self.contrast[here]
            if apart_s >= FAR_S or growth < _RAMP_GROWTH * min(apart_s, 1.0) * self.contrast[further]:
                break
            here = further
        return here

    def edge_s(self, index: int, step: int) -> float:
        """Where the edge ends that was followed to `index`; half-way to a neighbour that is far."""
        further = min(max(index + step, 0), self.last)
        here_s, next_s = self.pts_s[index], self.pts_s[further]
        return (here_s + next_s) / 2 if abs(next_s - here_s) >= FAR_S else here_s


def fades(pts_s: Sequence[float], contrast: Sequence[float], back_to: Mapping[int, int]) -> list[Edge]:
    """The fades of a clip, in order of time.

    `contrast` of each frame in codes; `back_to`: frames that look again like an earlier frame, a moment ago.
    Blank frames between two such are a flash (a strobe, a photographer), not a fade.
    """
    curve = _Curve(pts_s, contrast)
    edges: list[Edge] = []
    for first, last in curve.blank_runs():
        if back_to.get(last + 1, first) < first:
            continue
        start, end = curve.ramp(first, -1), curve.ramp(last, 1)
        start_s, end_s = curve.edge_s(start, -1), curve.edge_s(end, 1)
        splits = end < curve.last
        if edges and start_s <= edges[-1].end_s:
            start_s, splits = edges[-1].start_s, edges.pop().splits and splits
        else:
            splits = start > 0 and splits
        edges.append(Edge(start_s, end_s, "fade", splits))
    return edges


def _true_runs(flags: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> list[tuple[int, int]]:
    """(first, last) of every run of True."""
    padded = np.concatenate([[False], flags, [False]])
    steps = np.flatnonzero(padded[1:] != padded[:-1])
    return [(int(start), int(stop) - 1) for start, stop in zip(steps[::2], steps[1::2], strict=True)]
