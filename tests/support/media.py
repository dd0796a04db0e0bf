"""Short real media for tests: the kick near the end of the sample, and its first frame as a still."""

from __future__ import annotations

from pathlib import Path

import av
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "qc_plugin/samples/cups.mp4"


def write_clip(target: Path, *, seconds: float = 2.0) -> Path:
    """Packets copied, not encoded again."""
    with av.open(str(SAMPLE)) as source, av.open(str(target), "w") as out:
        stream = source.streams.video[0]
        copy = out.add_stream_from_template(stream)
        source.seek(8_000_000, backward=True)
        first = None
        for packet in source.demux(stream):
            if packet.dts is None:
                continue
            first = packet.dts if first is None else first
            if (packet.dts - first) * stream.time_base > seconds:
                break
            packet.stream = copy
            packet.pts -= first
            packet.dts -= first
            out.mux(packet)
    return target


def write_still(target: Path, *, width: int = 480) -> Path:
    """The first frame, smaller, so that checking it takes little."""
    with av.open(str(SAMPLE)) as source:
        picture = Image.fromarray(next(source.decode(video=0)).to_ndarray(format="rgb24"))
    picture.resize((width, width * picture.height // picture.width)).save(target)
    return target
