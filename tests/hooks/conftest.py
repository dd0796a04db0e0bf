"""One desk with loaded engines for all tests of this folder, and short real media."""

import json

import pytest

from qc_plugin.host.event import parse_event
from qc_plugin.host.event_handler import EventHandler
from tests.support.media import write_clip, write_still


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("clip") / "kick.mp4")


@pytest.fixture(scope="session")
def still(tmp_path_factory):
    return write_still(tmp_path_factory.mktemp("still") / "poster.png")


@pytest.fixture(scope="session")
def engines():
    """Loaded once: what is tested here is what stands around them."""
    from qc_plugin.pipeline import Engines

    return Engines.load(threads=1)


@pytest.fixture
def desk(engines, monkeypatch, tmp_path):
    """A desk whose reports lie in the test's folder."""
    from qc_plugin.asset.check_one import AssetChecker

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(AssetChecker, "engines", engines)
    return EventHandler({"reports": tmp_path / "out", "sample": "2fps"})


@pytest.fixture
def event():
    """An event from its fields."""

    def make(name="asset.ingested", event_id="e-1", **fields):
        return parse_event(json.dumps({"schema": 1, "event": name, "id": event_id, **fields}).encode())[0]

    return make
