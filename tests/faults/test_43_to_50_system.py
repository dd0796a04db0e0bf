"""Cases 43-50: signals, a full disk, failing calls, clocks, files that change."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qc_plugin import files
from qc_plugin.batch import run
from qc_plugin.batch.run import scan
from qc_plugin.errors import QcError
from tests.faults.harness import check, config_for
from tests.faults.stub_worker import asset, in_process

ROOT = Path(__file__).resolve().parents[2]
SCAN = """
import signal
import sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs in the background inherit it ignored
from qc_plugin.batch import pool
from tests.faults import stub_worker
pool.serve = stub_worker.serve
from qc_plugin.cli import main
sys.argv = ["qc-plugin", "scan", *sys.argv[1:], "--no-sheet", "--jobs", "1", "--rules", "artwork"]
main()
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "run_isolated", in_process)
    for n in range(3):
        asset(tmp_path / f"in/{n}.png")
    return tmp_path


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_43_stopped_by_a_signal(tmp_path, number, code):
    for n in range(200):
        asset(tmp_path / f"in/{n:03d}.png", "slow")
    command = [sys.executable, "-c", SCAN, str(tmp_path / "in"), "--reports", str(tmp_path / "out")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()  # the first asset is done
        asked = time.monotonic()
        process.send_signal(number)
        process.communicate(timeout=60)
        assert time.monotonic() - asked < 10
    assert process.returncode == code
    check(tmp_path)


def test_44_a_full_disk_marks_nothing_bad(folder, monkeypatch):
    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    config = config_for(folder)
    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", full)
        result = scan([folder / "in"], config)
    assert (result.exit_code, result.verdicts["accept"]) == (75, 0)
    assert not list(config.reports.rglob("*.parquet"))
    assert scan([folder / "in"], config).verdicts == {"accept": 3}
    check(folder, complete=3)


def test_44_no_asset_is_begun_when_little_space_is_left(folder, monkeypatch):
    monkeypatch.setattr(run, "RESERVE_BYTES", 1 << 60)
    result = scan([folder / "in"], config_for(folder))
    assert (result.exit_code, result.n_left) == (75, 3)
    assert "disk" in result.stopped


@pytest.mark.parametrize("name", ["fsync", "link", "open"])
@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EMFILE])
def test_45_46_every_call_fails_once(folder, monkeypatch, name, code):
    """The Nth call fails, for each N: never a visible part of a file, and the next run completes."""
    config, real = config_for(folder), getattr(files.os, name)
    for nth in range(4):
        calls = iter(range(10_000))

        def failing(*args, nth=nth, calls=calls, **kwargs):
            if next(calls) == nth:
                raise OSError(code, os.strerror(code))
            return real(*args, **kwargs)

        asset(folder / "in/0.png", text=f"{nth}")
        with monkeypatch.context() as patch:
            patch.setattr(files.os, name, failing)
            try:
                scan([folder / "in"], config)
            except QcError as error:
                assert error.exit_code in (2, 75)  # noqa: PT017 - either is an answer
        check(folder)
    assert scan([folder / "in"], config).verdicts == {"accept": 3}
    check(folder)


def test_49_clocks_that_jump_change_nothing(folder, monkeypatch):
    config, now = config_for(folder), time.time()
    scan([folder / "in"], config)
    for jump in (-365 * 86_400, 365 * 86_400):
        with monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda jump=jump: now + jump)
            assert scan([folder / "in"], config).n_reused == 3


def test_50_replaced_or_deleted_during_the_scan(folder, monkeypatch):
    config = config_for(folder)

    def change_then_work(items, config, **kwargs):
        asset(folder / "in/0.png", text="longer than before")
        (folder / "in/2.png").unlink()
        yield from in_process(items, config, **kwargs)

    monkeypatch.setattr(run, "run_isolated", change_then_work)
    result = scan([folder / "in"], config)
    assert result.verdicts == {"accept": 2, "error": 1}
    monkeypatch.setattr(run, "run_isolated", in_process)
    assert scan([folder / "in"], config).n_reused == 2  # 0.png once more found by its hash, then known
    assert scan([folder / "in"], config).verdicts == {"accept": 2}


def test_55_a_reader_that_goes_away_stops_the_scan(tmp_path):
    for n in range(40):
        asset(tmp_path / f"in/{n:03d}.png")
    command = [sys.executable, "-c", SCAN, str(tmp_path / "in"), "--reports", str(tmp_path / "out")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        _, said = process.communicate(timeout=120)
    assert process.returncode == 75
    assert b"Traceback" not in said
    check(tmp_path)
