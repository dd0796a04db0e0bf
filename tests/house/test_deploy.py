"""The recipes under deploy/ say what the command understands: checked as text, no cluster is at hand."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from qc_plugin.batch.plan import Shard
from qc_plugin.cli.main import app_for

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
SCAN = {word for option in get_command(app_for(["scan"])).commands["scan"].params for word in option.opts}


def job():
    return yaml.safe_load((DEPLOY / "kubernetes/scan-job.yaml").read_text())["spec"]


def batch():
    return json.loads((DEPLOY / "aws-batch/job-definition.json").read_text())


def scripts():
    (container,) = job()["template"]["spec"]["containers"]
    return {"kubernetes": container["args"][0], "aws": batch()["containerProperties"]["command"][2]}


@pytest.mark.parametrize("name", ["kubernetes", "aws"])
def test_every_option_of_the_command_is_known(name):
    text = scripts()[name]
    assert text.startswith("qc-plugin scan /media ")
    assert set(re.findall(r"(?<!\S)--[a-z-]+", text)) <= SCAN
    assert "--ledger" in text  # a shared disk is no place for it


@pytest.mark.parametrize("name", ["kubernetes", "aws"])
@pytest.mark.parametrize(("code", "left"), [(0, 0), (20, 0), (22, 0), (2, 2), (75, 75), (143, 143)])
def test_assets_that_cannot_be_checked_do_not_fail_the_shard(tmp_path, name, code, left):
    stub = tmp_path / "qc-plugin"
    stub.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/said\nexit {code}\n')
    stub.chmod(0o755)
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin", "JOB_COMPLETION_INDEX": "7"}
    env |= {"AWS_BATCH_JOB_ARRAY_INDEX": "7", "QC_SHARDS": "50"}
    done = subprocess.run(["/bin/sh", "-c", scripts()[name]], env=env, check=False)
    assert done.returncode == left
    shard = re.search(r"--shard (\S+)", (tmp_path / "said").read_text()).group(1)
    assert Shard.parse(shard) == Shard(7, 50)


def test_as_many_pods_as_shards():
    assert job()["completionMode"] == "Indexed"
    assert f"/{job()['completions']}" in scripts()["kubernetes"]
    size = json.loads((DEPLOY / "aws-batch/submit.json").read_text())["arrayProperties"]["size"]
    (shards,) = [
        e["value"] for e in batch()["containerProperties"]["environment"] if e["name"] == "QC_SHARDS"
    ]
    assert int(shards) == size <= 10_000


def test_what_is_permanent_is_not_tried_again():
    rules = job()["podFailurePolicy"]["rules"]
    assert {rule["action"] for rule in rules} == {"Ignore", "FailIndex"}
    (codes,) = [rule["onExitCodes"]["values"] for rule in rules if "onExitCodes" in rule]
    assert codes == [2]
    rows = batch()["retryStrategy"]["evaluateOnExit"]
    again = {r.get("onExitCode") for r in rows if r["action"] == "RETRY"} - {None}
    assert again == {"70", "75"}
