"""The sentence people read: what was found, with value and limit. Formats only what a rule may name."""

from __future__ import annotations

import re
import string
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qc_plugin.scoring.rule_models import Rule
    from qc_plugin.types.measures import Measure

_NUMBERS = ("value", "limit")
FIELDS = (*_NUMBERS, "n", "kind", "measure", "title")
_SPEC = re.compile(r"(?:\.([0-4]))?([%fd])?")
_MORE_DECIMALS = 4  # at most so many more, to tell a value from a limit that rounds to the same


def message_fault(text: str, *, numbered: bool) -> str | None:
    """Why `text` cannot be a message, or None. `numbered`: whether one region, with its number, is meant."""
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError as error:
        return f"message cannot be read: {error}"
    for _, name, spec, conversion in parts:
        if name is None:
            continue
        if name not in FIELDS:
            return f"message names `{{{name}}}`; it may name {', '.join(f'{{{known}}}' for known in FIELDS)}"
        if name == "n" and not numbered:
            return "message names `{n}`, but this rule does not speak of one region"
        if conversion or not _SPEC.fullmatch(spec or "") or (spec and name not in _NUMBERS):
            return f"message formats `{{{name}}}` in an unknown way; write {{value:.0%}} or {{value:.2f}}"
    return None


def sentence(
    rule: Rule,
    measure: Measure,
    *,
    value: float,
    limit: float,
    kind: str | None = None,
    n: int | None = None,
) -> str:
    """The rule's message, or one made from its measure: "face 1: 22 % is motion-blurred, limit 15 %"."""
    words = {
        "n": "" if n is None else str(n),
        "kind": kind or "frame",
        "measure": measure.name,
        "title": rule.title or rule.id,
    }
    return _fill(rule.message or _made(rule, measure, kind, n), measure, words, value, limit)


def _made(rule: Rule, measure: Measure, kind: str | None, n: int | None) -> str:
    subject = subject_of(rule, kind, n)
    bound = "limit {limit}" if rule.pass_.at_most is not None else "at least {limit} needed"
    return f"{subject}: {measure.says}, {bound}"


def subject_of(rule: Rule, kind: str | None, n: int | None) -> str:
    """What a sentence is about: "frame", "face 1", "faces on average" or "faces"."""
    if kind is None:
        return "frame"
    if n is not None:
        return f"{kind} {n}"
    several = "people" if kind == "person" else f"{kind}s"
    return f"{several} on average" if rule.reduce == "mean" else several


def _fill(text: str, measure: Measure, words: dict[str, str], value: float, limit: float) -> str:
    """`text` with its fields; no attribute or index is ever looked up."""
    filled = []
    for literal, name, spec, _ in string.Formatter().parse(text):
        filled.append(literal)
        if name in _NUMBERS:
            shown = _pair(measure, spec or "", value, limit)
            filled.append(shown[_NUMBERS.index(name)])
        elif name is not None:
            filled.append(words[name])
    return "".join(filled)


def number_of(measure: Measure, value: float) -> str:
    """`value` in the unit of its measure, without a limit to be told from."""
    return _number(value, _form(measure), measure.decimals, measure)


def _form(measure: Measure) -> str:
    return "%" if measure.as_percent else "f"


def _pair(measure: Measure, spec: str, value: float, limit: float) -> tuple[str, str]:
    """Value and limit as text, with decimals enough to tell them apart ("15.4 %, limit 15 %")."""
    match = _SPEC.fullmatch(spec)
    digits, kind = match.groups() if match else (None, None)
    form = kind or _form(measure)
    decimals = _decimals_for(limit * (100 if form == "%" else 1), int(digits or measure.decimals))
    shown_limit = _number(limit, form, decimals, measure)
    for more in range(_MORE_DECIMALS + 1):
        shown = _number(value, form, decimals + more, measure)
        if value == limit or shown != _number(limit, form, decimals + more, measure):
            break
    return shown, shown_limit


def _decimals_for(number: float, fewest: int) -> int:
    """Decimals that show `number` as it is: a limit of 12.5 % must not read 12 %."""
    exact = (d for d in range(fewest, _MORE_DECIMALS) if abs(round(number, d) - number) < 1e-6)
    return next(exact, max(fewest, _MORE_DECIMALS))


def _number(number: float, form: str, decimals: int, measure: Measure) -> str:
    if form == "%":
        return f"{number * 100:.{decimals}f} %"
    return f"{number:.{decimals}f}{'' if form == 'd' else measure.suffix}"
