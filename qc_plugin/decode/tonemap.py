"""PQ and HLG to SDR: one documented curve, the same for every frame of every asset.

1. The code values become display light: PQ by SMPTE ST 2084, HLG by BT.2100 with the system gamma 1.2 of a
   1000 cd/m2 display. Light above 1000 cd/m2 is cut off (mastering metadata is often wrong, so not asked).
2. The EETF of BT.2390 (knee and Hermite spline in PQ space) brings 0..1000 cd/m2 to 0..203 cd/m2, 203 being
   the reference white of BT.2408. It works on the largest of R, G and B; the three keep their ratios.
3. bt2020 primaries become bt709 in linear light; what lies outside the gamut is cut off.
4. Light becomes SDR code values by the inverse of BT.1886 (gamma 2.4), as a reference display shows them.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from qc_plugin.decode.gamut import TO_BT709

SOURCE_PEAK_NITS = 1000.0
SDR_WHITE_NITS = 203.0
CODE_BITS = 12  # of the RGB codes given to `rgb_to_sdr`

# SMPTE ST 2084
_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
# BT.2100 HLG
_A, _B, _C = 0.17883277, 0.28466892, 0.55991073
_SYSTEM_GAMMA = 1.2
_BT2020_LUMA = (0.2627, 0.6780, 0.0593)
_GAIN_STEPS = 4096
_BAND_ROWS = 64  # rows worked on at once: the floats of a band stay in cache

Floats = NDArray[np.float64]


def pq_to_nits(level: Floats) -> Floats:
    """PQ code values in [0, 1] to light in cd/m2."""
    power = np.power(level, 1 / _M2)
    light = np.maximum(power - _C1, 0) / (_C2 - _C3 * power)
    return np.asarray(10_000.0 * np.power(light, 1 / _M1))


def nits_to_pq(nits: Floats) -> Floats:
    """Light in cd/m2 to PQ code values in [0, 1]."""
    power = np.power(np.maximum(nits, 0) / 10_000.0, _M1)
    return np.asarray(np.power((_C1 + _C2 * power) / (1 + _C3 * power), _M2))


def hlg_to_scene(level: Floats) -> Floats:
    """HLG code values in [0, 1] to scene light in [0, 1] (inverse OETF)."""
    return np.where(level <= 0.5, level**2 / 3, (np.exp((level - _C) / _A) + _B) / 12)


def eetf(nits: Floats) -> Floats:
    """BT.2390: light for a display of `SOURCE_PEAK_NITS` to light for one of `SDR_WHITE_NITS`; monotonic."""
    source_peak = float(nits_to_pq(np.array(SOURCE_PEAK_NITS)))
    target = float(nits_to_pq(np.array(SDR_WHITE_NITS))) / source_peak
    level = np.clip(nits_to_pq(nits) / source_peak, 0, 1)
    knee = 1.5 * target - 0.5
    t = np.clip((level - knee) / (1 - knee), 0, 1)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (-2 * t**3 + 3 * t**2) * target
    )
    return pq_to_nits(np.where(level < knee, level, spline) * source_peak)


def grey_to_sdr(level: Floats, transfer: str) -> Floats:
    """Code values of a grey in [0, 1] to SDR code values in [0, 1]. `transfer` is `pq` or `hlg`."""
    is_pq = transfer == "pq"
    nits = pq_to_nits(level) if is_pq else SOURCE_PEAK_NITS * hlg_to_scene(level) ** _SYSTEM_GAMMA
    return np.asarray(np.clip(eetf(nits) / SDR_WHITE_NITS, 0, 1) ** (1 / 2.4))


def rgb_to_sdr(
    red: NDArray[np.uint16],
    green: NDArray[np.uint16],
    blue: NDArray[np.uint16],
    transfer: str,
    primaries: str = "bt2020",
) -> NDArray[np.uint8]:
    """Full-range 12-bit RGB planes (H, W) uint16 to bt709 SDR (H, W, 3) uint8.

    `primaries` is a key of `gamut.TO_BT709`.
    """
    height, width = red.shape
    out = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, _BAND_ROWS):
        rows = slice(top, top + _BAND_ROWS)
        out[rows] = _band_to_sdr(np.dstack([red[rows], green[rows], blue[rows]]), transfer, primaries)
    return out


def _band_to_sdr(codes: NDArray[np.uint16], transfer: str, primaries: str) -> NDArray[np.uint8]:
    """(h, w, 3) uint16 codes to SDR; light is relative to `SOURCE_PEAK_NITS` until the gain is applied."""
    light = _linear_table(transfer)[codes]
    if transfer == "hlg":
        luminance = light @ np.array(_BT2020_LUMA, np.float32)
        light *= np.power(np.maximum(luminance, 1e-6), np.float32(_SYSTEM_GAMMA - 1))[..., None]
    peak = np.minimum(light.max(axis=2), 1.0)
    light *= _gain_table()[(np.sqrt(peak) * (_GAIN_STEPS - 1)).astype(np.int32)][..., None]
    mapped = cv2.transform(light, TO_BT709[primaries])
    steps = np.clip(np.sqrt(np.maximum(mapped, 0)) * (_GAIN_STEPS - 1) + 0.5, 0, _GAIN_STEPS - 1)
    return _encode_table()[steps.astype(np.int32)]


@lru_cache(maxsize=2)
def _linear_table(transfer: str) -> NDArray[np.float32]:
    """12-bit code to light relative to the source peak (PQ, cut off at 1) or to scene light (HLG)."""
    level = np.linspace(0.0, 1.0, 1 << CODE_BITS)
    light = pq_to_nits(level) / SOURCE_PEAK_NITS if transfer == "pq" else hlg_to_scene(level)
    return np.minimum(light, 1.0).astype(np.float32)


@lru_cache(maxsize=1)
def _gain_table() -> NDArray[np.float32]:
    """Factor from light relative to the source peak to light relative to SDR white, by sqrt(peak light)."""
    light = np.linspace(0.0, 1.0, _GAIN_STEPS) ** 2
    light[0] = light[1] / 4  # the limit towards black, where the ratio itself is 0 / 0
    return np.asarray(eetf(light * SOURCE_PEAK_NITS) / SDR_WHITE_NITS / light).astype(np.float32)


@lru_cache(maxsize=1)
def _encode_table() -> NDArray[np.uint8]:
    """sqrt(SDR light) to 8-bit SDR code values by the inverse of BT.1886."""
    return np.rint(np.linspace(0.0, 1.0, _GAIN_STEPS) ** (2 / 2.4) * 255).astype(np.uint8)
