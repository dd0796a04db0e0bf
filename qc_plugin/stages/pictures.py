"""Pictures for people: JPEG copies of scored frames, crops and heat maps. No measure depends on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from qc_plugin.files import write_whole
from qc_plugin.signals.reduction import shrink

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from qc_plugin.types import BlurMap, Box

# Quality of what is kept: 95 without chroma subsampling is visually lossless and a tenth of a PNG's time.
_STILL_QUALITY = 95
_SHEET_QUALITY = 82


def encode_jpeg(rgb: NDArray[np.uint8], *, quality: int = _STILL_QUALITY) -> bytes:
    """(H, W, 3) uint8 sRGB -> JPEG bytes, chroma at full resolution from quality 95 up."""
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality]
    if quality >= _STILL_QUALITY:
        flags += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    ok, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), flags)
    if not ok:
        raise ValueError(f"cannot encode a picture of shape {rgb.shape} as JPEG")
    return data.tobytes()


def decode_jpeg(data: bytes) -> NDArray[np.uint8]:
    """JPEG bytes made by `encode_jpeg` -> (H, W, 3) uint8 sRGB."""
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        raise ValueError("not a JPEG picture")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def write_png(path: Path, rgb: NDArray[np.uint8]) -> None:
    """Write (H, W, 3) uint8 sRGB as PNG. Raises UsageError when the folder cannot be written."""
    ok, data = cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    assert ok
    write_whole(path, data.tobytes(), what="the picture")


def sheet_jpeg(rgb: NDArray[np.uint8], long_side_px: int = 960) -> bytes:
    """Small JPEG for the sheet."""
    return encode_jpeg(shrink(rgb, long_side_px), quality=_SHEET_QUALITY)


def cut(rgb: NDArray[np.uint8], box: Box, *, margin: float = 0.0) -> NDArray[np.uint8]:
    """The pixels of `box`, grown by `margin` of its size on each side, clipped; at least 1 px."""
    height, width = rgb.shape[:2]
    x0, y0, x1, y1 = box
    dx, dy = (x1 - x0) * margin, (y1 - y0) * margin
    left, top = int(np.clip(x0 - dx, 0, width - 1)), int(np.clip(y0 - dy, 0, height - 1))
    right, bottom = (
        int(np.clip(np.ceil(x1 + dx), left + 1, width)),
        int(np.clip(np.ceil(y1 + dy), top + 1, height)),
    )
    return rgb[top:bottom, left:right]


def heat_map(rgb: NDArray[np.uint8], blur: BlurMap) -> NDArray[np.uint8]:
    """The picture in grey with blur in colour: hue by intensity, opacity by probability x evidence."""
    height, width = rgb.shape[:2]
    colour, opacity = _heat(blur, (width, height))
    grey = np.repeat(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2).astype(np.float32)
    return np.asarray(grey * (1 - opacity) + colour * opacity, np.uint8)


def heat_overlay(blur: BlurMap, *, long_side_px: int = 320) -> bytes:
    """The colours of `heat_map` alone as a small transparent PNG, to be laid over the picture."""
    height, width = blur.probability.shape
    scale = min(1.0, long_side_px / max(height, width))
    colour, opacity = _heat(blur, (max(1, round(width * scale)), max(1, round(height * scale))))
    bgra = np.dstack([colour[..., ::-1], np.rint(opacity * 255).astype(np.uint8)])
    ok, data = cv2.imencode(".png", bgra, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    assert ok
    return data.tobytes()


def _heat(blur: BlurMap, size: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Colour (h, w, 3) uint8 and opacity (h, w, 1) in 0..0.75 of a heat map of `size` (width, height)."""
    area = size[0] < blur.probability.shape[1]  # a mean when made smaller, so that thin patches stay
    seen, strength = (
        cv2.resize(m, size, interpolation=cv2.INTER_AREA if area else cv2.INTER_LINEAR)
        for m in (
            blur.probability * np.minimum(1, blur.evidence / max(blur.evidence_floor, 1e-3)),
            blur.intensity,
        )
    )
    index = (np.clip(strength, 0, 1) * 255).astype(np.uint8)
    colour = cv2.applyColorMap(index, cv2.COLORMAP_INFERNO)[..., ::-1]
    half = blur.threshold * 0.5
    opacity = (0.75 * np.clip((seen - half) / (1 - half), 0, 1))[..., None]
    return np.asarray(colour, np.uint8), np.asarray(opacity, np.float32)
