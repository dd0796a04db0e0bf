"""`qc-plugin hook` as a host runs it: one event in, JSON lines out, nothing else on standard output."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.support.media import SAMPLE

HOOK = [sys.executable, "-m", "qc_plugin", "hook", "--reports", "out"]


def start(tmp_path, **env):
    pipe = subprocess.PIPE
    return subprocess.Popen(
        HOOK, cwd=tmp_path, env={**os.environ, **env}, stdin=pipe, stdout=pipe, stderr=pipe, text=True
    )


def event(uri, **fields):
    return json.dumps(
        {"schema": 1, "event": "asset.ingested", "id": "e-1", "asset": {"uri": str(uri)}, **fields}
    )


def test_a_noisy_package_leaves_the_protocol_whole(still, tmp_path):
    """A hook that prints, writes to the numbered stream and hangs: still only JSON lines, and an answer."""
    noisy = (
        "import os, time\n"
        "from qc_plugin.extensions import hookimpl\nprint('loaded')\n"
        "@hookimpl\ndef asset_finished(path):\n    print('done')\n"
        "    os.write(1, b'raw\\n')\n    time.sleep(600)\n"
    )
    (tmp_path / "noisy.py").write_text(noisy)
    (tmp_path / "noisy-1.0.dist-info").mkdir()
    (tmp_path / "noisy-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: noisy\nVersion: 1\n")
    (tmp_path / "noisy-1.0.dist-info/entry_points.txt").write_text("[qc_plugin]\nnoisy = noisy\n")
    host = start(tmp_path, PYTHONPATH=str(tmp_path), QC_HOOK_TIMEOUT_S="0.5")
    out, err = host.communicate(event(still, colour="red"), timeout=120)
    lines = [json.loads(each) for each in out.splitlines()]
    assert [each["type"] for each in lines] == ["progress"] * (len(lines) - 1) + ["result"]
    assert host.returncode == 0
    assert lines[-1]["verdict"] in ("accept", "review", "reject")
    assert any("did not return" in w for w in lines[-1]["warnings"])
    assert "unknown field `colour` ignored" in lines[-1]["warnings"]
    assert {"loaded", "done", "raw"} <= set(err.splitlines())
    assert "Traceback" not in err


def test_a_pipe_that_stays_open_is_no_reason_to_wait(tmp_path):
    host = start(tmp_path)
    host.stdin.write(event("gone.mov") + "\n")
    host.stdin.flush()
    answers = [json.loads(each) for each in host.stdout]
    assert host.wait(timeout=60) == 0
    assert answers[-1]["error"]["exit_code"] == 20
    host.stdin.close()
    host.stdout.close()
    host.stderr.close()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no event"),
        ("not json", "JSON"),
        ('{"schema": 9, "id": "e-7", "event": "asset.ingested"}', "protocol version"),
        ('{"schema": 1, "id": "e-7", "event": "asset.gone"}', "unknown event"),
    ],
)
def test_what_is_no_event_is_exit_code_2_with_a_line(tmp_path, text, words):
    host = start(tmp_path)
    out, err = host.communicate(text, timeout=60)
    assert host.returncode == 2
    (answer,) = [json.loads(each) for each in out.splitlines()]
    assert (answer["type"], answer["error"]["exit_code"], answer["error"]["retryable"]) == ("error", 2, False)
    assert answer.get("id") == ("e-7" if "e-7" in text else None)
    assert words in answer["error"]["text"]
    assert words in err
    assert not (tmp_path / "out").exists()


def test_a_hundred_megabytes_are_refused_in_little_memory(tmp_path):
    host = start(tmp_path)
    chunk = '{"schema": 1, "padding": "' + "x" * (1 << 20)
    try:
        for _ in range(100):
            host.stdin.write(chunk)
        host.stdin.close()
    except BrokenPipeError:
        pass
    answer = json.loads(host.stdout.read())
    assert host.wait(timeout=60) == 2
    assert "1 MiB" in answer["error"]["text"]
    host.stdout.close()
    host.stderr.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_is_answered_in_time(tmp_path, number):
    host = start(tmp_path)
    host.stdin.write(event(SAMPLE, settings={"sample": "all"}, timeout_s=600))
    host.stdin.close()
    progress = json.loads(host.stdout.readline())
    assert progress["type"] == "progress"
    time.sleep(1)
    host.send_signal(number)
    asked = time.monotonic()
    last = json.loads(host.stdout.read().splitlines()[-1])
    assert host.wait(timeout=60) == 0
    assert time.monotonic() - asked < 20  # 8 s of grace, and a machine that has other work
    assert (last["type"], last["incomplete"], last["retryable"]) == ("result", True, True)
    assert list((tmp_path / "out").rglob("*.parquet")) == []
    assert list((tmp_path / "out").rglob(".tmp*")) == []
    host.stdout.close()
    host.stderr.close()


def test_schema_and_manifest_are_printed(tmp_path):
    for args, words in ((["schema", "event"], '"asset.ingested"'), (["manifest"], "id: qc-plugin")):
        done = subprocess.run(
            [sys.executable, "-m", "qc_plugin", *args],
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
        )
        assert words in done.stdout
