"""What every wrapper stands on: one call of the real `qc-plugin hook`."""

import sys
import threading
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples/hosts"


@pytest.fixture
def host(monkeypatch, tmp_path):
    monkeypatch.setenv("QC_PLUGIN_COMMAND", f"{sys.executable} -m qc_plugin hook")
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.chdir(tmp_path)
    import qc_host

    return qc_host


def test_a_result_and_progress(host, tmp_path):
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    told = []
    result = host.call(host.asset_event("bad.mp4", "e-1", reports="out"), tell=told.append)
    assert (result["verdict"], result["error"]["exit_code"]) == ("error", 20)
    assert told[0]["type"] == "progress"


def test_what_is_no_event_is_not_retryable(host):
    with pytest.raises(host.NotAnswered, match="needs `asset`") as caught:
        host.call({"schema": 1, "event": "asset.ingested", "id": "x"})
    assert not caught.value.retryable


def test_a_plugin_that_dies_is_retryable(host, monkeypatch):
    monkeypatch.setenv("QC_PLUGIN_COMMAND", f"{sys.executable} -c 'import os; os._exit(139)'")
    with pytest.raises(host.NotAnswered, match="code 139") as caught:
        host.call(host.asset_event("a", "x"))
    assert caught.value.retryable


def test_stop_ends_the_work(host):
    from tests.support.media import SAMPLE

    stop = threading.Event()
    event = host.asset_event(str(SAMPLE), "e-1", sample="all", reports="out")
    result = host.call(event, tell=lambda _: stop.set(), stop=stop)
    assert (result["incomplete"], result["retryable"]) == (True, True)
    assert not list(Path("out").rglob("*.parquet"))
