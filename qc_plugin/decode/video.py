"""Video by PyAV (FFmpeg): the default reader.

A broken packet costs its frames, not the clip: it is counted and decoding goes on. Nothing is turned into RGB
before `to_frame()`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import av.error
from av.codec.context import ThreadType

from qc_plugin.decode.alpha import TRANSPARENCY_NOTE, decoder_of
from qc_plugin.decode.container import (
    check_duration,
    open_container,
    stream_end_s,
    video_stream,
    why_no_frame,
)
from qc_plugin.decode.deinterlace import Deinterlacer
from qc_plugin.decode.describe import INTERLACED_NOTE, average_fps, describe, start_s, time_base
from qc_plugin.decode.encryption import refuse_encrypted, refuse_encrypted_packet
from qc_plugin.decode.ending import Ending
from qc_plugin.decode.limits import DEFAULT_LIMITS, Limits
from qc_plugin.decode.picture import PictureMaker
from qc_plugin.decode.pyav_frame import PyavFrame, Source
from qc_plugin.decode.stream_clock import JOINED_NOTE, packet_clock
from qc_plugin.decode.timeline import Timeline
from qc_plugin.errors import LimitExceeded, UnsupportedAsset
from qc_plugin.types import DecodeStats, MediaInfo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    from av.packet import Packet
    from av.stream import Stream
    from av.video.frame import VideoFrame

Threads = int | Literal["auto"]

_AUTO_THREADS = 2
_MAX_DEMUX_ERRORS = 100  # in a row: a demuxer that fails for ever must not keep us for ever
_IGNORES_SKIP = frozenset({"vp8", "vp9"})  # their decoders decode all frames even when asked for key frames


class PyavReader:
    """An open video, decoded by FFmpeg through PyAV. See `contract.VideoReader`.

    `threads` is 1 by default: FFmpeg's slice threads have hung under load. "auto" uses two frame threads.
    """

    def __init__(self, path: str | Path, *, threads: Threads = 1, limits: Limits = DEFAULT_LIMITS) -> None:
        self._path, self._name = Path(path), Path(path).name
        self._limits = limits
        self._n_packets = self._n_decoded = self._n_errors = self._n_corrupt = 0
        self._ended_early = self._started = False
        self._decoded_s = self._first_s = 0.0
        self._keys: set[int] = set()
        self._source: Source | None = None
        self._container, self._joined_s = open_container(path, limits)
        try:
            self._stream = video_stream(self._container, self._name)
            self._decoder = decoder_of(self._stream)
            end_s, is_own = stream_end_s(self._container, self._stream)
            self._ending = Ending(end_s, is_own=is_own)
            self._clock = packet_clock(self._container, self._stream)
            self._configure(threads)
            self._packets = self._demuxed()
            self._peeked = self._peek()
            self._describe(self._peeked[0])
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
        if self._source is not None:
            self._source.closed = True
        self._container.close()

    @property
    def info(self) -> MediaInfo:
        """What is known so far; what only shows later (fields, a change of size) is added while decoding."""
        if self._source is not None and self._source.maker.saw_transparency:
            self._note(TRANSPARENCY_NOTE)
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

    @property
    def n_read(self) -> int:
        """Packets so far."""
        return self._n_packets

    def decoded(self, keyframes_only: bool = False) -> Iterator[PyavFrame]:
        """Frames in order of presentation, with `duration_s` reaching to the next; once per reader.

        With `keyframes_only` the decoder skips the rest (the first frame always comes), and `index` counts
        the frames that were decoded.

        Raises:
            LimitExceeded: longer or larger than allowed, as found while decoding.
            RuntimeError: called a second time.
        """
        if self._started:
            raise RuntimeError("decoded() runs once for a reader: open the video again")
        self._started = True
        return self._timed(keyframes_only)

    def _timed(self, keyframes_only: bool) -> Iterator[PyavFrame]:
        """Frames one behind the decoder, so that each knows when the next is shown."""
        held: PyavFrame | None = None
        for frame in self._placed(keyframes_only):
            if held is not None:
                held.duration_s = frame.pts_s - held.pts_s
                yield held
            held = frame
        if held is not None:
            held.duration_s = self._ending.last_duration_s(
                held, self._timeline.origin_s, self._timeline.frame_s
            )
            end_s = held.pts_s + held.duration_s
            self._decoded_s = end_s - self._first_s
            self._ended_early = self._is_early(end_s, keyframes_only)
            yield held

    def _configure(self, threads: Threads) -> None:
        context = self._decoder
        self._limits.check_size(context.width, context.height, self._name)
        context.thread_count = _AUTO_THREADS if threads == "auto" else max(1, threads)
        context.thread_type = ThreadType.FRAME
        context.options = {"max_pixels": str(self._limits.max_pixels)}

    def _peek(self) -> list[VideoFrame]:
        """Decode up to the first frame: size, rotation and colour are known from it alone."""
        for packet in self._packets:
            frames = self._decode(packet)
            if frames:
                return frames
        refuse_encrypted(self._path, told_by_packets=False)
        raise UnsupportedAsset(f"{self._name} {why_no_frame(self._path, self._n_errors)}")

    def _describe(self, frame: VideoFrame) -> None:
        """Set `info`, the picture maker and the clock from the first frame."""
        self._limits.check_size(frame.width, frame.height, self._name)
        description = describe(self._container, self._stream, frame, joined_s=self._joined_s)
        self._info = description.info
        self._limits.check_size(self._info.width_px, self._info.height_px, self._name)
        self._source = Source(PictureMaker(description.layout))
        self._stored_size = (frame.width, frame.height)
        self._codec_aspect = self._decoder.sample_aspect_ratio
        self._deinterlacer: Deinterlacer | None = None
        self._timeline = Timeline(
            time_base=time_base(self._stream),
            start_s=start_s(self._container),
            average_fps=average_fps(self._stream),
        )

    def _demuxed(self) -> Iterator[Packet[Stream]]:
        """Packets of the stream; an error of the demuxer is counted, and reading goes on behind it.

        Where only the whole file states its length, sound is read along (not decoded): did it all come?
        """
        beside = () if self._ending.is_own else self._container.streams.audio
        n_failed = 0
        while n_failed < _MAX_DEMUX_ERRORS:
            try:
                for packet in self._container.demux(self._stream, *beside):
                    n_failed = 0
                    self._count(packet)
                    # Not `packet.stream_index`: the empty packet that flushes the decoder has none.
                    if packet.stream.index == self._stream.index:
                        refuse_encrypted_packet(packet, self._path)
                        if self._clock is not None:
                            self._clock.join(packet)
                        yield packet
            except av.error.FFmpegError:
                n_failed += 1
                self._n_errors += 1
            except IndexError:
                return  # PyAV 18, at the very end, where a stream of MPEG-TS began in the middle of the file
            else:
                return

    def _count(self, packet: Packet[Stream]) -> None:
        self._n_packets += 1
        if self._n_packets > self._limits.max_packets:
            raise LimitExceeded(
                f"{self._name} has more than {self._limits.max_packets} packets "
                f"(profile '{self._limits.name}'): split it or choose a wider profile."
            )
        self._ending.see(packet)

    def _decode(self, packet: Packet[Stream]) -> list[VideoFrame]:
        try:
            frames = self._decoder.decode(packet)
        except av.error.FFmpegError:
            self._n_errors += 1
            return []
        if frames:
            self._ending.see_frame_of(packet, self._n_errors)
        if packet.is_keyframe and packet.pts is not None and self._decoder is not self._stream.codec_context:
            self._keys.add(packet.pts)
        return frames

    def _raw(self, keyframes_only: bool) -> Iterator[VideoFrame]:
        """Frames as the decoder gives them, those already peeked at first."""
        context = self._decoder
        if keyframes_only:
            context.skip_frame = "NONKEY"
        peeked, self._peeked = self._peeked, []
        yield peeked[0]
        yield from self._wanted(peeked[1:], keyframes_only)
        skip_here = keyframes_only and context.codec.canonical_name in _IGNORES_SKIP
        for packet in self._packets:
            if not (skip_here and packet.size and not packet.is_keyframe):
                yield from self._wanted(self._decode(packet), keyframes_only)

    def _whole(self, keyframes_only: bool) -> Iterator[VideoFrame]:
        """Frames after deinterlacing, which begins with the first frame that is flagged."""
        for frame in self._raw(keyframes_only):
            if frame.interlaced_frame and self._deinterlacer is None:
                self._deinterlacer = Deinterlacer(self._stream, neighbours=not keyframes_only)
                self._info = replace(self._info, interlaced=True, deinterlacer=self._deinterlacer.name)
                self._note(INTERLACED_NOTE)
            if self._deinterlacer is None:
                yield frame
            else:
                yield from self._deinterlacer.feed(frame)
        if self._deinterlacer is not None:
            yield from self._deinterlacer.flush()

    def _placed(self, keyframes_only: bool) -> Iterator[PyavFrame]:
        """Frames checked against the limits and placed in time."""
        assert self._source is not None
        clock = self._clock
        for frame in self._whole(keyframes_only):
            pts_s = self._timeline.place(frame.pts, frame.time_base)
            if self._n_decoded == 0:
                self._first_s = pts_s
            check_duration(pts_s, self._name, self._limits)
            self._limits.check_size(frame.width, frame.height, self._name)
            if (frame.width, frame.height) != self._stored_size:
                self._note("the picture size changes inside the stream: scaled to the first one")
            if self._timeline.n_repaired:
                self._note("some timestamps are missing or go back: times follow from the frame rate there")
            if clock is not None and clock.n_joined:
                self._note(JOINED_NOTE)
            if clock is not None and self._decoder.sample_aspect_ratio != self._codec_aspect:
                self._note("the pixel shape changes inside the stream: taken as at its beginning")
            index = self._n_decoded
            self._n_decoded += 1
            self._n_corrupt += bool(frame.is_corrupt)
            pts = frame.pts if clock is None else clock.stored(frame.pts, frame.time_base)
            yield PyavFrame(self._source, frame, index, pts_s, pts=pts, is_key=self._is_key(frame))

    def _note(self, text: str) -> None:
        if text not in self._info.notes:
            self._info = replace(self._info, notes=(*self._info.notes, text))

    def _is_early(self, came_s: float, keyframes_only: bool) -> bool:
        """Whether more was promised than came; nothing is known of an end on a clock that jumped."""
        if self._clock is not None and self._clock.n_joined:
            return False
        return self._ending.is_early(
            came_s, self._timeline.origin_s, n_errors=self._n_errors, keyframes_only=keyframes_only
        )

    def _wanted(self, frames: list[VideoFrame], keyframes_only: bool) -> Iterator[VideoFrame]:
        """All frames, or the key frames among them."""
        return (frame for frame in frames if not keyframes_only or self._is_key(frame))

    def _is_key(self, frame: VideoFrame) -> bool:
        """Whether a frame needs no other; libvpx does not say it of its frames, the container does."""
        return bool(frame.key_frame) or frame.pts in self._keys
