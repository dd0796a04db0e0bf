"""The video readers, to run one test by each of them."""

from __future__ import annotations

import importlib.util

import pytest

READERS = [
    "pyav",
    pytest.param(
        "decord",
        marks=pytest.mark.skipif(
            importlib.util.find_spec("decord") is None, reason="decord is not installed"
        ),
    ),
]
