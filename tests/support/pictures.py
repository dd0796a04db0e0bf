"""Pictures of test clips, and clips put together of pictures."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
from av.video.frame import VideoFrame

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def pictures_of(path: Path, *, most: int = 1000) -> list[np.ndarray]:
    """The first frames of a clip, (H, W, 3) uint8 each."""
    found = []
    with av.open(str(path)) as source:
        for frame in source.decode(video=0):
            found.append(frame.to_ndarray(format="rgb24"))
            if len(found) == most:
                break
    return found


def write_film(target: Path, pictures: Iterable[np.ndarray], *, every_s: Fraction = Fraction(1, 25)) -> Path:
    """H.264 of pictures of one even size, `every_s` apart; key frames where that is over half a second."""
    with av.open(str(target), "w") as out:
        stream = None
        for index, rgb in enumerate(pictures):
            if stream is None:
                stream = out.add_stream("libx264", rate=25, options={"crf": "23", "preset": "veryfast"})
                stream.height, stream.width = rgb.shape[:2]
                stream.pix_fmt, stream.time_base = "yuv420p", Fraction(1, 1000)
                stream.codec_context.time_base = Fraction(1, 1000)
                stream.codec_context.gop_size = 1 if every_s > Fraction(1, 2) else 50
            frame = VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
            frame.pts, frame.time_base = round(1000 * every_s * index), Fraction(1, 1000)
            out.mux(stream.encode(frame))
        assert stream is not None, "a film needs pictures"
        out.mux(stream.encode(None))
    return target
