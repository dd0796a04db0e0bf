"""The handle on one frame that FFmpeg decoded."""

from __future__ import annotations

from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING

import av.error

from qc_plugin.errors import UnsupportedAsset
from qc_plugin.types import Frame, Preview

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.video.frame import VideoFrame

    from qc_plugin.decode.picture import PictureMaker


class Source:
    """What frames share with their reader: the picture maker, and whether the reader is still open."""

    __slots__ = ("closed", "maker")

    def __init__(self, maker: PictureMaker) -> None:
        self.maker = maker
        self.closed = False


class PyavFrame:
    """A decoded frame that still holds FFmpeg's picture. See `contract.DecodedFrame`."""

    __slots__ = (
        "_frame",
        "_preview",
        "_source",
        "duration_s",
        "index",
        "is_corrupt",
        "is_key",
        "pts",
        "pts_s",
        "stated_s",
        "time_base",
    )

    def __init__(
        self, source: Source, frame: VideoFrame, index: int, pts_s: float, *, pts: int | None, is_key: bool
    ) -> None:
        self.index = index
        self.pts_s = pts_s
        self.duration_s = 0.0
        self.pts = pts
        self.is_key = is_key
        self.is_corrupt = bool(frame.is_corrupt)
        self.time_base = frame.time_base or Fraction(1)
        self.stated_s = float(frame.duration * self.time_base) if frame.duration else 0.0
        self._source = source
        self._frame: VideoFrame | None = frame
        self._preview: Preview | None = None

    @property
    def preview(self) -> Preview:
        """Small luma and chroma of the deinterlaced frame; made once."""
        if self._preview is None:
            pixels = self._pixels()
            with _converting(self.index):
                self._preview = self._source.maker.preview(pixels, self.index, self.pts_s)
        return self._preview

    def to_frame(self) -> Frame:
        """RGB of this frame.

        Raises:
            RuntimeError: the pixels are gone.
            UnsupportedAsset: FFmpeg cannot convert this pixel format.
        """
        pixels = self._pixels()
        with _converting(self.index):
            rgb = self._source.maker.rgb(pixels)
        return Frame(
            index=self.index,
            pts_s=self.pts_s,
            duration_s=self.duration_s,
            rgb=rgb,
            pts=self.pts,
            time_base=(self.time_base.numerator, self.time_base.denominator),
        )

    def release(self) -> None:
        """Let go of FFmpeg's picture."""
        self._frame = None

    def _pixels(self) -> VideoFrame:
        if self._frame is None or self._source.closed:
            raise RuntimeError(
                f"frame {self.index}: its pixels were given back; use it while the reader is open"
            )
        return self._frame


@contextmanager
def _converting(index: int) -> Iterator[None]:
    """Give a failure of libswscale the name that a batch can report."""
    try:
        yield
    except av.error.FFmpegError as error:
        raise UnsupportedAsset(
            f"Frame {index} is in a pixel format that cannot be converted ({error.strerror}): "
            "export the video again."
        ) from error
