"""Stills as vendors send them, through the command line: one scan, and what each row says."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from qc_plugin.report.read import read_meta
from tests.support.corpora import corpus_file

CAT, SLOPE = "verdict_sharp-cat-rejected-100pct-blur.png", "verdict_gradient-rejected-100pct-blur.png"
DATA = Path(__file__).resolve().parents[1] / "data"
BLANK = "the only picture is left out: one plain tone, nothing to see"
SMALL = "the only picture is left out: too small to judge, under 64 px on the shorter side"


def _plain(height, width, colour):
    return Image.fromarray(np.full((height, width, 3), colour, np.uint8))


def _glow():
    y, x = np.mgrid[:400, :600]
    luma = 255 * np.exp(-((x - 300) ** 2 + (y - 200) ** 2) / 2 / 120**2)
    return Image.fromarray(np.rint(luma).astype(np.uint8)).convert("RGB")


def _title():
    page = Image.new("RGB", (600, 400), "white")
    ImageDraw.Draw(page).text((100, 150), "A quiet title", fill="black", font_size=60)
    return page


STILLS = {
    "blank_white.jpg": lambda: _plain(900, 600, 255),
    "blank_grey.jpg": lambda: _plain(900, 600, 128),
    "blank_blue.png": lambda: _plain(900, 600, (20, 40, 200)),
    "s_1px.png": lambda: _plain(1, 1, (200, 20, 20)),
    "flat16.png": lambda: _plain(16, 16, (200, 20, 20)),
    "s_3x1500.png": lambda: _plain(1500, 3, 90),
    "s_2000x1.png": lambda: _plain(1, 2000, 90),
    "slope.png": lambda: Image.fromarray(np.linspace(0, 255, 640).astype(np.uint8)[None].repeat(360, 0)),
    "glow.png": _glow,
    "title.png": _title,
}


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Name of each still to its row of the scan."""
    folder = tmp_path_factory.mktemp("stills")
    for name, make in STILLS.items():
        make().save(folder / name)
    for name in ("s_blankfirst.gif", "s_hdrpq.avif", "s_mpo.jpg"):
        shutil.copy(DATA / name, folder / name)
    return _scan(folder)


def _scan(folder):
    command = [
        sys.executable,
        "-m",
        "qc_plugin",
        "scan",
        folder,
        "--rules",
        "artwork",
        "--no-sheet",
        "--json",
    ]
    done = subprocess.run(
        command, cwd=folder.parent, capture_output=True, text=True, check=False, timeout=300
    )
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert told, done.stderr
    return {Path(row["path"]).name: row | {"root": folder.parent} for row in told}


@pytest.mark.parametrize("name", [name for name in STILLS if name.startswith("blank")])
def test_row_61_a_blank_picture_is_looked_at(rows, name):
    assert (rows[name]["verdict"], rows[name]["sentence"]) == (
        "review",
        BLANK,
    )
    assert {k: n for k, n in rows[name]["frames"].items() if n} == {"excluded:blank": 1}


@pytest.mark.parametrize("name", ["s_1px.png", "flat16.png", "s_3x1500.png", "s_2000x1.png"])
def test_row_63_a_picture_that_is_too_small_is_not_called_blurred(rows, name):
    assert (rows[name]["verdict"], rows[name]["sentence"]) == (
        "review",
        SMALL,
    )


@pytest.mark.parametrize("name", ["slope.png", "glow.png"])
def test_f19_a_smooth_slope_is_not_called_blurred(rows, name):
    assert (rows[name]["verdict"], rows[name]["sentence"]) == ("accept", "nothing to report")


def test_a_title_on_plain_white_is_a_picture(rows):
    assert rows["title.png"]["verdict"] == "accept"


def _media(row):
    return read_meta(Path(row["root"]) / row["report"])["asset"]["media"]


def test_row_62_an_animation_that_begins_blank_is_judged_by_a_picture(rows):
    assert rows["s_blankfirst.gif"]["sentence"] != BLANK
    assert _media(rows["s_blankfirst.gif"])["notes"] == [
        "animated (2): number 2 is judged, the first that is not blank"
    ]


def test_row_65_an_mpo_is_a_jpeg(rows):
    assert _media(rows["s_mpo.jpg"])["container"] == "jpeg"


def test_row_66_an_hdr_still_says_that_it_was_tone_mapped(rows):
    media = _media(rows["s_hdrpq.avif"])
    assert (media["transfer"], media["tone_mapped_from"], media["bit_depth"]) == ("pq", "pq", 10)


@pytest.mark.real
def test_f18_f19_stills_of_other_projects_that_were_rejected(tmp_path):
    for name in (CAT, SLOPE):
        shutil.copy(corpus_file(name), tmp_path / name)
    told = _scan(tmp_path)
    cat = told[CAT]
    assert cat["verdict"] == "review"
    assert cat["sentence"].endswith("limit 70 %, but sharpness 0.47 contradicts it: look at it")
    assert told[SLOPE]["sentence"] == SMALL
