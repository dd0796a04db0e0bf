"""One decoded FFmpeg frame to what we hand out: a cheap preview and, only where asked, RGB."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from qc_plugin.decode.alpha import is_opaque, over_backdrop
from qc_plugin.decode.colour import Colour, chroma_table, luma_table
from qc_plugin.decode.strips import strips
from qc_plugin.decode.tonemap import CODE_BITS, rgb_to_sdr
from qc_plugin.types import Preview

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from numpy.typing import NDArray

    from qc_plugin.decode.geometry import Orientation

PREVIEW_SIDE_PX = 320
_PLANAR_YUV = re.compile(r"(?:yuvj?a?4\d\dp|gray)(?:(9|10|12|14|16)le)?$")
# ACCURATE_RND keeps libswscale off its fast path, which repeats chroma samples instead of interpolating them.
_SCALER = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
_FULL_RANGE = 2
_NEUTRAL = 128  # chroma of grey


@dataclass(frozen=True, slots=True)
class Layout:
    """How pictures of one stream are read: their size in square pixels before turning, and the turn."""

    width_px: int
    height_px: int
    orientation: Orientation
    colour: Colour
    alpha: bool = False


def plane_array(frame: VideoFrame, number: int, dtype: type[np.unsignedinteger[Any]]) -> NDArray[Any]:
    """A view (rows, columns) on one plane, without the padding at the end of each row."""
    plane = frame.planes[number]
    samples: NDArray[Any] = np.frombuffer(memoryview(plane), dtype)
    per_row = plane.line_size // samples.itemsize
    return samples[: per_row * plane.height].reshape(plane.height, per_row)[:, : plane.width]


class PictureMaker:
    """Makes previews and RGB of the frames of one stream. Not for several threads at once."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._to_planar = VideoReformatter()
        self._to_rgb = VideoReformatter()
        self._last_planes: VideoFrame | None = None
        self.saw_transparency = False

    def preview(self, frame: VideoFrame, index: int, pts_s: float) -> Preview:
        """Small full-range luma and chroma, upright; strips of the luma as stored: fields are rows there."""
        frame, depth = self._planar(frame)
        dtype = np.uint8 if depth == 8 else np.uint16
        tables = _tables(self.layout.colour, depth)
        luma = plane_array(frame, 0, dtype)
        width, height = self._preview_size()
        small = _look_up(tables[0], cv2.resize(luma, (width, height), interpolation=cv2.INTER_LINEAR))
        rows = _look_up(tables[0], strips(luma))
        alpha = self._alpha(frame, depth)
        if alpha is not None:
            small = over_backdrop(small, _resized(alpha, (width, height)))
            rows = over_backdrop(rows, strips(alpha))
        turn = self.layout.orientation.apply
        chroma = self._chroma(frame, dtype, tables[1], (max(1, width // 2), max(1, height // 2)), alpha)
        return Preview(index=index, pts_s=pts_s, luma=turn(small), chroma=chroma, rows=rows)

    def rgb(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """(H, W, 3) uint8, upright, square pixels, SDR, at the size of the layout whatever the frame's own.

        Raises:
            av.error.FFmpegError: libswscale cannot convert this frame.
        """
        layout = self.layout
        is_rgb = layout.colour.matrix == "rgb"
        planes = self._to_rgb.reformat(
            frame,
            width=layout.width_px,
            height=layout.height_px,
            format=("gbrap" if layout.alpha else "gbrp") + (f"{CODE_BITS}le" if layout.colour.hdr else ""),
            src_colorspace=None if is_rgb else layout.colour.swscale_matrix,
            dst_colorspace=None if is_rgb else layout.colour.swscale_matrix,
            src_color_range=layout.colour.swscale_range,
            dst_color_range=_FULL_RANGE,
            interpolation=_SCALER,
            threads=1,
        )
        # Freed at once, these megabytes would go back to the system and be faulted in again for the next
        # frame: keeping the last ones halves the cost of a 1080p frame.
        self._last_planes = planes
        dtype = np.uint16 if layout.colour.hdr else np.uint8
        green, blue, red = (plane_array(planes, number, dtype) for number in range(3))
        if layout.colour.hdr:
            rgb = rgb_to_sdr(red, green, blue, layout.colour.hdr)
        else:
            rgb = np.asarray(cv2.merge((red, green, blue)), np.uint8)
        alpha = self._alpha(planes, CODE_BITS if layout.colour.hdr else 8)
        if alpha is not None:
            rgb = over_backdrop(rgb, alpha)
        return layout.orientation.apply(rgb)

    def _preview_size(self) -> tuple[int, int]:
        """Width and height of the small luma before turning: at most 320 px, and nothing is enlarged."""
        width, height = self.layout.width_px, self.layout.height_px
        scale = min(1.0, PREVIEW_SIDE_PX / max(width, height))
        return max(1, round(width * scale)), max(1, round(height * scale))

    def _planar(self, frame: VideoFrame) -> tuple[VideoFrame, int]:
        """The frame as planar YCbCr or grey with its bit depth; other formats cost a conversion."""
        match = _PLANAR_YUV.fullmatch(frame.format.name)
        if match and frame.planes[0].line_size > 0:
            return frame, int(match.group(1) or 8)
        is_rgb = self.layout.colour.matrix == "rgb"
        matrix = 1 if is_rgb else self.layout.colour.swscale_matrix
        # The range is kept, so that the tables of this stream's colour still hold.
        kept_range = self.layout.colour.swscale_range
        planar = self._to_planar.reformat(
            frame,
            format="yuva444p" if self.layout.alpha else "yuv444p",
            src_colorspace=None if is_rgb else matrix,
            dst_colorspace=matrix,
            src_color_range=kept_range,
            dst_color_range=kept_range,
            threads=1,
        )
        return planar, 8

    def _alpha(self, frame: VideoFrame, depth: int) -> NDArray[np.uint8] | None:
        """The fourth plane as 8 bit; None where all is opaque, or where the layout knows no alpha."""
        if not self.layout.alpha or len(frame.planes) < 4:
            return None
        alpha = plane_array(frame, 3, np.uint8 if depth == 8 else np.uint16)
        if is_opaque(alpha, (1 << depth) - 1):
            return None
        self.saw_transparency = True
        return (alpha >> (depth - 8)).astype(np.uint8)

    def _chroma(
        self,
        frame: VideoFrame,
        dtype: type[np.unsignedinteger[Any]],
        table: NDArray[np.uint8],
        size: tuple[int, int],
        alpha: NDArray[np.uint8] | None,
    ) -> NDArray[np.uint8]:
        """(2, h, w) uint8 Cb and Cr; grey formats have none and give 128."""
        turn = self.layout.orientation.apply
        if len(frame.planes) < 3:
            neutral = turn(np.full((size[1], size[0]), _NEUTRAL, np.uint8))
            return np.stack([neutral, neutral])
        pair = []
        for number in (1, 2):
            plane = plane_array(frame, number, dtype)
            small = _look_up(table, cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR))
            if alpha is not None:
                small = over_backdrop(small, _resized(alpha, size), _NEUTRAL)
            pair.append(turn(small))
        return np.stack(pair)


def _resized(alpha: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _look_up(table: NDArray[np.uint8], codes: NDArray[Any]) -> NDArray[np.uint8]:
    """`table[codes]`, by the fast path for bytes; codes beyond the table count as its end."""
    if codes.dtype == np.uint8:
        return np.asarray(cv2.LUT(codes, table))
    return np.asarray(table[np.minimum(codes, table.size - 1)], np.uint8)


@lru_cache(maxsize=32)
def _tables(colour: Colour, bit_depth: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Luma and chroma tables; kept, as they are the same for every frame of a stream."""
    return luma_table(colour, bit_depth), chroma_table(colour, bit_depth)
