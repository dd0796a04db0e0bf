"""Precision and recall of a rule's limits as one picture, drawn with what is installed anyway."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from qc_plugin.scoring.proposal import is_upper

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qc_plugin.batch.calibrate import Calibration

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]

_SIZE = (1120, 640)
_LEFT, _TOP, _RIGHT, _BOTTOM = 70, 90, 1090, 470  # of the curves
_RUG_TOP, _RUG_STEP = 520, 26  # rows of labelled frames below
_INK, _GREY, _GRID = (40, 40, 40), (110, 110, 110), (225, 225, 225)
# Distinct in lightness as well as in hue; each line is also named at its end or in the legend.
_BANDS: dict[str, Colour] = {"pass": (0, 90, 160), "borderline": (190, 80, 0)}
_DECISIONS = ("accept", "deblur", "review", "reject")
_FRACTION_BITS = 4


def draw_curve(found: Calibration) -> Picture:
    """(H, W, 3) uint8 RGB: solid lines are recall, broken ones precision; uprights are limits."""
    canvas = np.full((_SIZE[1], _SIZE[0], 3), 255, np.uint8)
    axis = _Axis([label.value for label in found.labels], list(found.limits.values()))
    _grid(canvas, axis)
    for band, steps in found.steps.items():
        colour = _BANDS[band]
        _line(canvas, [(axis.x(s.limit), axis.y(s.recall)) for s in steps], colour)
        told = [(axis.x(s.limit), axis.y(s.precision)) for s in steps if s.precision is not None]
        _line(canvas, told, colour, broken=True)
        _upright(canvas, axis.x(found.current[band].limit), _GREY, f"now {found.current[band].limit:g}", 76)
        _upright(canvas, axis.x(found.limits[band]), colour, f"{band} {found.limits[band]:g}", 58)
    _rug(canvas, found, axis)
    _legend(canvas, found)
    return canvas


class _Axis:
    """From values to pixels; all labels and limits have room."""

    def __init__(self, values: Sequence[float], limits: Sequence[float]) -> None:
        self.low, self.high = min(*values, *limits), max(*values, *limits)
        if self.high <= self.low:
            self.high = self.low + 1.0

    def x(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return _LEFT + min(max(share, 0.0), 1.0) * (_RIGHT - _LEFT)

    @staticmethod
    def y(share: float) -> float:
        return _BOTTOM - share * (_BOTTOM - _TOP)


def _grid(canvas: Picture, axis: _Axis) -> None:
    for tenth in range(0, 11, 2):
        y = round(axis.y(tenth / 10))
        cv2.line(canvas, (_LEFT, y), (_RIGHT, y), _GRID, 1)
        _text(canvas, f"{tenth * 10} %", (_LEFT - 52, y + 5), _GREY)
    for part in range(6):
        value = axis.low + part / 5 * (axis.high - axis.low)
        x = round(axis.x(value))
        cv2.line(canvas, (x, _BOTTOM), (x, _BOTTOM + 5), _GREY, 1)
        _text(canvas, f"{value:.3g}", (x - 16, _BOTTOM + 24), _GREY)
    cv2.rectangle(canvas, (_LEFT, _TOP), (_RIGHT, _BOTTOM), _GREY, 1)


def _line(
    canvas: Picture, points: Sequence[tuple[float, float]], colour: Colour, *, broken: bool = False
) -> None:
    scale = 1 << _FRACTION_BITS
    fixed = [(round(x * scale), round(y * scale)) for x, y in points]
    if len(fixed) == 1:
        cv2.circle(canvas, fixed[0], 3 * scale, colour, -1, cv2.LINE_AA, _FRACTION_BITS)
    for start, end in pairwise(fixed):
        for first, last in _dashes(start, end) if broken else [(start, end)]:
            cv2.line(canvas, first, last, colour, 2, cv2.LINE_AA, _FRACTION_BITS)


def _dashes(
    start: tuple[int, int], end: tuple[int, int], dash_px: float = 5.0
) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Pieces of the way from `start` to `end`, every other one left out; short ways keep one piece."""
    there = np.array(end, float) - np.array(start, float)
    n = max(1, int(np.hypot(*there) / (dash_px * (1 << _FRACTION_BITS))))
    places = [tuple(int(v) for v in np.array(start) + there * i / n) for i in range(n + 1)]
    return [((a[0], a[1]), (b[0], b[1])) for a, b in zip(places[::2], places[1::2], strict=False)]


def _upright(canvas: Picture, x: float, colour: Colour, text: str, text_y: int) -> None:
    column = round(x)
    cv2.line(canvas, (column, _TOP), (column, _BOTTOM), colour, 1, cv2.LINE_AA)
    width = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.45, 1)[0][0]
    _text(canvas, text, (min(max(_LEFT, column - width // 2), _RIGHT - width), text_y), colour)


def _rug(canvas: Picture, found: Calibration, axis: _Axis) -> None:
    """One row of strokes a decision: where the labelled frames lie."""
    for row, decision in enumerate(_DECISIONS):
        y = _RUG_TOP + row * _RUG_STEP
        values = [label.value for label in found.labels if label.decision == decision]
        _text(canvas, decision, (8, y + 14), _INK)
        for value in values:
            cv2.line(canvas, (round(axis.x(value)), y), (round(axis.x(value)), y + 16), _INK, 1)
        _text(canvas, str(len(values)), (_RIGHT + 4, y + 14), _GREY)


def _legend(canvas: Picture, found: Calibration) -> None:
    rule = found.rule
    side = "at most" if is_upper(rule) else "at least"
    _text(
        canvas,
        f"{rule.id}: {rule.measure} {side} ... ({len(found.labels)} decided frames)",
        (8, 22),
        _INK,
        0.6,
    )
    x = 8
    for band in found.steps:
        what = "not accepted" if band == "pass" else "rejected"
        for kind, broken in (("recall", False), ("precision", True)):
            _line(canvas, [(x, 38.0), (x + 34, 38.0)], _BANDS[band], broken=broken)
            _text(canvas, f"{kind} of {what}", (x + 40, 42), _BANDS[band])
            x += 225


def _text(canvas: Picture, text: str, place: tuple[int, int], colour: Colour, size: float = 0.45) -> None:
    cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)
