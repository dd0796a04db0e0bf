"""The timeline of a video: lanes of decisions, the score, shots and ranked frames. Positions are percent."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import median
from typing import TYPE_CHECKING

from qc_plugin.pages.sheet_words import DECISION_WORDS, axis_clock, counted, reason_words
from qc_plugin.types import OUTCOME_ORDER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qc_plugin.types import AssetReport, FrameRow

LANES = ("accept", "deblur", "review", "reject", "excluded")
_MAX_POINTS = 800  # of the score curve
_MAX_FRAMES = 6000  # that can be asked for one by one
_MARKER_PERCENT = 3.2  # width of a rank marker: closer ones go to another row
_MARKER_ROWS = 3
_TICK_STEPS_S = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
_MAX_TICKS = 7


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring frames with one decision."""

    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Lane:
    """All runs of one decision."""

    decision: str
    word: str
    n_frames: int
    runs: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Marker:
    """A ranked frame."""

    x: float
    row: int
    rank: int
    frame_index: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """Ready to be drawn. `curve` is an SVG path in a 1000 x 100 box; `frames` feeds the tooltip.

    A frame is [index, x, time, shot, lane, score, rank or 0, sentence].
    """

    lanes: tuple[Lane, ...]
    shots: tuple[float, ...]
    markers: tuple[Marker, ...]
    n_marker_rows: int
    ticks: tuple[tuple[float, str], ...]
    curve: str
    frames: tuple[tuple[int, float, float, int, str, float, int, str], ...]
    summary: str
    spoken: str


def timeline_of(report: AssetReport) -> Timeline | None:
    """The timeline of a video with two frames or more, else None."""
    rows = report.frames
    if report.asset.kind != "video" or len(rows) < 2:
        return None
    start, end = _span(report)
    xs = [round(100 * (row.score.pts_s - start) / (end - start), 3) for row in rows]
    widths = _widths(xs)
    lanes = _lanes(rows, xs, widths)
    markers = _markers(rows, xs)
    shots = tuple(x for x, (a, b) in zip(xs[1:], pairwise(rows), strict=True) if a.score.shot != b.score.shot)
    spoken = ", ".join(f"{counted(lane.n_frames, 'frame')} {lane.word.lower()}" for lane in lanes)
    return Timeline(
        lanes=lanes,
        shots=shots,
        markers=markers,
        n_marker_rows=1 + max((m.row for m in markers), default=0),
        ticks=_ticks(start, end),
        curve=_curve(rows, xs),
        frames=_frames(rows, xs),
        summary=f"{counted(len(rows), 'scored frame')} in {counted(len(shots) + 1, 'shot')}",
        spoken=spoken,
    )


def lane_of(row: FrameRow) -> str:
    """The decision, or "excluded" for a frame that an exclude rule left out."""
    return "excluded" if row.judgement.excluded is not None else row.judgement.decision


def sentence_of(row: FrameRow) -> str:
    """Why a frame is where it is, in one line."""
    if row.judgement.excluded is not None:
        title, text = reason_words(row.judgement.excluded)
        return f"{title}: {text}" if text else title
    bad = [finding for finding in row.judgement.findings if finding.out_of_limits]
    if bad:
        return max(bad, key=lambda finding: OUTCOME_ORDER.index(finding.outcome)).text
    return reason_words(row.rank.unranked)[0] if row.rank.unranked else "Every rule passes"


def _span(report: AssetReport) -> tuple[float, float]:
    first, last = report.frames[0].score, report.frames[-1].score
    length = report.media.duration_s if report.media else None
    end = max(last.pts_s + max(last.duration_s, 0.0), length or 0.0)
    start = min(0.0, first.pts_s)
    return start, end if end > start else start + 1.0


def _widths(xs: Sequence[float]) -> list[float]:
    """A frame speaks until the next one, but not for a gap in which nothing was scored."""
    gaps = [max(b - a, 0.0) for a, b in pairwise(xs)]
    usual = median(gaps)
    widths = [min(gap, 3 * usual) if usual else gap for gap in gaps]
    return [*widths, min(usual, 100 - xs[-1])]


def _lanes(rows: Sequence[FrameRow], xs: Sequence[float], widths: Sequence[float]) -> tuple[Lane, ...]:
    runs: dict[str, list[Run]] = {lane: [] for lane in LANES}
    counts = dict.fromkeys(LANES, 0)
    for decision, group in groupby(zip(rows, xs, widths, strict=True), key=lambda item: lane_of(item[0])):
        members = list(group)
        counts[decision] += len(members)
        left, (_, right, last) = members[0][1], members[-1]
        runs[decision].append(Run(left, round(max(right + last - left, 0.1), 3)))
    return tuple(Lane(d, DECISION_WORDS[d], counts[d], tuple(runs[d])) for d in LANES if counts[d])


def _markers(rows: Sequence[FrameRow], xs: Sequence[float]) -> tuple[Marker, ...]:
    """Ranked frames, in as few rows as keep them apart."""
    ends = [-_MARKER_PERCENT] * _MARKER_ROWS
    markers = []
    for row, x in zip(rows, xs, strict=True):
        if row.rank.rank is None:
            continue
        free = next((i for i, end in enumerate(ends) if x - end >= _MARKER_PERCENT), ends.index(min(ends)))
        ends[free] = x
        markers.append(Marker(x, free, row.rank.rank, row.score.frame_index))
    return tuple(markers)


def _curve(rows: Sequence[FrameRow], xs: Sequence[float]) -> str:
    """The score as an area: the best of every few frames, because the best ones are what is looked for."""
    stride = -(-len(rows) // _MAX_POINTS)
    points = []
    for i in range(0, len(rows), stride):
        best = max(range(i, min(i + stride, len(rows))), key=lambda j: rows[j].rank.score)
        height = 100 - 96 * min(1.0, max(0.0, rows[best].rank.score))
        points.append(f"{10 * xs[best]:.1f} {height:.1f}")
    return f"M{10 * xs[0]:.1f} 100L{'L'.join(points)}L{10 * xs[-1]:.1f} 100Z"


def _ticks(start: float, end: float) -> tuple[tuple[float, str], ...]:
    step = next((s for s in _TICK_STEPS_S if (end - start) / s <= _MAX_TICKS), _TICK_STEPS_S[-1])
    times = [n * step for n in range(int(end // step) + 1) if n * step >= start]
    return tuple((round(100 * (t - start) / (end - start), 2), axis_clock(t, step)) for t in times)


def _frames(
    rows: Sequence[FrameRow], xs: Sequence[float]
) -> tuple[tuple[int, float, float, int, str, float, int, str], ...]:
    stride = -(-len(rows) // _MAX_FRAMES)
    return tuple(
        (
            row.score.frame_index,
            x,
            round(row.score.pts_s, 3),
            row.score.shot,
            lane_of(row),
            round(row.rank.score, 3),
            row.rank.rank or 0,
            sentence_of(row),
        )
        for n, (row, x) in enumerate(zip(rows, xs, strict=True))
        if n % stride == 0 or row.rank.rank is not None
    )
