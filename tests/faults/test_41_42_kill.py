"""Cases 41 and 42: killed at named and at random moments, nothing is lost, nothing is there twice."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qc_plugin.batch import ledger, run
from qc_plugin.batch.run import scan
from qc_plugin.report import write
from tests.faults.harness import check, config_for, fork, wait
from tests.faults.stub_worker import asset, in_process

ROOT = Path(__file__).resolve().parents[2]


def die(*_args, **_kwargs):
    os.kill(os.getpid(), signal.SIGKILL)


POINTS = {
    "after the temporary file": (write.os, "fsync"),
    "before the link": (write.os, "link"),
    "after the link": (write, "_sync_folder"),
    "before the ledger": (ledger.Ledger, "remember"),
    "before the run is closed": (ledger.Ledger, "end_run"),
    "before the manifest": (run, "write_manifest"),
}


@pytest.mark.parametrize("point", POINTS)
def test_41_killed_at_a_named_point(tmp_path, monkeypatch, point):
    monkeypatch.setattr(run, "run_isolated", in_process)
    for n in range(3):
        asset(tmp_path / f"in/{n}.png")
    config = config_for(tmp_path)
    options = run.ScanOptions(shard=run.Shard(0, 2), keep_outcomes=True)
    with monkeypatch.context() as patch:
        patch.setattr(*POINTS[point], die)
        assert wait(fork(lambda: scan([tmp_path / "in"], config, options=options))) == -signal.SIGKILL
    check(tmp_path)
    result = scan([tmp_path / "in"], config)
    assert result.verdicts == {"accept": 3}
    check(tmp_path, complete=3)


def harness(folder, *args):
    command = [sys.executable, "-m", "tests.faults.harness", str(folder), *args]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=1800)
    assert done.returncode == 0, done.stderr[-2000:]
    kills, at_work = map(int, re.match(r"(\d+) kills of two scanners, (\d+) at work", done.stdout).groups())
    assert at_work > kills // 2
    return done.stdout


def test_42_thirty_random_kills_of_two_scanners(tmp_path):
    assert "0 violations" in harness(tmp_path, "--kills", "30", "--assets", "40")


@pytest.mark.slow
def test_42_two_hundred_random_kills_of_two_scanners(tmp_path):
    assert "0 violations" in harness(tmp_path, "--kills", "200", "--assets", "120", "--seed", "7")
