"""Video with transparent parts is shown over grey, as stills are: what is hidden is not judged."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from qc_plugin.decode import open_video
from qc_plugin.decode.alpha import BACKDROP, over_backdrop
from qc_plugin.errors import UnsupportedAsset
from qc_plugin.signals.technical import measure_preview
from tests.support.clips import frame_of, pattern
from tests.support.readers import READERS

DATA = Path(__file__).parents[1] / "data"
NOTE = "transparency shown over grey 128"
WIDTH, HEIGHT = 192, 112
KINDS = {
    "prores4444.mov": ("prores_ks", "yuva444p10le"),
    "ffv1.mkv": ("ffv1", "yuva420p"),
    "ffv1_12bit.mkv": ("ffv1", "yuva444p12le"),
    "animation.mov": ("qtrle", "argb"),
    "png.mov": ("png", "rgba"),
    "vp9.webm": ("libvpx-vp9", "yuva420p"),
    "vp8.webm": ("libvpx", "yuva420p"),
    "ffv1_rgb.mkv": ("ffv1", "gbrap10le"),
}


def make_alpha(folder: Path, name: str, *, hidden: int = 0, n_frames: int = 12) -> Path:
    """White in the left half, where alpha is `hidden` (0 is transparent); pictures in the right half."""
    codec, pixel_format = KINDS[name]
    path = folder / name
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixel_format
        stream.codec_context.time_base = Fraction(1, 25)
        stream.codec_context.gop_size = 4
        if path.suffix == ".webm":
            stream.metadata["alpha_mode"] = "1"
            stream.codec_context.bit_rate = 2_000_000
            stream.codec_context.options = {"auto-alt-ref": "0"}
        for index in range(n_frames):
            frame = _content(index, hidden).reformat(format=pixel_format)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def _content(index: int, hidden: int):
    luma, u, v = pattern(index, WIDTH, HEIGHT)
    left = WIDTH // 2
    alpha = np.full((HEIGHT, WIDTH), 255, np.uint8)
    luma[:, :left], u[:, : left // 2], v[:, : left // 2], alpha[:, :left] = 235, 128, 128, hidden
    return frame_of((luma, u, v, alpha), "yuva420p")


@pytest.mark.parametrize("name", KINDS)
def test_row_50_hidden_white_is_grey(name, tmp_path):
    path = make_alpha(tmp_path, name)
    with open_video(path) as video:
        looks = [(f.preview, f.to_frame().rgb.astype(int)) for f in video.decoded()]
        info = video.info
    assert len(looks) == 12
    assert NOTE in info.notes
    for preview, rgb in looks[::4]:
        assert np.abs(rgb[:, :88] - BACKDROP).max() <= 6
        assert np.abs(preview.luma[:, :88].astype(int) - BACKDROP).max() <= 6
        assert np.abs(preview.chroma[:, :, :44].astype(int) - 128).max() <= 4
        luma = rgb @ [0.2126, 0.7152, 0.0722]
        assert np.abs(preview.luma - luma)[:, 104:].mean() < 6
        assert rgb[:, 104:].std() > 20
        assert measure_preview(preview)["clipped_fraction"] < 0.05


@pytest.mark.parametrize("name", ["prores4444.mov", "vp9.webm", "png.mov"])
def test_row_50_an_alpha_that_hides_nothing_changes_nothing(name, tmp_path):
    with open_video(make_alpha(tmp_path, name, hidden=255)) as video:
        looks = [(f.preview, f.to_frame().rgb) for f in video.decoded()]
        assert NOTE not in video.info.notes
    assert all(rgb[:, :88].min() > 245 and preview.luma[:, :88].min() > 245 for preview, rgb in looks)


def test_row_50_half_transparent_is_half_grey(tmp_path):
    with open_video(make_alpha(tmp_path, "prores4444.mov", hidden=128)) as video:
        frame = next(iter(video.decoded()))
        assert np.abs(frame.to_frame().rgb[:, :88].astype(int) - (255 + BACKDROP) // 2).max() <= 4
        assert np.abs(frame.preview.luma[:, :88].astype(int) - (255 + BACKDROP) // 2).max() <= 4


@pytest.mark.parametrize("name", ["vp9.webm", "vp8.webm", "prores4444.mov"])
def test_row_50_key_frames_of_video_with_alpha(name, tmp_path):
    path = make_alpha(tmp_path, name)
    with open_video(path) as video:
        wanted = [f.pts_s for f in video.decoded() if f.is_key]
    with open_video(path) as video:
        assert [f.pts_s for f in video.decoded(keyframes_only=True)] == wanted
        assert not video.stats.ended_early
    assert wanted[0] == 0


@pytest.mark.parametrize("reader", READERS)
def test_row_50_vp9_of_a_browser(reader):
    path = DATA / "c11_vp9alpha.webm"
    if reader == "decord":
        with pytest.raises(
            UnsupportedAsset, match="decord does not show transparency: use the reader 'pyav'"
        ):
            open_video(path, reader=reader)
        return
    with open_video(path) as video:
        clipped = [measure_preview(frame.preview)["clipped_fraction"] for frame in video.decoded()]
        assert NOTE in video.info.notes
        assert video.info.codec == "vp9"
    assert len(clipped) == 30
    assert max(clipped) < 0.2


def test_row_50_the_fourth_byte_of_uncompressed_video_is_no_alpha(tmp_path):
    path = tmp_path / "raw.avi"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "bgra"
        for index in range(3):
            frame = _content(index, 0).reformat(format="bgra")
            pixels = np.frombuffer(frame.planes[0], np.uint8).copy()
            pixels[3::4] = 0
            frame.planes[0].update(pixels.tobytes())
            frame.pts, frame.time_base = index, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    with open_video(path) as video:
        rgb = next(iter(video.decoded())).to_frame().rgb
        assert NOTE not in video.info.notes
    assert rgb[:, :88].min() > 245


def test_over_backdrop_keeps_what_is_opaque():
    values = np.arange(256, dtype=np.uint8)[None, :]
    assert np.array_equal(over_backdrop(values, np.full_like(values, 255)), values)
    assert set(over_backdrop(values, np.zeros_like(values)).ravel().tolist()) == {BACKDROP}
