"""Letterbox and pillarbox bars: where the picture is inside the frame, whatever is on the bars.

A bar is seen column by column: how deep from the edge of the frame each column keeps the bar's level. Under a
bar most columns end at the same depth, at a step up to the picture; where a subtitle or a logo is written on
it a column ends earlier, where the picture is as dark as the bar later.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from qc_plugin.signals.blurred_sides import blurred_sides

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Luma = NDArray[np.uint8]

# Codes of full range. Black bars may be on one side alone; grey ones come in equal pairs, because a plain
# strip of sky or table on one side is part of the picture.
_BLACK, _GREY = 6, 64
# How far a bar strays from its level: coding noise, and no more, because a black that a camera saw does.
_TOLERANCE, _NOISE = 4.0, 4.0  # codes, and standard deviations of the outermost line
# The picture begins with a step: within 3 lines (scaling mixes one or two) it is this much off the bar ...
_STEP, _STEP_LINES = 6, 3
# ... along most of the border: a skyline or a title over black is not straight. A bar that faces an equally
# thick one on the other side needs less: scenes with a dark side are still letterboxed.
_STRAIGHT, _STRAIGHT_IF_SYMMETRIC = 0.5, 0.15
_MAX_SHARE = 0.45  # of the side; beyond that it is a dark picture, not a bar
# At most these shares of the columns have text on a bar that the other side tells, or that tells itself.
_WRITTEN, _WRITTEN_ALONE = 0.85, 0.25
_AT_EDGE = 0.05  # text keeps off the edge of the frame, where pictures do not
_COLUMNS = 128  # looked at; more tell no more
_OFTEN = 0.25  # share of frames that must tell a bar ...
_NEVER = 0.2  # ... and at most this share may show picture where it would be


@dataclass(frozen=True, slots=True)
class Bar:
    """One side of one frame, in lines of the preview.

    `told` lines are seen to be a bar (0: none is seen, which a dark picture does not exclude), `paired` with
    an equal one on the other side. `picture`: it reaches the edge of the frame, there is no bar.
    """

    told: int
    paired: bool
    picture: bool


@dataclass(frozen=True, slots=True)
class Bars:
    """The four sides of one frame of `shape` (rows, columns) of the preview."""

    shape: tuple[int, int]
    top: Bar
    bottom: Bar
    left: Bar
    right: Bar

    @property
    def area(self) -> tuple[slice, slice]:
        """Rows and columns of the picture, as far as this frame tells."""
        rows, columns = self.shape
        return slice(self.top.told, rows - self.bottom.told), slice(self.left.told, columns - self.right.told)


def find_bars(luma: Luma) -> Bars:
    """The bars of one frame, from its luma (h, w)."""
    top, bottom = _pair(luma)
    inside = luma[top.told : luma.shape[0] - bottom.told]
    left, right = _pair(inside.T)
    if not (top.told or bottom.told or left.told or right.told):
        left, right = _filled(luma, left, right)
        if not left.told:
            top, bottom = _filled(luma.T, top, bottom)
    return Bars((luma.shape[0], luma.shape[1]), top, bottom, left, right)


def _filled(luma: Luma, near: Bar, far: Bar) -> tuple[Bar, Bar]:
    """The sides at the ends of axis 1 if they are a blurred copy of the picture; else those given."""
    lines = blurred_sides(luma)
    fill = Bar(lines, paired=True, picture=False)
    return (fill, fill) if lines else (near, far)


def active_area(luma: Luma) -> tuple[slice, slice]:
    """Rows and columns of the picture inside bars; the whole frame if there are none."""
    return find_bars(luma).area


@dataclass(frozen=True, slots=True)
class Agreed:
    """Bars that the frames of a shot agree on, in lines of a preview of `shape` (rows, columns)."""

    shape: tuple[int, int]
    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    @property
    def fraction(self) -> float:
        """Share of the frame under bars, 0..1."""
        rows, columns = self.shape
        return 1.0 - (rows - self.top - self.bottom) * (columns - self.left - self.right) / (rows * columns)

    def box_xyxy(self, size_px: tuple[int, int]) -> tuple[int, int, int, int]:
        """The picture in pixels of a frame of `size_px` (width, height), without any line that is part bar.

        Where there is a bar, the line of the preview next to it is left out too: it may be a mix of both.
        """
        rows, columns = self.shape
        across, down = size_px[0] / columns, size_px[1] / rows
        left, top, right, bottom = (n + 1 if n else 0 for n in (self.left, self.top, self.right, self.bottom))
        x1, y1 = math.floor((columns - right) * across), math.floor((rows - bottom) * down)
        return math.ceil(left * across), math.ceil(top * down), x1, y1


def agreed_bars(frames: Sequence[Bars], shots: Sequence[int]) -> list[Agreed]:
    """The bars of every frame, alike in each shot.

    Frames of a shot outvote a dark one, and where a whole shot cannot tell, the asset speaks for it.
    """
    whole = _agreed(frames, ())
    by_shot: dict[int, list[Bars]] = {}
    for bars, shot in zip(frames, shots, strict=True):
        by_shot.setdefault(shot, []).append(bars)
    agreed = {shot: _agreed(group, whole) for shot, group in by_shot.items()}
    return [_fitting(bars.shape, agreed[shot]) for bars, shot in zip(frames, shots, strict=True)]


def _agreed(frames: Sequence[Bars], usual: Sequence[int]) -> tuple[int, ...]:
    """Lines of top, bottom, left and right bar; `usual` ones, if any, hold where a shot cannot tell."""
    sides = (
        [bars.top for bars in frames],
        [bars.bottom for bars in frames],
        [bars.left for bars in frames],
        [bars.right for bars in frames],
    )
    return tuple(_agreed_side(side, usual[n] if usual else None) for n, side in enumerate(sides))


def _agreed_side(side: Sequence[Bar], usual: int | None) -> int:
    pictures = sum(bar.picture for bar in side)
    if usual is not None and pictures > _NEVER * len(side):
        return 0
    votes: Counter[int] = Counter()
    for bar in side:
        if bar.told:  # one alone may be the edge of a subtitle in a black picture
            votes[bar.told] += 2 if bar.paired else 1
    lines, _ = max(votes.items(), key=lambda item: (item[1], -item[0]), default=(0, 0))
    near = sum(count for other, count in votes.items() if abs(other - lines) <= 1)
    # Shots of an asset may have bars of their own: there the most are usual.
    return lines if near >= max(_OFTEN * len(side), pictures) else usual or 0


def _fitting(shape: tuple[int, int], lines: tuple[int, ...]) -> Agreed:
    top, bottom, left, right = lines
    # Of another shape than its fellows (a stream that changes its size): what they agree on is not for it.
    fits = top + bottom + 4 < shape[0] and left + right + 4 < shape[1]
    return Agreed(shape, *lines) if fits else Agreed(shape)


@dataclass(frozen=True, slots=True)
class _Side:
    """What one edge of the frame looks like: a bar of `lines` at `level`, if `straight` enough."""

    lines: int
    level: float
    straight: float  # share of the columns that end at the border with a step
    written: float  # share of the columns that end before it
    at_edge: float  # share of those that are no bar from the first line on

    @property
    def is_clean(self) -> bool:
        """Whether what is not at its level can be text."""
        return self.written <= _WRITTEN and self.at_edge <= _AT_EDGE

    @property
    def stands_alone(self) -> bool:
        """Whether this is a bar, whatever the other side is."""
        return self.straight >= _STRAIGHT and self.written <= _WRITTEN_ALONE and self.at_edge <= _AT_EDGE

    def bar(self, *, facing: bool) -> Bar:
        """As it is told; `facing`: the other side stands alone and is as thick."""
        told = self.level <= _BLACK and self.stands_alone
        needed = _STRAIGHT_IF_SYMMETRIC if self.level <= _BLACK else _STRAIGHT
        told |= facing and self.is_clean and self.straight >= needed
        return Bar(self.lines if told else 0, facing, self.at_edge > _AT_EDGE)


def _pair(luma: Luma) -> tuple[Bar, Bar]:
    """The bars at the start and at the end of axis 0."""
    turned = luma[::-1]
    near, far = _side(luma), _side(turned)
    # What is written on a bar may hide its border: it is looked for where the other side has its own.
    if near.stands_alone and not (far.stands_alone and far.lines >= near.lines):
        far = _facing(far, _side(turned, near.lines))
    elif far.stands_alone and not (near.stands_alone and near.lines >= far.lines):
        near = _facing(near, _side(luma, far.lines))
    alike = _alike(near, far, len(luma))
    return near.bar(facing=alike and far.stands_alone), far.bar(facing=alike and near.stands_alone)


def _facing(found: _Side, expected: _Side) -> _Side:
    """What was expected, where it is there."""
    return expected if expected.is_clean and expected.straight >= _STRAIGHT_IF_SYMMETRIC else found


def _alike(near: _Side, far: _Side, n_lines: int) -> bool:
    thick = abs(near.lines - far.lines) <= max(1, n_lines // 60) and min(near.lines, far.lines) > 0
    return thick and abs(near.level - far.level) <= _TOLERANCE


def _side(luma: Luma, expected: int | None = None) -> _Side:
    """The start of axis 0; a bar of `expected` lines, or of those at which most columns end."""
    limit = min(int(len(luma) * _MAX_SHARE) + 1, len(luma))
    luma = luma[:, :: max(1, luma.shape[1] // _COLUMNS)]
    level = float(np.median(luma[0]))
    tolerance = _tolerance(luma[0], level)
    at_edge = float((np.abs(luma[0] - level) > tolerance).mean()) if level <= _GREY else 1.0
    if at_edge > _AT_EDGE:
        return _Side(0, level, 0.0, 1.0, at_edge)
    off = np.abs(luma[:limit] - level) > tolerance
    depth = np.where(off.any(axis=0), off.argmax(axis=0), limit)
    first = _commonest(depth, limit) if expected is None else max(expected - 1, 1)
    at_border = (depth >= first) & (depth < min(first + _STEP_LINES, limit))
    if not at_border.any():
        return _Side(0, level, 0.0, 1.0, at_edge)
    lines = int(np.median(depth[at_border]))
    inside = np.abs(luma[lines : lines + _STEP_LINES] - level).max(axis=0)
    stray = np.abs(luma[max(lines - 4, 0) : lines] - level).max(axis=0)
    steps = at_border & (inside - stray >= _STEP)
    return _Side(lines, level, float(steps.mean()), float((depth < first).mean()), at_edge)


def _tolerance(line: NDArray[np.uint8], level: float) -> float:
    """How many codes a bar may stray from its level, by the noise of its outermost line."""
    near = np.abs(line - level) <= 2 * _TOLERANCE
    spread = float(line[near].std()) if near.any() else 0.0
    return max(_TOLERANCE, _NOISE * spread)


def _commonest(depth: NDArray[np.intp], limit: int) -> int:
    """The first of those few lines, from 1, at which most columns end."""
    ends = np.bincount(depth, minlength=limit + _STEP_LINES)[:limit]
    ends[0] = 0  # columns that are no bar at all
    windows = np.convolve(ends, np.ones(_STEP_LINES, int))[_STEP_LINES - 1 :]
    return max(int(np.argmax(windows)), 1)
