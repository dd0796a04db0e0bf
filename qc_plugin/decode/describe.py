"""What is known of a stream once its first frame is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import av

from qc_plugin.decode.alpha import has_alpha
from qc_plugin.decode.colour import read_colour
from qc_plugin.decode.container import MICROSECONDS, stream_end_s
from qc_plugin.decode.geometry import is_right_angled, orientation_of, pixel_shape, square_width
from qc_plugin.decode.picture import Layout
from qc_plugin.decode.side_data import beside
from qc_plugin.decode.source_says import DOLBY_5_NOTE, is_dolby_vision_5, other_videos, start_timecode
from qc_plugin.types import MediaInfo

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_HD_WIDTH_PX, _HD_HEIGHT_PX = 1280, 720
_INTERLACED_ORDERS = frozenset({2, 3, 4, 5})  # AVFieldOrder tt, bb, tb, bt
MIRRORED_NOTE = "mirrored picture turned back"
INTERLACED_NOTE = "interlaced: deinterlaced, one frame for two fields"


@dataclass(frozen=True, slots=True)
class Description:
    """`info` for people and the report, `layout` for making pictures."""

    info: MediaInfo
    layout: Layout


def describe(
    container: InputContainer, stream: VideoStream, frame: VideoFrame, *, joined_s: float | None = None
) -> Description:
    """Size, turn, colour and time of a stream from its tags and its first decoded frame.

    `joined_s` is the length of a stream whose clock jumps, in place of the one that the container states.
    """
    context = stream.codec_context
    side = beside(frame)
    orientation = orientation_of(side.matrix)
    # PyAV's aspect of the stream is the container's, or the parser's guess where the container states none.
    shape = pixel_shape(stream.sample_aspect_ratio, context.sample_aspect_ratio)
    width_px = square_width(frame.width, shape.aspect)
    is_hd = frame.height >= _HD_HEIGHT_PX or frame.width >= _HD_WIDTH_PX
    colour = read_colour(frame.colorspace, frame.color_range, frame.color_trc, frame.format.name, is_hd=is_hd)
    interlaced = bool(frame.interlaced_frame)
    is_dolby_5 = is_dolby_vision_5(container)
    notes = [*other_videos(container, stream), *shape.notes, *colour.notes, *side.notes]
    if is_dolby_5:
        notes.append(DOLBY_5_NOTE)
    if orientation.mirrored:
        notes.append(MIRRORED_NOTE)
    if not is_right_angled(side.matrix):
        notes.append("rotation is not a multiple of 90 degrees: rounded to the nearest")
    if interlaced:
        notes.append(INTERLACED_NOTE)
    elif context.field_order in _INTERLACED_ORDERS:
        # Progressive pictures in an interlaced wrapper are common; a flagged frame starts the deinterlacer.
        notes.append("the container says interlaced but the first picture is not flagged: taken as it is")
    upright_px = orientation.size(width_px, frame.height)
    info = MediaInfo(
        container=container.format.name,
        codec=context.codec.canonical_name,
        pixel_format=frame.format.name,
        width_px=upright_px[0],
        height_px=upright_px[1],
        duration_s=_duration_s(container, stream) if joined_s is None else joined_s,
        average_fps=average_fps(stream),
        rotation_deg=orientation.rotation_deg,
        sample_aspect=shape.aspect.as_integer_ratio(),
        codec_sample_aspect=shape.codec.as_integer_ratio() if shape.codec else None,
        bit_depth=frame.format.components[0].bits,
        colour_matrix=colour.matrix,
        colour_range=colour.range,
        transfer=colour.transfer,
        interlaced=interlaced,
        tone_mapped_from=colour.hdr,
        start_timecode=start_timecode(container, stream),
        colour_true=not is_dolby_5,
        deinterlacer="bwdif" if interlaced else None,
        notes=tuple(notes),
        decoder=f"PyAV {av.__version__} (libavcodec {_version('libavcodec')})",
    )
    alpha = has_alpha(frame.format.name, info.codec)
    return Description(info, Layout(width_px, frame.height, orientation, colour, alpha))


def average_fps(stream: VideoStream) -> float | None:
    """Frames a second as the container states or as FFmpeg guesses, None where neither knows."""
    rate = stream.average_rate or stream.guessed_rate
    return float(rate) if rate else None


def start_s(container: InputContainer) -> float | None:
    """Where the container's clock starts, seconds."""
    return None if container.start_time is None else container.start_time / MICROSECONDS


def time_base(stream: VideoStream) -> Fraction:
    """Seconds of one tick; the MPEG clock where the stream has none."""
    return stream.time_base or Fraction(1, 90_000)


def _duration_s(container: InputContainer, stream: VideoStream) -> float | None:
    end_s, _ = stream_end_s(container, stream)
    return None if end_s is None else max(0.0, end_s - (start_s(container) or 0.0))


def _version(library: str) -> str:
    return ".".join(map(str, av.library_versions[library]))
