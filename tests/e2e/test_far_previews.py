"""Films whose previews lie far apart, strobes: from the command line to the candidates."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from qc_plugin.report.read import read_frames
from tests.support.pictures import pictures_of, write_film

DATA = Path(__file__).resolve().parents[1] / "data"


@pytest.mark.parametrize(
    ("name", "sample"), [("g_slideshow1fps.mp4", "2fps"), ("g_slideshow25.mp4", "keyframes")]
)
def test_row_47_six_pictures_are_six_shots(qc, tmp_path, name, sample):
    done = qc("thumbs", DATA / name, "--sample", sample, "--best", "6", "--crops", "16:9", "--out", "picks")
    assert done.returncode == 0, done.stderr
    frames = read_frames(tmp_path / "picks/reports")
    assert frames["shot"].nunique() == 6
    assert not (frames["unranked"] == "per_shot").any()
    full = [
        p for p in json.loads((tmp_path / "picks/picks.json").read_text())["picks"] if p["ratio"] == "full"
    ]
    assert len(full) == (frames["decision"] == "accept").sum()


def film(pictures, n, seed=0):
    """`n` small pictures, three in a row of one scene: parts of six pictures, mirrored and toned."""
    rng = np.random.default_rng(seed)
    for shot in range(n // 3):
        picture = pictures[shot % len(pictures)]
        height, width = picture.shape[:2]
        y, x = rng.integers(0, height // 3), rng.integers(0, width // 3)
        part = picture[y : y + 2 * height // 3, x : x + 2 * width // 3][::2, ::2]
        part = part[: part.shape[0] // 2 * 2, : part.shape[1] // 2 * 2]
        gain = rng.uniform(0.7, 1.0, 3)
        toned = (part[:, :: -1 if shot % 2 else 1] * gain).astype(np.uint8)
        yield from [toned] * 3


def test_row_47_two_hours_by_key_frames_are_offered_from_all_of_it(qc, tmp_path):
    pictures = pictures_of(DATA / "g_slideshow1fps.mp4")
    long = write_film(tmp_path / "film.mp4", film(pictures, 72), every_s=Fraction(100))
    done = qc("check", long, "--sample", "keyframes", "--no-sheet", "--reports", "out", "--json")
    assert done.returncode in (0, 10, 11), done.stderr
    frames = read_frames(tmp_path / "out")
    assert frames["pts_s"].max() > 7000
    assert frames["shot"].nunique() >= 22
    ranked = frames[frames["rank"].notna()]
    assert len(ranked) >= 10
    assert set(ranked["pts_s"] // 1800) == {0, 1, 2, 3}


def test_row_58_frames_between_flashes_are_offered(qc, tmp_path):
    done = qc("thumbs", DATA / "d8_strobe.mp4", "--best", "3", "--crops", "1:1", "--out", "picks")
    assert done.returncode == 0, done.stderr
    listed = json.loads((tmp_path / "picks/picks.json").read_text())["picks"]
    assert [p["ratio"] for p in listed].count("full") >= 1
    for pick in listed:
        assert pick["frame_index"] % 4 != 0  # every fourth is white
    frames = read_frames(tmp_path / "picks/reports")
    assert frames["shot"].nunique() == 1
