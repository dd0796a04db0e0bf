"""Whether bytes are a raw H.264, HEVC or VVC stream (Annex B), by the header of its first unit."""

from __future__ import annotations

import re
from typing import Final

_START: Final = re.compile(rb"\x00{2,3}\x01(...)", re.DOTALL)
_H264_TYPES: Final = frozenset({1, 5, 6, 7, 8, 9})  # slices, SEI, parameter sets, delimiter
_HEVC_TYPES: Final = frozenset({*range(1, 10), *range(16, 22), *range(32, 36), 39})  # all but TRAIL_N, 0
_VVC_SLICES: Final = frozenset({0, 1, 2, 3, 7, 8, 9})  # 0 is HEVC's TRAIL_N too
_VVC_OTHERS: Final = frozenset({13, 14, 15, 16, 17, 19, 20, 23})  # parameter sets, header, delimiter, SEI
_FIRST_SLICE: Final = 0x80  # set in the first slice of a picture; a Windows icon, which begins alike, has 0
_LAST_H264_HEADER: Final = 0x7F  # the top bit must be 0


def is_annex_b(head: bytes) -> bool:
    """Whether a stream begins here: with a delimiter, a parameter set, a message (SEI) or a slice."""
    match = _START.match(head)
    if match is None:
        return False
    first, second, third = match.group(1)
    if first <= _LAST_H264_HEADER and first & 0x1F in _H264_TYPES:
        # Of a picture that others refer to, and of parameter sets, the reference bits are never 0.
        return bool(first & 0x60) == (first & 0x1F in {5, 7, 8}) or first & 0x1F == 1
    layer_and_time = first & 1 == 0 and second >> 3 == 0 and second & 7 == 1
    if layer_and_time and first >> 1 in _HEVC_TYPES:
        return True
    if first != 0 or second & 7 != 1:
        return False
    return second >> 3 in _VVC_OTHERS or (second >> 3 in _VVC_SLICES and third >= _FIRST_SLICE)
