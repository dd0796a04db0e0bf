"""How much of a clip could not be shown as it was made: frames corrupt or concealed, and lost ones."""

from __future__ import annotations

import math
from collections import defaultdict

AROUND_S = 2.5  # on each side of a frame: wide enough that one frame of 25 fps is less than a hundredth
_BIN_S = 0.5


class DamageCounter:
    """Counts frames by half seconds, so that a film of any length costs little."""

    def __init__(self) -> None:
        self._counts: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0])  # all, damaged
        self._n_lost = 0

    def update(self, pts_s: float, *, corrupt: bool, n_lost: int) -> None:
        """A decoded frame, in order; `n_lost` counts all packets so far that gave no frame."""
        lost = max(0, n_lost - self._n_lost)
        self._n_lost = max(self._n_lost, n_lost)
        count = self._counts[math.floor(pts_s / _BIN_S)]
        count[0] += 1 + lost
        count[1] += corrupt + lost

    def share_at(self, pts_s: float) -> float:
        """0..1: damaged or lost among the frames within about `AROUND_S` of a time; 0 where there is none."""
        centre, reach = math.floor(pts_s / _BIN_S), round(AROUND_S / _BIN_S)
        near = [self._counts[n] for n in range(centre - reach, centre + reach + 1) if n in self._counts]
        n_all = sum(n for n, _ in near)
        return sum(n for _, n in near) / n_all if n_all else 0.0
