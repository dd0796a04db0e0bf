"""Whatever is not accepted says why, wherever a person or a host looks."""

import json
from pathlib import Path

import numpy as np
import pytest

from qc_plugin.report.read import read_report
from tests.support.clips import Clip, make
from tests.support.pictures import pictures_of, write_film

DATA = Path(__file__).resolve().parents[1] / "data"
TEXT = "6 of 6 frames are left out: too dark to show anything"


@pytest.fixture(scope="module")
def cut_clip(tmp_path_factory):
    """The index came first, and then half of the frames."""
    path = make(tmp_path_factory.mktemp("cut"), Clip("cut.mp4", n_frames=100))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def test_row_55_a_black_clip_says_why_on_every_page(qc, tmp_path):
    done = qc("check", DATA / "d5_black.mp4", "--reports", "out")
    assert done.returncode == 10, done.stdout + done.stderr
    assert TEXT in done.stdout
    assert "frames: 6 excluded (dark)\n" in done.stdout
    (sheet,) = (tmp_path / "out/_sheets").glob("*.html")
    assert f"None of 6 frames ranked. What speaks against it: {TEXT}; " in sheet.read_text()
    told = json.loads(qc("check", DATA / "d5_black.mp4", "--reports", "out", "--no-sheet", "--json").stdout)
    assert told["sentence"] == TEXT
    assert told["frames"] == {"accept": 0, "deblur": 0, "review": 0, "reject": 0, "excluded:dark": 6}
    assert qc("review", "--catalogue", "out", "--out", "all.html").returncode == 0
    assert TEXT in (tmp_path / "all.html").read_text()


def test_row_55_a_flat_colour_is_called_that_and_no_fade(qc, tmp_path):
    blue = np.full((90, 160, 3), (20, 40, 200), np.uint8)
    flat = write_film(tmp_path / "flat.mp4", [blue] * 30)
    told = json.loads(qc("check", flat, "--no-sheet", "--json").stdout)
    assert told["sentence"].endswith("left out: one plain tone, nothing to see")
    assert qc("review", "--catalogue", "qc-reports", "--out", "all.html").returncode == 0
    assert "none judged of" in (tmp_path / "all.html").read_text()


def test_row_55_a_clip_that_was_read_in_part_says_how_much(qc, cut_clip):
    told = json.loads(qc("check", cut_clip, "--no-sheet", "--json").stdout)
    assert told["verdict"] != "accept"
    assert told["incomplete"]
    assert "of 4.0 s could be read" in told["sentence"], told


@pytest.fixture(scope="module")
def white_studio(tmp_path_factory):
    """The same head on pure white."""
    pictures = pictures_of(DATA / "e1_blackstage.mp4", most=60)
    white = [np.where(rgb.max(axis=2, keepdims=True) <= 8, 255, rgb).astype(np.uint8) for rgb in pictures]
    return write_film(tmp_path_factory.mktemp("white") / "e3_whitestudio.mp4", white)


def test_row_56_a_head_on_a_black_stage_or_in_a_white_studio_is_well_exposed(qc, tmp_path, white_studio):
    for clip in (DATA / "e1_blackstage.mp4", white_studio):
        done = qc("thumbs", clip, "--out", clip.stem, "--best", "2", "--sample", "1fps", "--json")
        told = json.loads((tmp_path / clip.stem / "picks.json").read_text())
        assert done.returncode == 0, done.stdout + done.stderr
        assert told["picks"], told
        report = read_report(next((tmp_path / clip.stem).rglob("*.parquet")))
        rules = {f.rule_id: f for row in report.frames for f in row.judgement.findings}
        assert rules["face-exposure"].outcome == "pass"
        assert rules["exposure"].text == "a face is in this frame, and judged"
        assert not [f.text for f in report.findings if "exposure" in f.rule_id]
