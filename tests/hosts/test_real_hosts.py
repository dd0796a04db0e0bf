"""The recipes for Airflow, Dagster and Temporal inside the real hosts, each in an environment of its own."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples/hosts"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def host_python(tmp_path_factory):
    """Python of an environment that holds a host; made once, or taken from QC_HOST_ENVS."""

    def make(name, *packages):
        ready = Path(os.environ.get("QC_HOST_ENVS", "/nowhere")) / name / "bin/python"
        if ready.is_file():
            return ready
        folder = tmp_path_factory.mktemp(name)
        venv.create(folder, with_pip=True)
        python = folder / "bin/python"
        command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
        if done.returncode != 0:
            pytest.skip(f"{name} cannot be installed here: {done.stderr.strip()[-200:]}")
        return python

    return make


def run(python, code, cwd, **env):
    settings = {
        **os.environ,
        "QC_PLUGIN_COMMAND": f"{sys.executable} -m qc_plugin hook",
        "PYTHONPATH": str(EXAMPLES),
        **env,
    }
    return subprocess.run(
        [python, "-c", code], cwd=cwd, env=settings, capture_output=True, text=True, check=False, timeout=600
    )


AIRFLOW = """
import json, sys
from airflow_dag import qc_on_ingest_dag
run = qc_on_ingest_dag.test(run_conf={{"uri": {uri!r}, "reports": "out"}})
states = {{t.task_id: str(t.state) for t in run.get_task_instances()}}
print("STATES " + json.dumps(states))
"""


def test_airflow(host_python, tmp_path, still):
    python = host_python("airflow", "apache-airflow>=3.1")
    env = {
        "AIRFLOW_HOME": str(tmp_path / "home"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(EXAMPLES),
    }
    migrated = run(python, "from airflow.utils.db import initdb; initdb()", tmp_path, **env)
    assert migrated.returncode == 0, migrated.stderr[-2000:]
    done = run(python, AIRFLOW.format(uri=str(still)), tmp_path, **env)
    line = next((each for each in done.stdout.splitlines() if each.startswith("STATES ")), None)
    assert line, done.stdout[-3000:] + done.stderr[-3000:]
    states = json.loads(line.removeprefix("STATES "))
    assert states["check"] == "success"
    branches = {states[name] for name in ("publish", "ask_a_person", "send_back")}
    assert branches == {"success", "skipped"}
    assert len(list((tmp_path / "out").rglob("*.parquet"))) == 1
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    bad = run(python, AIRFLOW.format(uri=str(tmp_path / "bad.mp4")), tmp_path, **env)
    line = next(each for each in bad.stdout.splitlines() if each.startswith("STATES "))
    assert json.loads(line.removeprefix("STATES "))["send_back"] == "success"


DAGSTER = """
import json
import dagster as dg
from dagster_asset import RULES, video
given = {{"ops": {{"video": {{"config": {{"uri": {uri!r}, "reports": "out"}}}}}}}}
result = dg.materialize(
    [video], resources={{"pipes": dg.PipesSubprocessClient()}}, run_config=given, raise_on_error=False)
checks = {{e.check_name: e.passed for e in result.get_asset_check_evaluations()}}
made = [m.metadata["verdict"].value for m in result.asset_materializations_for_node("video")]
print("CHECKS " + json.dumps([result.success, checks, made, len(RULES)]))
"""


def test_dagster(host_python, tmp_path, clip):
    python = host_python("dagster", "dagster")
    env = {"DAGSTER_HOME": str(tmp_path)}
    done = run(python, DAGSTER.format(uri=str(clip)), tmp_path, **env)
    line = next((each for each in done.stdout.splitlines() if each.startswith("CHECKS ")), None)
    assert line, done.stdout[-3000:] + done.stderr[-3000:]
    success, checks, verdicts, n_rules = json.loads(line.removeprefix("CHECKS "))
    assert success
    assert len(checks) == n_rules
    assert verdicts[0] in ("accept", "review", "reject")
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    bad = run(python, DAGSTER.format(uri=str(tmp_path / "bad.mp4")), tmp_path, **env)
    line = next(each for each in bad.stdout.splitlines() if each.startswith("CHECKS "))
    assert json.loads(line.removeprefix("CHECKS "))[0] is False


TEMPORAL = """
import asyncio, json
from temporalio.testing import ActivityEnvironment
from temporal_activity import check_asset
from temporalio.exceptions import ApplicationError

def environment():
    made = ActivityEnvironment()
    made.beats = []
    made.on_heartbeat = lambda *details: made.beats.append(details)
    return made

async def main():
    out = {{}}
    good = environment()
    out["verdict"] = (await good.run(check_asset, {still!r}, "out"))["verdict"]
    out["beats"] = good.beats
    try:
        await environment().run(check_asset, "gone.mp4", "gone")
    except ApplicationError as error:
        out["error"] = [error.type, error.non_retryable, error.message]
    stopped = environment()
    stopped.on_heartbeat = lambda *details: stopped.cancel()
    try:
        await stopped.run(check_asset, {sample!r}, "part")
    except asyncio.CancelledError:
        out["cancelled"] = True
    print("OUT " + json.dumps(out))

asyncio.run(main())
"""


def test_temporal(host_python, tmp_path, still):
    from tests.support.media import SAMPLE

    python = host_python("temporal", "temporalio")
    done = run(python, TEMPORAL.format(still=str(still), sample=str(SAMPLE)), tmp_path)
    line = next((each for each in done.stdout.splitlines() if each.startswith("OUT ")), None)
    assert line, done.stdout[-3000:] + done.stderr[-3000:]
    out = json.loads(line.removeprefix("OUT "))
    assert out["verdict"] in ("accept", "review", "reject")
    assert out["beats"][0] == [0.0, "start"]
    assert out["error"][:2] == ["UnsupportedAsset", True]
    assert "gone.mp4" in out["error"][2]
    assert out["cancelled"]
    assert list((tmp_path / "part").rglob("*.parquet")) == []
