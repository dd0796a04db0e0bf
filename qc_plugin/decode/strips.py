"""Strips of full-resolution luma: enough to measure combing and fine detail without the whole picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

N_STRIPS, STRIP_PX = 6, 16  # 96 columns, spread over the width


def strips(luma: NDArray[Any]) -> NDArray[Any]:
    """(H, at most 96) columns of an (H, W) picture in six strips, copied: the picture may be released."""
    width = luma.shape[1]
    if width <= N_STRIPS * STRIP_PX:
        return luma.copy()
    gap = (width - N_STRIPS * STRIP_PX) / (N_STRIPS + 1)
    starts = [round(gap * (number + 1)) + STRIP_PX * number for number in range(N_STRIPS)]
    return np.concatenate([luma[:, at : at + STRIP_PX] for at in starts], axis=1)
