"""Precision and recall of a rule's limits as one SVG picture that opens in any browser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qc_plugin.pages.html_page import render

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Points = Sequence[tuple[float, float]]

_LEFT, _RIGHT, _TOP, _BOTTOM = 78.0, 1040.0, 90.0, 470.0  # of the curves, in the picture's own px
_RUG_TOP, _RUG_STEP = 520.0, 26.0  # a row of strokes per decision below them


@dataclass(frozen=True, slots=True, kw_only=True)
class BandCurve:
    """One band of a rule. `recall` and `precision`: (limit, share 0..1), by limit; `what`: the faults."""

    name: str
    what: str
    limit: float
    now: float
    recall: Points
    precision: Points


def limit_curve(title: str, bands: Sequence[BandCurve], decided: Mapping[str, Sequence[float]]) -> str:
    """The picture as SVG text: solid lines are recall, broken ones precision, uprights are limits.

    `decided`: the values of the frames that people gave each decision.
    """
    axis = _Axis([*(v for values in decided.values() for v in values), *(band.limit for band in bands)])
    return render(
        "limit_curve.svg.j2",
        {
            "title": title,
            "left": _LEFT,
            "right": _RIGHT,
            "top": _TOP,
            "bottom": _BOTTOM,
            "levels": [(f"{tenth * 10} %", axis.y(tenth / 10)) for tenth in range(0, 11, 2)],
            "ticks": [(f"{value:.3g}", axis.x(value)) for value in axis.ticks()],
            "bands": [_drawn(band, axis, n) for n, band in enumerate(bands)],
            "rows": [
                (decision, _RUG_TOP + n * _RUG_STEP, [axis.x(value) for value in values])
                for n, (decision, values) in enumerate(decided.items())
            ],
        },
    )


class _Axis:
    """From values and shares to px of the picture; all values have room."""

    def __init__(self, values: Sequence[float]) -> None:
        self.low, self.high = min(values), max(values)
        if self.high <= self.low:
            self.high = self.low + 1.0

    def x(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(_LEFT + min(max(share, 0.0), 1.0) * (_RIGHT - _LEFT), 1)

    @staticmethod
    def y(share: float) -> float:
        return round(_BOTTOM - share * (_BOTTOM - _TOP), 1)

    def ticks(self) -> list[float]:
        return [self.low + part / 5 * (self.high - self.low) for part in range(6)]


def _drawn(band: BandCurve, axis: _Axis, n: int) -> dict[str, object]:
    return {
        "name": band.name,
        "what": band.what,
        "recall": _path(band.recall, axis),
        "precision": _path(band.precision, axis),
        "limit": f"{band.name} {band.limit:g}",
        "limit_x": axis.x(band.limit),
        "now": f"now {band.now:g}",
        "now_x": axis.x(band.now),
        "row": n,
    }


def _path(points: Points, axis: _Axis) -> str:
    return " ".join(f"{axis.x(limit)},{axis.y(share)}" for limit, share in points)
