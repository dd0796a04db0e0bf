"""A measured value on a horizontal scale with the bands of its rule. Positions are percent of the width."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qc_plugin.pages.sheet_words import number

if TYPE_CHECKING:
    from qc_plugin.types import Bands, Finding, Outcome
    from qc_plugin.types.measures import Measure

_HEADROOM = 1.35  # so that a value beyond the last limit is not at the very edge
_WORD_FITS = 15.0  # percent of the width that a band needs for its word, on a phone as well
_ICON_FITS = 6.0
_LABEL_GAP = 16.0  # percent between two labels below the scale that do not touch
_WORDS: dict[Outcome, str] = {"pass": "Pass", "borderline": "Borderline", "fail": "Fail", "skip": "Skipped"}


@dataclass(frozen=True, slots=True)
class Band:
    """One band: where it begins, how wide it is, and what it says at `label_x` if there is room."""

    outcome: Outcome
    x: float
    width: float
    word: str
    icon: bool
    label_x: float


@dataclass(frozen=True, slots=True)
class Tick:
    """A label below the scale; `anchor` is the SVG text anchor that keeps it inside."""

    x: float
    label: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Scale:
    """A scale ready to be drawn. `text` says the same for those who do not see it."""

    bands: tuple[Band, ...]
    ticks: tuple[Tick, ...]
    value_x: float
    value_label: str
    value_anchor: str
    text: str


def scale_of(finding: Finding, measure: Measure) -> Scale | None:
    """The scale of a finding with a value and bands; None for one without."""
    if finding.value is None or finding.bands is None:
        return None
    bands, value = finding.bands, finding.value
    limits = [bands.pass_limit] + ([] if bands.borderline_limit is None else [bands.borderline_limit])
    low, high = _range(measure, [value, *limits])
    edges = [100 * (limit - low) / (high - low) for limit in limits]
    x = min(100.0, max(0.0, 100 * (value - low) / (high - low)))
    label = number(measure, value)
    return Scale(
        bands=_bands(sorted(edges), bands, x),
        ticks=_ticks(measure, (low, high), limits, edges),
        value_x=round(x, 2),
        value_label=label,
        value_anchor=_anchor(x),
        text=f"{label}: {_WORDS[finding.outcome].lower()}. {_limits_in_words(measure, bands)}",
    )


def _range(measure: Measure, numbers: list[float]) -> tuple[float, float]:
    """A range that holds all numbers with headroom, within that of the measure, ending at a round number."""
    low = min(measure.low, *numbers)
    high = _round_up(max(numbers) * _HEADROOM)
    if measure.high is not None:
        high = max(min(high, measure.high), *numbers)
    return (low, high) if high > low else (low, low + 1.0)


def _round_up(value: float) -> float:
    """The next of 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10 in its decade."""
    if value <= 0:
        return 0.0
    decade = 10.0 ** math.floor(math.log10(value))
    return next(step * decade for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10.001) if step * decade >= value)


def _bands(edges: list[float], bands: Bands, pin: float) -> tuple[Band, ...]:
    outcomes: list[Outcome] = ["pass", "borderline", "fail"] if len(edges) > 1 else ["pass", "fail"]
    if bands.worse == "lower":
        outcomes.reverse()
    stops = [0.0, *edges, 100.0]
    drawn = []
    for outcome, start, end in zip(outcomes, stops, stops[1:], strict=False):
        width = end - start
        word = _WORDS[outcome] if width >= _WORD_FITS + 8 * (outcome == "borderline") else ""
        label_x = _clear_of(pin, start, end)
        icon = not word and width >= _ICON_FITS and abs(label_x - pin) > _ICON_FITS / 2
        drawn.append(Band(outcome, round(start, 2), round(width, 2), word, icon=icon, label_x=label_x))
    return tuple(band for band in drawn if band.width > 0)


def _clear_of(pin: float, start: float, end: float) -> float:
    """Where the word of a band goes: its middle, or the middle of what the pin leaves free."""
    middle = (start + end) / 2
    if not start < pin < end or abs(pin - middle) > _WORD_FITS / 2:
        return round(middle, 2)
    return round((start + pin) / 2 if pin - start > end - pin else (pin + end) / 2, 2)


def _ticks(
    measure: Measure, ends: tuple[float, float], limits: list[float], edges: list[float]
) -> tuple[Tick, ...]:
    """The limits, then the ends where they do not touch a limit."""
    ticks: list[Tick] = []
    for x, limit in sorted(zip(edges, limits, strict=True)):
        if ticks and x - ticks[-1].x < _LABEL_GAP:  # two close limits: the texts grow apart from each other
            ticks[-1] = Tick(ticks[-1].x, ticks[-1].label, "end" if ticks[-1].x > _LABEL_GAP else "start")
            ticks.append(Tick(round(x, 2), number(measure, limit), "start"))
        else:
            ticks.append(Tick(round(x, 2), number(measure, limit), _anchor(x)))
    for x, end, anchor in ((0.0, ends[0], "start"), (100.0, ends[1], "end")):
        if all(abs(tick.x - x) >= _LABEL_GAP for tick in ticks):
            ticks.append(Tick(x, number(measure, end), anchor))
    return tuple(ticks)


def _anchor(x: float) -> str:
    if x < _LABEL_GAP / 2:
        return "start"
    return "end" if x > 100 - _LABEL_GAP / 2 else "middle"


def _limits_in_words(measure: Measure, bands: Bands) -> str:
    side = "up to" if bands.worse == "higher" else "from"
    text = f"Passes {side} {number(measure, bands.pass_limit)}"
    if bands.borderline_limit is not None:
        text += f", borderline {side} {number(measure, bands.borderline_limit)}"
    return text + "."
