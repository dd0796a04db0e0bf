"""SMPTE timecode text: for people who type times into an edit suite. Code uses `pts_s`."""

from __future__ import annotations

_NTSC_DROP = {30: 2, 60: 4}  # frame numbers dropped each minute, except every tenth


def timecode(pts_s: float, average_fps: float | None) -> str | None:
    """`HH:MM:SS:FF` at the nominal rate, `HH:MM:SS;FF` (drop-frame) for 29.97 and 59.94; None without a rate.

    Of a variable frame rate file this is the nearest frame at its average rate.
    """
    if average_fps is None or average_fps < 1 or pts_s < 0:
        return None
    nominal = round(average_fps)
    number = round(pts_s * average_fps)
    dropped = _NTSC_DROP.get(nominal, 0) if abs(average_fps - nominal * 1000 / 1001) < 1e-3 else 0
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
