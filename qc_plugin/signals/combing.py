"""Combing: two fields of different moments woven into one frame.

A combed pixel differs from the rows above and below in the same direction, while those two (of the other
field) agree. Fine horizontal texture does that too, so a block only counts if what combing alone does is
also seen: moving one field sideways makes the rows fit (the fields show the same edges, displaced), or the
sign of the zigzag changes along the row (an edge moves in with one sign and out with the other; stripes
keep theirs). Slanted roof lines and blinds do even that; but they are there in the frames before and after
too, where fields move apart only as far as things move from frame to frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_STRIP_PX, _BAND_PX = 16, 16  # a block; `Preview.rows` holds strips of 16 neighbouring columns
_STEP = 12  # luma codes a combed pixel stands out by; coding noise of interlaced MPEG-2 stays below
_AGREE = 0.5  # rows of the other field differ by less than this share of the step
_MAX_SHIFT_PX = 6  # field displacements looked for; faster motion is caught by the sign test
_BETTER = 0.6  # the best displacement leaves at most this share of the zigzag
_MIXED = 0.25  # share of the weaker sign along a band of rows, at least
_FIELDS_APART = 0.8  # see _fields_apart; combed blocks of real 1080i lie between 0.3 and 0.8
_MIN_PIXELS = 6  # combed pixels in a block; fewer are chance
# A block is texture if both neighbours show it again, moved by next to nothing, but for this share of its
# zigzag at most: 0.15 to 0.35 for roof lines in a shaky clip, 0.48 and more in interlaced and telecined ones.
_SHOWN_AGAIN = 0.4
_NEAR_HALF_PX, _NEAR_HALF_ROWS = 3, 4  # "next to nothing", in halves of a pixel; fields apart move further
_INNER = slice(2, _STRIP_PX - 2)  # columns of a block that stay inside the strip when moved
_WORST_SHARE = 0.02  # of all blocks: combing is as local as motion, the rest of the frame may stand still


def comb_ratio(rows: NDArray[np.uint8], beside: Sequence[NDArray[np.uint8]] = ()) -> float:
    """Combed share of the pixels with detail in the worst fiftieth of the blocks: 0 progressive .. 1.

    `rows` (H, n) uint8: strips of luma at full height, as in `Preview.rows`; `beside`: those of the frames
    before and after, as far as there are any. Without them fine slanted texture may pass for combing.
    """
    height, n_columns = rows.shape
    bands, strips = (height - 2) // _BAND_PX, n_columns // _STRIP_PX
    if bands < 1 or strips < 1:
        return 0.0
    luma = rows[: bands * _BAND_PX + 2, : strips * _STRIP_PX].astype(np.int16)
    zigzag, detail = _zigzag(luma)
    n_combed = _per_block(zigzag != 0, bands, strips)
    candidates = (n_combed >= _MIN_PIXELS) & _fields_apart(luma, bands, strips)
    if not candidates.any():
        return 0.0
    share = np.where(candidates, n_combed / np.maximum(_per_block(detail, bands, strips), 1), 0.0)
    n_worst = max(2, round(share.size * _WORST_SHARE))
    worst = np.argsort(share, axis=None)[: -8 * n_worst - 1 : -1]  # a reserve for blocks refused
    worst = worst[share.ravel()[worst] > 0]
    confirmed = _signs_mix(zigzag, bands)[worst // strips] | _fits_displaced(
        luma, worst // strips, worst % strips
    )
    worst = worst[confirmed]
    others = [other for other in beside if other.shape == rows.shape]
    if others and worst.size:
        worst = worst[~_shown_again(luma, others, worst // strips, worst % strips)]
    return float(share.ravel()[worst][:n_worst].sum() / n_worst)


def _zigzag(luma: NDArray[np.int16]) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """For rows 1 .. H-2: size of the zigzag, signed by field, 0 for none; and where there is detail."""
    up, down = luma[1:-1] - luma[:-2], luma[1:-1] - luma[2:]
    size = np.minimum(np.abs(up), np.abs(down))
    apart = np.abs(luma[:-2] - luma[2:])
    combed = (np.sign(up) == np.sign(down)) & (size >= _STEP) & (apart < _AGREE * size)
    field_sign = np.where(np.arange(len(up)) % 2, -1, 1).astype(np.int16)[:, None]
    detail = np.maximum(np.abs(up), np.abs(down)) >= _STEP
    return np.where(combed, np.sign(up) * size * field_sign, np.int16(0)), detail


def _per_block(values: NDArray[np.generic], bands: int, strips: int) -> NDArray[np.int64]:
    """Sums over blocks, (bands, strips)."""
    grid = values.reshape(bands, _BAND_PX, strips, _STRIP_PX)
    return np.asarray(grid.sum(axis=(1, 3), dtype=np.int64))


def _fields_apart(luma: NDArray[np.int16], bands: int, strips: int) -> NDArray[np.bool_]:
    """(bands, strips): rows differ less from the next row of their own field than from their neighbour.

    In a progressive picture the neighbour is nearer and so more alike, in noise both differ as much.
    """
    neighbour = _per_block(np.abs(luma[1:-1] - luma[:-2]), bands, strips)
    own_field = _per_block(np.abs(luma[2:] - luma[:-2]), bands, strips)
    return np.asarray(own_field < _FIELDS_APART * neighbour)


def _signs_mix(zigzag: NDArray[np.int16], bands: int) -> NDArray[np.bool_]:
    """(bands,): both signs occur in the same rows. Stripes that drift over the rows keep one in each."""
    positive = np.maximum(zigzag, 0).sum(axis=1, dtype=np.int64)
    negative = np.maximum(-zigzag, 0).sum(axis=1, dtype=np.int64)
    both = np.minimum(positive, negative).reshape(bands, -1).sum(axis=1)
    return np.asarray(both >= _MIXED * (positive + negative).reshape(bands, -1).sum(axis=1))


def _fits_displaced(
    luma: NDArray[np.int16], band: NDArray[np.intp], strip: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Which of the blocks have rows of one field that fit the other's after a sideways move of a few px."""
    row = (band * _BAND_PX)[:, None, None] + np.arange(_BAND_PX + 2)[None, :, None]
    column = (strip * _STRIP_PX)[:, None, None] + np.arange(_STRIP_PX)[None, None, :]
    block = luma[row, column]
    odd, around = block[:, 1:-1:2], (block[:, :-2:2] + block[:, 2::2]) >> 1
    reach, stop = _MAX_SHIFT_PX, _STRIP_PX - _MAX_SHIFT_PX
    misfit = np.stack(
        [
            np.abs(odd[..., reach:stop] - around[..., reach + shift : stop + shift]).sum(axis=(1, 2))
            for shift in range(-reach, reach + 1)
        ]
    )
    return np.asarray(misfit.min(axis=0) < _BETTER * misfit[reach])


def _shown_again(
    luma: NDArray[np.int16],
    others: Sequence[NDArray[np.uint8]],
    band: NDArray[np.intp],
    strip: NDArray[np.intp],
) -> NDArray[np.bool_]:
    """Which of the blocks, zigzag and all, every one of the `others` shows at nearly the same place."""
    row = (band * _BAND_PX)[:, None, None] + np.arange(_BAND_PX + 2)[None, :, None]
    column = (strip * _STRIP_PX)[:, None, None] + np.arange(_STRIP_PX)[None, None, _INNER]
    block = luma[row, column]
    zigzag = np.abs(block[:, 1:-1] - ((block[:, :-2] + block[:, 2:]) >> 1)).sum(axis=(1, 2))
    left = [_least_misfit(block[:, 1:-1], _doubled(other), row[:, 1:-1], column) for other in others]
    return np.asarray(np.maximum.reduce(left) <= _SHOWN_AGAIN * zigzag)


def _least_misfit(
    block: NDArray[np.int16], there: NDArray[np.int16], row: NDArray[np.intp], column: NDArray[np.intp]
) -> NDArray[np.int64]:
    """(n,): sum of differences to the best place near by in `there`, which is at twice the size."""
    misfits = [
        np.abs(block - there[np.clip(2 * row + down, 0, len(there) - 1), 2 * column + right]).sum(
            axis=(1, 2), dtype=np.int64
        )
        for down in range(-_NEAR_HALF_ROWS, _NEAR_HALF_ROWS + 1)
        for right in range(-_NEAR_HALF_PX, _NEAR_HALF_PX + 1)
    ]
    return np.asarray(np.minimum.reduce(misfits))


def _doubled(rows: NDArray[np.uint8]) -> NDArray[np.int16]:
    """(2 H - 1, 2 n - 1): with the means of neighbours between them."""
    height, width = rows.shape
    doubled = np.empty((2 * height - 1, 2 * width - 1), np.int16)
    doubled[::2, ::2] = rows
    doubled[1::2, ::2] = (doubled[:-1:2, ::2] + doubled[2::2, ::2]) >> 1
    doubled[:, 1::2] = (doubled[:, :-1:2] + doubled[:, 2::2]) >> 1
    return doubled
