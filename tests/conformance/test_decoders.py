"""One suite for both video readers: which frames, when, and in which colours, against the ffmpeg program.

What decord is known to get wrong stands in `DECORD_FAILS` with the reason and is a strict expected failure.
"""

from __future__ import annotations

import importlib.util
import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from qc_plugin.decode import open_video, parse_sample, select
from qc_plugin.decode.contract import DecodedFrame, VideoReader
from qc_plugin.errors import UnsupportedAsset
from tests.support import oracle
from tests.support.clips import Clip, make, make_interlaced, read_index

# Levels of 255. ffmpeg places chroma between the samples and we beside them, as the formats say; decord uses
# libswscale's fast path, which repeats chroma samples and comes out a level dark.
RGB_MEAN_ERROR = {"pyav": 2.0, "decord": 2.5}
RGB_HARD_EDGES_MEAN_ERROR = 3.5  # the same on test cards made of saturated one-pixel edges
TIME_ERROR_S = 1e-3  # Matroska stores milliseconds
DEINTERLACED_MEAN_ERROR = 2.0

CLIPS = {
    clip.name: clip
    for clip in (
        Clip("h264.mp4"),
        Clip("h264_sound.mp4", sound=True),
        Clip("h264_bt601.mp4", matrix=6),
        Clip("h264_full_range.mp4", full_range=True),
        Clip("h264_odd_size.mp4", width=190, height=110),
        Clip("h264_vfr.mkv", ticks=(0, 40, 80, 200, 210, 500, 1000, 1040), clock=1000),
        Clip("h264_late_start.mkv", start_tick=50),
        Clip("h264_rotated_90.mp4", rotation=-90),
        Clip("h264_rotated_180.mp4", rotation=180),
        Clip("h264_rotated_270.mp4", rotation=90),
        Clip("h264_mirrored.mp4", hflip=True),
        Clip("h264_wide_pixels.mp4", aspect=Fraction(4, 3)),
        Clip("h264_untagged_hd.mp4", width=1280, height=720, n_frames=3, matrix=2, transfer=2),
        Clip(
            "hevc_10bit.mp4",
            codec="libx265",
            pixel_format="yuv420p10le",
            options={"x265-params": "log-level=none"},
        ),
        Clip("prores_422.mov", codec="prores_ks", pixel_format="yuv422p10le"),
        Clip("vp9.webm", codec="libvpx-vp9"),
        Clip("ffv1.mkv", codec="ffv1"),
        Clip("mjpeg.avi", codec="mjpeg", pixel_format="yuvj420p", matrix=6, full_range=True),
        Clip("mpeg2.ts", codec="mpeg2video"),
        Clip("hdr_pq.mkv", codec="ffv1", pixel_format="yuv420p10le", matrix=9, transfer=16),
    )
}
DECORD_FAILS = {
    "mpeg2.ts": "wrong frames and times from MPEG streams with open groups: refused",
    "hdr_pq.mkv": "no tone mapping: refused",
    "h264_mirrored.mp4": "does not turn mirrored pictures back: refused",
    "fields": "no deinterlacing: refused",
    "h264_untagged_hd.mp4": "takes untagged HD as bt601",
    "damage": "one broken packet ends the clip",
    "ticks": "does not give the container's integer timestamps",
}
HDR = "hdr_pq.mkv"  # its colours are checked against the curve itself, in tests/unit/decode


def _cases(*names: str) -> list:
    cases = []
    for name in names:
        cases.append(pytest.param("pyav", name, id=f"pyav-{name}"))
        marks = [
            pytest.mark.skipif(importlib.util.find_spec("decord") is None, reason="decord is not installed")
        ]
        if name in DECORD_FAILS:
            marks.append(pytest.mark.xfail(strict=True, reason=DECORD_FAILS[name]))
        cases.append(pytest.param("decord", name, id=f"decord-{name}", marks=marks))
    return cases


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture
def clip_path(clip_folder, name) -> Path:
    path = clip_folder / name
    return path if path.exists() else make(clip_folder, CLIPS[name])


@pytest.mark.parametrize(
    ("reader", "name"), _cases(*(n for n in CLIPS if "rotated" not in n and "mirr" not in n))
)
def test_every_frame_comes_once_and_in_order(reader, name, clip_path):
    clip = CLIPS[name]
    with open_video(clip_path, reader=reader) as video:
        seen = [read_index(frame.to_frame().rgb) for frame in video.decoded()]
        assert seen == list(range(len(clip.times)))
        assert video.stats.n_decoded == len(clip.times)
        assert (video.stats.n_errors, video.stats.n_corrupt, video.stats.ended_early) == (0, 0, False)
        if name == "h264_untagged_hd.mp4":
            assert "untagged HD taken as bt709" in video.info.notes


@pytest.mark.parametrize(
    ("reader", "name"), _cases("h264.mp4", "h264_vfr.mkv", "vp9.webm", "mpeg2.ts", "mjpeg.avi")
)
def test_times_are_those_of_the_clip(reader, name, clip_path):
    clip = CLIPS[name]
    wanted = [tick / clip.clock for tick in clip.times]
    with open_video(clip_path, reader=reader) as video:
        frames = list(video.decoded())
        assert [f.pts_s for f in frames] == pytest.approx(wanted, abs=TIME_ERROR_S)
        gaps = np.diff(wanted).tolist()
        assert [f.duration_s for f in frames[:-1]] == pytest.approx(gaps, abs=2 * TIME_ERROR_S)
        assert 0 < frames[-1].duration_s <= 0.05
        assert video.stats.decoded_s == pytest.approx(
            wanted[-1] + frames[-1].duration_s, abs=2 * TIME_ERROR_S
        )


@oracle.needs_ffmpeg
@pytest.mark.parametrize(
    ("reader", "name"), _cases("h264.mp4", "h264_late_start.mkv", "h264_sound.mp4", "h264_vfr.mkv")
)
def test_times_are_those_of_ffprobe(reader, name, clip_path):
    with open_video(clip_path, reader=reader) as video:
        assert [f.pts_s for f in video.decoded()] == pytest.approx(oracle.times(clip_path), abs=TIME_ERROR_S)


@pytest.mark.parametrize(("reader", "name"), [c for c in _cases("ticks") if c])
def test_container_ticks_are_kept(reader, name, clip_folder):
    path = make(clip_folder, Clip("ticks.mkv", ticks=(0, 40, 90), clock=1000))
    with open_video(path, reader=reader) as video:
        frames = [frame.to_frame() for frame in video.decoded()]
    assert [(f.pts, f.time_base) for f in frames] == [(0, (1, 1000)), (40, (1, 1000)), (90, (1, 1000))]


@oracle.needs_ffmpeg
@pytest.mark.parametrize(("reader", "name"), _cases(*(n for n in CLIPS if n != HDR)))
def test_rgb_is_that_of_ffmpeg(reader, name, clip_path):
    with open_video(clip_path, reader=reader) as video:
        info = video.info
        matrix = "bt709" if "untagged HD taken as bt709" in info.notes else None
        ours = np.stack([frame.to_frame().rgb for frame in video.decoded()])
    if name == "h264_untagged_hd.mp4":
        matrix = "bt709"
    theirs = oracle.rgb(clip_path, (info.width_px, info.height_px), matrix=matrix)
    assert ours.shape == theirs.shape
    errors = np.abs(ours.astype(int) - theirs).mean(axis=(1, 2, 3))
    assert errors.max() <= RGB_MEAN_ERROR[reader]


@pytest.mark.parametrize(
    ("reader", "name"),
    _cases("h264_rotated_90.mp4", "h264_rotated_180.mp4", "h264_rotated_270.mp4", "h264_mirrored.mp4"),
)
def test_pictures_stand_upright(reader, name, clip_path):
    undo = {
        "90.": lambda a: np.rot90(a, 1),
        "180": lambda a: np.rot90(a, 2),
        "270": lambda a: np.rot90(a, -1),
    }
    back = next((turn for mark, turn in undo.items() if mark in name), lambda a: a[:, ::-1])
    with open_video(clip_path, reader=reader) as video:
        info = video.info
        frames = [(f.preview, f.to_frame().rgb) for f in video.decoded()]
    assert [read_index(back(rgb)) for _, rgb in frames] == list(range(24))
    preview, rgb = frames[3]
    assert rgb.shape == (info.height_px, info.width_px, 3)
    assert preview.luma.shape == rgb.shape[:2]
    assert np.abs(preview.luma.astype(int) - rgb.mean(axis=2)).mean() < 20  # the same way up
    assert np.abs(preview.luma[::-1].astype(int) - rgb.mean(axis=2)).mean() > 20


@pytest.mark.parametrize(("reader", "name"), _cases("h264_wide_pixels.mp4"))
def test_pixels_become_square(reader, name, clip_path):
    with open_video(clip_path, reader=reader) as video:
        frame = next(iter(video.decoded())).to_frame()
        assert video.info.sample_aspect == (4, 3)
        assert (video.info.width_px, video.info.height_px) == (256, 112)
    assert frame.rgb.shape == (112, 256, 3)


@pytest.mark.parametrize(
    ("reader", "name"), _cases("h264.mp4", "h264_full_range.mp4", "hevc_10bit.mp4", "vp9.webm")
)
def test_preview_agrees_with_the_frame(reader, name, clip_path):
    with open_video(clip_path, reader=reader) as video:
        for frame in list(video.decoded())[::6]:
            preview, rgb = frame.preview, frame.to_frame().rgb.astype(float)
            luma = rgb @ [0.2126, 0.7152, 0.0722]
            assert np.abs(preview.luma - luma).mean() < 2.0
            assert preview.rows.shape == (112, 96)
            assert preview.chroma.shape == (2, 56, 96)
            blue = (rgb[..., 2] - luma) / 1.8556 + 128
            assert np.abs(np.repeat(np.repeat(preview.chroma[0], 2, 0), 2, 1) - blue).mean() < 3.0


@pytest.mark.parametrize(("reader", "name"), _cases("h264.mp4", "vp9.webm", "h264_vfr.mkv"))
def test_key_frames_alone(reader, name, clip_path):
    with open_video(clip_path, reader=reader) as video:
        wanted = [(f.pts_s, read_index(f.to_frame().rgb)) for f in video.decoded() if f.is_key]
    with open_video(clip_path, reader=reader) as video:
        frames = list(video.decoded(keyframes_only=True))
        assert [(f.pts_s, read_index(f.to_frame().rgb)) for f in frames] == wanted
        assert [f.index for f in frames] == list(range(len(wanted)))
        assert not video.stats.ended_early
    assert 1 <= len(wanted) < len(CLIPS[name].times)


@pytest.mark.parametrize(("reader", "name"), _cases("h264.mp4"))
def test_sampling_two_a_second(reader, name, clip_path):
    with open_video(clip_path, reader=reader) as video:
        picked = [
            f.index for f, take in select(video.decoded(), parse_sample("2fps"), info=video.info) if take
        ]
    assert picked == [0, 13]  # 13 / 25 s is the first at or after 0.5 s


@pytest.mark.parametrize(("reader", "name"), _cases("fields"))
def test_fields_are_joined(reader, name, clip_folder):
    path = make_interlaced(clip_folder)
    with open_video(path, reader=reader) as video:
        frames = list(video.decoded())
        assert video.info.interlaced
        assert video.info.deinterlacer == "bwdif"
        assert len(frames) == 12
        combing = [_combing(frame.preview.rows) for frame in frames[1:-1]]
    assert max(combing) < 0.5 * _combing(_stored_luma(path))


@oracle.needs_ffmpeg
def test_deinterlaced_picture_is_that_of_ffmpeg(clip_folder):
    path = make_interlaced(clip_folder)
    with open_video(path) as video:
        ours = np.stack([frame.to_frame().rgb for frame in video.decoded()])
    theirs = oracle.rgb(path, (352, 288), before="bwdif=mode=send_frame:deint=interlaced,")
    assert ours.shape == theirs.shape
    assert np.abs(ours.astype(int) - theirs).mean() <= DEINTERLACED_MEAN_ERROR


@pytest.mark.parametrize(("reader", "name"), _cases("damage"))
def test_a_broken_packet_costs_its_frames_and_not_the_clip(reader, name, clip_folder):
    path = make(clip_folder, Clip("damage.mp4", n_frames=50, gop=10))
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 300] = bytes(300)
    path.write_bytes(data)
    with open_video(path, reader=reader) as video:
        seen = [read_index(frame.to_frame().rgb) for frame in video.decoded()]
        stats = video.stats
    assert len(seen) >= 35
    assert seen[:10] == list(range(10))
    assert seen[-5:] == list(range(45, 50))
    assert stats.n_errors + stats.n_corrupt > 0


@pytest.mark.parametrize(("reader", "name"), _cases("h264.mp4"))
def test_readers_keep_the_protocol(reader, name, clip_path):
    with open_video(clip_path, reader=reader) as video:
        assert isinstance(video, VideoReader)
        frame = next(iter(video.decoded()))
        assert isinstance(frame, DecodedFrame)
        kept = frame.preview
        frame.release()
        assert frame.preview is kept
        with pytest.raises(RuntimeError, match="given back"):
            frame.to_frame()
        with pytest.raises(RuntimeError, match="once"):
            list(video.decoded())
        assert ("decord" in video.info.decoder) == (reader == "decord")
    with open_video(clip_path, reader=reader) as video:
        left = next(iter(video.decoded()))
    with pytest.raises(RuntimeError, match="open"):
        left.to_frame()


@pytest.mark.parametrize("threads", [2, "auto"])
def test_threads_change_nothing(threads, clip_folder):
    path = clip_folder / "h264.mp4"
    path = path if path.exists() else make(clip_folder, CLIPS["h264.mp4"])
    with open_video(path) as one, open_video(path, threads=threads) as more:
        for a, b in zip(one.decoded(), more.decoded(), strict=True):
            assert a.pts_s == b.pts_s
            assert np.array_equal(a.to_frame().rgb, b.to_frame().rgb)


def _combing(luma: np.ndarray) -> float:
    """How much a row differs from the mean of its neighbours, which are of the other field."""
    rows = luma.astype(float)
    return float(np.abs(rows[1:-1] - (rows[:-2] + rows[2:]) / 2).mean())


def _stored_luma(path: Path) -> np.ndarray:
    import av

    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    return frames[5].to_ndarray(format="gray")


# -- real clips
N_LOOKED_AT = 60

SHARED = Path(os.environ.get("QC_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data")) / "video"
real = [pytest.mark.real, pytest.mark.skipif(not SHARED.is_dir(), reason="no real clips: set QC_SHARED_DATA")]
HARD_EDGES = ("hevc_main10_synthetic.mp4", "h264_hi10_synthetic.mp4")
# Random dots in every pixel: any difference in chroma siting is a difference of the whole colour.
NOISE = ("tiny_mpeg4_50x50.mp4",)


def _real_files() -> list:
    names = sorted(p.name for p in SHARED.glob("*") if p.suffix != ".csv") if SHARED.is_dir() else ["none"]
    return [pytest.param(name, marks=real) for name in names]


@oracle.needs_ffmpeg
@pytest.mark.parametrize("name", _real_files())
def test_real_clip(name):
    """All frames are there, at ffprobe's times, in ffmpeg's colours; or the refusal is named."""
    path = SHARED / name
    if name == "corrupt_empty.mp4":
        with pytest.raises(UnsupportedAsset, match="zero bytes"):
            open_video(path)
        return
    with open_video(path) as video:
        frames, rgb = [], []
        for frame in video.decoded():
            if frame.index < N_LOOKED_AT:
                assert max(frame.preview.luma.shape) <= 320
            if frame.index < 3:
                rgb.append(frame.to_frame().rgb)
            frames.append(frame.pts_s)
            frame.release()
        info, stats = video.info, video.stats
    assert (stats.n_errors + stats.n_corrupt > 0) == (
        name.startswith("corrupt_") or name == "raw_mpeg2_es.m2v"
    )
    assert stats.ended_early == (name == "corrupt_truncated_person_dog.mp4")
    if not name.startswith("corrupt_"):
        wanted = np.array(oracle.times(path, n=N_LOOKED_AT))
        frames = frames[:N_LOOKED_AT]
        assert len(frames) == len(wanted)
        # FFmpeg versions differ on where the file starts when its sound begins early; steps must agree.
        assert abs(frames[0] - wanted[0]) < 0.02
        late = np.abs(np.array(frames) - frames[0] - (wanted - wanted[0]))
        assert np.nanmax(late) <= TIME_ERROR_S
    if name in NOISE:
        return
    before = "bwdif=mode=send_frame:deint=interlaced," if info.interlaced else ""
    matrix = "bt709" if "untagged HD taken as bt709" in info.notes else None
    theirs = oracle.rgb(path, (info.width_px, info.height_px), before=before, matrix=matrix, n=3)
    limit = RGB_HARD_EDGES_MEAN_ERROR if name in HARD_EDGES else RGB_MEAN_ERROR["pyav"]
    assert np.abs(np.stack(rgb).astype(int) - theirs[:3]).mean() <= limit
