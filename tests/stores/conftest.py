"""A bucket of assets and a bucket of reports in a store that runs in this process."""

import uuid

import boto3
import pytest

from qc_plugin.batch import run
from qc_plugin.config import RunConfig
from qc_plugin.store import s3 as s3_module
from tests.faults import stub_worker
from tests.support.object_store import ENVIRONMENT, object_store


@pytest.fixture(scope="session")
def server():
    with object_store() as both:
        yield both


@pytest.fixture
def way(server, monkeypatch, tmp_path):
    """What can go wrong on the way, with nothing wrong yet; waits are short."""
    app, address = server
    app.faults.clear()
    app.requests.clear()
    for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": address}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(s3_module, "_wait", lambda _attempt: None)
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.01)
    return app


class Bucket:
    def __init__(self):
        self.name, self.s3 = f"b-{uuid.uuid4().hex[:12]}", boto3.client("s3")
        self.s3.create_bucket(Bucket=self.name)

    def put(self, key, word="ok", text=""):
        self.s3.put_object(
            Bucket=self.name, Key=key, Body=stub_worker.MAGIC + f"{word} {key} {text}".encode()
        )

    def keys(self, prefix=""):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return [each["Key"] for page in pages for each in page.get("Contents", ())]

    def get(self, key):
        return self.s3.get_object(Bucket=self.name, Key=key)["Body"].read()


@pytest.fixture
def bucket(way):
    return Bucket()


@pytest.fixture
def config(bucket, monkeypatch):
    """Reports go to `reports/` of the same bucket; a stub decodes, in this process."""
    monkeypatch.setattr(run, "run_isolated", stub_worker.in_process)
    return RunConfig(
        reports=f"s3://{bucket.name}/reports", sheet=False, stills=False, jobs=1, rules="artwork"
    )
