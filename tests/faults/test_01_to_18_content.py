"""Cases 1-18 as far as they run in little time: files that are broken, too large, or not what they say.

`docs/faults.md` says where the others are, or why they are not run.
"""

import random
import socket
import struct
import threading
from pathlib import Path

import pytest
from PIL import Image

from qc_plugin.asset.check_one import AssetChecker
from qc_plugin.config import RunConfig
from qc_plugin.decode import DEFAULT_LIMITS, container
from qc_plugin.errors import AssetError, QcError
from qc_plugin.isolation.samples import open_samples
from qc_plugin.types import Asset
from tests.support.media import write_clip, write_still

CANARY = "canary-7f3a91"


@pytest.fixture
def shop(tmp_path):
    return AssetChecker(RunConfig(reports=tmp_path / "out", sheet=False, stills=False, sandbox="off"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("clip") / "kick.mp4", seconds=0.3).read_bytes()


@pytest.fixture
def listener():
    """Address of a server, and the list of who connected."""
    callers = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        stop = threading.Event()
        thread = threading.Thread(target=_listen, args=(server, callers, stop))
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}", callers
        stop.set()
        thread.join()


def _listen(server, callers, stop):
    while not stop.is_set():
        try:
            connection, who = server.accept()
        except TimeoutError:
            continue
        callers.append(who)
        connection.close()


def outcome(shop, path, data):
    path.write_bytes(data)
    return shop.process(path, None)


def decode(path, kind="video", limits=DEFAULT_LIMITS):
    """Number of frames, or the error of the asset."""
    try:
        with open_samples(Asset(id="x", path=str(path), kind=kind), sandbox="off", limits=limits) as samples:
            n_looks = sum(1 for _ in samples.looks())
            return n_looks, samples.stats
    except AssetError as error:
        return error, None


@pytest.mark.parametrize("data", [b"", b"\0", b"just text\n" * 50], ids=["empty", "one byte", "text"])
def test_01_empty_or_text(shop, tmp_path, data):
    done = outcome(shop, tmp_path / "a.mp4", data)
    assert (done.exit_code, done.verdict) == (20, "error")
    assert done.report.is_file()
    assert "Traceback" not in done.sentence


@pytest.mark.parametrize("step", [11, pytest.param(1, marks=pytest.mark.slow)])
def test_02_random_bytes_behind_every_first_byte(shop, tmp_path, step):
    rng = random.Random(step)
    for first in range(0, 256, step):
        done = outcome(shop, tmp_path / "a.bin", bytes([first]) + rng.randbytes(400))
        assert done.exit_code == 20


def test_03_04_truncated(clip, tmp_path):
    path = tmp_path / "cut.mp4"
    for share in (0.02, 0.3, 0.7, 0.98):
        path.write_bytes(clip[: int(len(clip) * share)])
        frames, _ = decode(path)
        assert isinstance(frames, AssetError)  # the index of this file lies at its end
    assert "moov" in str(frames)


def test_05_byte_flips(clip, tmp_path):
    rng, path = random.Random(2), tmp_path / "flip.mp4"
    for _ in range(12):
        data = bytearray(clip)
        for _ in range(rng.randint(1, 40)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(data)
        frames, _ = decode(path)
        assert isinstance(frames, AssetError) or frames > 0


@pytest.mark.slow
def test_05_byte_flips_of_every_kind_a_thousand_times(clip, tmp_path):
    rng, path = random.Random(3), tmp_path / "flip.bin"
    still = write_still(tmp_path / "s.png", width=64).read_bytes()
    for n in range(1000):
        source, kind = ((clip, "video"), (still, "artwork"))[n % 2]
        data = bytearray(source)
        for _ in range(rng.randint(1, 60)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(data)
        frames, _ = decode(path, kind)
        assert isinstance(frames, AssetError) or frames >= 0


def test_11_a_png_that_unpacks_to_a_gigabyte(shop, tmp_path):
    header = struct.pack(">IIBBBBB", 20000, 20000, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", b"\0" * 100) + _chunk(b"IEND", b"")
    path = tmp_path / "bomb.png"
    path.write_bytes(png)
    error, _ = decode(path, "artwork")
    assert error.exit_code == 21
    gif = b"GIF89a" + struct.pack("<HH", 65535, 65535) + b"\0\0\0,\0\0\0\0" + struct.pack("<HH", 65535, 65535)
    path.write_bytes(gif + b"\0\2\0;")
    error, _ = decode(path, "artwork")
    assert error.exit_code == 21


def test_12_many_texts_in_a_png(tmp_path):
    import zlib

    path = write_still(tmp_path / "s.png", width=32)
    data = path.read_bytes()
    bomb = _chunk(b"zTXt", b"k\0\0" + zlib.compress(b"a" * (8 << 20)))
    path.write_bytes(data[:33] + _chunk(b"iTXt", b"k\0\0\0\0\0v") * 10_000 + bomb + data[33:])
    frames, _ = decode(path, "artwork")
    assert frames == 1 or isinstance(frames, AssetError)


def _chunk(kind, data):
    import zlib

    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.parametrize(
    "head",
    [b"%!PS-Adobe-3.0\n", b"%PDF-1.7\n", b"<svg xmlns=", b"SIMPLE  =                    T", b"PK\x03\x04"],
)
def test_14_33_drawings_documents_and_archives(shop, tmp_path, head):
    assert outcome(shop, tmp_path / "a.jpg", head + b"x" * 500).exit_code == 20


def test_16_orientation_and_modes_do_not_crash(tmp_path):
    for mode in ("RGBA", "P", "CMYK", "I;16", "L", "LA", "1"):
        path = tmp_path / "m.tif"
        Image.new(mode, (40, 30)).save(path)
        assert decode(path, "artwork")[0] == 1


def attacks(address, secret):
    yield "m3u8", f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://{address}/a.ts\n#EXT-X-ENDLIST\n"
    yield "m3u8 file", f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{secret}\n#EXT-X-ENDLIST\n"
    yield "concat", f"ffconcat version 1.0\nfile '{secret}'\n"
    yield "concat http", f"ffconcat version 1.0\nfile 'http://{address}/a.mp4'\n"
    yield (
        "sdp",
        f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video {address[-4:]} RTP/AVP 96\n",
    )
    yield "dash", f"<?xml version='1.0'?><MPD><BaseURL>http://{address}/</BaseURL></MPD>"
    yield "rtsp ref", f"[Reference]\nRef1=http://{address}/a.asf\n"
    yield "smil", f"<smil><body><video src='http://{address}/a.mp4'/></body></smil>"


@pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.m3u8", "a.jpg", "a"])
def test_17_playlists_open_nothing(shop, clip, tmp_path, listener, monkeypatch, name):
    address, callers = listener
    secret = tmp_path / f"{CANARY}.mp4"
    secret.write_bytes(clip)
    path = tmp_path / name
    for _, text in attacks(address, secret):
        done = outcome(shop, path, text.encode())
        assert done.exit_code == 20
        assert CANARY not in done.sentence
    with monkeypatch.context() as patch:  # the second wall, as if the first had let them pass
        patch.setattr(container, "sniff_kind", lambda *_args, **_kwargs: "video")
        for _, text in attacks(address, secret):
            path.write_text(text)
            with pytest.raises(QcError):
                container.open_container(path, DEFAULT_LIMITS)
    assert not callers
    reports = b"".join(p.read_bytes() for p in shop.config.reports.rglob("*.parquet"))
    assert CANARY.encode() not in reports


def test_18_data_references_out_of_a_mov_are_not_followed(clip, tmp_path, listener):
    address, callers = listener
    assert b"url \0\0\0\1" in clip  # "the media are in this file"
    path = tmp_path / "ref.mp4"
    for kind in (b"url ", b"alis"):
        path.write_bytes(clip.replace(b"url \0\0\0\1", kind + b"\0\0\0\0"))
        frames, _ = decode(path)
        assert isinstance(frames, AssetError) or frames > 0
    assert not callers
    assert address


def test_26_a_sparse_terabyte_is_refused_unread(shop, tmp_path):
    path = tmp_path / "huge.mp4"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    done = shop.process(path, None)
    assert (done.exit_code, done.error_class) == (21, "LimitExceeded")


def test_27_what_is_no_file(shop, tmp_path):
    import os

    os.mkfifo(tmp_path / "pipe.mp4")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "sock.mp4"))
        for path in (tmp_path / "pipe.mp4", tmp_path / "sock.mp4", Path("/dev/zero"), tmp_path):
            assert shop.process(path, None).exit_code == 20
    assert shop.process(Path("/proc/self/environ"), None).exit_code == 20


def test_28_a_link_swapped_all_the_time_never_shows_the_secret(shop, clip, tmp_path):
    """Whatever the path leads to at each moment: what is hashed lies in the folder, or nothing is."""
    root, secret = tmp_path / "in", tmp_path / "secret.mp4"
    root.mkdir()
    secret.write_bytes(clip + CANARY.encode())
    (root / "good.mp4").write_bytes(clip)
    link, stop = root / "a.mp4", threading.Event()

    def swap():
        n = 0
        while not stop.is_set():
            n += 1
            new = root / ".new"
            new.unlink(missing_ok=True)
            new.symlink_to(secret if n % 2 else root / "good.mp4")
            new.replace(link)

    from qc_plugin.asset.identity import fingerprint

    swap_thread = threading.Thread(target=swap)
    swap_thread.start()
    good, seen = fingerprint(root / "good.mp4")[0], set()
    try:
        for _ in range(150):
            try:
                seen.add(fingerprint(link, root)[0])
            except QcError:
                continue
    finally:
        stop.set()
        swap_thread.join()
    assert seen <= {good}


def test_32_addresses_are_no_files(shop):
    for text in ("http://169.254.169.254/latest", "s3://bucket/key", "concat:a|b", "file:/etc/passwd"):
        assert shop.process(Path(text), None).exit_code == 20
