"""Streams that were joined, cut or packaged: read as players read them, or named as what they are."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from qc_plugin.decode import open_video, parse_sample, select, sniff_kind
from qc_plugin.decode.stream_clock import joined_length_s
from qc_plugin.errors import UnsupportedAsset
from tests.support import streams
from tests.support.clips import Clip, make, read_index
from tests.support.readers import READERS

DATA = Path(__file__).parents[1] / "data"
HOUR_S = 3600
JOINED = "the clock of the stream jumps: joined, so that times go on"


def look(path: Path, *, keys: bool = False, reader: str = "pyav"):
    """(picture number, time) of every frame, and what is known at the end."""
    with open_video(path, reader=reader) as video:
        seen = [(read_index(f.to_frame().rgb), f.pts_s) for f in video.decoded(keyframes_only=keys)]
        return seen, video.info, video.stats


@pytest.mark.parametrize("hours", [3, 25, -3])
def test_row_40_clocks_that_jump_are_joined(hours, tmp_path):
    first = streams.transport(tmp_path, start_s=max(0, -hours) * HOUR_S)
    second = streams.transport(tmp_path, "b.ts", start_s=max(0, hours) * HOUR_S)
    path = tmp_path / "joined.ts"
    path.write_bytes(first + second)
    seen, info, stats = look(path)
    assert [number for number, _ in seen] == [*range(50), *range(50)]
    assert [s for _, s in seen] == pytest.approx([n / 25 for n in range(100)], abs=1e-3)
    assert info.duration_s == pytest.approx(4, abs=0.2)
    assert stats.decoded_s == pytest.approx(4, abs=0.05)
    assert not stats.ended_early
    assert JOINED in info.notes
    with open_video(path) as video:
        taken = [
            f.pts_s for f, take in select(video.decoded(), parse_sample("2fps"), info=video.info) if take
        ]
    assert [round(b - a, 2) for a, b in pairwise(taken)] == pytest.approx([0.5] * 7, abs=0.05)


def test_row_40_key_frames_keep_their_times_across_a_jump(tmp_path):
    path = tmp_path / "joined.ts"
    path.write_bytes(streams.transport(tmp_path) + streams.transport(tmp_path, "b.ts", start_s=3 * HOUR_S))
    seen, _, stats = look(path, keys=True)
    assert seen == [(n % 50, pytest.approx(n / 25, abs=1e-3)) for n in range(0, 100, 10)]
    assert not stats.ended_early


def test_row_40_small_steps_back_are_joined_too(tmp_path):
    """Two recordings of two seconds: the second begins where the first did."""
    path = tmp_path / "twice.ts"
    path.write_bytes(streams.transport(tmp_path) * 2)
    seen, info, _ = look(path)
    assert [s for _, s in seen] == pytest.approx([n / 25 for n in range(100)], abs=1e-3)
    assert JOINED in info.notes


def test_row_40_the_timestamps_of_frames_stay_the_containers_own(tmp_path):
    path = tmp_path / "joined.ts"
    path.write_bytes(streams.transport(tmp_path) + streams.transport(tmp_path, "b.ts", start_s=3 * HOUR_S))
    with open_video(path) as video:
        ticks = [frame.pts for frame in video.decoded()]
    assert ticks[75] - ticks[25] == pytest.approx(3 * HOUR_S * 90_000, abs=9_000)  # as the muxer delays them
    assert ticks[25] - ticks[0] == 90_000


def test_row_40_programme_streams_are_joined(tmp_path):
    clips = [Clip(f"{s}.mpg", codec="mpeg2video", n_frames=50, gop=10, start_tick=25 * s) for s in (0, 7200)]
    path = tmp_path / "joined.mpg"
    path.write_bytes(b"".join(make(tmp_path, clip).read_bytes() for clip in clips))
    seen, info, stats = look(path)
    assert [number for number, _ in seen] == [*range(50), *range(50)]
    assert max(b - a for (_, a), (_, b) in pairwise(seen)) < 0.1
    assert info.duration_s == pytest.approx(4, abs=1)
    assert not stats.ended_early


def test_pictures_that_last_are_no_jump_where_clocks_do_not_jump(tmp_path):
    path = make(tmp_path, Clip("slides.mkv", ticks=(0, 20_000, 60_000), clock=1000))
    seen, info, _ = look(path)
    assert [s for _, s in seen] == [0, 20, 60]
    assert JOINED not in info.notes


@pytest.mark.parametrize("cut", [1, 47, 128, 187, 188 * 20 + 61])
def test_row_41_a_transport_stream_that_was_cut_anywhere(cut, tmp_path):
    path = tmp_path / "cut.ts"
    path.write_bytes(streams.transport(tmp_path)[cut:])
    assert sniff_kind(path) == "video"
    seen, info, _ = look(path)
    assert info.container == "mpegts"
    assert [number for number, _ in seen][-20:] == list(range(30, 50))


@pytest.mark.parametrize(("before", "behind"), [(4, 0), (0, 16)])
def test_row_41_packets_with_a_time_code_or_correction(before, behind, tmp_path):
    data = streams.transport(tmp_path)
    packets = [bytes(before) + data[at : at + 188] + bytes(behind) for at in range(0, len(data), 188)]
    for cut in (0, 33):
        path = tmp_path / f"{cut}.m2ts"
        path.write_bytes(b"".join(packets)[cut:])
        seen, _, _ = look(path)
        assert [number for number, _ in seen][-20:] == list(range(30, 50))


def test_row_41_a_programme_stream_that_was_cut(tmp_path):
    whole = make(tmp_path, Clip("whole.mpg", codec="mpeg2video", n_frames=50, gop=10)).read_bytes()
    path = tmp_path / "cut.mpg"
    path.write_bytes(whole[whole.index(b"\0\0\1\xba", 2000) - 700 :])
    seen, info, _ = look(path)
    assert info.container == "mpeg"
    assert [number for number, _ in seen][-20:] == list(range(30, 50))


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    "kind", ["styp", "sidx", "emsg", "prft", "uuid", "free", "skip", "wide", "mdat", "ssix", "udta"]
)
def test_row_42_whatever_box_comes_first(kind, reader, tmp_path):
    clip = make(tmp_path, Clip("clip.mp4", n_frames=20))
    whole = streams.fragmented(clip, tmp_path / "fragmented.mp4")
    path = tmp_path / "odd.mp4"
    path.write_bytes(streams.box(kind.encode(), b"msdh" + bytes(44)) + whole)
    seen, _, stats = look(path, reader=reader)
    assert [number for number, _ in seen] == list(range(20))
    assert not stats.ended_early


def test_row_42_an_index_behind_the_pictures(tmp_path):
    data = make(tmp_path, Clip("clip.mp4", n_frames=20)).read_bytes()
    whole = dict(streams.boxes(data))
    assert list(whole)[:2] == [b"ftyp", b"moov"]
    path = tmp_path / "bare.mov"
    path.write_bytes(b"".join(part for kind, part in streams.boxes(data) if kind != b"ftyp"))
    with pytest.raises(UnsupportedAsset, match="no frame"):  # offsets point behind: known, decoded in vain
        look(path)


@pytest.fixture(scope="module")
def pieces(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("pieces")
    clip = make(folder, Clip("clip.mp4", n_frames=20))
    parts = list(streams.boxes(streams.fragmented(clip, folder / "fragmented.mp4")))
    init = b"".join(part for kind, part in parts if kind in (b"ftyp", b"moov"))
    media = b"".join(part for kind, part in parts if kind in (b"moof", b"mdat"))
    webm = make(folder, Clip("clip.webm", codec="libvpx-vp9", n_frames=20)).read_bytes()
    at = webm.index(streams.CLUSTER)
    return {
        "init.mp4": init,
        "moof.m4s": media,
        "styp.m4s": streams.box(b"styp", b"msdh" + bytes(4) + b"msdhmsix") + media,
        "sidx.mp4": streams.box(b"sidx", bytes(32)) + media,
        "emsg.m4s": streams.box(b"emsg", bytes(32)) + media,
        "init.webm": webm[:at],
        "cluster.webm": webm[at:],
        "whole.mp4": init + media,
        "whole.webm": webm,
    }


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("moof.m4s", "is one segment of a stream (moof) without its init segment"),
        ("styp.m4s", "is one segment of a stream (styp/moof) without its init segment"),
        ("sidx.mp4", "is one segment of a stream (sidx/moof) without its init segment"),
        ("emsg.m4s", "is one segment of a stream (moof) without its init segment"),
        ("cluster.webm", "is one segment of a stream (Matroska cluster) without its init segment"),
        ("init.mp4", "is the init segment of a stream (moov without pictures)"),
        ("init.webm", "is the init segment of a stream (Matroska header without pictures)"),
    ],
)
def test_fault_21_lone_segments_are_named(name, words, reader, pieces, tmp_path):
    path = tmp_path / name
    path.write_bytes(pieces[name])
    with pytest.raises(UnsupportedAsset) as caught:
        look(path, reader=reader)
    assert str(caught.value) == f"{name} {words}: give the whole file or the playlist's source."


@pytest.mark.parametrize("name", ["whole.mp4", "whole.webm"])
def test_fault_21_a_segment_with_its_init_segment_is_decoded(name, pieces, tmp_path):
    path = tmp_path / name
    path.write_bytes(pieces[name])
    assert [number for number, _ in look(path)[0]] == list(range(20))


def test_fault_21_an_index_that_lost_its_pictures_is_no_segment(tmp_path):
    data = make(tmp_path, Clip("clip.mp4", n_frames=20)).read_bytes()
    path = tmp_path / "lost.mp4"
    path.write_bytes(b"".join(part for kind, part in streams.boxes(data) if kind != b"mdat"))
    with pytest.raises(UnsupportedAsset) as caught:
        look(path)
    assert "segment" not in str(caught.value)


SEI = {"h264": b"\x06\x05\x01\x00\x80", "hevc": b"\x4e\x01\x05\x01\x00\x80"}


@pytest.mark.parametrize("start", [b"\0\0\1", b"\0\0\0\1"])
@pytest.mark.parametrize("form", ["h264", "hevc"])
@pytest.mark.parametrize("first", ["message", "slice"])
def test_fault_20_raw_streams_that_begin_with_a_message_or_a_slice(first, form, start, tmp_path):
    codec, options = {"h264": ("libx264", {}), "hevc": ("libx265", {"x265-params": "log-level=none"})}[form]
    clip = Clip(f"whole.{form}", codec=codec, n_frames=20, options=options)
    whole = make(tmp_path, clip).read_bytes()
    path = tmp_path / f"raw.{form}"
    if first == "message":
        path.write_bytes(start + SEI[form] + whole)
    else:
        path.write_bytes(start + whole[whole.rindex(b"\0\0\1") + 3 :] + whole)
    assert sniff_kind(path) == "video"
    numbers = [number for number, _ in look(path)[0]]
    assert numbers[-20:] == list(range(20))


@pytest.mark.parametrize("unit", [b"\x00\xa1\x10", b"\x00\x79\x00", b"\x00\xb9\x05", b"\x00\x39\x80"])
def test_fault_20_raw_vvc_is_known(unit, tmp_path):
    path = tmp_path / "raw.vvc"
    path.write_bytes(b"\0\0\0\1" + unit + bytes(200))
    assert sniff_kind(path) == "video"


@pytest.mark.parametrize(
    "data",
    [
        b"\0\0\1\0\1\0\x20\x20" + bytes(500),  # a Windows icon
        b"\0\0\1\0\3\0\x20\x20" + bytes(500),
        b"\0\0\1\xff" + bytes(500),
        b"\0\0\0\1\x1f\x1f" + bytes(500),
        (b"G" + bytes(100)) * 60,  # a sync byte, but not in step
    ],
)
def test_fault_20_what_only_looks_like_a_stream_is_refused(data, tmp_path):
    path = tmp_path / "odd.bin"
    path.write_bytes(data)
    with pytest.raises(UnsupportedAsset, match="not a video or picture format"):
        sniff_kind(path)


def test_fault_25_pictures_of_unknown_brands_are_not_called_video(tmp_path):
    path = tmp_path / "odd.avif"
    parts = ((b"ftyp", b"abcd" + bytes(4)), (b"meta", bytes(60)), (b"mdat", b""))
    path.write_bytes(b"".join(streams.box(*part) for part in parts))
    with pytest.raises(UnsupportedAsset) as caught:
        look(path)
    said = "odd.avif is a picture of a kind that is not read (brand 'abcd'): export it as AVIF, JPEG or PNG."
    assert str(caught.value) == said


def test_streams_that_begin_in_the_middle_of_a_transport_stream(tmp_path):
    """Sound that comes later, as in broadcast: PyAV ended with an IndexError where there was much of it."""
    silent = streams.transport(tmp_path)
    path = tmp_path / "late.ts"
    path.write_bytes(silent + streams.sounds(tmp_path / "sounds.ts", n_streams=40) + silent)
    seen, _, stats = look(path)
    assert [number for number, _ in seen[:45]] == list(range(45))
    assert len(seen) >= 80
    assert not stats.ended_early


@pytest.mark.parametrize("n_parts", [1, 700])
def test_row_40_the_length_of_a_long_stream_is_that_of_its_parts(n_parts, tmp_path):
    """Larger than what is read of it: a clock that begins anew every two seconds is found all the same."""
    data = streams.transport(tmp_path) * n_parts
    path = tmp_path / "long.ts"
    path.write_bytes(data)
    assert n_parts == 1 or len(data) > 16 << 20
    length_s = joined_length_s(path)
    assert length_s is None if n_parts == 1 else length_s == pytest.approx(2 * n_parts, rel=0.15)
