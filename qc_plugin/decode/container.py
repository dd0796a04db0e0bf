"""Opening a container so that nothing but this one file is ever read."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

import av
import av.error
from av.stream import Disposition

from qc_plugin.decode.encryption import refuse_encrypted
from qc_plugin.decode.sample_entries import video_entries
from qc_plugin.decode.segments import is_fragmented, why_no_pictures
from qc_plugin.decode.sniff import demuxer_of, read_head, sniff_kind
from qc_plugin.decode.stream_clock import joined_length_s
from qc_plugin.errors import LimitExceeded, UnsupportedAsset

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

    from qc_plugin.decode.limits import Limits

# Demuxers of media containers only: none of them opens a second file or an address. Playlists (hls, dash),
# concat, sdp, rtsp, image sequences, lavfi and devices are left out on purpose.
FORMATS: Final = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mxf,mpegts,mpeg,mpegvideo,m4v,avi,h264,hevc,vvc,ogg,flv,asf,ivf,obu,dv,gxf,"
    "yuv4mpegpipe"
)
_OPTIONS: Final = {
    "protocol_whitelist": "file",
    "format_whitelist": FORMATS,
    "probesize": str(16 << 20),
    "analyzeduration": "5000000",  # microseconds
}
MICROSECONDS: Final = 1_000_000
_STREAMED: Final = ("mpegts", "mpeg")  # no length is stated: FFmpeg infers it from two timestamps


def open_container(path: str | Path, limits: Limits) -> tuple[InputContainer, float | None]:
    """The container of a video file, open; the caller closes it.

    And the length in seconds of a stream whose clock jumps: what the container says of it is not true. None
    for all others.

    Raises:
        UnsupportedAsset: not a video we read, or damaged beyond use.
        LimitExceeded: more bytes, streams or seconds than allowed.
    """
    name = Path(path).name
    if sniff_kind(path, limits=limits) != "video":
        raise UnsupportedAsset(f"{name} is a picture, not a video: check it as artwork.")
    try:
        # The prefix keeps a file called `concat:a|b` from being read as an address.
        container = av.open(
            f"file:{Path(path).absolute()}",
            mode="r",
            format=demuxer_of(read_head(path, limits=limits)),
            options=dict(_OPTIONS),
            metadata_errors="replace",
        )
    except (av.error.FFmpegError, OSError, ValueError) as error:
        refuse_encrypted(path, told_by_packets=False)
        raise UnsupportedAsset(f"{name} {_why_unread(path, error)}") from error
    try:
        refuse_encrypted(path, told_by_packets=True)
        joined_s = joined_length_s(path) if container.format.name in _STREAMED else None
        _check(container, name, limits, joined_s)
    except BaseException:
        container.close()
        raise
    return container, joined_s


def path_of(container: InputContainer) -> str:
    """Where an open container lies."""
    return container.name.removeprefix("file:")


def video_stream(container: InputContainer, name: str) -> VideoStream:
    """The video stream to decode: FFmpeg's best one, never a cover picture.

    Raises:
        UnsupportedAsset: no stream has pictures that we can decode.
    """
    # A stream without codec context crashed PyAV when it was decoded (PyAV-Org/PyAV#2344).
    usable = [
        stream
        for stream in container.streams.video
        if stream.codec_context is not None and not stream.disposition & Disposition.attached_pic
    ]
    if not usable:
        refuse_encrypted(path_of(container), told_by_packets=False)
        raise UnsupportedAsset(f"{name} {_why_no_video(container)}")
    best = container.streams.best("video")
    return next((stream for stream in usable if best is not None and stream.index == best.index), usable[0])


def stream_end_s(container: InputContainer, stream: VideoStream) -> tuple[float | None, bool]:
    """When the container says the video ends, in seconds on its own clock.

    The flag tells whether that is about this stream (True) or about the longest stream of the file (False).
    """
    start = float((stream.start_time or 0) * (stream.time_base or Fraction(0)))
    if stream.duration and stream.time_base:
        return start + float((stream.duration - _counted_before(container, stream)) * stream.time_base), True
    tagged = _clock_s(stream.metadata.get("DURATION", ""))
    if tagged:
        return tagged, True
    if container.duration:
        return ((container.start_time or 0) + container.duration) / MICROSECONDS, False
    return None, False


def why_no_frame(path: str | Path, n_errors: int) -> str:
    """Why a video gave no frame and what to do, to follow its name."""
    broken = f"holds no frame that can be decoded ({n_errors} broken packets): export it again."
    return why_no_pictures(path) or broken


def _counted_before(container: InputContainer, stream: VideoStream) -> int:
    """Ticks before the first picture that `stream.duration` counts: of MP4 in fragments it is the end."""
    if not is_fragmented(path_of(container)) or not stream.index_entries:
        return 0
    return max(0, stream.index_entries[0].timestamp)


def _check(container: InputContainer, name: str, limits: Limits, joined_s: float | None) -> None:
    """Raise LimitExceeded for too many streams or too long a file, by what the header says."""
    if len(container.streams) > limits.max_streams:
        raise LimitExceeded(
            f"{name} has {len(container.streams)} streams, over the limit of {limits.max_streams} "
            f"(profile '{limits.name}'): keep the video stream only."
        )
    if joined_s is not None:
        check_duration(joined_s, name, limits)
    elif container.duration:
        check_duration(container.duration / MICROSECONDS, name, limits)


def check_duration(duration_s: float, name: str, limits: Limits) -> None:
    """Raise LimitExceeded for a video longer than allowed."""
    if duration_s > limits.max_duration_s:
        raise LimitExceeded(
            f"{name} lasts {duration_s:.0f} s, over the limit of {limits.max_duration_s:.0f} s "
            f"(profile '{limits.name}'): split it or choose a wider profile."
        )


def _clock_s(text: str) -> float | None:
    """Seconds of Matroska's `00:01:02.500000000`, or None."""
    parts = text.strip().split(":")
    try:
        hours, minutes, seconds = (float(part) for part in parts)
    except ValueError:
        return None
    return hours * 3600 + minutes * 60 + seconds


def _reason(error: Exception) -> str:
    """The library's own words, without our path."""
    return str(getattr(error, "strerror", None) or error).rstrip(".")


def _why_no_video(container: InputContainer) -> str:
    """Which streams a file has instead of one to decode, to follow its name."""
    covers = [s for s in container.streams.video if s.disposition & Disposition.attached_pic]
    if covers and container.streams.audio and len(covers) == len(container.streams.video):
        return "is audio with a cover picture: give a video, or the cover as a picture of its own."
    unknown = sorted({entry.codec_tag for entry in video_entries(path_of(container))})
    if unknown:
        return f"has video that we cannot decode ({', '.join(unknown)}): export it as H.264 or HEVC."
    kinds = ", ".join(sorted({str(stream.type) for stream in container.streams})) or "no"
    return f"has no video stream we can decode (it has {kinds} streams): give a file with pictures."


def _why_unread(path: str | Path, error: Exception) -> str:
    """Why a file that starts like a video cannot be opened and what to do, to follow its name."""
    segment = why_no_pictures(path)
    if segment is not None:
        return segment
    fix = "transfer or export it again."
    if read_head(path)[4:8] == b"ftyp":
        fix = "its index (moov) is missing or damaged, so transfer or export it again."
    return f"cannot be read as a video ({_reason(error)}): {fix}"
