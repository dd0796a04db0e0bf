"""Which of the decoded frames are worth the full analysis.

Nothing here turns a frame into RGB; only `auto` looks at previews.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol

from qc_plugin.decode.candidates import WindowChooser
from qc_plugin.decode.limits import DEFAULT_LIMITS
from qc_plugin.errors import UsageError
from qc_plugin.sample_text import rate_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from qc_plugin.decode.contract import DecodedFrame
    from qc_plugin.types import MediaInfo

SampleMode = Literal["interval", "keyframes", "all", "auto"]

AUTO_WINDOW_S = 0.5
# A frame time a hair before its grid point (1/3 s stored as 0.333) still belongs to it.
_SLACK_S = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplePlan:
    """How frames are picked.

    `interval_s` is the grid of `interval` and the window of `auto`; `step` takes every n-th of `all` and
    `keyframes`; both grow by doubling when the asset would give more than `max_frames`.
    """

    mode: SampleMode
    text: str
    interval_s: float = 0.0
    step: int = 1
    max_frames: int = DEFAULT_LIMITS.max_frames_scored

    @property
    def keyframes_only(self) -> bool:
        """Whether the reader may skip what is not a key frame: `reader.decoded(plan.keyframes_only)`."""
        return self.mode == "keyframes"

    def doubled(self) -> SamplePlan:
        """The same plan, half as dense."""
        return replace(self, interval_s=self.interval_s * 2, step=self.step * 2)

    def fitted(self, info: MediaInfo) -> SamplePlan:
        """The plan doubled until the length that the container states gives at most `max_frames` frames."""
        plan = self
        while plan.expected(info) > self.max_frames:
            plan = plan.doubled()
        return plan

    def expected(self, info: MediaInfo) -> int:
        """Frames this plan picks at most; 0 where that cannot be foreseen (no length stated, key frames)."""
        if info.duration_s is None or self.mode == "keyframes":
            return 0
        n_frames = info.duration_s * (info.average_fps or 25.0)
        if self.mode == "all":
            return math.ceil(n_frames / self.step)
        return math.ceil(min(info.duration_s / self.interval_s, n_frames))


def parse_sample(text: str, *, max_frames: int = DEFAULT_LIMITS.max_frames_scored) -> SamplePlan:
    """A plan from `"2fps"` (any positive number), `"keyframes"`, `"all"` or `"auto"`.

    Raises:
        UsageError: another word, or a rate that is not above zero.
    """
    word = text.strip().lower()
    if max_frames < 1:
        raise UsageError(f"At most {max_frames} frames is no sample: give a number of 1 or more.")
    if word in ("keyframes", "all"):
        return SamplePlan(
            mode="keyframes" if word == "keyframes" else "all", text=word, max_frames=max_frames
        )
    if word == "auto":
        return SamplePlan(mode="auto", text=word, interval_s=AUTO_WINDOW_S, max_frames=max_frames)
    rate = rate_of(word)
    if rate is None:
        raise UsageError(
            f"'{text}' is no way to sample: use <number>fps (such as 2fps), keyframes, all or auto."
        )
    return SamplePlan(mode="interval", text=word, interval_s=1.0 / rate, max_frames=max_frames)


def select(
    decoded: Iterable[DecodedFrame], plan: SamplePlan, *, info: MediaInfo | None = None
) -> Iterator[tuple[DecodedFrame, bool]]:
    """Every decoded frame in order, and whether it is to be scored.

    At most `plan.max_frames` are. With `info` a long asset's plan is thinned beforehand, so that picks stay
    even. Without it, or past the end that the container stated, the density halves each time half of what is
    left of `max_frames` has been used. `auto` holds back one window, and releases the frames it passed over.
    """
    quota = _Quota(plan, info)
    if plan.mode == "auto":
        return _select_auto(decoded, quota)
    return _select_by_rule(decoded, quota, _RULES[plan.mode]())


class _Quota:
    """Counts picks, and makes the plan sparser as they run out."""

    def __init__(self, plan: SamplePlan, info: MediaInfo | None) -> None:
        self.plan = plan if info is None else plan.fitted(info)
        self._n_left = plan.max_frames
        expected = self.plan.expected(info) if info is not None else 0
        self._double_at = (plan.max_frames - expected) // 2

    def take(self) -> bool:
        """Use up one pick; False when there is none left."""
        if self._n_left <= 0:
            return False
        self._n_left -= 1
        if 0 < self._n_left <= self._double_at:
            self.plan = self.plan.doubled()
            self._double_at = self._n_left // 2
        return True


class _Rule(Protocol):
    """Whether a frame is a candidate; sees every frame once, in order."""

    def __call__(self, frame: DecodedFrame, plan: SamplePlan) -> bool: ...


class _OnGrid:
    """The first frame at or after each multiple of the interval, and the very first frame."""

    def __init__(self) -> None:
        self._next_s = -math.inf

    def __call__(self, frame: DecodedFrame, plan: SamplePlan) -> bool:
        if frame.pts_s + _SLACK_S < self._next_s:
            return False
        self._next_s = _next_multiple_s(frame.pts_s, plan.interval_s)
        return True


class _EachNth:
    """Every `step`-th frame, beginning with the first."""

    def __init__(self) -> None:
        self._n_seen = 0

    def __call__(self, frame: DecodedFrame, plan: SamplePlan) -> bool:  # noqa: ARG002 - as the protocol has it
        self._n_seen += 1
        return (self._n_seen - 1) % plan.step == 0


class _EachNthKey:
    """Every `step`-th key frame; the very first frame counts as one."""

    def __init__(self) -> None:
        self._is_first = True
        self._each_nth = _EachNth()

    def __call__(self, frame: DecodedFrame, plan: SamplePlan) -> bool:
        is_key, self._is_first = frame.is_key or self._is_first, False
        return is_key and self._each_nth(frame, plan)


_RULES: dict[SampleMode, Callable[[], _Rule]] = {
    "interval": _OnGrid,
    "all": _EachNth,
    "keyframes": _EachNthKey,
}


def _select_by_rule(
    decoded: Iterable[DecodedFrame], quota: _Quota, rule: _Rule
) -> Iterator[tuple[DecodedFrame, bool]]:
    for frame in decoded:
        yield frame, rule(frame, quota.plan) and quota.take()


def _select_auto(decoded: Iterable[DecodedFrame], quota: _Quota) -> Iterator[tuple[DecodedFrame, bool]]:
    """One window after another: all its frames, the sharpest of them picked."""
    window: list[DecodedFrame] = []
    chooser = WindowChooser()
    end_s = -math.inf
    for frame in decoded:
        if frame.pts_s + _SLACK_S >= end_s:
            yield from _closed(window, chooser, quota)
            window = []
            end_s = _next_multiple_s(frame.pts_s, quota.plan.interval_s)
        chooser.offer(frame)
        window.append(frame)
    yield from _closed(window, chooser, quota)


def _closed(
    window: list[DecodedFrame], chooser: WindowChooser, quota: _Quota
) -> Iterator[tuple[DecodedFrame, bool]]:
    chosen = chooser.choose()
    for frame in window:
        yield frame, frame is chosen and quota.take()


def _next_multiple_s(pts_s: float, interval_s: float) -> float:
    """The first multiple of the interval after a time."""
    return (math.floor((pts_s + _SLACK_S) / interval_s) + 1) * interval_s
