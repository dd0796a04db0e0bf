"""The cheap look behind `auto`: where in a window a sharp frame is likely. Luma only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qc_plugin.decode.strips import STRIP_PX

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from qc_plugin.decode.contract import DecodedFrame
    from qc_plugin.types import Preview

# Of 255. A frame is dark when nine tenths of it are below; brightness moving by more between two frames is a
# fade, a flash or a cut.
_DARK_P90 = 32.0
_FADE_STEP = 6.0
# Dark or fading stretches are still looked at this often: an all-dark asset is judged, not skipped.
MAX_GAP_S = 5.0


class WindowChooser:
    """Keeps the best frame of the window so far and gives back the pixels of the others.

    Frames that are neither dark nor in transition win by gradient energy. A window with none of them gives no
    frame unless the last one chosen lies over `MAX_GAP_S` back.
    """

    def __init__(self) -> None:
        self._best: DecodedFrame | None = None
        self._best_rank = (False, -1.0)
        self._last_mean: float | None = None
        self._last_chosen_s: float | None = None

    def offer(self, frame: DecodedFrame) -> None:
        """Look at the next frame of the window."""
        preview = frame.preview
        mean = float(preview.luma.mean())
        moving = self._last_mean is not None and abs(mean - self._last_mean) > _FADE_STEP
        self._last_mean = mean
        usable = not moving and float(np.percentile(preview.luma, 90)) >= _DARK_P90
        rank = (usable, gradient_energy(preview))
        if self._best is None or rank > self._best_rank:
            loser, self._best, self._best_rank = self._best, frame, rank
        else:
            loser = frame
        if loser is not None:
            loser.release()

    def choose(self) -> DecodedFrame | None:
        """The frame of this window, or None; the next offer begins a new window."""
        best, usable = self._best, self._best_rank[0]
        self._best, self._best_rank = None, (False, -1.0)
        if best is None:
            return None
        overdue = self._last_chosen_s is None or best.pts_s - self._last_chosen_s >= MAX_GAP_S
        if not usable and not overdue:
            best.release()
            return None
        self._last_chosen_s = best.pts_s
        return best


def gradient_energy(preview: Preview) -> float:
    """Mean squared luma step, of the small picture plus of the full-resolution strips; 0 for a flat picture.

    Vertical steps span two rows: combing changes from row to row and would pass for sharpness.
    """
    return _energy(preview.luma) + _energy(preview.rows, strip_px=STRIP_PX)


def _energy(luma: NDArray[np.uint8], strip_px: int | None = None) -> float:
    """Mean squared step down plus across; steps from one strip to the next are left out."""
    levels = luma.astype(np.int16)
    across = levels[:, 1:] - levels[:, :-1]
    if strip_px is not None and levels.shape[1] > strip_px:
        across = np.delete(across, np.arange(strip_px - 1, across.shape[1], strip_px), axis=1)
    return _mean_square(across) + _mean_square(levels[2:] - levels[:-2])


def _mean_square(steps: NDArray[Any]) -> float:
    if steps.size == 0:
        return 0.0
    flat = steps.ravel().astype(np.float32)
    return float(flat @ flat) / flat.size
