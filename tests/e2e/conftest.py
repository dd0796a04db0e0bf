"""A short real clip, a still and a broken file; the CLI as users run it."""

import subprocess
import sys
from pathlib import Path

import av
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "qc_plugin/samples/cups.mp4"


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    """The kick near the end of the sample: two seconds, packets copied, not re-encoded."""
    target = tmp_path_factory.mktemp("clip") / "kick.mp4"
    with av.open(str(SAMPLE)) as source, av.open(str(target), "w") as out:
        stream = source.streams.video[0]
        copy = out.add_stream_from_template(stream)
        source.seek(8_000_000, backward=True)
        first = None
        for packet in source.demux(stream):
            if packet.dts is None:
                continue
            first = packet.dts if first is None else first
            if (packet.dts - first) * stream.time_base > 2:
                break
            packet.stream = copy
            packet.pts -= first
            packet.dts -= first
            out.mux(packet)
    return target


@pytest.fixture(scope="session")
def still(tmp_path_factory):
    target = tmp_path_factory.mktemp("still") / "poster.png"
    with av.open(str(SAMPLE)) as source:
        frame = next(source.decode(video=0))
    Image.fromarray(frame.to_ndarray(format="rgb24")).save(target)
    return target


@pytest.fixture
def qc(tmp_path):
    """Run `qc-plugin` in an empty folder; gives the finished process."""

    def run(*args, **kwargs):
        command = [sys.executable, "-m", "qc_plugin", *map(str, args)]
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300, **kwargs
        )

    return run
