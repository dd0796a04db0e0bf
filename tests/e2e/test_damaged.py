"""A picture that the decoder made up is no evidence, and many of them are a reason to look."""

import json

import pytest

from qc_plugin.isolation.looks import Wanted
from qc_plugin.isolation.samples import open_samples
from qc_plugin.report.read import read_frames, read_meta
from qc_plugin.signals.damage import DamageCounter
from qc_plugin.types import Asset
from tests.support.damaged import damaged


def check(qc, tmp_path, path, *more):
    done = qc("check", path, "--reports", "out", "--no-sheet", "--json", *more)
    outcome = json.loads(done.stdout)
    report = tmp_path / outcome["report"]
    return done.returncode, outcome, read_meta(report), read_frames(report)


def test_f4_a_clip_of_damaged_frames_is_reviewed_and_says_so(qc, tmp_path):
    path = damaged(tmp_path, "noise.mp4", range(50))
    code, outcome, meta, frames = check(qc, tmp_path, path)
    assert (code, outcome["verdict"]) == (10, "review")
    assert meta["coverage"]["frames_corrupt"] == meta["coverage"]["frames_decoded"]
    assert "damaged" in outcome["sentence"]
    assert set(frames["corrupt"]) == {1.0}
    assert frames["rank"].isna().all()
    assert set(frames["unranked"]) == {"excluded:corrupt"}
    texts = [f["text"] for f in meta["findings"]]
    assert any("of the frames are damaged or lost, limit 2 %" in text for text in texts)


def test_f4_a_damaged_passage_is_left_out_and_its_neighbours_are_looked_at(qc, tmp_path):
    path = damaged(tmp_path, "passage.mp4", range(100, 126), n_frames=400)
    code, outcome, meta, frames = check(qc, tmp_path, path)
    assert (code, outcome["verdict"]) in ((10, "review"), (11, "reject"))
    hit = frames["corrupt"] == 1
    assert 1 <= hit.sum() <= 4
    assert frames[hit]["rank"].isna().all()
    assert (frames[hit]["pts_s"].between(3.9, 5.1)).all()
    far = frames["pts_s"] > 9
    assert (frames[far]["corrupt_fraction"] == 0).all()
    assert any(f["rule"] == "corrupt-frames" and f["outcome"] == "fail" for f in meta["findings"])


def test_f4_rules_without_a_word_on_damage_rank_no_damaged_frame(qc, tmp_path):
    (tmp_path / "plain.yaml").write_text("schema: 1\nid: plain\ntitle: Everything passes\n")
    path = damaged(tmp_path, "part.mp4", range(25))
    _, _, meta, frames = check(qc, tmp_path, path, "--rules", "plain.yaml")
    hit = frames["corrupt"] == 1
    assert set(frames[hit]["unranked"]) == {"corrupt"}
    assert meta["funnel"]["corrupt"] == hit.sum()
    assert frames[~hit]["unranked"].isin([None, "duplicate", "outranked"]).all()


def test_f4_each_frame_tells_through_the_wall_what_the_decoder_said(tmp_path):
    path = damaged(tmp_path, "few.mp4", {20, 21, 22})
    with open_samples(Asset(id="", path=str(path), kind="video"), Wanted(sample="all")) as samples:
        looks = list(samples.looks())
        assert samples.stats.n_corrupt == sum(look.corrupt for look in looks) > 0
    at = [round(look.preview.pts_s * 25) for look in looks if look.corrupt]
    assert set(at) <= {20, 21, 22}


def test_f4_lost_frames_count_beside_those_that_are_there(tmp_path):
    path = damaged(tmp_path, "lost.mp4", {7, 30}, lose=True)
    with open_samples(Asset(id="", path=str(path), kind="video"), Wanted(sample="all")) as samples:
        looks = list(samples.looks())
    assert len(looks) == 48
    assert looks[-1].n_lost == 2
    counter = DamageCounter()
    for look in looks:
        counter.update(look.preview.pts_s, corrupt=look.corrupt, n_lost=look.n_lost)
    assert counter.share_at(1.0) == pytest.approx(2 / 50)


@pytest.mark.parametrize(("n_bad", "share"), [(0, 0.0), (1, 1 / 125), (3, 3 / 125)])
def test_f4_the_share_is_of_the_frames_around(n_bad, share):
    counter = DamageCounter()
    for n in range(1000):
        counter.update(n / 25, corrupt=500 <= n < 500 + n_bad, n_lost=0)
    assert counter.share_at(20.0) == pytest.approx(share, rel=0.12)
    assert counter.share_at(30.0) == 0
    assert DamageCounter().share_at(1.0) == 0
