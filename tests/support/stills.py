"""Stills of kinds that Pillow does not write: code points, checksums, tags; by editing what it wrote."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path


def png_chunk(kind: bytes, data: bytes, *, good: bool = True) -> bytes:
    """A chunk, with a checksum that is right or not."""
    crc = zlib.crc32(kind + data) ^ (0 if good else 1)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def with_chunk(path: Path, chunk: bytes) -> Path:
    """The PNG with one more chunk behind its header."""
    data = path.read_bytes()
    path.write_bytes(data[:33] + chunk + data[33:])
    return path


def grey_png(path: Path, levels: np.ndarray, bits: int, clear: int | None = None) -> Path:
    """A grey PNG of 1, 2, 4, 8 or 16 bits; `clear` is its transparent level."""
    height, width = levels.shape
    if bits == 16:
        rows = [level.astype(">u2").tobytes() for level in levels]
    else:
        spread = ((levels[..., None] >> np.arange(bits)[::-1]) & 1).astype(np.uint8).reshape(height, -1)
        rows = [np.packbits(row).tobytes() for row in spread]
    parts = [png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0))]
    if clear is not None:
        parts.append(png_chunk(b"tRNS", struct.pack(">H", clear)))
    parts.append(png_chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts) + png_chunk(b"IEND", b""))
    return path


def tiff(
    path: Path, strips: list[bytes], size: tuple[int, int], tags: dict[int, int | tuple[int, ...]]
) -> Path:
    """A little-endian TIFF of `size` (width, height), not compressed; `tags` overrule the usual."""
    given: dict[int, int | tuple[int, ...]] = {
        256: size[0],
        257: size[1],
        258: 8,
        259: 1,
        262: 1,
        277: 1,
        278: size[1],
    }
    given |= tags
    body = b"".join(strips)
    offsets = [8 + sum(map(len, strips[:n])) for n in range(len(strips))]
    long_tags = {273: offsets, 279: [len(strip) for strip in strips]}
    entries, extra, at = [], b"", 8 + len(body)
    everything = sorted(given | long_tags)
    extra_at = at + 2 + 12 * len(everything) + 4
    for tag in everything:
        values = long_tags.get(tag) or given[tag]
        values = list(values) if isinstance(values, (list, tuple)) else [values]
        kind, letter = (4, "I") if tag in long_tags else (3, "H")
        packed = struct.pack(f"<{len(values)}{letter}", *values)
        if len(packed) > 4:
            packed, extra = struct.pack("<I", extra_at + len(extra)), extra + packed
        entries.append(struct.pack("<HHI", tag, kind, len(values)) + packed.ljust(4, b"\0"))
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + b"\0\0\0\0"
    path.write_bytes(struct.pack("<2sHI", b"II", 42, at) + body + directory + extra)
    return path


def with_code_points(path: Path, primaries: int, transfer: int) -> Path:
    """The AVIF with other code points in its `colr` box."""
    data = bytearray(path.read_bytes())
    at = data.index(b"colrnclx") + 8
    data[at : at + 4] = struct.pack(">HH", primaries, transfer)
    path.write_bytes(data)
    return path
