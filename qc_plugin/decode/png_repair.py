"""PNG with damage in what is not the picture: the damaged chunks are left out, as browsers and libpng do."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Final

from qc_plugin.decode.still_colour import png_chunks

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_ANCILLARY: Final = 0x20  # bit of the first letter of a chunk that a reader may leave out


def without_damaged_extras(path: str | Path) -> tuple[io.BytesIO, list[str]] | None:
    """The file without ancillary chunks whose checksum is wrong, and their names; None if there are none."""
    dropped, kept = [], [_SIGNATURE]
    with Path(path).open("rb") as file:
        if file.read(len(_SIGNATURE)) != _SIGNATURE:
            return None
        for kind, start, length in png_chunks(file):
            file.seek(start - 8)
            whole = file.read(12 + length)
            right = zlib.crc32(whole[4:-4]) == int.from_bytes(whole[-4:], "big")
            if not right and kind[0] & _ANCILLARY:
                dropped.append(kind.decode("latin-1"))
            else:
                kept.append(whole)
    return (io.BytesIO(b"".join(kept)), dropped) if dropped else None
