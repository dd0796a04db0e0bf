"""Many assets: one bad file costs one row, and a second run decodes nothing."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from qc_plugin.report.read import read_frames, read_meta


@pytest.fixture
def catalogue(tmp_path, clip, still):
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    shutil.copy(clip, folder / "kick.mp4")
    shutil.copy(still, folder / "deep/poster.png")
    (folder / "empty.mp4").touch()
    (folder / "notes.txt").write_text("not media")
    return folder


def test_scan_accounts_for_every_file_and_resumes(qc, catalogue, tmp_path):
    first = qc("scan", catalogue, "--reports", "out", "--json")
    assert first.returncode == 20, first.stderr  # one asset could not be checked
    rows = {json.loads(line)["path"]: json.loads(line) for line in first.stdout.splitlines()}
    assert {p.rsplit("/", 1)[1] for p in rows} == {"kick.mp4", "poster.png", "empty.mp4"}
    assert len(list((tmp_path / "out").rglob("*.parquet"))) == 3
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*.parquet")}
    second = qc("scan", catalogue, "--reports", "out", "--json")
    assert all(json.loads(line)["reused"] for line in second.stdout.splitlines())
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*.parquet")} == before
    assert second.returncode == 20


def test_new_rules_give_new_reports_beside_the_old(qc, catalogue, tmp_path):
    qc("scan", catalogue / "deep", "--reports", "out")
    qc("scan", catalogue / "deep", "--reports", "out", "--rules", "artwork")
    metas = [read_meta(p) for p in (tmp_path / "out").rglob("*.parquet")]
    assert {m["rules"]["id"] for m in metas} == {"default", "artwork"}
    assert len({m["provenance"]["measure_key"] for m in metas}) == 1


def test_a_missing_path_is_said_before_anything_is_done(qc, catalogue, tmp_path):
    done = qc("scan", catalogue / "deep", catalogue / "gone.mov", "--reports", "out", "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert "gone.mov: no such file or folder; check the path" in done.stderr
    assert not (tmp_path / "out").exists()


def test_rows_25_and_26_explain_finds_the_asset_or_its_copy_from_any_folder(
    qc, still, tmp_path, tmp_path_factory
):
    (tmp_path / "dup").mkdir()
    one, two = (Path(shutil.copy(still, tmp_path / "dup" / name)) for name in ("one.png", "two.png"))
    assert qc("scan", "dup", "--reports", "R", "--no-sheet").returncode == 0
    (report,) = (tmp_path / "R").rglob("*.parquet")
    frames = read_frames(tmp_path / "R")
    assert (list(frames["asset_uri"]), [list(also) for also in frames["also_at"]]) == (
        [str(one)],
        [[str(two)]],
    )
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    words = ["explain", report, "--frame", "0", "--out", elsewhere / "heat.png"]
    run = [sys.executable, "-m", "qc_plugin", *map(str, words)]
    done = subprocess.run(run, cwd=elsewhere, capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    one.unlink()
    done = subprocess.run(run, cwd=elsewhere, capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    two.unlink()
    done = subprocess.run(run, cwd=elsewhere, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 2
    assert f"{one}: the asset is not there any more" in done.stderr
