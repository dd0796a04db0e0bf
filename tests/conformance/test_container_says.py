"""What the container says beside or against its codec, by both readers.

`tests/data` holds small files that no encoder here makes; they show test patterns and the shipped sample.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from qc_plugin.decode import open_video
from qc_plugin.errors import UnsupportedAsset
from tests.support import oracle
from tests.support.clips import Clip, make
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
