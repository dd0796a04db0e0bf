"""The Stash plugin as Stash runs it: raw interface, with a fake Stash behind its GraphQL."""

import http.server
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml

FOLDER = Path(__file__).resolve().parents[2] / "examples/hosts/stash"


@pytest.fixture
def stash(tmp_path):
    """Answers the two questions of the plugin; keeps cookies."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.cookies.append(self.headers["Cookie"])
            if "findScene" in asked["query"]:
                file = server.files.get(asked["variables"]["id"])
                data = {"findScene": file and {"files": [{"path": str(file), "fingerprint": "abc"}]}}
            else:
                data = {"configuration": {"plugins": {"qc-plugin": {"reports": str(tmp_path / "out")}}}}
            text = json.dumps({"data": data}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.cookies, server.files = [], {}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def run(stash, tmp_path, **args):
    """One call, with the command of the manifest."""
    manifest = yaml.safe_load((FOLDER / "qc-plugin.yml").read_text())
    script = manifest["exec"][1].format(pluginDir=FOLDER)
    connection = {
        "Scheme": "http", "Host": "127.0.0.1", "Port": stash.server_port,
        "SessionCookie": {"Name": "session", "Value": "v"},
    }  # fmt: skip
    given = json.dumps({"server_connection": connection, "args": args})
    env = {**os.environ, "QC_PLUGIN_COMMAND": f"{sys.executable} -m qc_plugin hook"}
    done = subprocess.run(
        [sys.executable, script],
        input=given,
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout), done.stderr


def hook(scene):
    return {"hookContext": {"id": scene, "type": "Scene.Create.Post", "input": None}}


def test_a_new_scene_is_checked(stash, tmp_path, clip):
    stash.files["7"] = clip
    answer, log = run(stash, tmp_path, **hook(7))
    assert set(answer) == {"output"}, answer
    assert answer["output"].split(";")[0] in ("accept", "review", "reject")
    assert list((tmp_path / "out").rglob("*.parquet"))
    assert "\x01p\x020.0" in log
    assert set(stash.cookies) == {"session=v"}


def test_what_cannot_be_read_is_an_error_of_the_protocol(stash, tmp_path):
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    stash.files["8"] = tmp_path / "bad.mp4"
    answer, _ = run(stash, tmp_path, **hook(8))
    assert "bad.mp4" in answer["error"]


def test_the_hooks_of_the_manifest_are_those_it_reads():
    manifest = yaml.safe_load((FOLDER / "qc-plugin.yml").read_text())
    assert manifest["interface"] == "raw"
    assert [h["triggeredBy"] for h in manifest["hooks"]] == [["Scene.Create.Post"]]
    assert [t["defaultArgs"] for t in manifest["tasks"]] == [{"mode": "warm-up"}]


@pytest.mark.slow
def test_warm_up(stash, tmp_path):
    answer, _ = run(stash, tmp_path, mode="warm-up")
    assert answer["output"].startswith("accept")
