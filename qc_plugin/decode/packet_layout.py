"""Where the packets of an MPEG transport stream lie."""

from __future__ import annotations

from typing import Final

# Plain; with a time code before each packet (camera `.mts`); with error correction behind it (broadcast).
_STEPS: Final = (188, 192, 204)
_N_ALIGNED = 5  # sync bytes in a row that are proof where the file begins with one
_N_ANYWHERE = 10  # where it begins in the middle of a packet, or behind something else
_SYNC: Final = ord("G")
_TIME_CODE_BYTES = 4


def packet_layout(data: bytes) -> tuple[int, int] | None:
    """Offset of the first sync byte, and bytes from one to the next; None for any other stream."""
    aligned = ((0, 188), (_TIME_CODE_BYTES, 192), (0, 204))
    for start, step in aligned:
        if _n_in_step(data, start, step) >= _N_ALIGNED:
            return start, step
    for step in _STEPS:
        for start in range(min(2 * step, len(data))):
            if data[start] == _SYNC and _n_in_step(data, start, step) >= _N_ANYWHERE:
                return start, step
    return None


def _n_in_step(data: bytes, start: int, step: int) -> int:
    """Sync bytes from `start` on, one a step, up to the first that is missing."""
    n_found = 0
    for at in range(start, min(len(data), start + _N_ANYWHERE * step), step):
        if data[at] != _SYNC:
            break
        n_found += 1
    return n_found
