"""What rides beside a picture never keeps it from being judged."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest
from av.sidedata.sidedata import Type
from PIL import Image, ImageOps

from qc_plugin.decode import open_video
from qc_plugin.decode.side_data import UNREADABLE_NOTE
from tests.support.corpora import corpus_file
from tests.support.sei import MESSAGES, jpeg_video, with_messages

_LEFT_OUT = {"LCEVC": "28"}


def read(path):
    with open_video(path) as video:
        frames = [frame.to_frame().rgb for frame in video.decoded()]
        return video.info, frames


@pytest.fixture
def unknown_raises(monkeypatch):
    """PyAV as it is without our names for unknown kinds."""

    def raises(cls, value):
        raise ValueError(f"{value} is not a valid {cls.__name__}")

    monkeypatch.setattr(Type, "_missing_", classmethod(raises))


@pytest.mark.parametrize("hevc", [False, True], ids=["h264", "hevc"])
@pytest.mark.parametrize("name", MESSAGES)
def test_f1_each_kind_of_side_data(tmp_path, name, hevc):
    path = with_messages(tmp_path, [name], hevc=hevc)
    with av.open(str(path)) as container:
        kinds = {side.type.name for side in next(container.decode(video=0)).side_data}
    wanted = f"UNKNOWN_{_LEFT_OUT[name]}" if name in _LEFT_OUT else name
    assert wanted in kinds or (name, hevc) == ("S12M_TIMECODE", False)
    info, frames = read(path)
    assert len(frames) == 4
    assert ("beside the picture, not read: LCEVC enhancement" in info.notes) == (name in _LEFT_OUT)
    assert info.rotation_deg == (270 if name == "DISPLAYMATRIX" else 0)


@pytest.mark.real
def test_f1_spatial_video_gives_its_base_view():
    info, frames = read(corpus_file("internal-error_mvhevc-sidedata29.mp4"))
    assert frames
    assert "beside the picture, not read: view number, 3D displays" in info.notes


@pytest.mark.parametrize("orientation", range(1, 9))
def test_f2_motion_jpeg_with_exif_stands_as_the_still_does(tmp_path, orientation):
    path = jpeg_video(tmp_path, orientation)
    info, frames = read(path)
    with av.open(str(path)) as container:
        still = Image.open(io.BytesIO(bytes(next(container.demux(video=0)))))
        upright = np.asarray(ImageOps.exif_transpose(still).convert("RGB"), np.int16)
    assert len(frames) == 4
    assert frames[0].shape == upright.shape
    assert np.abs(frames[0] - upright).mean() < 3
    assert "beside the picture, not read: EXIF" in info.notes


@pytest.mark.parametrize(("orientation", "rotation"), [(1, 0), (3, 180), (6, 90), (8, 270)])
def test_f2_turned_right_where_the_list_cannot_be_read(tmp_path, unknown_raises, orientation, rotation):
    info, frames = read(jpeg_video(tmp_path, orientation))
    assert info.rotation_deg == rotation
    assert len(frames) == 4
    assert UNREADABLE_NOTE in info.notes
