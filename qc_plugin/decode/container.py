"""Opening a container so that nothing but this one file is ever read."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

import av
import av.error
from av.stream import Disposition

from qc_plugin.decode.encryption import refuse_encrypted
from qc_plugin.decode.sniff import sniff_kind
from qc_plugin.errors import LimitExceeded, UnsupportedAsset

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

    from qc_plugin.decode.limits import Limits

# Demuxers of media containers only: none of them opens a second file or an address. Playlists (hls, dash),
# concat, sdp, rtsp, image sequences, lavfi and devices are left out on purpose.
FORMATS: Final = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mxf,mpegts,mpeg,mpegvideo,m4v,avi,h264,hevc,ogg,flv,asf,ivf,obu,dv,gxf,"
    "yuv4mpegpipe"
)
_OPTIONS: Final = {
    "protocol_whitelist": "file",
    "format_whitelist": FORMATS,
    "probesize": str(16 << 20),
    "analyzeduration": "5000000",  # microseconds
}
MICROSECONDS: Final = 1_000_000


def open_container(path: str | Path, limits: Limits) -> InputContainer:
    """The container of a video file, open; the caller closes it.

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
            f"file:{Path(path).absolute()}", mode="r", options=dict(_OPTIONS), metadata_errors="replace"
        )
    except (av.error.FFmpegError, OSError, ValueError) as error:
        refuse_encrypted(path, told_by_packets=False)
        raise UnsupportedAsset(
            f"{name} cannot be read as a video ({_reason(error)}): {_fix(path)}"
        ) from error
    try:
        refuse_encrypted(path, told_by_packets=True)
        _check(container, name, limits)
    except BaseException:
        container.close()
        raise
    return container


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
        refuse_encrypted(container.name.removeprefix("file:"), told_by_packets=False)
        kinds = sorted({str(stream.type) for stream in container.streams}) or ["no"]
        raise UnsupportedAsset(
            f"{name} has no video stream we can decode (it has {', '.join(kinds)} streams): "
            "give a file with pictures."
        )
    best = container.streams.best("video")
    return next((stream for stream in usable if best is not None and stream.index == best.index), usable[0])


def stream_end_s(container: InputContainer, stream: VideoStream) -> tuple[float | None, bool]:
    """When the container says the video ends, in seconds on its own clock.

    The flag tells whether that is about this stream (True) or about the longest stream of the file (False).
    """
    start = float((stream.start_time or 0) * (stream.time_base or Fraction(0)))
    if stream.duration and stream.time_base:
        return start + float(stream.duration * stream.time_base), True
    tagged = _clock_s(stream.metadata.get("DURATION", ""))
    if tagged:
        return tagged, True
    if container.duration:
        return ((container.start_time or 0) + container.duration) / MICROSECONDS, False
    return None, False


def _check(container: InputContainer, name: str, limits: Limits) -> None:
    """Raise LimitExceeded for too many streams or too long a file, by what the header says."""
    if len(container.streams) > limits.max_streams:
        raise LimitExceeded(
            f"{name} has {len(container.streams)} streams, over the limit of {limits.max_streams} "
            f"(profile '{limits.name}'): keep the video stream only."
        )
    if container.duration:
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


def _fix(path: str | Path) -> str:
    """What to do about a file that starts like a video and cannot be opened."""
    with Path(path).open("rb") as file:
        head = file.read(12)
    if head[4:8] == b"ftyp":
        return "its index (moov) is missing or damaged, so transfer or export it again."
    return "transfer or export it again."
