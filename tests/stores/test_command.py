"""The command itself, its real workers and engines, on a store."""

import json
import os
import subprocess
import sys

from qc_plugin.report.read import read_meta
from tests.support.media import write_still


def run(*words):
    command = [sys.executable, "-m", "qc_plugin", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=os.environ)


def test_scan_and_check_from_a_store_to_a_store(bucket, tmp_path):
    still = write_still(tmp_path / "still.png", width=320)
    bucket.s3.upload_file(str(still), bucket.name, "in/poster ü.png")
    place, reports = f"s3://{bucket.name}/in", f"s3://{bucket.name}/qc"
    done = run("scan", place, "--reports", reports, "--jobs", "1", "--rules", "artwork")
    assert done.returncode == 0, done.stderr
    (row,) = map(json.loads, done.stdout.splitlines())
    assert row["path"] == f"{place}/poster ü.png"
    key = row["report"].removeprefix(f"s3://{bucket.name}/")
    (tmp_path / "r.parquet").write_bytes(bucket.get(key))
    assert read_meta(tmp_path / "r.parquet")["asset"]["uri"] == row["path"]
    stem = key.rpartition("/")[2].removesuffix(".parquet")
    assert f"qc/_sheets/{stem}.html" in bucket.keys("qc/")
    assert not list((tmp_path / "state").rglob("*.parquet"))  # nothing stays here
    assert not list((tmp_path / "state").rglob(".tmp-*"))
    again = run("check", row["path"], "--reports", reports, "--rules", "artwork", "--json")
    assert (again.returncode, json.loads(again.stdout)["reused"]) == (0, True), again.stderr


def test_what_is_missing_is_one_sentence(bucket):
    for words in (("check", f"s3://{bucket.name}/absent.png"), ("scan", "s3://no-such-bucket-here/x")):
        done = run(*words)
        assert done.returncode == 2
        assert done.stderr.startswith("error: s3://")
        assert len(done.stderr.splitlines()) == 1
