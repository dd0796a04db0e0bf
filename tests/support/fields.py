"""Clips whose frames show two fields at once although nothing says so, and clips that only look like them."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING

import av
import numpy as np
from av.video.frame import VideoFrame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

ROOF = slice(60, 220), slice(100, 300)


def roof(right: float, down: float) -> np.ndarray:
    """(240, 320) uint8: slanted lines 2.15 px apart, as of a roof, below clouds."""
    y, x = np.mgrid[:240, :320] - np.array([down, right])[:, None, None]
    luma = 128 + 50 * np.sin(x / 31) * np.cos(y / 23)
    luma[ROOF] = 128 + 45 * np.sin(2 * np.pi * (y / 2.15 + x / 7))[ROOF]
    return luma.round().astype(np.uint8)


def blinds(right: float, down: float) -> np.ndarray:
    """(240, 320) uint8: lines of 2.05 px that lean a little, behind which something moves."""
    y, x = np.mgrid[:240, :320] - np.array([down, right])[:, None, None]
    luma = 128 + 60 * np.sin(2 * np.pi * (y / 2.05 + x / 10)) + 20 * np.sin((x + 5 * right) / 11)
    return luma.round().astype(np.uint8)


def shaky(path: Path, picture: Callable[[float, float], np.ndarray], n_frames: int = 6) -> Path:
    """`picture(right, down)` from a hand that shakes by half a pixel a frame, progressive, 25 fps."""
    way = np.cumsum(np.random.default_rng(0).normal(0, 0.5, (n_frames, 2)), axis=0)
    frames = (VideoFrame.from_ndarray(picture(*place), format="gray") for place in way)
    return _write(path, frames, 25)


def passing(n_frames: int) -> list[np.ndarray]:
    """(240, 320) uint8 each: a fence before clouds that goes by, 6 px a frame."""
    y, x = np.mgrid[:240, : 320 + 6 * n_frames]
    clouds = 110 + 30 * np.sin(x / 31) * np.cos(y / 23)
    scene = np.where(x % 40 < 14, 200, clouds).round().astype(np.uint8)
    return [scene[:, 6 * n : 6 * n + 320] for n in range(n_frames)]


def filmed(source: Path, n_frames: int = 30) -> list[np.ndarray]:
    """Luma of the first frames."""
    with av.open(str(source)) as container:
        frames = islice(container.decode(video=0), n_frames)
        return [frame.reformat(format="gray").to_ndarray() for frame in frames]


def woven(path: Path, frames: list[np.ndarray], *, telecined: bool = False) -> Path:
    """Two frames woven into one, as when interlaced, or 4 into 5 by telecine; called progressive."""
    return _write(path, _weave(frames, _TELECINE if telecined else _INTERLACE), 25)


# Which frames of a few give the upper and the lower field of the frames made of them.
_INTERLACE = (2, ((0, 1),))
_TELECINE = (4, ((0, 0), (1, 1), (1, 2), (2, 3), (3, 3)))


def _weave(frames: list[np.ndarray], fields: tuple[int, tuple[tuple[int, int], ...]]) -> Iterator[VideoFrame]:
    period, pairs = fields
    for first in range(0, len(frames) - period + 1, period):
        for upper, lower in pairs:
            luma = frames[first + upper].copy()
            luma[1::2] = frames[first + lower][1::2]
            yield VideoFrame.from_ndarray(luma, format="gray")


def _write(path: Path, frames: Iterable[VideoFrame], rate: Fraction | int) -> Path:
    with av.open(str(path), "w") as out:
        stream = None
        for index, frame in enumerate(frames):
            if stream is None:
                stream = out.add_stream("libx264", rate=rate, options={"crf": "12", "preset": "veryfast"})
                stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "yuv420p"
            coded = frame.reformat(format="yuv420p")
            coded.pts, coded.time_base = index, 1 / Fraction(rate)
            out.mux(stream.encode(coded))
        out.mux(stream.encode(None))
    return path
