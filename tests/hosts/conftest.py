"""One desk with loaded engines, short real media, and a real moto server."""

import pytest
from moto.server import ThreadedMotoServer

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


@pytest.fixture(scope="session")
def store():
    """S3 and SQS as moto serves them over HTTP; gives its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(store, monkeypatch):
    """What AWS tools read from the environment, pointing at the store."""
    settings = {
        "AWS_ENDPOINT_URL": store,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return settings
