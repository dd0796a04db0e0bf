"""One asset through the command line: exit codes, report, sheet, stills."""

import json

import pytest

from qc_plugin.report.read import read_frames, read_meta

CODES = {"accept": 0, "review": 10, "reject": 11}


def test_check_writes_a_report_that_accounts_for_every_frame(qc, clip, tmp_path):
    done = qc("check", clip, "--reports", "out", "--json")
    outcome = json.loads(done.stdout)
    assert done.returncode == CODES[outcome["verdict"]], done.stderr
    table = read_frames(tmp_path / outcome["report"])
    meta = read_meta(tmp_path / outcome["report"])
    assert len(table) == meta["coverage"]["frames_scored"]
    assert 4 <= len(table) <= 6
    assert table["rank"].notna().sum() + sum(meta["funnel"].values()) == len(table)
    assert table["pts_s"].is_monotonic_increasing
    assert {"face", "person"} & {r["kind"] for regions in table["regions"] for r in regions}
    assert (tmp_path / outcome["sheet"]).stat().st_size > 10_000
    assert len(list((tmp_path / "out/_stills").rglob("*.jpg"))) >= table["rank"].notna().sum()


def test_check_artwork(qc, still, tmp_path):
    done = qc("check", still, "--rules", "artwork", "--reports", "out", "--json")
    outcome = json.loads(done.stdout)
    assert outcome["kind"] == "artwork", done.stderr
    assert len(read_frames(tmp_path / outcome["report"])) == 1


@pytest.mark.parametrize(
    ("name", "content", "code", "words"),
    [
        ("zero.mp4", b"", 20, "zero bytes"),
        ("text.mp4", b"this is no video\n" * 50, 20, "text.mp4"),
        ("list.mp4", b"ffconcat version 1.0\nfile '/etc/passwd'\n", 20, "list.mp4"),
        ("play.mp4", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n", 20, "play.mp4"),
    ],
)
def test_bad_files_leave_a_row_and_a_sentence(qc, tmp_path, name, content, code, words):
    (tmp_path / name).write_bytes(content)
    done = qc("check", name, "--reports", "out")
    assert done.returncode == code, done.stdout + done.stderr
    assert words in done.stdout
    assert "Traceback" not in done.stderr
    (report,) = (tmp_path / "out").rglob("*.parquet")
    assert read_meta(report)["error"]["exit_code"] == code


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["check", "absent.mp4"], "no such file"),
        (["check", "."], "qc-plugin scan"),
        (["check", "CLIP", "--rules", "thumbnail-candidate"], "thumbnail-candidates"),
        (["check", "CLIP", "--sample", "often"], "keyframes"),
        (["check", "CLIP", "--backend", "tpu"], "backend"),
        (["check", "CLIP", "--frobnicate"], "No such option"),
        (["scan"], "paths"),
    ],
)
def test_wrong_use_is_exit_code_2_with_the_fix(qc, clip, args, words):
    done = qc(*[str(clip) if a == "CLIP" else a for a in args])
    assert done.returncode == 2, done.stdout + done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_an_altered_engine_stops_the_run(qc, clip, monkeypatch, tmp_path):
    """A copy of the shipped data with one byte changed, found through an installed layout."""
    import shutil

    from qc_plugin.resources import shipped

    package = tmp_path / "site/qc_plugin"
    shutil.copytree(
        shipped("qc_plugin"), package, ignore=shutil.ignore_patterns("samples", "__pycache__", "_bundled")
    )
    for name in ("rules", "engines"):
        shutil.copytree(
            shipped(name), package / "_bundled" / name, ignore=shutil.ignore_patterns("recipes", ".cache")
        )
    shutil.copy(shipped("plugin.yaml"), package / "_bundled/plugin.yaml")
    for model in (package / "_bundled/engines/motion_blur").glob("*.onnx"):  # the CPU decides which one runs
        data = bytearray(model.read_bytes())
        data[len(data) // 2] ^= 1
        model.write_bytes(data)
    import os

    done = qc("check", clip, env={**os.environ, "PYTHONPATH": str(tmp_path / "site")})
    assert done.returncode == 2, done.stdout + done.stderr
    assert ".onnx" in done.stderr
