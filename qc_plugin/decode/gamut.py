"""Primaries other than those of sRGB, brought to it in linear light; what lies outside is cut off."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Names by code points of ITU-T H.273, for those that differ from sRGB and are met in stills.
PRIMARIES: Final = {9: "bt2020", 12: "p3"}
# Linear light to BT.709 primaries, D65: BT.2087, and SMPTE EG 432-1 through XYZ.
TO_BT709: Final = {
    "bt2020": np.array(
        [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
    ),
    "p3": np.array([[1.2249, -0.2249, 0.0], [-0.0420, 1.0420, 0.0], [-0.0197, -0.0786, 1.0983]], np.float32),
    "bt709": np.eye(3, dtype=np.float32),
}
_STEPS: Final = 4096
_BAND_ROWS: Final = 64


def to_srgb_primaries(rgb: NDArray[np.uint8], primaries: str) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 with the curve of sRGB and other `primaries` (a key of `TO_BT709`) as sRGB."""
    out = np.empty_like(rgb)
    for top in range(0, len(rgb), _BAND_ROWS):
        band = slice(top, top + _BAND_ROWS)
        light = cv2.transform(_decode_table()[rgb[band]], TO_BT709[primaries])
        steps = np.sqrt(np.clip(light, 0, 1)) * (_STEPS - 1) + 0.5
        out[band] = _encode_table()[steps.astype(np.int32)]
    return out


@lru_cache(maxsize=1)
def _decode_table() -> NDArray[np.float32]:
    level = np.linspace(0, 1, 256)
    light = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    return np.asarray(light, np.float32)


@lru_cache(maxsize=1)
def _encode_table() -> NDArray[np.uint8]:
    """sqrt(light) to code values."""
    light = np.linspace(0, 1, _STEPS) ** 2
    level = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(level * 255), np.uint8)
