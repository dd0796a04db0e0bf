"""From light to a file: exposure gain, noise, tone curve, resampling, sharpening, JPEG or H.264."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .views import soften, to_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .scene import Camera

BLOCK = 8
FRAME_MOVES_PX = (3, -2)  # between the frame before and this one: the encoder predicts most of it
# ITU-T T.81, annex K: the tables nearly every encoder scales
LUMA_TABLE = (
    (16, 11, 10, 16, 24, 40, 51, 61), (12, 12, 14, 19, 26, 58, 60, 55), (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62), (18, 22, 37, 56, 68, 109, 103, 77), (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101), (72, 92, 95, 98, 112, 100, 103, 99),
)  # fmt: skip
CHROMA_TABLE = (
    (17, 18, 24, 47, 99, 99, 99, 99), (18, 21, 26, 66, 99, 99, 99, 99), (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99), *((99,) * 8,) * 4,
)  # fmt: skip
TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))


def photograph(linear: Tensor, camera: Camera, generator: torch.Generator) -> Tensor:
    """(3, H, W) linear light -> (3, H, W) float32 8-bit steps in [0, 255], unrounded, not yet compressed."""
    light = soften(linear, camera.soft_px) * camera.gain

    def noise(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, device=linear.device)

    light = light.clamp(0, 1)
    if camera.shot_noise or camera.read_noise:
        deviation = (light * camera.shot_noise + camera.read_noise**2).sqrt()
        light = light + noise(*light.shape) * deviation
    steps = to_bytes(light, camera.gamma)
    if camera.grain:
        grain = soften(noise(1, *light.shape[1:]), camera.grain_px)
        steps = steps + grain * (camera.grain / grain.std())
    if camera.shrink < 1:
        steps = _resample(steps, camera.shrink)
    if camera.sharpen:
        steps = steps.clamp(0, 255)
        steps = steps + camera.sharpen * (steps - soften(steps, camera.sharpen_px))
    return steps.clamp(0, 255)


def file(steps: Tensor, cameras: Sequence[Camera]) -> Tensor:
    """(B, 3, H, W) 8-bit steps -> what the decoder gives back of each camera's stream or JPEG, rounded."""
    streamed = [stream(p, c.h264_crf) if c.h264_crf else p for p, c in zip(steps, cameras, strict=True)]
    return compress(torch.stack(streamed), [c.jpeg_quality for c in cameras])


def _resample(steps: Tensor, factor: float) -> Tensor:
    """Smaller and back: what a low-resolution stream shown large looks like."""
    size = steps.shape[-2:]
    small = F.interpolate(steps[None], scale_factor=factor, mode="bilinear", antialias=True)
    return F.interpolate(small, size, mode="bicubic")[0]


def compress(steps: Tensor, qualities: Sequence[int]) -> Tensor:
    """JPEG (4:2:0) of a batch without its entropy coding, which loses nothing; quality 100 means none.

    (B, 3, H, W) in [0, 255], H and W multiples of 16 -> the same shape, rounded to whole steps.
    """
    rounded = steps.round()
    chosen = [i for i, q in enumerate(qualities) if q < 100]
    if not chosen:
        return rounded
    matrix = steps.new_tensor(TO_YCC)
    ycc = torch.einsum("dc,bchw->bdhw", matrix, rounded[chosen])
    scale = steps.new_tensor([_table_scale(qualities[i]) for i in chosen])
    luma = _quantise(ycc[:, :1] - 128, LUMA_TABLE, scale) + 128
    chroma = _quantise(F.avg_pool2d(ycc[:, 1:], 2), CHROMA_TABLE, scale)
    chroma = F.interpolate(chroma, scale_factor=2, mode="bilinear")
    rgb = torch.einsum("cd,bdhw->bchw", torch.linalg.inv(matrix), torch.cat([luma, chroma], 1))
    rounded[chosen] = rgb.round().clamp(0, 255)
    return rounded


def stream(steps: Tensor, crf: int) -> Tensor:
    """What H.264 (x264, 4:2:0, constant rate factor) leaves of a frame that follows a similar one.

    (3, H, W) in [0, 255], H and W even -> the same, whole steps.
    """
    import av  # here, because a GPU machine that renders no clips may lack it

    rgb = np.ascontiguousarray(steps.round().to(torch.uint8).cpu().permute(1, 2, 0).numpy())
    encoder = av.CodecContext.create("libx264", "w")
    encoder.height, encoder.width, encoder.pix_fmt = *rgb.shape[:2], "yuv420p"
    encoder.time_base = Fraction(1, 25)
    encoder.options = {"crf": str(crf), "preset": "veryfast", "bf": "0", "threads": "1"}
    decoder, frames = av.CodecContext.create("h264", "r"), []
    for time, picture in enumerate((np.roll(rgb, FRAME_MOVES_PX, (0, 1)), rgb, None)):
        frame = None if picture is None else av.VideoFrame.from_ndarray(picture, "rgb24")
        if frame is not None:
            frame.pts = time
        for packet in encoder.encode(frame):
            frames += decoder.decode(packet)
    frames += decoder.decode(None)
    return torch.from_numpy(frames[-1].to_ndarray(format="rgb24")).permute(2, 0, 1).to(steps)


def _table_scale(quality: int) -> float:
    """Libjpeg's scaling of the tables, as a fraction."""
    return (50 / quality) if quality < 50 else (2 - quality / 50)


def _quantise(planes: Tensor, table: tuple[tuple[int, ...], ...], scale: Tensor) -> Tensor:
    """Round the 8 x 8 DCT coefficients of (B, C, H, W) to steps of the scaled table."""
    b, c, h, w = planes.shape
    steps = (planes.new_tensor(table)[None] * scale[:, None, None]).round().clamp(1, 255)[:, None, None, None]
    basis = _dct(planes.device)
    blocks = planes.reshape(b, c, h // BLOCK, BLOCK, w // BLOCK, BLOCK).transpose(3, 4)
    coefficients = basis @ blocks @ basis.T
    restored = basis.T @ ((coefficients / steps).round() * steps) @ basis
    return restored.transpose(3, 4).reshape(b, c, h, w)


def _dct(device: torch.device) -> Tensor:
    """Orthonormal DCT-II, (8, 8)."""
    k = torch.arange(BLOCK, device=device, dtype=torch.float32)
    basis = torch.cos(math.pi / BLOCK * (k[None] + 0.5) * k[:, None]) * math.sqrt(2 / BLOCK)
    basis[0] /= math.sqrt(2)
    return basis
