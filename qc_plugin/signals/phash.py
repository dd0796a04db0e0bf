"""A 64-bit perceptual hash that sees colour, for near-duplicates within and across assets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from qc_plugin.types import Preview

N_BITS = 64
_SIDE_PX = 32  # luma is looked at in 32 x 32 ...
_LOW = 7  # ... of whose DCT the lowest 7 x 7, without the mean, give 48 bits
_CELLS = 2  # chroma is looked at in 2 x 2 cells: 4 cells x 2 planes x 2 bits = 16 bits
_COLOURED = 6.0  # codes off neutral from which a cell counts as tinted; white balance drifts by less


def perceptual_hash(preview: Preview) -> int:
    """64 bits: 48 of luma structure (signs of low DCT terms), 16 of colour layout. In [0, 2**64)."""
    bits = np.concatenate([_luma_bits(preview.luma), _chroma_bits(preview.chroma)])
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def similarity(hash_a: int, hash_b: int) -> float:
    """Share of equal bits, in [0, 1]: 1 for the same picture, about 0.5 for unrelated ones."""
    return 1.0 - (hash_a ^ hash_b).bit_count() / N_BITS


def _luma_bits(luma: NDArray[np.uint8]) -> NDArray[np.bool_]:
    small = cv2.resize(luma, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    terms = cv2.dct(small)[:_LOW, :_LOW].ravel()[1:]
    # Against the median, not zero, half of the bits are set whatever the picture: hashes spread evenly.
    return np.asarray(terms > np.median(terms))


def _chroma_bits(chroma: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Per cell and plane: tinted one way, tinted the other. Opposite tints differ in both bits."""
    cells = [
        cv2.resize(plane, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
        for plane in chroma.astype(np.float32)
    ]
    tint = np.stack(cells).ravel() - 128.0
    return np.concatenate([tint > _COLOURED, tint < -_COLOURED])
