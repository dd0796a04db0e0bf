"""What the container says beside or against its codec, by both readers.

`tests/data` holds small files that no encoder here makes; they show test patterns and the shipped sample.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.stream import Disposition

from qc_plugin.decode import open_video
from qc_plugin.errors import UnsupportedAsset
from tests.support import oracle
from tests.support.clips import Clip, make
from tests.support.corpora import corpus_file
from tests.support.readers import READERS

DATA = Path(__file__).parents[1] / "data"
BOTH = "pixel shape {} by the container, {} by the codec: shown as the container says"


@oracle.needs_ffmpeg
@pytest.mark.parametrize("reader", READERS)
def test_row_39_the_shape_of_matroska_overrules_the_codec(reader):
    path = DATA / "c02_container_aspect.mkv"
    with open_video(path, reader=reader) as video:
        info, frame = video.info, next(iter(video.decoded()))
        rgb, preview = frame.to_frame().rgb, frame.preview.luma
    assert (info.width_px, info.height_px) == (1024, 576)
    assert (info.sample_aspect, info.codec_sample_aspect) == ((64, 45), (1, 1))
    assert BOTH.format("64:45", "1:1") in info.notes
    assert oracle.shape(path) == "16:9"
    assert rgb.shape == (576, 1024, 3)
    assert preview.shape == (180, 320)


@oracle.needs_ffmpeg
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("box", [(1, 1), (3, 2)])
def test_fault_9_the_shape_box_of_mp4_overrules_the_codec(reader, box, tmp_path):
    path = make(tmp_path, Clip("pasp.mp4", aspect=Fraction(4, 3), n_frames=3))
    data = bytearray(path.read_bytes())
    at = data.index(b"pasp")
    data[at + 4 : at + 12] = b"".join(n.to_bytes(4, "big") for n in box)
    path.write_bytes(data)
    with open_video(path, reader=reader) as video:
        info = video.info
    assert (info.sample_aspect, info.codec_sample_aspect) == (box, (4, 3))
    assert info.width_px == 192 * box[0] // box[1]
    assert BOTH.format("{}:{}".format(*box), "4:3") in info.notes
    assert Fraction(oracle.shape(path).replace(":", "/")) == Fraction(info.width_px, info.height_px)


@pytest.mark.parametrize("reader", READERS)
def test_a_shape_that_both_state_needs_no_note(reader, tmp_path):
    path = make(tmp_path, Clip("same.mp4", aspect=Fraction(4, 3), n_frames=3))
    with open_video(path, reader=reader) as video:
        assert (video.info.sample_aspect, video.info.codec_sample_aspect) == ((4, 3), None)
        assert not any("shape" in note for note in video.info.notes)


def test_row_39_broadcast_that_changes_its_shape_is_noted(tmp_path):
    clips = [
        Clip(
            f"{n}.ts",
            codec="mpeg2video",
            width=720,
            height=576,
            n_frames=12,
            aspect=aspect,
            start_tick=12 * n,
        )
        for n, aspect in enumerate((Fraction(64, 45), Fraction(16, 15)))
    ]
    path = tmp_path / "news.ts"
    path.write_bytes(b"".join(make(tmp_path, clip).read_bytes() for clip in clips))
    with open_video(path) as video:
        assert len(list(video.decoded())) == 24
        assert video.info.sample_aspect == (64, 45)
        assert "the pixel shape changes inside the stream: taken as at its beginning" in video.info.notes


def test_row_37_audio_with_a_cover_is_called_that():
    with pytest.raises(UnsupportedAsset, match=r"audio_cover\.m4a is audio with a cover picture: give a"):
        open_video(DATA / "c01_audio_cover.m4a")


@pytest.mark.parametrize("head", [b"ID3\x04\0\0", b"fLaC\0\0\0\x22"])
def test_row_37_audio_that_is_no_video_container(head, tmp_path):
    path = tmp_path / "song.mp3"
    path.write_bytes(head + bytes(500))
    with pytest.raises(UnsupportedAsset, match="is audio, whose cover is not looked at"):
        open_video(path)


def test_fault_27_a_codec_that_is_not_known_is_named(tmp_path):
    path = make(tmp_path, Clip("odd.mp4", n_frames=3))
    data = path.read_bytes()
    assert data.count(b"avc1") == 2  # a brand, and the sample entry
    at = data.rindex(b"avc1")
    path.write_bytes(data[:at] + b"dav1" + data[at + 4 :])
    with pytest.raises(UnsupportedAsset, match=r"has video that we cannot decode \(dav1\): export"):
        open_video(path)


def info_of(path: Path, reader: str):
    with open_video(path, reader=reader) as video:
        return video.info


@pytest.mark.parametrize("reader", READERS)
def test_row_38_a_second_video_stream_is_noted(reader, tmp_path):
    assert "2 video streams: only number 1 is judged" in info_of(DATA / "g_two_videos.mkv", reader).notes
    one = make(tmp_path, Clip("one.mp4", n_frames=3))
    assert not any("video streams" in note for note in info_of(one, reader).notes)


def test_row_38_a_cover_picture_is_no_second_video(tmp_path):
    clip = make(tmp_path, Clip("clip.mp4", n_frames=3))
    cover = make(tmp_path, Clip("cover.mov", codec="mjpeg", pixel_format="yuvj420p", n_frames=1))
    path = tmp_path / "covered.mp4"
    with av.open(str(clip)) as film, av.open(str(cover)) as poster, av.open(str(path), "w") as out:
        sources = [film.streams.video[0], poster.streams.video[0]]
        into = [out.add_stream_from_template(stream) for stream in sources]
        into[1].disposition = Disposition.attached_pic
        for source, target in zip(sources, into, strict=True):
            for packet in source.container.demux(source):
                if packet.dts is not None:
                    packet.stream = target
                    out.mux(packet)
    info = info_of(path, "pyav")
    assert info.codec == "h264"
    assert not any("video streams" in note for note in info.notes)


@pytest.mark.parametrize("reader", READERS)
def test_row_48_the_source_timecode_is_read(reader):
    assert info_of(DATA / "f_tc5994.mov", reader).start_timecode == "10:00:00;00"


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("name", "codec", "stated", "read"),
    [
        ("tmcd.mov", "libx264", "01:00:00:00", "01:00:00:00"),
        ("tag.mkv", "libx264", "09:59:50:12", "09:59:50:12"),
        ("header.mxf", "mpeg2video", "00:58:00:10", "00:58:00:10"),
        ("odd.mkv", "libx264", "soon", None),
        ("none.mp4", "libx264", None, None),
    ],
)
def test_row_48_timecodes_of_each_container(name, codec, stated, read, reader, tmp_path):
    plain = make(tmp_path, Clip("plain.mov", codec=codec, n_frames=10))
    path = tmp_path / name
    with av.open(str(plain)) as source, av.open(str(path), "w") as out:
        stream = source.streams.video[0]
        into = out.add_stream_from_template(stream)
        if stated:
            out.metadata["timecode"] = into.metadata["timecode"] = stated
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.stream = into
                out.mux(packet)
    assert info_of(path, reader).start_timecode == read


DOLBY_NOTE = "Dolby Vision profile 5: its colours cannot be shown, so stills are not colour-true"


@pytest.mark.parametrize("reader", READERS)
def test_row_49_dolby_vision_5_is_not_colour_true(reader):
    info = info_of(DATA / "f_dv5.mp4", reader)
    assert not info.colour_true
    assert DOLBY_NOTE in info.notes


@pytest.mark.parametrize(("profile", "is_true"), [(5, False), (8, True), (4, True)])
def test_row_49_only_profile_5_is_marked(profile, is_true, tmp_path):
    data = bytearray((DATA / "f_dv5.mp4").read_bytes())
    at = data.index(b"dvcC") + 6
    assert data[at] >> 1 == 5
    data[at] = profile << 1 | data[at] & 1
    path = tmp_path / "dolby.mp4"
    path.write_bytes(data)
    info = info_of(path, "pyav")
    assert info.colour_true == is_true
    assert (DOLBY_NOTE in info.notes) != is_true


@pytest.mark.parametrize("profile", [5, 8])
def test_row_49_dolby_vision_in_matroska(profile, tmp_path):
    """Its record is a block addition; no muxer here writes one, so it is put into the track's description."""
    data = make(tmp_path, Clip("plain.mkv", n_frames=3)).read_bytes()
    record = bytes((1, 0, profile << 1, 0x28)) + bytes(20)
    mapping = b"\x41\xe7\x84dvcC" + b"\x41\xed" + bytes((0x80 | len(record),)) + record
    addition = b"\x41\xe4" + bytes((0x80 | len(mapping),)) + mapping
    path = tmp_path / "dolby.mkv"
    path.write_bytes(with_track_part(data, addition))
    info = info_of(path, "pyav")
    assert info.colour_true == (profile != 5)


def with_track_part(data: bytes, part: bytes) -> bytes:
    """Matroska whose first track has one element more."""
    segment = data.index(b"\x18\x53\x80\x67")
    tracks = data.index(
        b"\x16\x54\xae\x6b", data.index(b"\x16\x54\xae\x6b") + 4
    )  # behind its place in the index
    out = bytearray(data)
    lengths = [segment + 4, tracks + 4, data.index(b"\xae\x01", tracks + 4) + 1]
    for at in lengths:
        n_bytes = 9 - data[at].bit_length()
        marker = 1 << 7 * n_bytes
        size = int.from_bytes(data[at : at + n_bytes], "big") + len(part)
        assert size < 2 * marker - 1
        out[at : at + n_bytes] = size.to_bytes(n_bytes, "big")
    n_bytes = 9 - data[lengths[2]].bit_length()
    size = int.from_bytes(data[lengths[2] : lengths[2] + n_bytes], "big") - (1 << 7 * n_bytes)
    end = lengths[2] + n_bytes + size
    return bytes(out[:end] + part + out[end:])


@pytest.mark.real
@pytest.mark.parametrize("reader", READERS)
def test_fault_9_an_editors_repair_of_the_shape(reader):
    info = info_of(corpus_file("shape_pasp-1-1-ignored-for-vui.mp4"), reader)
    assert (info.width_px, info.height_px) == (320, 240)
    assert info.codec_sample_aspect == (27, 64)
