"""How a way to sample is spelt: in one way, because measures are kept under it."""

from __future__ import annotations

import re

WORDS = ("keyframes", "all", "auto")
MOST_FPS = 1000.0
_FPS = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*fps")


def rate_of(text: str) -> float | None:
    """Frames a second of a text such as `2fps`, above 0 and at most MOST_FPS; None for any other text."""
    match = _FPS.fullmatch(text.strip().lower())
    rate = float(match.group(1)) if match else 0.0
    return rate if 0 < rate <= MOST_FPS else None


def canonical(text: str) -> str:
    """The one spelling of a way to sample: ` 2.0 FPS` is `2fps`. Raises ValueError for what is none."""
    word = text.strip().lower()
    if word in WORDS:
        return word
    rate = rate_of(word)
    if rate is None:
        raise ValueError("is no way to sample; use <number>fps (such as 2fps), keyframes, all or auto")
    return f"{int(rate)}fps" if rate == int(rate) else f"{rate!r}fps"
