"""What every stage does to the pictures that come in: check them, and batch those of one size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from qc_plugin.types import Frame


def checked_rgb(rgb: object) -> NDArray[np.uint8]:
    """`rgb` itself, contiguous. Raises ValueError unless it is a filled (H, W, 3) uint8 array."""
    if (
        not isinstance(rgb, np.ndarray)
        or rgb.dtype != np.uint8
        or rgb.ndim != 3
        or rgb.shape[2] != 3
        or not rgb.size
    ):
        got = f"shape {rgb.shape} {rgb.dtype}" if isinstance(rgb, np.ndarray) else type(rgb).__name__
        fix = "floats in 0..1 without NaN become it by (x * 255).round().astype('uint8')"
        raise ValueError(f"rgb: expected a filled (H, W, 3) uint8 array, got {got}; {fix}")
    return np.ascontiguousarray(rgb)


def runs_of_one_size(frames: Sequence[Frame], at_most: int) -> Iterator[list[Frame]]:
    """Consecutive frames of one size, at most so many at a time."""
    group: list[Frame] = []
    for frame in frames:
        if group and (len(group) == at_most or frame.rgb.shape != group[0].rgb.shape):
            yield group
            group = []
        group.append(frame)
    if group:
        yield group
