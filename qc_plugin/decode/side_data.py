"""What rides on a decoded frame beside its picture. Nothing of it may keep the picture from being judged.

PyAV 18 names each kind of side data by an enum and refuses the whole list for one that the enum lacks (views
of spatial video, EXIF in motion JPEG, whatever FFmpeg adds next). Here such a kind gets a name of ours.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from av.sidedata.sidedata import Type

if TYPE_CHECKING:
    from collections.abc import Iterable

    from av.sidedata.sidedata import SideData
    from av.video.frame import VideoFrame

UNREADABLE_NOTE: Final = "beside the picture, unreadable: all but its turn; a mirrored one may stand wrong"
_UNKNOWN: Final = "UNKNOWN_"
# Kinds of FFmpeg 8.1 that PyAV 18 lacks, in words for the note.
_WORDS: Final = {"28": "LCEVC enhancement", "29": "view number", "30": "3D displays", "31": "EXIF"}
_ONE: Final = 1 << 16  # of the fixed-point numbers in a display matrix
_W_ONE: Final = 1 << 30  # of its last column


def _name_unknown(cls: type[Any], value: object) -> object:
    """A member for a kind that PyAV's enum lacks; Enum asks here before it raises."""
    member = object.__new__(cls)
    member._name_, member._value_ = f"{_UNKNOWN}{value}", value
    return member


Type._missing_ = classmethod(_name_unknown)  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class BesideFrame:
    """`matrix`: the 36 bytes of the display matrix, empty without one; `notes`: what was left out."""

    matrix: bytes = b""
    notes: tuple[str, ...] = ()


def beside(frame: VideoFrame) -> BesideFrame:
    """The side data of a frame that we use; never raises. What cannot be read is left out with a note."""
    try:
        # PyAV's stub calls the side data a dict; it is a sequence of buffers with a type.
        found = {side.type.name: side for side in cast("Iterable[SideData]", frame.side_data)}
        matrix = bytes(found["DISPLAYMATRIX"]) if "DISPLAYMATRIX" in found else b""
    except (ValueError, LookupError, TypeError, AttributeError):
        return BesideFrame(_matrix_of(frame.rotation), (UNREADABLE_NOTE,))
    numbers = sorted(name.removeprefix(_UNKNOWN) for name in found if name.startswith(_UNKNOWN))
    unknown = ", ".join(_WORDS.get(number, f"kind {number}") for number in numbers)
    return BesideFrame(matrix, (f"beside the picture, not read: {unknown}",) if unknown else ())


def _matrix_of(degrees: float) -> bytes:
    """The display matrix of a counter-clockwise turn; empty for none."""
    if not degrees:
        return b""
    cos, sin = (round(_ONE * f(math.radians(degrees))) for f in (math.cos, math.sin))
    return struct.pack("=9i", cos, -sin, 0, sin, cos, 0, 0, 0, _W_ONE)
