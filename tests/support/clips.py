"""Small clips with known content, made on the spot by PyAV."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
from av.video.frame import VideoFrame

if TYPE_CHECKING:
    from pathlib import Path

CODE_BITS = 6
_DEPTH = {"yuv420p10le": 10, "yuv422p10le": 10}


@dataclass(frozen=True)
class Clip:
    """What to make. `ticks` are presentation times in units of 1 / `clock` s; default is constant 25 fps."""

    name: str
    codec: str = "libx264"
    width: int = 192
    height: int = 112
    n_frames: int = 24
    pixel_format: str = "yuv420p"
    ticks: tuple[int, ...] = ()
    clock: int = 25
    rotation: int = 0  # degrees counter-clockwise, as FFmpeg's display matrix has it
    hflip: bool = False
    aspect: Fraction | None = None
    matrix: int = 1  # 1 bt709, 6 bt601, 9 bt2020, 2 untagged
    full_range: bool = False
    transfer: int = 1
    gop: int = 8
    start_tick: int = 0
    sound: bool = False
    options: dict[str, str] = field(default_factory=dict)

    @property
    def times(self) -> tuple[int, ...]:
        return self.ticks or tuple(range(self.n_frames))


def pattern(index: int, width: int, height: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """8-bit Y, U, V (4:2:0, limited range) of one frame: soft gradients, the index as blocks on top."""
    x = np.linspace(0, 1, width)[None, :]
    y = np.linspace(0, 1, height)[:, None]
    luma = 60 + 90 * x + 50 * y + 15 * np.sin(6 * np.pi * (x + index / 48))
    block = width // (CODE_BITS + 2)
    for bit in range(CODE_BITS):
        left = (bit + 1) * block
        luma[: height // 4, left : left + block] = 210 if index >> bit & 1 else 40
    cx, cy = x[:, ::2], y[::2]
    u = 128 + 40 * np.sin(2 * np.pi * cx) * np.ones_like(cy)
    v = 128 + 40 * np.cos(2 * np.pi * cy) * np.ones_like(cx)
    u[: height // 8], v[: height // 8] = 128, 128
    return tuple(np.rint(plane).clip(16, 235).astype(np.uint8) for plane in (luma, u, v))  # type: ignore[return-value]


def read_index(rgb: np.ndarray) -> int:
    """The frame number that `pattern` wrote, read from an upright RGB frame."""
    height, width = rgb.shape[:2]
    block = width / (CODE_BITS + 2)
    strip = rgb[height // 16 : height // 8].astype(float).mean(axis=(0, 2))
    centres = [
        strip[round((bit + 1.3) * block) : round((bit + 1.7) * block)].mean() for bit in range(CODE_BITS)
    ]
    return sum(1 << bit for bit, level in enumerate(centres) if level > 128)


def frame_of(planes: tuple[np.ndarray, ...], pixel_format: str) -> VideoFrame:
    """A frame of any planar format from arrays of its own sample size."""
    height, width = planes[0].shape
    frame = VideoFrame(width, height, pixel_format)
    for plane, values in zip(frame.planes, planes, strict=True):
        row = values.shape[1] * values.itemsize
        padded = np.zeros((plane.height, plane.line_size), np.uint8)
        padded[:, :row] = np.ascontiguousarray(values).view(np.uint8).reshape(values.shape[0], row)
        plane.update(padded.tobytes())
    return frame


def make(folder: Path, clip: Clip) -> Path:
    """Write the clip and return its path."""
    path = folder / clip.name
    with av.open(
        str(path), "w", options={"movflags": "+faststart"} if path.suffix in (".mp4", ".mov") else {}
    ) as out:
        stream = out.add_stream(clip.codec, rate=25, options=dict(clip.options))
        stream.width, stream.height, stream.pix_fmt = clip.width, clip.height, clip.pixel_format
        stream.codec_context.time_base = Fraction(1, clip.clock)
        stream.codec_context.gop_size = clip.gop
        _tag(stream.codec_context, clip)
        if clip.rotation or clip.hflip:
            stream.set_display_rotation(clip.rotation, hflip=clip.hflip)
        sound = out.add_stream("aac" if path.suffix == ".mp4" else "mp2", rate=48_000) if clip.sound else None
        for index, tick in enumerate(clip.times):
            frame = _content(index, clip)
            frame.pts, frame.time_base = tick + clip.start_tick, Fraction(1, clip.clock)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if sound is not None:
            _add_sound(out, sound, clip.times[-1] / clip.clock)
    return path


def _tag(context, clip: Clip) -> None:
    context.colorspace = clip.matrix
    context.color_primaries = {1: 1, 6: 6, 9: 9}.get(clip.matrix, 2)
    context.color_trc = clip.transfer
    context.color_range = 2 if clip.full_range else (0 if clip.matrix == 2 else 1)
    if clip.aspect is not None:
        context.sample_aspect_ratio = clip.aspect


def _content(index: int, clip: Clip) -> VideoFrame:
    planes = pattern(index, clip.width, clip.height)
    if clip.full_range:
        planes = tuple(np.clip((p.astype(float) - 16) * 255 / 219, 0, 255).astype(np.uint8) for p in planes)
    if "422" in clip.pixel_format:
        planes = (planes[0], *(np.repeat(p, 2, axis=0)[: clip.height] for p in planes[1:]))
    if clip.pixel_format in _DEPTH:
        planes = tuple(p.astype(np.uint16) << 2 for p in planes)
    frame = frame_of(planes, clip.pixel_format)
    frame.colorspace, frame.color_range = clip.matrix, 2 if clip.full_range else 1
    frame.color_trc = clip.transfer
    return frame


def _add_sound(out, stream, seconds: float) -> None:
    from av.audio.frame import AudioFrame

    n_samples = 1024
    for number in range(int(seconds * 48_000 / n_samples) + 1):
        frame = AudioFrame.from_ndarray(np.zeros((2, n_samples), np.float32), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = 48_000, number * n_samples
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))


def make_interlaced(folder: Path, name: str = "fields.ts") -> Path:
    """MPEG-2 TS, top field first: a bar moves 8 px between the fields, so frames are combed."""
    path = folder / name
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg2video", rate=25, options={"flags": "+ildct+ilme", "top": "1", "q": "2"})
        stream.width, stream.height, stream.pix_fmt = 352, 288, "yuv420p"
        stream.codec_context.bit_rate = 8_000_000
        _tag(stream.codec_context, Clip(name, matrix=6))
        for index in range(12):
            out.mux(stream.encode(_woven(index)))
        out.mux(stream.encode(None))
    return path


def _woven(index: int) -> VideoFrame:
    luma = np.full((288, 352), 60, np.uint8)
    for parity in (0, 1):
        left = 16 * index + 8 * parity + 40
        luma[parity::2, left : left + 60] = 200
    grey = np.full((144, 176), 128, np.uint8)
    frame = frame_of((luma, grey, grey), "yuv420p")
    frame.pts, frame.time_base = index, Fraction(1, 25)
    return frame
