"""A programme as it is delivered: bars, slate and leader before it, credits after it."""

import json
from pathlib import Path

import cv2

from qc_plugin.report.read import read_frames
from tests.support.cards import CARDS, bars
from tests.support.pictures import pictures_of, write_film

DATA = Path(__file__).resolve().parents[1] / "data"


def test_rows_54_and_55_only_the_programme_is_offered(qc, tmp_path):
    before = [bars("smptehdbars"), CARDS["slate"], CARDS["leader"]]
    programme = pictures_of(DATA / "g_slideshow1fps.mp4", most=2)
    after = [CARDS["credits"], CARDS["small title"]]
    parts = [
        cv2.resize(rgb, (640, 360), interpolation=cv2.INTER_AREA) for rgb in [*before, *programme, *after]
    ]
    film = write_film(tmp_path / "delivery.mp4", [parts[n // 25] for n in range(25 * len(parts))])
    done = qc("thumbs", film, "--best", "4", "--crops", "16:9", "--out", "picks")
    listed = json.loads((tmp_path / "picks/picks.json").read_text())["picks"]
    assert listed, done.stderr
    assert {int(pick["pts_s"]) for pick in listed} == {3, 4}
    frames = read_frames(tmp_path / "picks/reports")
    inner = frames[frames["shot_edge_s"] >= 0.25]
    reasons = {int(at_s): why for at_s, why in zip(inner["pts_s"], inner["excluded"], strict=True)}
    assert [reasons[s] for s in (0, 1, 2)] == ["colour-bars", "title", "title"]
    assert {reasons[5], reasons[6]} <= {"title", "dark", "plain"}
