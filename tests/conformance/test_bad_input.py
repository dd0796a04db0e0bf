"""Bad files: every one gives frames or an error that we name, and nothing but the file itself is read."""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
import zlib
from pathlib import Path
from typing import Self

import numpy as np
import pytest
from PIL import Image

from qc_plugin.decode import Limits, load_artwork, open_video, sniff_kind
from qc_plugin.errors import AssetError, LimitExceeded, UnsupportedAsset
from qc_plugin.isolation.media import media_of
from tests.support.clips import Clip, make

SHARED = Path(os.environ.get("QC_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> dict[str, bytes]:
    """Bytes of one good clip a container."""
    folder = tmp_path_factory.mktemp("good")
    clips = (
        Clip("h264.mp4", n_frames=60, gop=12),
        Clip("vp9.webm", codec="libvpx-vp9", n_frames=30, gop=10),
        Clip("mpeg2.ts", codec="mpeg2video", n_frames=60, gop=12),
        Clip("mjpeg.avi", codec="mjpeg", pixel_format="yuvj420p", matrix=6, full_range=True),
    )
    return {clip.name: make(folder, clip).read_bytes() for clip in clips}


def look(path: Path) -> str:
    """Take an asset as a batch would; "frames" or the name of the error."""
    try:
        if sniff_kind(path) == "artwork":
            _, frame, preview = load_artwork(path)
            assert frame.rgb.shape[2] == 3
            assert max(preview.luma.shape) <= 320
            return "frames"
        with open_video(path) as video:
            for frame in video.decoded():
                assert frame.preview.luma.size
                if frame.index % 7 == 0:
                    frame.to_frame()
            assert video.stats.n_decoded
    except AssetError as error:
        message = str(error)
        assert message.endswith(".")
        assert "\n" not in message
        assert str(path.parent) not in message
        return type(error).__name__
    return "frames"


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + kind + body


NOT_MEDIA = {
    "empty.mp4": b"",
    "one_byte.mp4": b"\x00",
    "text.mp4": b"This is no video.\n" * 50,
    "random.mp4": np.random.default_rng(1).bytes(5000),
    "page.jpg": b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>",
    "script.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\nshowpage\n",
    "archive.mp4": b"PK\x03\x04" + bytes(100),
    "only_a_brand.mp4": box(b"ftyp", b"isom\x00\x00\x02\x00isomiso2"),
    "no_index.mp4": box(b"ftyp", b"isom\x00\x00\x02\x00isomiso2") + box(b"mdat", bytes(4000)),
    "heic.jpg": box(b"ftyp", b"heic\x00\x00\x00\x00mif1heic") + bytes(200),
    "matroska_head.mkv": b"\x1aE\xdf\xa3" + bytes(500),
    "png_head.png": b"\x89PNG\r\n\x1a\n" + bytes(40),
    "sync_bytes.ts": b"G" + bytes(187) + (b"G" + bytes(187)) * 20,
}


@pytest.mark.parametrize("name", NOT_MEDIA)
def test_what_is_not_media_is_refused(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(NOT_MEDIA[name])
    assert look(path) == "UnsupportedAsset"


@pytest.mark.parametrize(("name", "words"), [
    ("empty.mp4", "zero bytes: transfer"),
    ("text.mp4", "not a video or picture format we read although its name ends in '.mp4'"),
    ("no_index.mp4", r"index \(moov\) is missing or damaged"),
    ("heic.jpg", "HEIC, which is not read: convert it"),
    ("script.jpg", "PostScript"),
])  # fmt: skip
def test_the_sentence_says_what_to_do(name, words, tmp_path):
    path = tmp_path / name
    path.write_bytes(NOT_MEDIA[name])
    with pytest.raises(UnsupportedAsset, match=words):
        media_of(path, sandbox="off")


def test_missing_directory_and_pipe(tmp_path):
    assert look(tmp_path / "nowhere.mp4") == "UnsupportedAsset"
    assert look(tmp_path) == "UnsupportedAsset"
    os.mkfifo(tmp_path / "pipe.mp4")
    started = time.monotonic()
    assert look(tmp_path / "pipe.mp4") == "UnsupportedAsset"
    assert time.monotonic() - started < 2


def test_sound_without_pictures(tmp_path, good):
    import av

    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as out:
        from tests.support.clips import _add_sound

        _add_sound(out, out.add_stream("aac", rate=48_000), 1.0)
    with pytest.raises(UnsupportedAsset, match=r"no video stream we can decode \(it has audio streams\)"):
        open_video(path)


@pytest.mark.parametrize("percent", [1, 5, 20, 50, 80, 99])
@pytest.mark.parametrize("name", ["h264.mp4", "vp9.webm", "mpeg2.ts", "mjpeg.avi"])
def test_cut_off(name, percent, tmp_path, good):
    path = tmp_path / name
    path.write_bytes(good[name][: len(good[name]) * percent // 100])
    assert look(path) in ("frames", "UnsupportedAsset")


def test_a_cut_clip_says_that_it_ended_early(tmp_path, good):
    path = tmp_path / "cut.mp4"
    path.write_bytes(good["h264.mp4"][: len(good["h264.mp4"]) // 2])
    with open_video(path) as video:
        n_frames = sum(1 for _ in video.decoded())
        assert 5 < n_frames < 55
        assert video.stats.ended_early
        assert video.stats.decoded_s < video.info.duration_s - 1


@pytest.mark.parametrize("name", ["cut.mkv", "whole.mkv"])
def test_a_cut_matroska_with_sound_says_so_too(name, tmp_path):
    """Matroska without duration tags only states the length of the whole file."""
    path = make(tmp_path, Clip(name, n_frames=100, gop=10, sound=True))
    data = path.read_bytes().replace(b"DURATION", b"DURATIOX")
    path.write_bytes(data[: len(data) // 2] if name == "cut.mkv" else data)
    with open_video(path) as video:
        list(video.decoded())
        assert video.stats.ended_early == (name == "cut.mkv")


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("name", ["h264.mp4", "vp9.webm", "mpeg2.ts", "mjpeg.avi"])
def test_flipped_bits(name, seed, tmp_path, good):
    rng = np.random.default_rng(seed)
    data = bytearray(good[name])
    for at in rng.integers(0, len(data), 40):
        data[at] ^= 1 << int(rng.integers(0, 8))
    path = tmp_path / name
    path.write_bytes(data)
    assert look(path) in ("frames", "UnsupportedAsset", "LimitExceeded")


def _png_of(width: int, height: int, n_rows: int) -> bytes:
    """A PNG that states a size and holds `n_rows` black rows."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    packer, rows = zlib.compressobj(9), b"\x00" * (width + 1)
    body = b"".join(packer.compress(rows) for _ in range(n_rows)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_a_huge_png_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "huge.png"
    path.write_bytes(_png_of(20_000, 20_000, n_rows=500))
    started = time.thread_time()
    with pytest.raises(LimitExceeded, match=r"huge.png"):
        load_artwork(path)
    assert time.thread_time() - started < 0.1


def test_a_large_picture_names_the_limit(tmp_path):
    path = tmp_path / "large.png"
    path.write_bytes(_png_of(9_000, 6_000, n_rows=6_000))
    with pytest.raises(LimitExceeded, match=r"9000x6000 px \(54 MP\), over the limit of 50 MP"):
        load_artwork(path)


def test_limits_on_video(tmp_path, good):
    path = tmp_path / "h264.mp4"
    path.write_bytes(good["h264.mp4"])
    for limits, words in (
        (Limits(max_pixels=10_000), "192x112"),
        (Limits(max_side=100), "100 px a side"),
        (Limits(max_duration_s=1.0), "over the limit of 1 s"),
        (Limits(max_video_bytes=1000), "over the limit"),
        (Limits(max_streams=0), "streams"),
    ):
        with pytest.raises(LimitExceeded, match=words):
            open_video(path, limits=limits)
    with (
        open_video(path, limits=Limits(max_packets=10)) as video,
        pytest.raises(LimitExceeded, match="10 packets"),
    ):
        list(video.decoded())


@pytest.mark.parametrize("suffix", ["m3u8", "mp4", "avi"])
@pytest.mark.parametrize("reader", ["pyav", "decord"])
def test_no_playlist_is_followed(reader, suffix, tmp_path, good):
    """Neither a local file nor an address that a text file names is opened."""
    (tmp_path / "secret.ts").write_bytes(good["mpeg2.ts"])
    with _Listener() as listener:
        targets = ("secret.ts", f"file:{tmp_path}/secret.ts", f"http://127.0.0.1:{listener.port}/a.ts")
        for target in targets:
            for text in (
                f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n",
                f"ffconcat version 1.0\nfile '{target}'\n",
                f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nt=0 0\nm=video {listener.port} RTP/AVP 96\n",
            ):
                path = tmp_path / f"list.{suffix}"
                path.write_text(text)
                with pytest.raises(UnsupportedAsset):
                    open_video(path, reader=reader)
        assert listener.n_connections == 0


@pytest.mark.parametrize("suffix", ["m3u8", "mp4"])
def test_ffmpeg_itself_follows_no_playlist(suffix, tmp_path, good, monkeypatch):
    """Behind the look at the first bytes stands FFmpeg's own allow-list: it must hold alone."""
    from qc_plugin.decode import container

    monkeypatch.setattr(container, "sniff_kind", lambda path, limits: "video")
    (tmp_path / "secret.ts").write_bytes(good["mpeg2.ts"])
    with _Listener() as listener:
        for target in ("secret.ts", f"http://127.0.0.1:{listener.port}/a.ts"):
            for text in (
                f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n",
                f"ffconcat version 1.0\nfile '{target}'\n",
            ):
                path = tmp_path / f"list.{suffix}"
                path.write_text(text)
                with pytest.raises(UnsupportedAsset):
                    open_video(path)
        assert listener.n_connections == 0


def test_a_file_called_like_an_address_is_just_a_file(tmp_path, good, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("concat:a.mp4|b.mp4").write_bytes(good["h264.mp4"])
    Path("-i.mp4").write_bytes(good["h264.mp4"])
    assert look(Path("concat:a.mp4|b.mp4")) == "frames"
    assert look(Path("-i.mp4")) == "frames"


def test_content_counts_and_not_the_name(tmp_path, good):
    picture, clip = tmp_path / "picture.mp4", tmp_path / "clip.jpg"
    Image.new("RGB", (40, 30), (9, 99, 199)).save(picture, "PNG")
    clip.write_bytes(good["h264.mp4"])
    assert (sniff_kind(picture), sniff_kind(clip)) == ("artwork", "video")
    assert look(picture) == look(clip) == "frames"
    with pytest.raises(UnsupportedAsset, match="is a picture, not a video"):
        open_video(picture)
    with pytest.raises(UnsupportedAsset, match="is a video, not a picture"):
        load_artwork(clip)


def test_nothing_stays_open(tmp_path, good):
    path, bad = tmp_path / "h264.mp4", tmp_path / "bad.mp4"
    path.write_bytes(good["h264.mp4"])
    bad.write_bytes(good["h264.mp4"][:3000])
    before = _n_open_files()
    for _ in range(10):
        look(path)
        look(bad)
        look(tmp_path)
    assert _n_open_files() <= before + 1


def _n_open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


class _Listener:
    """Counts connections to a port of this machine."""

    def __enter__(self) -> Self:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.n_connections = 0
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                self._socket.accept()[0].close()
            except OSError:
                return
            self.n_connections += 1


def _odd_images() -> list:
    folder = SHARED / "images-odd"
    marks = [
        pytest.mark.real,
        pytest.mark.skipif(not folder.is_dir(), reason="no odd images: set QC_SHARED_DATA"),
    ]
    names = (
        sorted(p.name for p in folder.glob("*") if p.name != "MANIFEST.csv") if folder.is_dir() else ["none"]
    )
    return [pytest.param(name, marks=marks) for name in names]


@pytest.mark.parametrize("name", _odd_images())
def test_odd_image(name):
    """A picture, or a named error where Pillow on its own fails or the file is over a limit."""
    path = SHARED / "images-odd" / name
    outcome = look(path)
    if outcome == "frames":
        info, frame, _ = load_artwork(path)
        assert (frame.rgb.shape[1], frame.rgb.shape[0]) == (info.width_px, info.height_px)
        return
    hurt = (
        "trunc",
        "broken",
        "crash",
        "oom",
        "bomb",
        "dos",
        "corrupt",
        "heic",
        "heif",
        "invalid",
        "too_large",
    )
    assert any(word in name.lower() for word in (*hurt, "65536", "cielab", "seek"))
    assert (outcome == "LimitExceeded") == ("bomb" in name or "65536" in name)
