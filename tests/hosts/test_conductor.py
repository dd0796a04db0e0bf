"""The Conductor worker against a fake Conductor that speaks its HTTP interface."""

import http.server
import json
import sys
import threading
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples/hosts"


@pytest.fixture
def conductor():
    """Hands out the tasks in `waiting` and keeps every update."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            server.polled.append(self.path)
            self._answer(json.dumps(server.waiting.pop(0)) if server.waiting else "")

        def do_POST(self):
            assert self.path == "/api/tasks"
            server.updates.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self._answer("t-1")

        def _answer(self, text):
            self.send_response(200 if text else 204)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.waiting, server.updates, server.polled = [], [], []
    server.url = f"http://127.0.0.1:{server.server_port}/api"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def worker(monkeypatch, tmp_path):
    monkeypatch.setenv("QC_PLUGIN_COMMAND", f"{sys.executable} -m qc_plugin hook")
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.chdir(tmp_path)
    import conductor_worker

    return conductor_worker


def task(uri, task_id="t-1"):
    given = {"uri": str(uri), "reports": "out"}
    return {"taskId": task_id, "workflowInstanceId": "w-1", "referenceTaskName": "qc", "inputData": given}


def test_nothing_to_do(worker, conductor):
    assert worker.work_once(conductor.url, "me") is False
    assert conductor.polled == ["/api/tasks/poll/qc_check_asset?workerid=me"]


def test_a_good_asset_is_completed_after_signs_of_life(worker, conductor, still):
    conductor.waiting = [task(still)]
    assert worker.work_once(conductor.url, "me")
    states = [u["status"] for u in conductor.updates]
    assert states[:-1] == ["IN_PROGRESS"] * (len(states) - 1)
    assert states[-1] == "COMPLETED"
    assert len(states) >= 2
    assert all(u["callbackAfterSeconds"] == 60 for u in conductor.updates[:-1])
    assert {(u["taskId"], u["workflowInstanceId"], u["workerId"]) for u in conductor.updates} == {
        ("t-1", "w-1", "me")
    }
    assert conductor.updates[-1]["outputData"]["verdict"] in ("accept", "review", "reject")


def test_a_retry_helps_or_not(worker, conductor, tmp_path, aws, monkeypatch):
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    conductor.waiting = [task("bad.mp4")]
    worker.work_once(conductor.url, "me")
    last = conductor.updates[-1]
    assert last["status"] == "FAILED_WITH_TERMINAL_ERROR"
    assert "bad.mp4" in last["reasonForIncompletion"]
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    conductor.waiting = [{**task("s3://in/a.png"), "workflowInstanceId": "w-2"}]
    worker.work_once(conductor.url, "me")
    assert conductor.updates[-1]["status"] == "FAILED"
