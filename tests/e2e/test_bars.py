"""Thumbnails of pictures inside bars, as a picture editor gets them."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from qc_plugin.report.read import read_frames
from tests.support.pictures import pictures_of, write_film

DATA = Path(__file__).resolve().parents[1] / "data"


def thumbs(qc, tmp_path, file):
    """The picks, their pictures and the rows of the report."""
    done = qc("thumbs", file, "--sample", "1fps", "--best", "2", "--crops", "16:9,1:1,2:3", "--out", "picks")
    listed = json.loads((tmp_path / "picks/picks.json").read_text())["picks"]
    assert listed, done.stderr
    stills = [np.asarray(Image.open(tmp_path / "picks" / pick["file"]).convert("L")) for pick in listed]
    return listed, stills, read_frames(tmp_path / "picks/reports")


def is_free_of_bars(still):
    edges = still[:3], still[-3:], still[:, :3].T, still[:, -3:].T
    return all(np.median(edge) > 20 for edge in edges)


@pytest.mark.parametrize("name", ["d1_letterbox.mp4", "e4_lb_subs.mp4"])
def test_row_52_no_still_keeps_a_bar(qc, tmp_path, name):
    listed, stills, frames = thumbs(qc, tmp_path, DATA / name)
    assert {pick["ratio"] for pick in listed} == {"full", "16:9", "1:1", "2:3"}
    assert frames["bar_fraction"].to_numpy() == pytest.approx(92 / 360, abs=0.01)
    for pick, still in zip(listed, stills, strict=True):
        assert is_free_of_bars(still), pick
        left, top, right, bottom = pick["active_xyxy"]
        assert (left, right) == (0, 640)
        assert 46 <= top <= 50
        assert 310 <= bottom <= 314
        x0, y0, x1, y1 = pick["box_xyxy"]
        assert left <= x0 < x1 <= right
        assert top <= y0 < y1 <= bottom
        assert still.shape == (y1 - y0, x1 - x0)
    box = {"x0": 0, "y0": top, "x1": 640, "y1": bottom}
    assert all(area == box for area in frames["active_area"])


def pillarboxed(rgb, colour):
    """A tall picture between bars of a grey, or of its own blurred copy."""
    made = np.full((360, 640, 3), colour or 0, np.uint8)
    if colour is None:
        tall = cv2.resize(rgb[:, 220:420], (640, 1152))[396:756]
        made = (cv2.GaussianBlur(tall, (0, 0), 18) * 0.6).astype(np.uint8)
    made[:, 220:420] = rgb[:, 220:420]
    return made


@pytest.mark.parametrize("colour", [0, 24, None], ids=["black", "grey", "blurred"])
def test_row_53_pillarbox_and_grey_bars_are_cut_off(qc, tmp_path, colour):
    pictures = [pillarboxed(rgb, colour) for rgb in pictures_of(DATA / "g_slideshow1fps.mp4", most=2)]
    film = write_film(tmp_path / "tall.mp4", [pictures[n // 25] for n in range(50)])
    listed, stills, frames = thumbs(qc, tmp_path, film)
    assert frames["bar_fraction"].to_numpy() == pytest.approx(440 / 640, abs=0.01)
    for pick, still in zip(listed, stills, strict=True):
        assert 220 <= pick["box_xyxy"][0] < pick["box_xyxy"][2] <= 420
        assert still.shape[1] <= 200


def test_row_56_a_black_stage_has_no_bars(qc, tmp_path):
    done = qc("check", DATA / "e1_blackstage.mp4", "--sample", "1fps", "--no-sheet", "--reports", "out")
    assert done.returncode in (0, 10), done.stderr
    frames = read_frames(tmp_path / "out")
    assert (frames["bar_fraction"] == 0).all()
    assert frames["active_area"].isna().all()


def test_a_small_picture_with_plain_sides_is_checked(qc, tmp_path):
    """The border of its sides lies nearer to the edge than what is looked at before a border."""
    luma = np.full((64, 64), 90, np.uint8)
    luma[:, 5:-5] = np.random.default_rng(0).integers(0, 255, (64, 54), np.uint8)
    luma[:, [6, -7]] = 250
    Image.fromarray(luma).save(tmp_path / "small.png")
    done = qc("check", "small.png", "--no-sheet", "--reports", "out")
    assert done.returncode in (0, 10, 11), done.stderr
    assert (read_frames(tmp_path / "out")["bar_fraction"] == 0).all()
