"""Cases 19-24 and part of 17: whatever the decoder does, it is one error of one asset."""

import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest

from qc_plugin.decode import DEFAULT_LIMITS
from qc_plugin.errors import DecoderDied, LimitExceeded
from qc_plugin.isolation import launch
from qc_plugin.isolation.launch import POOL
from qc_plugin.isolation.samples import open_samples
from qc_plugin.types import Asset

ROOT = Path(__file__).resolve().parents[2]
CRASHES = ["segv", "abort", "leave", "garbage", "wrong-shape", "far-slot", "backwards"]


@pytest.fixture(scope="module", autouse=True)
def _rogues():
    """Sandboxes whose decoder is one of `rogues.py`, named by the first word of the file name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch, "_boot", _boot_rogue)
        POOL.close()
        yield
        POOL.close()


def _boot_rogue(_entry, descriptor):
    places = [str(ROOT), *launch._site_folders()]
    start = "from tests.faults.rogues import work; from qc_plugin.isolation.server import main"
    return f"import sys; sys.path += {places!r}; {start}; main({descriptor}, work)"


def play(rogue_name, tmp_path, **limits):
    path = tmp_path / f"{rogue_name} clip.mp4"
    path.write_bytes(b"x")
    asset = Asset(id="x", path=str(path), kind="video")
    with open_samples(asset, sandbox="off", limits=replace(DEFAULT_LIMITS, **limits)) as samples:
        return list(samples.looks())


@pytest.mark.parametrize("name", CRASHES)
def test_22_23_a_decoder_that_crashes_or_lies_is_one_error(tmp_path, name):
    with pytest.raises(DecoderDied):
        play(name, tmp_path)


@pytest.mark.parametrize("name", ["sleep", "spin"])
def test_19_20_a_decoder_that_hangs_is_killed(tmp_path, name):
    play_started = time.monotonic()
    with pytest.raises(DecoderDied, match="no progress"):
        play(name, tmp_path, no_progress_s=1.0)
    assert time.monotonic() - play_started < 30


def test_19_a_decoder_that_only_says_it_lives_runs_into_the_time_limit(tmp_path):
    with pytest.raises(LimitExceeded, match="takes longer"):
        play("beat", tmp_path, timeout_s=2.0, no_progress_s=10.0)


def test_24_memory_without_bound_is_a_limit(tmp_path):
    with pytest.raises(LimitExceeded, match="memory"):
        play("eat", tmp_path, max_memory_bytes=1 << 30)


def test_21_a_grandchild_is_killed_with_its_parent(tmp_path):
    """It left the group and holds the channel open: neither keeps us waiting, nor does it live on."""
    with pytest.raises(DecoderDied):
        play("fork", tmp_path, no_progress_s=2.0)
    time.sleep(0.2)
    left = [p for p in Path("/proc").glob("[0-9]*/cmdline") if b"qc-grandchild" in _read(p)]
    assert not left


def test_22_an_internal_error_is_ours(tmp_path):
    with pytest.raises(RuntimeError, match="no such thing"):
        play("raise", tmp_path)


def test_17_the_decoder_sees_no_secret_and_no_network(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        with pytest.raises(RuntimeError) as caught:
            play(f"look {listener.getsockname()[1]}", tmp_path)
        with pytest.raises(TimeoutError):
            listener.accept()
    said = str(caught.value)
    assert "canary" not in said
    assert "files [0, 1, 2," in said


def _read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


HEAD = b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(2000)  # enough to be taken for a video


@pytest.mark.parametrize("name", ["segv", "abort", "garbage"])
def test_c20_rules_show_asks_the_asset_behind_the_wall(tmp_path, name, capfd):
    """`rules show --asset`: only the process that decodes is taken down."""
    (tmp_path / f"{name} clip.mp4").write_bytes(HEAD)
    argv = ["rules", "show", "default", "artwork", "--asset", str(tmp_path / f"{name} clip.mp4")]
    assert _exit_code(argv) == DecoderDied.exit_code
    assert "the decoder" in capfd.readouterr().err


def test_c20_pictures_for_calibrating_are_decoded_behind_the_wall(tmp_path):
    from qc_plugin.cli.pictures import load_pictures
    from qc_plugin.errors import UsageError

    for name in ("segv", "abort"):
        (tmp_path / f"{name} clip.mp4").write_bytes(HEAD)
    with pytest.raises(UsageError, match="no picture or clip could be read"):
        load_pictures(tmp_path)


def test_c20_a_repaired_picture_that_a_report_names_is_decoded_behind_the_wall(tmp_path):
    from qc_plugin.config import RunConfig
    from qc_plugin.workshop.review import _as_jpeg

    (tmp_path / "segv picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    assert _as_jpeg({3: tmp_path / "segv picture.png"}, RunConfig()) == {}


def _exit_code(argv):
    from qc_plugin.cli.main import _run  # `main` would take over SIGTERM of the tests

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["qc-plugin", *argv])
        return _run()
