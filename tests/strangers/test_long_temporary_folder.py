"""A temporary folder with a path so long that no socket fits into it."""

from __future__ import annotations

import pytest


def test_a_scan_says_how_long_the_path_may_be(stranger, still, tmp_path):
    deep = tmp_path / ("long-" * 20)
    deep.mkdir()
    done = stranger("scan", still, "--no-sheet", TMPDIR=deep)
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].endswith("set TMPDIR to one of at most 75 bytes")


def test_just_short_enough_is_enough(stranger, still, tmp_path):
    room = 75 - len(str(tmp_path)) - 1
    if room < 1:
        pytest.skip("the tests' own temporary folder is that long already")
    deep = tmp_path / ("x" * room)
    deep.mkdir()
    done = stranger("scan", still, "--rules", "artwork", "--no-sheet", TMPDIR=deep)
    assert done.returncode == 0, done.stderr
