"""Shared memory for pictures: the owner fixes its size, so no one can cut it short under a reader."""

from __future__ import annotations

import fcntl
import mmap
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import NDArray

PREVIEW_SIDE_PX = 320
STRIPS_PX = 96
_LUMA = PREVIEW_SIDE_PX**2
_CHROMA = 2 * _LUMA
_PAGE = 4096
_BUDGET_BYTES = 96 << 20
_MOST, _LEAST = 12, 2


@dataclass(frozen=True, slots=True)
class Layout:
    """`n_slots` places, each for the three parts of a preview and one RGB picture.

    Pages that nothing is written to cost nothing.
    """

    width_px: int
    height_px: int
    max_side: int
    n_slots: int

    @classmethod
    def fitting(cls, width_px: int, height_px: int, max_side: int) -> Self:
        """As many places as a fair share of memory holds."""
        one = cls(width_px, height_px, max_side, 1)
        return cls(width_px, height_px, max_side, max(_LEAST, min(_MOST, _BUDGET_BYTES // one.slot_bytes)))

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """Bytes for luma, chroma, strips and RGB."""
        return _LUMA, _CHROMA, self.max_side * STRIPS_PX, self.width_px * self.height_px * 3

    @property
    def slot_bytes(self) -> int:
        """Bytes of one place, in whole pages."""
        return -(-sum(self.sizes) // _PAGE) * _PAGE

    @property
    def n_bytes(self) -> int:
        """Bytes of all places."""
        return self.n_slots * self.slot_bytes


class Slots:
    """The places of a `Layout`, mapped."""

    def __init__(self, layout: Layout, descriptor: int) -> None:
        self.layout = layout
        self._memory = mmap.mmap(descriptor, layout.n_bytes)

    def place(self, slot: int, part: int, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """The uint8 array of `shape` at a part of a slot. ValueError when it would not lie inside."""
        room = self.layout.sizes[part]
        if not 0 <= slot < self.layout.n_slots or min(shape) < 1 or int(np.prod(shape)) > room:
            raise ValueError(f"slot {slot}: a part of shape {shape} does not fit")
        start = slot * self.layout.slot_bytes + sum(self.layout.sizes[:part])
        return np.ndarray(shape, np.uint8, self._memory, start)

    def close(self) -> None:
        """Unmap; arrays made by `place` must be gone."""
        self._memory.close()


def new_memory(n_bytes: int) -> int:
    """Descriptor of anonymous memory whose size is sealed."""
    descriptor = os.memfd_create("qc-frames", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, n_bytes)
    seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    return descriptor
