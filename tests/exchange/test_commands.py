"""export, import and replay as people run them, on a real report of a real asset."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from qc_plugin.exchange.formats import EXPORTS, IMPORTS
from qc_plugin.report.read import read_report
from qc_plugin.report.write import write_report
from tests.support.media import write_clip


@pytest.fixture(scope="module")
def qc(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")

    def run(*args):
        command = [sys.executable, "-m", "qc_plugin", *map(str, args)]
        return subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, env=os.environ
        )

    run.folder = folder
    return run


@pytest.fixture(scope="module")
def real(qc):
    """A checked clip: (asset, report)."""
    clip = write_clip(qc.folder / "kick.mp4")
    outcome = json.loads(qc("check", clip, "--reports", "out", "--json").stdout)
    return clip, qc.folder / outcome["report"]


def test_a_row_is_replayed(qc, real):
    _, report = real
    index = read_report(report).frames[1].score.frame_index
    done = qc("replay", report, "--frame", index)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the same" in done.stdout
    compared = int(done.stdout.split(": ")[1].split()[0])
    assert compared > 15


def test_a_row_that_was_changed_is_named(qc, real, tmp_path):
    """The same report with one number altered, and another version of an engine."""
    from dataclasses import replace

    _, path = real
    report = read_report(path)
    row = report.frames[1]
    score = replace(
        row.score, measures={**row.score.measures, "luma_mean": row.score.measures["luma_mean"] + 0.1}
    )
    engines = (replace(report.provenance.engines[0], version="9.9"), *report.provenance.engines[1:])
    altered = replace(
        report,
        frames=(report.frames[0], replace(row, score=score), *report.frames[2:]),
        provenance=replace(report.provenance, engines=engines),
    )
    done = qc("replay", write_report(altered, tmp_path), "--frame", row.score.frame_index)
    assert done.returncode == 10
    assert "differs: frame luma_mean: report " in done.stdout
    assert done.stdout.count("differs:") == 1
    assert "not as it was: engine motion_blur version: report 9.9" in done.stdout


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["replay", "REPORT", "--frame", "999999"], "was not scored; the nearest"),
        (["replay", "REPORT", "--frame", "0", "--asset", "gone.mp4"], "is not there any more"),
        (["replay", "kick.mp4", "--frame", "0"], "not a qc-plugin report"),
        (["export", "REPORT", "--format", "yolo", "--out", "x"], "coco, cvat, labelstudio"),
        (["export", "gone.parquet", "--format", "coco", "--out", "x"], "no such report"),
        (["export", "REPORT", "--format", "coco", "--out", "kick.mp4"], "--overwrite"),
        (["import", "gone.json", "--format", "coco", "--report", "REPORT"], "no such file"),
        (["import", "kick.mp4", "--format", "coco", "--report", "REPORT"], "UTF-8"),
        (["import", "kick.mp4", "--format", "cvat", "--report", "REPORT"], "broken"),
        (["import", "kick.mp4", "--format", "junit", "--report", "REPORT"], "cannot be imported"),
    ],
)
def test_wrong_use_is_exit_code_2_with_the_fix(qc, real, args, words):
    done = qc(*[real[1] if a == "REPORT" else a for a in args])
    assert done.returncode == 2, done.stdout + done.stderr
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert not (qc.folder / "x").exists()
    assert not (qc.folder / "labels.jsonl").exists()


def test_a_real_report_goes_out_in_every_format_and_comes_back(qc, real):
    """In this process: starting the command is tested below, once."""
    from qc_plugin.exchange.formats import export, import_labels

    _, report = real
    for form in EXPORTS:
        files = export(report, form, qc.folder / f"{form}.out")
        assert files
        assert all(file.stat().st_size > 100 for file in files)
    for form in IMPORTS:
        back = import_labels(qc.folder / f"{form}.out", form, report, qc.folder / f"{form}.jsonl")
        assert back.changes == ()
        lines = [json.loads(line) for line in (qc.folder / f"{form}.jsonl").read_text().splitlines()]
        assert [line["frame_index"] for line in lines] == [
            r.score.frame_index for r in read_report(report).frames
        ]
    assert not list(qc.folder.glob(".tmp*"))


def test_the_commands(qc, real):
    _, report = real
    done = qc("export", report, "--format", "cvat", "--out", "a/labels.xml")
    assert done.returncode == 0, done.stderr
    again = qc("import", "a/labels.xml", "--format", "cvat", "--report", report, "--out", "a/labels.jsonl")
    assert again.returncode == 0, again.stderr
    assert ", 0 changed" in again.stdout
    shutil.rmtree(qc.folder / "a")
