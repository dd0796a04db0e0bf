"""Which way up a picture stands: display matrix to array flips, and square pixels."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MATRIX_BYTES = 36  # nine 32-bit numbers
_PLAUSIBLE = (Fraction(1, 4), Fraction(4))
# Matroska stores whole pixels of width and height, so its shape differs from the codec's by their rounding.
_ROUNDING = Fraction(1, 100)


@dataclass(frozen=True, slots=True)
class Orientation:
    """How to make a stored picture upright: swap the axes first, then mirror.

    `rotation_deg` is the clockwise turn this amounts to (0, 90, 180, 270); a mirrored picture counts the turn
    that is left after undoing a left-right mirror.
    """

    swap: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @property
    def rotation_deg(self) -> int:
        """Clockwise turn that makes the picture upright: 0, 90, 180 or 270."""
        if self.swap:
            return 270 if self.flip_y else 90
        return 180 if self.flip_y else 0

    @property
    def mirrored(self) -> bool:
        """Whether a mirror is left beside the rotation."""
        return (self.flip_x ^ self.flip_y) != self.swap

    def apply(self, image: NDArray[Any]) -> NDArray[Any]:
        """The upright picture, contiguous; axes 0 and 1 are rows and columns, further axes stay."""
        turned = np.swapaxes(image, 0, 1) if self.swap else image
        rows = slice(None, None, -1 if self.flip_y else 1)
        columns = slice(None, None, -1 if self.flip_x else 1)
        return np.ascontiguousarray(turned[rows, columns])

    def size(self, width_px: int, height_px: int) -> tuple[int, int]:
        """Width and height once upright."""
        return (height_px, width_px) if self.swap else (width_px, height_px)


UPRIGHT = Orientation()


def orientation_of(matrix: bytes) -> Orientation:
    """The nearest of the eight orientations to a display matrix (36 bytes, native byte order).

    The matrix maps x' = a x + c y and y' = b x + d y. A matrix of another length, or all zero, means upright.
    """
    if len(matrix) != _MATRIX_BYTES:
        return UPRIGHT
    a, b, _u, c, d = (int(v) for v in np.frombuffer(matrix, np.int32)[:5])
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(swap=False, flip_x=a < 0, flip_y=d < 0)
    return Orientation(swap=True, flip_x=c < 0, flip_y=b < 0)


def is_right_angled(matrix: bytes) -> bool:
    """Whether a display matrix turns by a multiple of 90 degrees; others we can only round."""
    if len(matrix) != _MATRIX_BYTES:
        return True
    a, b, _u, c, d = (abs(int(v)) for v in np.frombuffer(matrix, np.int32)[:5])
    straight, crossed = a + d, b + c
    return min(straight, crossed) <= 0.02 * max(straight, crossed)  # about one degree


@dataclass(frozen=True, slots=True)
class PixelShape:
    """How wide a pixel is shown for its height. `codec` is what the codec says where it says otherwise."""

    aspect: Fraction
    codec: Fraction | None = None
    notes: tuple[str, ...] = ()


def pixel_shape(container: Fraction | None, codec: Fraction | None) -> PixelShape:
    """The sample aspect that ffmpeg, mpv and VLC show: the container's where it states one, else the codec's.

    An aspect beyond 1:4 .. 4:1 is taken as 1. Both are None, or above zero.
    """
    stated = container or codec or Fraction(1)
    if not _PLAUSIBLE[0] <= stated <= _PLAUSIBLE[1]:
        return PixelShape(
            Fraction(1), notes=(f"pixel shape {_ratio(stated)} is not plausible: taken as 1:1",)
        )
    if not codec or abs(stated - codec) <= _ROUNDING * codec:
        return PixelShape(stated)
    said = f"{_ratio(stated)} by the container, {_ratio(codec)} by the codec"
    note = f"pixel shape {said}: shown as the container says"
    return PixelShape(stated, codec, (note,))


def square_width(width_px: int, aspect: Fraction) -> int:
    """Width in square pixels."""
    return max(1, round(width_px * aspect))


def _ratio(aspect: Fraction) -> str:
    return f"{aspect.numerator}:{aspect.denominator}"
