"""Which regions of a frame a rule looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qc_plugin.scoring.rule_models import Rule, Selection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qc_plugin.types import FrameScore, RegionScore

MAIN_FACE = "main_face"  # the named selection that ranking and crops look at
_MEASURE_OF = {
    "area": "area_fraction",
    "height": "height",
    "confidence": "confidence",
    "sharpness": "sharpness",
}


def select(selection: Selection, regions: Sequence[RegionScore]) -> list[RegionScore]:
    """The regions that fit, in the order they came; with `pick`, only the top ones (ties: lower number)."""
    fitting = [region for region in regions if _fits(selection, region)]
    if selection.pick is None:
        return fitting
    measure = _MEASURE_OF[selection.pick.by]
    best = sorted(fitting, key=lambda scored: (-scored.measures.get(measure, 0.0), scored.n))
    chosen = {
        scored.n for scored in best[: selection.pick.top]
    }  # all are of one kind, so `n` tells them apart
    return [scored for scored in fitting if scored.n in chosen]


def selection_of(rule: Rule, named: Mapping[str, Selection]) -> Selection | None:
    """The selection that `rule` looks at, or None for the whole frame."""
    return rule.region if isinstance(rule.region, Selection) else named.get(rule.region)


def main_faces(score: FrameScore, named: Mapping[str, Selection]) -> list[RegionScore]:
    """Faces that matter: the selection `main_face`, or every face if a rule set has none."""
    return select(named.get(MAIN_FACE, Selection(kind="face")), score.regions)


def describe(selection: Selection) -> str:
    """In words, for the reason of a skip: "no face (height at least 12 %, confidence at least 0.60)"."""
    bounds = [
        ("height at least", selection.min_height, "%"),
        ("height at most", selection.max_height, "%"),
        ("area at least", selection.min_area, "%"),
        ("area at most", selection.max_area, "%"),
        ("confidence at least", selection.min_confidence, ""),
    ]
    told = [
        f"{words} {limit * 100:g} %" if unit else f"{words} {limit:.2f}"
        for words, limit, unit in bounds
        if limit is not None
    ]
    return f"no {selection.kind}" + (f" ({', '.join(told)})" if told else "")


def _fits(selection: Selection, scored: RegionScore) -> bool:
    if scored.region.kind != selection.kind:
        return False
    bounds = (
        ("height", selection.min_height, selection.max_height),
        ("area_fraction", selection.min_area, selection.max_area),
        ("confidence", selection.min_confidence, None),
    )
    return all(
        (low is None or rounded(scored.measures.get(name, 0.0)) >= low)
        and (high is None or rounded(scored.measures.get(name, 0.0)) <= high)
        for name, low, high in bounds
    )


def rounded(value: float) -> float:
    """To six decimals, which float32 keeps, so that judging again from a report decides the same."""
    return round(value, 6)
