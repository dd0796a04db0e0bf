"""Case 25: many assets in one process; neither memory nor descriptors grow with their number."""

from pathlib import Path

import pytest

from qc_plugin.isolation.samples import open_samples
from qc_plugin.types import Asset
from tests.support.media import write_still


def look(path):
    with open_samples(Asset(id="x", path=str(path), kind="artwork"), sandbox="off") as samples:
        assert len(list(samples.looks())) == 1


def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def grow(path, warm, n):
    """(MB an asset, descriptors more) over `n` assets after `warm` others."""
    for _ in range(warm):
        look(path)
    before, open_before = resident_mb(), descriptors()
    for _ in range(n):
        look(path)
    return (resident_mb() - before) / n, descriptors() - open_before


def test_25_sixty_assets(tmp_path):
    slope, more = grow(write_still(tmp_path / "s.png", width=160), warm=20, n=60)
    assert slope < 0.1
    assert more <= 0


@pytest.mark.slow
def test_25_two_thousand_assets(tmp_path):
    slope, more = grow(write_still(tmp_path / "s.png", width=160), warm=100, n=2000)
    assert slope < 0.02
    assert more <= 0
