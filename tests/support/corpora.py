"""Files of other projects that lie beside the shared data; they are never copied into this repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_DATA = Path(os.environ.get("QC_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
CORPORA = _DATA.parent / "inputs" / "corpora"


def corpus_file(name: str) -> Path:
    """A file of the corpora; skips the test where the folder is not there."""
    path = CORPORA / name
    if not path.is_file():
        pytest.skip(f"no {name} in {CORPORA}: set QC_SHARED_DATA")
    return path
