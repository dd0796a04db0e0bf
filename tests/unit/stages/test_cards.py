"""Test signals and cards as they come, compressed, and pictures that are none."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from qc_plugin.decode.rgb_preview import preview_of_rgb
from qc_plugin.rulesets.ruleset import load_rules
from qc_plugin.scoring.evaluate import judge_frame
from qc_plugin.signals.technical import measure_preview
from tests.support.cards import BARS, CARDS, bars, labelled
from tests.support.pictures import pictures_of
from tests.unit.scoring.made_up import frame
from tests.unit.stages.test_bars import SHORT, letterboxed, night_street, spotlight, write

DATA = Path(os.environ.get("QC_SHARED_DATA", "../shared/data"))
CLIPS = Path(__file__).resolve().parents[2] / "data"
RULES = load_rules("thumbnail-candidates")
OURS = {"colour-bars", "plain", "title"}


def left_out(rgb, *, quality=70):
    """The exclude rule of `thumbnail-candidates` that meets a picture, compressed."""
    done, data = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    seen = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]
    measures = measure_preview(preview_of_rgb(np.ascontiguousarray(seen), index=0, pts_s=0.0))
    return judge_frame(frame(**measures), RULES).excluded


@pytest.mark.parametrize("quality", [35, 90])
@pytest.mark.parametrize("change", [lambda rgb: rgb, labelled], ids=["plain", "labelled"])
@pytest.mark.parametrize("name", BARS)
def test_row_54_bars_are_no_picks(name, change, quality):
    assert left_out(change(bars(name)), quality=quality) == "colour-bars"


def test_row_54_bars_inside_a_letterbox_are_none_either():
    rgb = np.zeros((720, 1280, 3), np.uint8)
    rgb[:, 160:1120] = cv2.resize(bars("smptebars"), (960, 720))
    assert left_out(rgb) == "colour-bars"


@pytest.mark.parametrize("quality", [45, 90])
@pytest.mark.parametrize("name", CARDS)
def test_row_55_cards_are_no_picks(name, quality):
    assert left_out(CARDS[name], quality=quality) in {"title", "dark", "plain"}


@pytest.mark.parametrize("colour", [(0, 0, 0), (20, 40, 200), (120, 120, 120), (255, 255, 255), (0, 177, 64)])
@pytest.mark.parametrize("logo", [False, True])
def test_row_55_flat_colours_are_no_picks(colour, logo):
    rgb = np.full((720, 1280, 3), colour, np.uint8)
    if logo:
        rgb[40:110, 1050:1230] = 200
    assert left_out(rgb) in {"dark", "blank", "plain", "flash"}


@pytest.mark.parametrize(
    "luma",
    [spotlight(), night_street(), write(letterboxed(2), SHORT, 342), letterboxed(1, 0)],
    ids=["spotlight", "night", "subtitle", "picture"],
)
def test_pictures_stay(luma):
    assert left_out(np.dstack([luma] * 3)) not in OURS


@pytest.mark.parametrize("name", ["g_slideshow1fps.mp4", "e1_blackstage.mp4", "d1_letterbox.mp4"])
def test_clips_stay(name):
    assert {left_out(rgb) for rgb in pictures_of(CLIPS / name, most=6)}.isdisjoint(OURS)


@pytest.mark.real
@pytest.mark.skipif(not (DATA / "real/negatives").is_dir(), reason="no photographs in QC_SHARED_DATA")
def test_of_photographs_chosen_for_being_plain_nearly_all_stay():
    files = sorted((DATA / "real/negatives").glob("plain_*"))
    met = {file.name: left_out(np.asarray(Image.open(file).convert("RGB"))) for file in files}
    assert len(files) > 50
    assert [name for name, why in met.items() if why in OURS] == []
