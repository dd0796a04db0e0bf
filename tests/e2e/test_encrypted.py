"""Encrypted files are refused as encrypted, whichever container they come in and whether it opens or not."""

import pytest

from qc_plugin.decode import open_video
from qc_plugin.errors import UnsupportedAsset
from qc_plugin.report.read import read_meta
from tests.support.clips import Clip, make
from tests.support.corpora import corpus_file
from tests.support.encrypted import (
    by_uuid,
    cenc,
    declared_only,
    dvd,
    patched,
    piff,
    sample_aes,
    scrambled_ts,
    webm,
    wmv,
)

SCHEMES = {
    "cenc.mp4": "cenc",
    "fragments.mp4": "cenc",
    "hevc.mp4": "cenc",
    "cbcs.mp4": "cbcs",
    "own.mp4": "xxxx",
    "store.mp4": "FairPlay",
    "piff.mp4": "piff",
    "uuid.mp4": "cenc",
    "encrypted.webm": "Matroska content encryption",
    "scrambled.ts": "MPEG-TS scrambling",
    "sample-aes.ts": "SAMPLE-AES",
    "title.vob": "MPEG-PS scrambling, as on a DVD",
    "drm.wmv": "Windows Media DRM",
}


def write_all(folder):
    patched(cenc(folder), "cbcs.mp4", (b"cenc", b"cbcs"))
    patched(cenc(folder), "own.mp4", (b"cenc", b"xxxx"))
    patched(cenc(folder), "store.mp4", (b"cenc", b"itun"), (b"encv", b"drmi"))
    cenc(folder, name="fragments.mp4", fragmented=True)
    cenc(folder, name="hevc.mp4", codec="libx265")
    for write in (piff, by_uuid, webm, scrambled_ts, sample_aes, dvd, wmv):
        write(folder)


def test_f3_f5_a_scan_refuses_encrypted_files_by_name(qc, tmp_path):
    (tmp_path / "in").mkdir()
    write_all(tmp_path / "in")
    for clear in (tmp_path / "in").glob("clear.*"):
        clear.unlink()
    done = qc("scan", "in", "--reports", "out", "--no-sheet")
    assert done.returncode == 20, done.stdout + done.stderr
    said = {}
    for report in (tmp_path / "out").rglob("*.parquet"):
        meta = read_meta(report)
        assert (meta["verdict"], meta["error"]["exit_code"]) == ("error", 20)
        name = meta["asset"]["uri"].rpartition("/")[2]
        said[name] = meta["error"]["text"]
    assert said == {
        name: f"{name} is encrypted ({scheme}): give the clear file." for name, scheme in SCHEMES.items()
    }


def test_f3_a_clear_file_that_only_declares_encryption_is_read(tmp_path):
    with open_video(declared_only(tmp_path)) as video:
        assert video.info.codec == "h264"


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [("mp4", "libx264"), ("ts", "libx264"), ("webm", "libvpx"), ("asf", "msmpeg4"), ("vob", "mpeg2video")],
)
def test_f3_clear_files_are_not_called_encrypted(tmp_path, suffix, codec):
    with open_video(make(tmp_path, Clip(f"clear.{suffix}", codec=codec, n_frames=6))) as video:
        assert video.info.width_px == 192


def test_f3_the_other_reader_refuses_them_too(tmp_path):
    pytest.importorskip("decord")
    with pytest.raises(UnsupportedAsset, match="is encrypted"):
        open_video(cenc(tmp_path), reader="decord")
    with pytest.raises(UnsupportedAsset, match="use the reader 'pyav'"):
        open_video(declared_only(tmp_path), reader="decord")


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "scheme"),
    [
        ("encrypted-accepted_cenc-h264-850-of-864-corrupt.mp4", "cbcs"),
        ("encrypted_sentence-says-moov-missing.mp4", "cenc"),
    ],
)
def test_f3_f5_encrypted_files_of_others(name, scheme):
    with pytest.raises(UnsupportedAsset, match=rf"is encrypted \({scheme}\): give the clear file"):
        open_video(corpus_file(name))
