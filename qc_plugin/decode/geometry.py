"""Which way up a picture stands: display matrix to array flips, and square pixels."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MATRIX_BYTES = 36  # nine 32-bit numbers


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


def square_width(width_px: int, sample_aspect: Fraction | None) -> tuple[int, Fraction]:
    """Width in square pixels and the sample aspect used; an aspect beyond 1:4 .. 4:1 is taken as 1."""
    aspect = sample_aspect or Fraction(1)
    if not Fraction(1, 4) <= aspect <= 4:
        aspect = Fraction(1)
    return max(1, round(width_px * aspect)), aspect
