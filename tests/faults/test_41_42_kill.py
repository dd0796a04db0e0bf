"""Cases 41 and 42: killed at named and at random moments, nothing is lost, nothing is there twice."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qc_plugin.batch import run
from qc_plugin.batch.run import scan
from tests.faults import kill_at
from tests.faults.harness import check, config_for
from tests.faults.stub_worker import asset, in_process

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("point", kill_at.POINTS)
def test_41_killed_at_a_named_point(tmp_path, monkeypatch, point):
    for n in range(3):
        asset(tmp_path / f"in/{n}.png")
    command = [sys.executable, "-m", "tests.faults.kill_at", point, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == -signal.SIGKILL, done.stderr
    check(tmp_path)
    monkeypatch.setattr(run, "run_isolated", in_process)
    result = scan([tmp_path / "in"], config_for(tmp_path))
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
