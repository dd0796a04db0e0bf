"""What kind of TIFF a file is, in words, for the sentence that refuses it. Read from its first directory."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO, Final

BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES, _PLANAR, _FORMAT = 258, 259, 262, 277, 284, 339
_COMPRESSIONS: Final = {
    6: "old JPEG", 32809: "ThunderScan", 32946: "Deflate", 34676: "SGI LogLuv", 34677: "SGI LogLuv",
    34712: "JPEG 2000", 34887: "LERC", 34925: "LZMA", 50000: "ZSTD", 50001: "WebP", 52546: "JPEG XL",
}  # fmt: skip
# None, CCITT, LZW, JPEG, Deflate (both numbers), PackBits: whatever fails in these is damage.
_COMMON: Final = frozenset({1, 2, 3, 4, 5, 7, 8, 32773, 32946})
_COLOURS: Final = {
    0: "grey", 1: "grey", 2: "RGB", 3: "palette", 5: "CMYK", 6: "YCbCr", 8: "Lab",
    32844: "LogL", 32845: "LogLuv",
}  # fmt: skip
_FORMATS: Final = {2: "signed ", 3: "float "}
_SEPARATE: Final = 2
_WIDTHS: Final = {1: 1, 3: 2, 4: 4}  # of the kinds of values that these tags have
_MOST_ENTRIES: Final = 512


def kind_of(path: str | Path) -> str:
    """In words: "32-bit float RGB TIFF", "TIFF compressed by WebP"; "" for what is no TIFF."""
    tags = tiff_tags(path)
    if not tags:
        return ""
    packed = _COMPRESSIONS.get(tags.get(_COMPRESSION, (1,))[0])
    if packed:
        return f"TIFF compressed by {packed}"
    bits = max(tags.get(BITS, (1,)))
    form = _FORMATS.get(tags.get(_FORMAT, (1,))[0], "")
    colour = _COLOURS.get(tags.get(_PHOTOMETRIC, (1,))[0], "multi-channel")
    planes = " of separate planes" if is_planar(tags) else ""
    return f"{bits}-bit {form}{colour} TIFF{planes}"


def is_of_rare_compression(path: str | Path) -> bool:
    """Whether a file is a TIFF compressed in a way that not every build of the libraries reads."""
    return tiff_tags(path).get(_COMPRESSION, (1,))[0] not in _COMMON


def is_planar(tags: dict[int, tuple[int, ...]]) -> bool:
    """Whether the channels lie one after the other."""
    return tags.get(_PLANAR, (1,))[0] == _SEPARATE and tags.get(_SAMPLES, (1,))[0] > 1


def tiff_tags(path: str | Path) -> dict[int, tuple[int, ...]]:
    """Whole numbers of the first directory by their tag; empty for what is no TIFF or cannot be followed."""
    with Path(path).open("rb") as file:
        head = file.read(16)
        order = {b"II": "<", b"MM": ">"}.get(head[:2])
        if order is None or len(head) < 16:
            return {}
        try:
            return _directory(file, head, order)
        except struct.error:
            return {}


def _directory(file: BinaryIO, head: bytes, order: str) -> dict[int, tuple[int, ...]]:
    big = struct.unpack(f"{order}H", head[2:4])[0] == 43  # BigTIFF
    (at,) = struct.unpack(f"{order}Q", head[8:16]) if big else struct.unpack(f"{order}I", head[4:8])
    file.seek(at)
    (n,) = struct.unpack(f"{order}{'Q' if big else 'H'}", file.read(8 if big else 2))
    entry = f"{order}HHQ" if big else f"{order}HHI"
    inline = 8 if big else 4
    raw = [file.read(struct.calcsize(entry) + inline) for _ in range(min(n, _MOST_ENTRIES))]
    tags = {}
    for data in raw:
        tag, kind, count = struct.unpack(entry, data[:-inline])
        width = _WIDTHS.get(kind)
        if width is None or count > _MOST_ENTRIES:
            continue
        values = data[-inline:]
        if width * count > inline:
            file.seek(struct.unpack(f"{order}{'Q' if big else 'I'}", values)[0])
            values = file.read(width * count)
        letter = {1: "B", 2: "H", 4: "I"}[width]
        tags[tag] = struct.unpack(f"{order}{count}{letter}", values[: width * count])
    return {tag: values for tag, values in tags.items() if values}
