"""Transparent parts, in stills and in video alike: shown over one grey, and said so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.format import VideoFormat

if TYPE_CHECKING:
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

# Transparent parts show this grey: white lettering would vanish on white, and black on black.
BACKDROP: Final = 128
TRANSPARENCY_NOTE: Final = f"transparency shown over grey {BACKDROP}"
_OPAQUE: Final = 255
# FFmpeg's own decoders of these leave out the alpha that WebM carries beside each packet; libvpx's do not.
_WITH_ALPHA: Final = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


def has_alpha(pixel_format: str, codec: str) -> bool:
    """Whether pictures of this format may have transparent parts.

    Uncompressed video has a fourth byte for want of a third: nothing says that it is an alpha, and it is 0.
    """
    return codec != "rawvideo" and any(part.is_alpha for part in VideoFormat(pixel_format).components)


def decoder_of(stream: VideoStream) -> VideoCodecContext:
    """The decoder of a stream: FFmpeg's own, or for WebM that states an alpha the one that reads it."""
    own = stream.codec_context
    stated = any((key.lower(), value) == ("alpha_mode", "1") for key, value in stream.metadata.items())
    name = _WITH_ALPHA.get(own.codec.canonical_name) if stated else None
    if name is None:
        return own
    context = CodecContext.create(name, "r")
    assert isinstance(context, VideoCodecContext)
    return context


def over_backdrop(
    values: NDArray[np.uint8], alpha: NDArray[np.uint8], backdrop: int = BACKDROP
) -> NDArray[np.uint8]:
    """`values` (h, w) or (h, w, n) where `alpha` (h, w) is 255, `backdrop` where it is 0, mixed between."""
    weight = alpha.astype(np.uint16)
    if values.ndim > alpha.ndim:
        weight = weight[..., None]
    mixed: NDArray[Any] = values * weight + np.uint16(backdrop) * (_OPAQUE - weight) + np.uint16(_OPAQUE // 2)
    return (mixed // _OPAQUE).astype(np.uint8)


def is_opaque(alpha: NDArray[Any], highest: int = _OPAQUE) -> bool:
    """Whether nothing of a picture is transparent; `highest` is the value of an opaque pixel.

    Deeper alpha made from 8 bit ends a little below `highest`, so one step of 8 bit is allowed.
    """
    return bool(alpha.size == 0 or alpha.min() >= highest - highest // _OPAQUE)
