"""JPEG copies of scored frames, kept until ranking says which are wanted: nothing is decoded twice.

With each goes what its motion says of blur, which a repaired picture is judged by as well.
"""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Self

import numpy as np

from qc_plugin.files import temporary_explained
from qc_plugin.stages.pictures import decode_jpeg, encode_jpeg

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Below this the spool stays in memory: most clips never touch the disk.
_IN_MEMORY_BYTES = 128 << 20


class PictureSpool:
    """Frame index -> picture. Encoded once at still quality; about 0.4 MB a 1080p frame."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - lives as long as we do
        self._places: dict[int, tuple[int, int]] = {}
        self._odds: dict[int, tuple[int, tuple[int, ...]]] = {}

    def add(self, frame_index: int, rgb: NDArray[np.uint8], odds: NDArray[np.float32] | None = None) -> None:
        """Keep a frame, (H, W, 3) uint8 sRGB, and what its motion says of blur (h, w), if that is known.

        Raises TemporaryError when the disk of temporary files is full.
        """
        data = encode_jpeg(rgb)
        with temporary_explained("the pictures of frames"):
            self._places[frame_index] = (self._file.seek(0, 2), len(data))
            self._file.write(data)
            if odds is not None:
                self._odds[frame_index] = (self._file.tell(), odds.shape)
                self._file.write(odds.tobytes())

    @property
    def indices(self) -> set[int]:
        """Frames that were kept."""
        return set(self._places)

    def jpeg(self, frame_index: int) -> bytes:
        """The JPEG bytes of a kept frame; KeyError if it was not kept."""
        offset, size = self._places[frame_index]
        self._file.seek(offset)
        return self._file.read(size)

    def rgb(self, frame_index: int) -> NDArray[np.uint8]:
        """The frame again, (H, W, 3) uint8 sRGB."""
        return decode_jpeg(self.jpeg(frame_index))

    def odds(self, frame_index: int) -> NDArray[np.float32] | None:
        """What motion says of a kept frame, (h, w) float32; None where it was not known."""
        if frame_index not in self._odds:
            return None
        offset, shape = self._odds[frame_index]
        self._file.seek(offset)
        data = self._file.read(4 * int(np.prod(shape)))
        return np.frombuffer(data, np.float32).reshape(shape)

    def close(self) -> None:
        """Give the space back."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
