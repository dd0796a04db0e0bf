"""How long a call may take and who wants it to end: asked between batches of frames, never by force."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from qc_plugin.host.result import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

_EVERY_S = 2.0  # between progress lines: a host shows life, its log stays short
_RESERVE = 0.1  # of the time allowed: judging, the sheet and the report still follow
_RESERVE_MOST_S = 15.0


class Deadline:
    """Tells progress and says when to stop. `stop` may be set from a signal handler or another thread."""

    def __init__(
        self,
        event_id: str,
        *,
        timeout_s: float | None = None,
        tell: Callable[[Progress], None] | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self.stop = stop or threading.Event()
        self._event_id = event_id
        self._tell = tell
        self._started = time.monotonic()
        self._told = -_EVERY_S
        reserve = min(_RESERVE_MOST_S, _RESERVE * timeout_s) if timeout_s else 0.0
        self._ends = self._started + timeout_s - reserve if timeout_s else None

    @property
    def seconds(self) -> float:
        """Since the call began."""
        return time.monotonic() - self._started

    @property
    def expired(self) -> bool:
        """Whether the work should end at the next boundary."""
        return self.stop.is_set() or (self._ends is not None and time.monotonic() >= self._ends)

    def watch(self, done: float, stage: str = "segment") -> bool:
        """Tell the share that is done (0..1); False when the work should stop. For `AssetChecker.process`."""
        now = time.monotonic()
        if self._tell is not None and now - self._told >= _EVERY_S:
            self._told = now
            eta = (now - self._started) * (1 - done) / done if done > 0 else None
            share = round(min(1.0, max(0.0, done)), 4)
            left = round(eta, 1) if eta is not None else None
            self._tell(Progress(id=self._event_id, done=share, stage=stage, eta_s=left))
        return not self.expired

    def part(self, first: float, share: float) -> Callable[[float], bool]:
        """`watch` for one of several assets, whose work is `share` of the whole and begins at `first`."""
        return lambda done: self.watch(first + share * done)
