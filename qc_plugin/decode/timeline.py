"""Container timestamps to seconds that never go back."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

# A step back by more than this is a new clock (joined streams, counter wrap); less is a muxing slip.
_NEW_CLOCK_S = 10.0
_FALLBACK_FPS = 25.0


class Timeline:
    """Seconds since the container's start time for one frame after another.

    A missing timestamp follows from the frame before it; one that does not advance is placed a tick after
    it; a jump far back starts a new clock that goes on where the old one stopped. `n_repaired` counts all.
    """

    def __init__(self, *, time_base: Fraction, start_s: float | None, average_fps: float | None) -> None:
        self.time_base = time_base
        self.start_s = start_s
        self.frame_s = 1.0 / (average_fps or _FALLBACK_FPS)
        self.n_repaired = 0
        self._offset_s = 0.0
        self._last_s: float | None = None

    @property
    def origin_s(self) -> float:
        """Where the seconds count from, on the container's clock."""
        return self.start_s or 0.0

    def place(self, pts: int | None, time_base: Fraction | None = None) -> float:
        """Seconds of the next frame; strictly later than the frame before it."""
        raw_s = None if pts is None else float(pts * (time_base or self.time_base))
        if self._last_s is None:
            return self._first(raw_s)
        expected_s = self._last_s + self.frame_s
        if raw_s is None or self.start_s is None:
            now_s = expected_s
            self.n_repaired += 1
        else:
            now_s = self._after(raw_s - self.start_s + self._offset_s, expected_s, self._last_s)
        self._last_s = now_s
        return now_s

    def _first(self, raw_s: float | None) -> float:
        """The first frame sits at its own time; the clock starts there if the stated start lies later."""
        if raw_s is None:
            self.n_repaired += 1
            self._last_s = 0.0
            return 0.0
        if self.start_s is None or raw_s < self.start_s:
            self.start_s = raw_s
        self._last_s = raw_s - self.start_s
        return self._last_s

    def _after(self, now_s: float, expected_s: float, last_s: float) -> float:
        """`now_s`, moved behind the frame before it where it is not."""
        if now_s > last_s:
            return now_s
        self.n_repaired += 1
        if last_s - now_s > _NEW_CLOCK_S:
            self._offset_s += expected_s - now_s
            return expected_s
        return last_s + min(float(self.time_base), self.frame_s / 4)
