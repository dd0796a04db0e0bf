"""A whole file is complete, however long its last picture is shown and wherever its clock begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import pytest

from qc_plugin.decode import open_video
from tests.support import streams
from tests.support.clips import Clip, make
from tests.support.corpora import corpus_file
from tests.support.readers import READERS

if TYPE_CHECKING:
    from pathlib import Path


def stated(path: Path, reader: str = "pyav", *, keys: bool = False):
    """(times and durations of the frames, what is known at the end)."""
    with open_video(path, reader=reader) as video:
        frames = [(f.pts_s, f.duration_s) for f in video.decoded(keyframes_only=keys)]
        return frames, video.info, video.stats


def with_long_end(source: Path, target: Path, last_s: float) -> Path:
    """The packets of a clip, the last of them to be shown for longer."""
    with av.open(str(source)) as read, av.open(str(target), "w") as out:
        stream = read.streams.video[0]
        into = out.add_stream_from_template(stream)
        packets = [p for p in read.demux(stream) if p.dts is not None]
        last = max(packets, key=lambda p: p.pts)
        last.duration = int(last_s / last.time_base)
        for packet in packets:
            packet.stream = into
            out.mux(packet)
    return target


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Path:
    """A screen recording: 0.8 s of changes, then nothing for five seconds."""
    folder = tmp_path_factory.mktemp("recording")
    clip = Clip("short.mp4", n_frames=20, options={"bf": "0"})
    return with_long_end(make(folder, clip), folder / "recording.mp4", 5.0)


@pytest.mark.parametrize("keys", [False, True])
@pytest.mark.parametrize("reader", READERS)
def test_fault_13_the_last_picture_may_be_shown_for_long(reader, keys, recording):
    frames, info, stats = stated(recording, reader, keys=keys)
    assert info.duration_s == pytest.approx(5.76, abs=0.05)
    assert not stats.ended_early
    if not keys:
        assert frames[-1] == (pytest.approx(0.76, abs=1e-3), pytest.approx(5, abs=0.05))
        assert stats.decoded_s == pytest.approx(5.76, abs=0.05)


@pytest.mark.parametrize("reader", READERS)
def test_fault_13_a_slide_show_is_complete(reader, tmp_path):
    clip = Clip("slides.mp4", ticks=(0, 4000, 9000), clock=1000, options={"bf": "0"})
    path = with_long_end(make(tmp_path, clip), tmp_path / "long.mp4", 20.0)
    frames, _, stats = stated(path, reader)
    assert [at for at, _ in frames] == pytest.approx([0, 4, 9], abs=1e-3)
    assert not stats.ended_early


def test_fault_13_a_file_that_was_cut_off_is_still_incomplete(tmp_path):
    path = make(tmp_path, Clip("cut.mp4", n_frames=100, gop=10))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert stated(path)[2].ended_early


def test_fault_13_a_file_whose_end_was_never_written_is_still_incomplete(tmp_path):
    """A download that reserved its space: every packet comes, the last ones are zeros."""
    path = make(tmp_path, Clip("hole.mp4", n_frames=100, gop=10))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))
    assert stated(path)[2].ended_early


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("start_s", [0, 10])
def test_fault_14_fragments_that_start_late(start_s, reader, tmp_path):
    clip = make(tmp_path, Clip("late.mkv", n_frames=50, start_tick=25 * start_s, options={"bf": "0"}))
    path = tmp_path / "late.mp4"
    streams.fragmented(clip, path)
    frames, info, stats = stated(path, reader)
    assert len(frames) == 50
    assert info.duration_s == pytest.approx(2, abs=0.1)
    assert not stats.ended_early


@pytest.mark.real
@pytest.mark.parametrize("reader", READERS)
def test_fault_14_a_packagers_file(reader):
    frames, info, stats = stated(corpus_file("incomplete_complete-fmp4-starting-at-10s.mp4"), reader)
    assert len(frames) == 214
    assert info.duration_s == pytest.approx(7.13, abs=0.05)
    assert not stats.ended_early
