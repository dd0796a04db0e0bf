"""Precision and recall of a rule's limits as one picture, drawn with what is installed anyway."""

from __future__ import annotations

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
_LEFT, _TOP, _RIGHT, _BOTTOM = 78, 90, 1080, 470  # of the curves
_RUG_TOP, _RUG_STEP = 520, 26  # rows of labelled frames below
_INK, _GREY, _GRID = (40, 40, 40), (110, 110, 110), (225, 225, 225)
# Told apart by width as well as by colour, for those who see no difference between the two.
_BANDS: dict[str, tuple[Colour, int]] = {"pass": ((0, 90, 160), 3), "borderline": ((190, 80, 0), 1)}
_DECISIONS = ("accept", "deblur", "review", "reject")
_FRACTION_BITS = 4
_DASH_PX = 7.0


def draw_curve(found: Calibration) -> Picture:
    """(H, W, 3) uint8 RGB: solid lines are recall, broken ones precision; uprights are limits."""
    canvas = np.full((_SIZE[1], _SIZE[0], 3), 255, np.uint8)
    axis = _Axis([label.value for label in found.labels], list(found.limits.values()))
    _grid(canvas, axis)
    for band, steps in found.steps.items():
        colour, _ = _BANDS[band]
        _line(canvas, [(axis.x(s.limit), axis.y(s.recall)) for s in steps], band)
        told = [(axis.x(s.limit), axis.y(s.precision)) for s in steps if s.precision is not None]
        _line(canvas, told, band, broken=True)
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


def _line(canvas: Picture, points: Sequence[tuple[float, float]], band: str, *, broken: bool = False) -> None:
    colour, width = _BANDS[band]
    for piece in _dashes(points) if broken else [points]:
        fixed = np.rint(np.array(piece) * (1 << _FRACTION_BITS)).astype(np.int32)
        cv2.polylines(canvas, [fixed], isClosed=False, color=colour, thickness=width,
                      lineType=cv2.LINE_AA, shift=_FRACTION_BITS)  # fmt: skip


def _dashes(points: Sequence[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    """Every other stretch of `_DASH_PX` along the way, however many points lie in it."""
    places = np.array(points, float).reshape(-1, 2)
    way = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(places, axis=0).T))])
    pieces = []
    for start in np.arange(0.0, max(way[-1], 1.0), 2 * _DASH_PX):
        inside = way[(way > start) & (way < start + _DASH_PX)]
        stops = np.array([start, *inside, min(start + _DASH_PX, way[-1])])
        pieces.append(
            [(float(np.interp(s, way, places[:, 0])), float(np.interp(s, way, places[:, 1]))) for s in stops]
        )
    return pieces


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
        _text(canvas, str(len(values)), (_RIGHT + 8, y + 14), _GREY)


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
            _line(canvas, [(x, 38.0), (x + 34, 38.0)], band, broken=broken)
            _text(canvas, f"{kind} of {what}", (x + 40, 42), _BANDS[band][0])
            x += 275


def _text(canvas: Picture, text: str, place: tuple[int, int], colour: Colour, size: float = 0.45) -> None:
    cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)
