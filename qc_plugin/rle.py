"""Binary masks as COCO run lengths: small enough for a report row, readable by COCO and CVAT tools.

Runs go down the columns and begin with a run of zeros (of length 0 if the first pixel is set). From the
fourth run on, the difference to the run two before is stored. Each number is written 5 bits at a time, lowest
first, as one character from "0" (48) up; bit 6 says that more follow, and bit 5 of the last one is the sign.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qc_plugin.types import Rle

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FIRST = 48  # "0": the character of the five bits 00000
_MORE = 0x20
_SIGN = 0x10
_LONGEST = 7  # characters a run can take: 35 bits, and no mask has 2**34 pixels


def encode(mask: NDArray[np.bool_]) -> Rle:
    """`mask` (h, w) bool, as `Rle`. ValueError if it is not a two-dimensional bool array."""
    if mask.ndim != 2 or mask.dtype != np.bool_:
        raise ValueError(f"mask: expected a 2-d bool array, got shape {mask.shape} {mask.dtype}")
    height, width = mask.shape
    return Rle(height=height, width=width, counts=_to_text(run_lengths(mask.ravel(order="F"))))


def decode(rle: Rle) -> NDArray[np.bool_]:
    """The mask (h, w) bool of `rle`. ValueError if the runs do not fill it exactly."""
    return from_run_lengths(_from_text(rle.counts), rle.height * rle.width).reshape(
        (rle.height, rle.width), order="F"
    )


def from_run_lengths(runs: NDArray[np.int64], size: int) -> NDArray[np.bool_]:
    """The flat mask behind runs, zeros first. ValueError unless they fill `size` exactly.

    That is checked before anything is unrolled: a run may claim any length.
    """
    if runs.size and runs.min() < 0:
        raise ValueError("run lengths: a run is shorter than nothing; they are damaged")
    if int(runs.sum()) != size:
        raise ValueError(f"run lengths: {int(runs.sum())} pixels in runs, {size} expected")
    return np.repeat(np.arange(runs.size) % 2 == 1, runs)


def run_lengths(flat: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Lengths of the runs of equal values in a flat mask, zeros first."""
    if flat.size == 0:
        return np.zeros(0, np.int64)
    starts = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(starts, prepend=0, append=flat.size)
    return np.concatenate(([0], runs)) if flat[0] else runs


def _to_text(runs: NDArray[np.int64]) -> str:
    """Runs as COCO text; all runs at once, since a noisy mask has tens of thousands."""
    rest = runs.copy()
    rest[3:] -= runs[1:-2]
    characters = np.zeros((rest.size, _LONGEST), np.uint8)
    open_ = np.ones(rest.size, bool)
    for place in range(_LONGEST):
        five = rest & 0x1F
        rest >>= 5
        more = np.where(five & _SIGN, rest != -1, rest != 0)
        characters[open_, place] = (five + _MORE * more + _FIRST)[open_]
        open_ &= more
    return characters[characters > 0].tobytes().decode("ascii")


def _from_text(counts: str) -> NDArray[np.int64]:
    """COCO text as runs. ValueError for characters that the code does not have, or a number cut short."""
    codes = np.frombuffer(counts.encode("ascii", "replace"), np.uint8).astype(np.int64) - _FIRST
    if codes.size and (codes.min() < 0 or codes.max() >= 2 * _MORE):
        raise ValueError("Rle.counts: holds characters that COCO run lengths do not use")
    ends = np.flatnonzero(codes < _MORE)
    if codes.size and (not ends.size or ends[-1] != codes.size - 1):
        raise ValueError("Rle.counts: ends within a number; the text is cut short")
    if not ends.size:
        return np.zeros(0, np.int64)
    lengths = np.diff(ends, prepend=-1)
    if lengths.max() > _LONGEST:
        raise ValueError("Rle.counts: a number is longer than any mask; the text is damaged")
    starts = ends - lengths + 1
    places = np.arange(codes.size) - np.repeat(starts, lengths)
    values = np.add.reduceat((codes & 0x1F) << (5 * places), starts)
    values -= np.where(codes[ends] & _SIGN, np.int64(1) << (5 * lengths), 0)
    return _undo_differences(values)


def _undo_differences(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Add back the run two before, from the fourth run on; odd and even runs are two running sums."""
    runs = values.copy()
    runs[1::2] = np.cumsum(values[1::2])
    runs[2::2] = np.cumsum(values[2::2])
    return runs
