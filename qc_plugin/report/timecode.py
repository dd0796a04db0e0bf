"""SMPTE timecode text: for people who type times into an edit suite. Code uses `pts_s`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from qc_plugin.types import MediaInfo

_DROPPED: Final = {30: 2, 60: 4}  # frame numbers dropped each minute, except every tenth
_TEXT: Final = re.compile(r"(\d\d):([0-5]\d):([0-5]\d)([:;.])(\d\d)")
_DAY_MINUTES: Final = 24 * 60


def timecode(pts_s: float, average_fps: float | None, *, drop_frame: bool = False) -> str | None:
    """`HH:MM:SS:FF` of media time at the nominal rate, `HH:MM:SS;FF` with `drop_frame`; None without a rate.

    Of a variable frame rate file this is the nearest frame at its average rate. Drop-frame exists for rates
    around 30 and 60 only.
    """
    if average_fps is None or average_fps < 1 or pts_s < 0:
        return None
    return _text(round(pts_s * average_fps), round(average_fps), drop_frame=drop_frame)


def timecodes(media: MediaInfo | None, pts_s: float) -> tuple[str | None, str | None]:
    """The timecode of media time, from zero, and the source's own: None where the source states none.

    Both count drop-frame only where the source does.
    """
    if media is None:
        return None, None
    start = _TEXT.fullmatch(media.start_timecode or "")
    drop_frame = start is not None and start[4] != ":"
    own = timecode(pts_s, media.average_fps, drop_frame=drop_frame)
    if own is None or start is None or media.average_fps is None:
        return own, None
    nominal = round(media.average_fps)
    hours, minutes, seconds, frames = (int(start[n]) for n in (1, 2, 3, 5))
    if frames >= nominal:
        return own, None
    minutes += 60 * hours
    number = nominal * (60 * minutes + seconds) + frames
    number -= _DROPPED.get(nominal, 0) * (minutes - minutes // 10) if drop_frame else 0
    return own, _text(number + round(pts_s * media.average_fps), nominal, drop_frame=drop_frame)


def _text(number: int, nominal: int, *, drop_frame: bool) -> str:
    """Frame `number` of a day; the day begins again after 24 hours."""
    dropped = _DROPPED.get(nominal, 0) if drop_frame else 0
    number %= _DAY_MINUTES * 60 * nominal - dropped * (_DAY_MINUTES - _DAY_MINUTES // 10)
    if dropped:
        number += _skipped_numbers(number, nominal, dropped)
    seconds, frames = divmod(number, nominal)
    hours, minutes = seconds // 3600, seconds // 60 % 60
    separator = ";" if dropped else ":"
    return f"{hours:02d}:{minutes:02d}:{seconds % 60:02d}{separator}{frames:02d}"


def _skipped_numbers(number: int, nominal: int, dropped: int) -> int:
    """How many frame numbers drop-frame counting has left out before frame `number`."""
    per_minute = 60 * nominal - dropped
    per_ten_minutes = 10 * per_minute + dropped
    tens, rest = divmod(number, per_ten_minutes)
    return 9 * dropped * tens + dropped * max(0, (rest - dropped) // per_minute)
