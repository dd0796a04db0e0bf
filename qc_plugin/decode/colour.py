"""Which matrix, range and transfer a frame has, and what follows from a missing tag."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from qc_plugin.decode.tonemap import grey_to_sdr

if TYPE_CHECKING:
    from numpy.typing import NDArray

ColourRange = Literal["limited", "full"]

# Code points of ITU-T H.273, as FFmpeg hands them over.
_MATRIX_NAMES = {
    0: "rgb",
    1: "bt709",
    4: "fcc",
    5: "bt601",
    6: "bt601",
    7: "smpte240m",
    8: "ycgco",
    9: "bt2020",
    10: "bt2020cl",
    14: "ictcp",
}
_TRANSFER_NAMES = {
    1: "bt709",
    4: "gamma22",
    5: "gamma28",
    6: "bt601",
    7: "smpte240m",
    8: "linear",
    13: "srgb",
    14: "bt2020-10",
    15: "bt2020-12",
    16: "pq",
    18: "hlg",
}
# libswscale's own numbering of matrices. Matrices it cannot do are approximated and noted.
_SWSCALE_MATRIX = {"bt709": 1, "fcc": 4, "bt601": 5, "smpte240m": 7, "bt2020": 9, "bt2020cl": 9, "ictcp": 9}
_APPROXIMATED = {"ycgco": "bt709", "bt2020cl": "bt2020", "ictcp": "bt2020"}
_RANGE_LIMITED, _RANGE_FULL = 1, 2


@dataclass(frozen=True, slots=True)
class Colour:
    """How the samples of a stream are to be read. `notes` hold every assumption."""

    matrix: str
    range: ColourRange
    transfer: str
    notes: tuple[str, ...] = ()

    @property
    def swscale_matrix(self) -> int:
        """Number of the matrix in libswscale."""
        return _SWSCALE_MATRIX.get(_APPROXIMATED.get(self.matrix, self.matrix), 1)

    @property
    def swscale_range(self) -> int:
        """FFmpeg's number for the range."""
        return _RANGE_FULL if self.range == "full" else _RANGE_LIMITED

    @property
    def hdr(self) -> str | None:
        """`pq` or `hlg` when the stream needs tone mapping, else None."""
        return self.transfer if self.transfer in ("pq", "hlg") else None


def read_colour(matrix: int, colour_range: int, transfer: int, pixel_format: str, *, is_hd: bool) -> Colour:
    """Colour from a frame's tags; untagged HD is bt709, untagged SD is bt601, untagged range is limited."""
    notes: list[str] = []
    if is_rgb(pixel_format):
        return Colour("rgb", "full", _TRANSFER_NAMES.get(transfer, "srgb"))
    name = _MATRIX_NAMES.get(matrix)
    if name is None or name == "rgb":
        name = "bt709" if is_hd else "bt601"
        notes.append(f"untagged {'HD' if is_hd else 'SD'} taken as {name}")
    elif name in _APPROXIMATED:
        notes.append(f"colour matrix {name} approximated by {_APPROXIMATED[name]}")
    full = colour_range == _RANGE_FULL or pixel_format.startswith("yuvj")
    if not full and colour_range != _RANGE_LIMITED:
        notes.append("untagged range taken as limited")
    kind = _TRANSFER_NAMES.get(transfer, "bt709")
    if kind in ("pq", "hlg"):
        notes.append(f"{kind.upper()} tone-mapped to SDR (BT.2390 curve, 1000 to 203 cd/m2, bt2020 to bt709)")
    return Colour(name, "full" if full else "limited", kind, tuple(notes))


def is_rgb(pixel_format: str) -> bool:
    """Whether a pixel format holds RGB rather than YCbCr."""
    return pixel_format.startswith(
        ("rgb", "bgr", "gbr", "argb", "abgr", "0rgb", "0bgr", "pal8", "bayer", "x2rgb")
    )


def luma_table(colour: Colour, bit_depth: int) -> NDArray[np.uint8]:
    """Stored luma code (index, `2 ** bit_depth` of them) to full-range SDR luma, uint8."""
    codes = np.arange(1 << bit_depth, dtype=np.float64)
    if colour.range == "full":
        level = codes / (codes.size - 1)
    else:
        step = 1 << (bit_depth - 8)
        level = (codes - 16 * step) / (219 * step)
    level = np.clip(level, 0.0, 1.0)
    if colour.hdr is not None:
        level = grey_to_sdr(level, colour.hdr)
    return np.rint(level * 255).astype(np.uint8)


def chroma_table(colour: Colour, bit_depth: int) -> NDArray[np.uint8]:
    """Stored chroma code (index) to full-range chroma around 128, uint8."""
    step = 1 << (bit_depth - 8)
    offset = np.arange(1 << bit_depth, dtype=np.float64) / step - 128
    scale = 1.0 if colour.range == "full" else 255 / 224
    return np.rint(np.clip(offset * scale + 128, 0, 255)).astype(np.uint8)
