"""Video by PyAV (FFmpeg): the default reader.

A broken packet costs its frames, not the clip: it is counted and decoding goes on. Nothing is turned into RGB
before `to_frame()`.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import av
import av.error
from av.codec.context import ThreadType

from qc_plugin.decode.colour import Colour, read_colour
from qc_plugin.decode.container import (
    MICROSECONDS,
    check_duration,
    open_container,
    stream_end_s,
    video_stream,
)
from qc_plugin.decode.deinterlace import Deinterlacer
from qc_plugin.decode.geometry import is_right_angled, orientation_of, square_width
from qc_plugin.decode.limits import DEFAULT_LIMITS, Limits
from qc_plugin.decode.picture import Layout, PictureMaker
from qc_plugin.decode.timeline import Timeline
from qc_plugin.errors import LimitExceeded, UnsupportedAsset
from qc_plugin.types import DecodeStats, Frame, MediaInfo, Preview

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

Threads = int | Literal["auto"]

_AUTO_THREADS = 2
_HD_WIDTH_PX, _HD_HEIGHT_PX = 1280, 720
_MAX_DEMUX_ERRORS = 100  # in a row: a demuxer that fails for ever must not keep us for ever
_EARLY_S = 1.0  # less than this missing at the end is rounding in the container
_IGNORES_SKIP = frozenset(
    {"vp8", "vp9"}
)  # decoders that decode every frame even when asked for key frames only
_INTERLACED_ORDERS = frozenset({2, 3, 4, 5})  # AVFieldOrder tt, bb, tb, bt


@contextmanager
def converting(index: int) -> Iterator[None]:
    """Give a failure of libswscale the name that a batch can report."""
    try:
        yield
    except av.error.FFmpegError as error:
        raise UnsupportedAsset(
            f"Frame {index} is in a pixel format that cannot be converted ({error.strerror}): export the video again."
        ) from error


class PyavFrame:
    """A decoded frame that still holds FFmpeg's picture. See `contract.DecodedFrame`."""

    __slots__ = (
        "_frame",
        "_preview",
        "_reader",
        "duration_s",
        "index",
        "is_key",
        "pts",
        "pts_s",
        "time_base",
    )

    def __init__(self, reader: PyavReader, frame: VideoFrame, index: int, pts_s: float) -> None:
        self.index = index
        self.pts_s = pts_s
        self.duration_s = 0.0
        self.pts = frame.pts
        self.is_key = bool(frame.key_frame)
        self.time_base = frame.time_base or Fraction(1)
        self._reader = reader
        self._frame: VideoFrame | None = frame
        self._preview: Preview | None = None

    @property
    def preview(self) -> Preview:
        """Small luma and chroma of the deinterlaced frame; made once."""
        if self._preview is None:
            pixels = self._pixels()
            with converting(self.index):
                self._preview = self._reader.maker.preview(pixels, self.index, self.pts_s)
        return self._preview

    def to_frame(self) -> Frame:
        """RGB of this frame.

        Raises:
            RuntimeError: the pixels are gone.
            UnsupportedAsset: FFmpeg cannot convert this pixel format.
        """
        base, pixels = self.time_base, self._pixels()
        with converting(self.index):
            rgb = self._reader.maker.rgb(pixels)
        return Frame(
            index=self.index,
            pts_s=self.pts_s,
            duration_s=self.duration_s,
            rgb=rgb,
            pts=self.pts,
            time_base=(base.numerator, base.denominator),
        )

    def release(self) -> None:
        """Let go of FFmpeg's picture."""
        self._frame = None

    def _pixels(self) -> VideoFrame:
        if self._frame is None or self._reader.closed:
            raise RuntimeError(
                f"frame {self.index}: its pixels were given back; use it while the reader is open"
            )
        return self._frame


class PyavReader:
    """An open video, decoded by FFmpeg through PyAV. See `contract.VideoReader`.

    `threads` is 1 by default: FFmpeg's slice threads have hung under load. "auto" uses two frame threads.
    """

    def __init__(self, path: str | Path, *, threads: Threads = 1, limits: Limits = DEFAULT_LIMITS) -> None:
        self._name = Path(path).name
        self._limits = limits
        self._container = open_container(path, limits)
        self.closed = False
        try:
            self._stream = video_stream(self._container, self._name)
            self._configure(threads)
            self._reset_counts()
            self._packets = self._demuxed()
            self._started = False
            self._first_frames = self._peek()
            self._describe(self._first_frames[0])
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the container; frames not yet turned into RGB are lost."""
        self.closed = True
        self._container.close()

    @property
    def info(self) -> MediaInfo:
        """What is known so far; a field flagged interlaced only later changes `interlaced` and `notes`."""
        return self._info

    @property
    def stats(self) -> DecodeStats:
        """Counts so far; final once `decoded()` is exhausted."""
        return DecodeStats(
            n_decoded=self._n_decoded,
            n_errors=self._n_errors,
            n_corrupt=self._n_corrupt,
            ended_early=self._ended_early,
            decoded_s=self._decoded_s,
        )

    def decoded(self, keyframes_only: bool = False) -> Iterator[PyavFrame]:
        """Frames in order of presentation, with `duration_s` reaching to the next; once per reader.

        With `keyframes_only` the decoder skips the rest (the first frame always comes), and `index` counts the
        frames that were decoded.

        Raises:
            LimitExceeded: longer or larger than allowed, as found while decoding.
            RuntimeError: called a second time.
        """
        if self._started:
            raise RuntimeError("decoded() runs once for a reader: open the video again")
        self._started = True
        if keyframes_only:
            self._stream.codec_context.skip_frame = "NONKEY"
        held: PyavFrame | None = None
        for frame in self._placed(keyframes_only):
            if held is not None:
                held.duration_s = frame.pts_s - held.pts_s
                yield held
            held = frame
        if held is not None:
            held.duration_s = self._last_duration_s(held)
            self._decoded_s = held.pts_s + held.duration_s - self._first_s
            self._ended_early = self._is_early(held, keyframes_only)
            yield held

    # -- opening ----------------------------------------------------------------------------------------------

    def _configure(self, threads: Threads) -> None:
        context = self._stream.codec_context
        self._limits.check_size(context.width, context.height, self._name)
        context.thread_count = _AUTO_THREADS if threads == "auto" else max(1, threads)
        context.thread_type = ThreadType.FRAME
        context.options = {"max_pixels": str(self._limits.max_pixels)}

    def _reset_counts(self) -> None:
        self._n_packets = self._n_decoded = self._n_errors = self._n_corrupt = 0
        self._ended_early = False
        self._decoded_s = self._first_s = 0.0
        self._last_packet_s: float | None = None
        self._exhausted = False

    def _peek(self) -> list[VideoFrame]:
        """Decode up to the first frame: size, rotation and colour are known from it alone."""
        for packet in self._packets:
            frames = self._decode(packet)
            if frames:
                return frames
        raise UnsupportedAsset(
            f"{self._name} holds no frame that can be decoded ({self._n_errors} broken packets): export it again."
        )

    def _describe(self, frame: VideoFrame) -> None:
        """Set `info`, the layout of pictures and the clock from the first frame."""
        stream, context = self._stream, self._stream.codec_context
        self._limits.check_size(frame.width, frame.height, self._name)
        matrix = _display_matrix(frame)
        orientation = orientation_of(matrix)
        aspect = context.sample_aspect_ratio or stream.sample_aspect_ratio
        width_px, aspect = square_width(frame.width, aspect)
        self._limits.check_size(width_px, frame.height, self._name)
        colour = read_colour(
            frame.colorspace,
            frame.color_range,
            frame.color_trc,
            frame.format.name,
            is_hd=frame.height >= _HD_HEIGHT_PX or frame.width >= _HD_WIDTH_PX,
        )
        self.maker = PictureMaker(Layout(width_px, frame.height, orientation, colour))
        self._stored_size = (frame.width, frame.height)
        self._deinterlacer: Deinterlacer | None = None
        self._timeline = self._clock()
        self._info = self._media_info(frame, colour, aspect, orientation.size(width_px, frame.height))
        self._info = replace(self._info, rotation_deg=orientation.rotation_deg)
        if orientation.mirrored:
            self._note("mirrored picture turned back")
        if not is_right_angled(matrix):
            self._note("rotation is not a multiple of 90 degrees: rounded to the nearest")
        if frame.interlaced_frame or context.field_order in _INTERLACED_ORDERS:
            self._mark_interlaced()

    def _clock(self) -> Timeline:
        start = self._container.start_time
        rate = self._stream.average_rate or self._stream.guessed_rate
        return Timeline(
            time_base=self._stream.time_base or Fraction(1, 90_000),
            start_s=None if start is None else start / MICROSECONDS,
            average_fps=float(rate) if rate else None,
        )

    def _media_info(
        self, frame: VideoFrame, colour: Colour, aspect: Fraction, size: tuple[int, int]
    ) -> MediaInfo:
        context, rate = self._stream.codec_context, self._stream.average_rate or self._stream.guessed_rate
        end_s, _ = stream_end_s(self._container, self._stream)
        start_s = self._timeline.start_s or 0.0
        return MediaInfo(
            container=self._container.format.name,
            codec=context.codec.canonical_name,
            pixel_format=frame.format.name,
            width_px=size[0],
            height_px=size[1],
            duration_s=None if end_s is None else max(0.0, end_s - start_s),
            average_fps=float(rate) if rate else None,
            sample_aspect=(aspect.numerator, aspect.denominator),
            bit_depth=frame.format.components[0].bits,
            colour_matrix=colour.matrix,
            colour_range=colour.range,
            transfer=colour.transfer,
            tone_mapped_from=colour.hdr,
            notes=colour.notes,
            decoder=f"PyAV {av.__version__} (libavcodec {'.'.join(map(str, av.library_versions['libavcodec']))})",
        )

    def _note(self, text: str) -> None:
        if text not in self._info.notes:
            self._info = replace(self._info, notes=(*self._info.notes, text))

    def _mark_interlaced(self) -> None:
        self._info = replace(self._info, interlaced=True, deinterlacer="bwdif")
        self._note("interlaced: deinterlaced, one frame for two fields")

    # -- decoding ---------------------------------------------------------------------------------------------

    def _demuxed(self) -> Iterator[Packet[VideoStream]]:
        """Packets of the stream; an error of the demuxer is counted, and reading goes on behind it."""
        n_failed = 0
        while n_failed < _MAX_DEMUX_ERRORS:
            try:
                for packet in self._container.demux(self._stream):
                    n_failed = 0
                    self._count(packet)
                    yield packet
            except av.error.FFmpegError:
                n_failed += 1
                self._n_errors += 1
            else:
                return

    def _count(self, packet: Packet[VideoStream]) -> None:
        self._n_packets += 1
        if self._n_packets > self._limits.max_packets:
            raise LimitExceeded(
                f"{self._name} has more than {self._limits.max_packets} packets (profile '{self._limits.name}'): "
                "split it or choose a wider profile."
            )
        if packet.pts is not None:
            end_s = float((packet.pts + (packet.duration or 0)) * packet.time_base)
            self._last_packet_s = end_s if self._last_packet_s is None else max(self._last_packet_s, end_s)

    def _decode(self, packet: Packet[VideoStream]) -> list[VideoFrame]:
        try:
            return list(packet.decode())
        except av.error.FFmpegError:
            self._n_errors += 1
            return []

    def _raw(self, keyframes_only: bool) -> Iterator[VideoFrame]:
        """Frames as the decoder gives them, those already peeked at first."""
        yield from self._first_frames[:1]
        later, self._first_frames = self._first_frames[1:], []
        yield from (frame for frame in later if frame.key_frame or not keyframes_only)
        skip = keyframes_only and self._stream.codec_context.codec.canonical_name in _IGNORES_SKIP
        for packet in self._packets:
            if skip and packet.size and not packet.is_keyframe:
                continue
            yield from (frame for frame in self._decode(packet) if frame.key_frame or not keyframes_only)

    def _whole(self, keyframes_only: bool) -> Iterator[VideoFrame]:
        """Frames after deinterlacing, which begins with the first frame that is flagged."""
        for frame in self._raw(keyframes_only):
            if frame.interlaced_frame and self._deinterlacer is None:
                self._mark_interlaced()
                self._deinterlacer = Deinterlacer(self._stream, neighbours=not keyframes_only)
                self._info = replace(self._info, deinterlacer=self._deinterlacer.name)
            if self._deinterlacer is None:
                yield frame
            else:
                yield from self._deinterlacer.feed(frame)
        if self._deinterlacer is not None:
            yield from self._deinterlacer.flush()

    def _placed(self, keyframes_only: bool) -> Iterator[PyavFrame]:
        """Frames checked against the limits and placed in time."""
        for frame in self._whole(keyframes_only):
            pts_s = self._timeline.place(frame.pts, frame.time_base)
            if self._n_decoded == 0:
                self._first_s = pts_s
            check_duration(pts_s, self._name, self._limits)
            self._limits.check_size(frame.width, frame.height, self._name)
            self._watch(frame)
            handle = PyavFrame(self, frame, self._n_decoded, pts_s)
            self._n_decoded += 1
            self._n_corrupt += bool(frame.is_corrupt)
            yield handle

    def _watch(self, frame: VideoFrame) -> None:
        """Note what changes on the way."""
        if (frame.width, frame.height) != self._stored_size:
            self._note("the picture size changes inside the stream: scaled to the first one")
        if self._timeline.n_repaired:
            self._note("some timestamps are missing or go back: times follow from the frame rate there")

    # -- the end ----------------------------------------------------------------------------------------------

    def _last_duration_s(self, last: PyavFrame) -> float:
        frame = last._frame  # noqa: SLF001 - its own reader
        stated_s = float(frame.duration * last.time_base) if frame is not None and frame.duration else 0.0
        return stated_s if 0 < stated_s < 1.0 else self._timeline.frame_s

    def _is_early(self, last: PyavFrame, keyframes_only: bool) -> bool:
        """Whether the container promised over a second more than came."""
        end_s, of_stream = stream_end_s(self._container, self._stream)
        if end_s is None or not (of_stream or len(self._container.streams) == 1):
            return False
        start_s = self._timeline.start_s or 0.0
        came_s = last.pts_s + last.duration_s
        if keyframes_only and self._last_packet_s is not None:
            came_s = self._last_packet_s - start_s
        return end_s - start_s - came_s > _EARLY_S


def _display_matrix(frame: VideoFrame) -> bytes:
    """The 36 bytes of the frame's display matrix, empty when it has none."""
    for side in frame.side_data:
        if side.type.name == "DISPLAYMATRIX":
            return bytes(side)
    return b""
