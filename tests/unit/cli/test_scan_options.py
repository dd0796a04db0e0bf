"""Words of `scan` that people get wrong."""

import pytest

from qc_plugin.cli.scan import _since, seconds_of
from qc_plugin.cli.screen import plain
from qc_plugin.errors import UsageError


def test_budgets():
    assert seconds_of("4h") == 14400
    assert seconds_of("1h30m") == 5400
    assert seconds_of("90s") == 90
    for wrong in ("4", "h", "-1h", "1d", ""):
        with pytest.raises(UsageError, match="--budget"):
            seconds_of(wrong)


def test_since():
    assert _since("last")
    assert not _since(None)
    with pytest.raises(UsageError, match="last"):
        _since("yesterday")


def test_a_name_cannot_steer_the_terminal():
    assert plain("a\x1b[2Jb\nc") == "a\\x1b[2Jb\\nc"
