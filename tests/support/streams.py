"""Streams as recorders, packagers and broadcasters leave them, made from clips."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import av
import numpy as np
from av.audio.frame import AudioFrame

from tests.support.clips import Clip, make

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLUSTER = b"\x1f\x43\xb6\x75"
FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}


def transport(folder: Path, name: str = "a.ts", *, start_s: int = 0, n_frames: int = 50) -> bytes:
    """MPEG-TS of 25 fps whose clock begins at `start_s`; the pictures say their number."""
    clip = Clip(name, n_frames=n_frames, gop=10, start_tick=25 * start_s)
    return make(folder, clip).read_bytes()


def fragmented(source: Path, target: Path) -> bytes:
    """The packets of a clip in MP4 fragments, one a key frame."""
    copy(source, target, options=FRAGMENTS)
    return target.read_bytes()


def copy(source: Path, target: Path, *, options: dict[str, str] | None = None) -> Path:
    """The packets of a clip in another container."""
    with av.open(str(source)) as read, av.open(str(target), "w", options=options or {}) as out:
        stream = read.streams.video[0]
        into = out.add_stream_from_template(stream)
        for packet in read.demux(stream):
            if packet.dts is not None:
                packet.stream = into
                out.mux(packet)
    return target


def sounds(path: Path, *, n_streams: int) -> bytes:
    """Silence in several streams, no picture."""
    with av.open(str(path), "w") as out:
        for stream in [out.add_stream("mp2", rate=48_000) for _ in range(n_streams)]:
            for number in range(20):
                samples = np.zeros((1, 2 * 1152), np.int16)
                frame = AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
                frame.sample_rate, frame.pts = 48_000, number * 1152
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
    return path.read_bytes()


def box(kind: bytes, body: bytes = b"") -> bytes:
    """One box of MP4."""
    return struct.pack(">I", len(body) + 8) + kind + body


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(kind, whole box) at the top of an MP4."""
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], data[at : at + size]
        at += size
