"""Clips with frames that the decoder can show only by making parts of them up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av

from tests.support.clips import frame_of, pattern

if TYPE_CHECKING:
    from collections.abc import Container
    from pathlib import Path


def damaged(
    folder: Path, name: str, numbers: Container[int], *, n_frames: int = 50, lose: bool = False
) -> Path:
    """Every frame the same key frame; of those in `numbers` half is noise, or with `lose` all of it."""
    path = folder / name
    with av.open(str(path), "w") as out:
        stream = out.add_stream(
            "libx264", rate=25, options={"preset": "ultrafast", "x264-params": "keyint=1"}
        )
        stream.width, stream.height, stream.pix_fmt = 320, 192, "yuv420p"
        frames = [frame_of(pattern(5, 320, 192), "yuv420p") for _ in range(n_frames)]
        for n, frame in enumerate(frames):
            frame.pts = n
        for packet in (p for frame in (*frames, None) for p in stream.encode(frame)):
            hit = round(packet.pts * packet.time_base * 25) in numbers
            out.mux(_spoilt(packet, lose=lose) if hit else packet)
    return path


def _spoilt(packet: av.Packet, *, lose: bool) -> av.Packet:
    data = bytearray(bytes(packet))
    start = 4 if lose else len(data) // 2
    data[start:] = bytes(0x5A ^ (7 * i) % 251 for i in range(len(data) - start))
    spoilt = av.Packet(bytes(data))
    spoilt.pts, spoilt.dts, spoilt.time_base = packet.pts, packet.dts, packet.time_base
    spoilt.is_keyframe, spoilt.stream = packet.is_keyframe, packet.stream
    return spoilt
