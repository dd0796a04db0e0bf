"""How good a limit is, by frames that people have decided about. Pure numbers.

A *fault* is what the limit is there to stop. Precision: of the frames beyond the limit, the share that are
faults. Recall: of the faults, the share that lies beyond the limit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qc_plugin.types import Decision

_DECIMALS = 6  # as rules compare
_Z = 1.96  # 95 %


@dataclass(frozen=True, slots=True)
class Label:
    """The value that a rule speaks of on one frame, and what a person decided about the frame."""

    value: float
    decision: Decision


@dataclass(frozen=True, slots=True)
class Step:
    """What one limit does: `n_beyond` labelled frames lie beyond it, `n_hit` of them are faults."""

    limit: float
    n_beyond: int
    n_hit: int
    n_faults: int

    @property
    def precision(self) -> float | None:
        """None when nothing lies beyond the limit."""
        return self.n_hit / self.n_beyond if self.n_beyond else None

    @property
    def recall(self) -> float:
        """0..1; 0 where there is no fault at all."""
        return self.n_hit / self.n_faults if self.n_faults else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        total = self.n_beyond + self.n_faults
        return 2 * self.n_hit / total if total else 0.0


def limits_between(values: Sequence[float], *, upper: bool) -> list[float]:
    """One short number between each two neighbouring values, strictest limit first.

    `upper`: the rule says `at_most`, else `at_least`. A value at the limit is inside it, so that the number
    may equal one of the two.
    """
    distinct = sorted({round(value, _DECIMALS) for value in values})
    limits = [_short_between(low, high, upper=upper) for low, high in pairwise(distinct)]
    return limits if upper else limits[::-1]


def step_at(limit: float, labels: Sequence[Label], faults: frozenset[Decision], *, upper: bool) -> Step:
    """What `limit` does to the labelled frames, when `faults` are the decisions it should stop."""
    beyond = [label for label in labels if _is_beyond(label.value, limit, upper=upper)]
    return Step(
        limit=limit,
        n_beyond=len(beyond),
        n_hit=sum(label.decision in faults for label in beyond),
        n_faults=sum(label.decision in faults for label in labels),
    )


def single_limit(steps: Sequence[Step]) -> Step:
    """The best of precision and recall together (F1); of equals the mildest. `steps`: strictest first."""
    return max(reversed(steps), key=lambda step: step.f1)


def mildest_with_recall(steps: Sequence[Step], wanted: float) -> tuple[Step, bool]:
    """The mildest limit that still finds the share `wanted` of the faults; else the strictest, and False."""
    good = [step for step in steps if step.recall >= wanted]
    return (good[-1], True) if good else (steps[0], False)


def strictest_with_precision(steps: Sequence[Step], wanted: float) -> tuple[Step, bool] | None:
    """The strictest limit beyond which the share `wanted` are faults; else the most precise, and False."""
    good = [step for step in steps if (step.precision or 0.0) >= wanted]
    if good:
        return good[0], True
    hit = [step for step in steps if step.n_hit]
    return (max(hit, key=lambda step: step.precision or 0.0), False) if hit else None


def interval(n_hit: int, n: int) -> tuple[float, float]:
    """95 % interval (Wilson) of a share `n_hit` / `n`; (0, 1) when `n` is 0."""
    if n == 0:
        return 0.0, 1.0
    share, z2 = n_hit / n, _Z * _Z
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def _is_beyond(value: float, limit: float, *, upper: bool) -> bool:
    value = round(value, _DECIMALS)
    return value > limit if upper else value < limit


def _short_between(low: float, high: float, *, upper: bool) -> float:
    """The number with the fewest decimals, nearest to the middle, that parts `low` from `high`."""
    middle = (low + high) / 2
    for decimals in range(_DECIMALS + 1):
        limit = round(middle, decimals)
        if (low <= limit < high) if upper else (low < limit <= high):
            return limit
    return low if upper else high
