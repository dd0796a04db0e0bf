"""A repair is accepted with every proof or not at all; what was measured on the source never changes."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from qc_plugin.pipeline.repair import (
    Attempt,
    RepairEngines,
    boxes_of,
    coarse_change,
    reblur_db,
    refusal,
    repair_frames,
)
from qc_plugin.report.repairs import accepted_repairs, receipt_sentence
from qc_plugin.rulesets.ruleset import load_rules
from qc_plugin.scoring.evaluate import judge_measured
from qc_plugin.signals.optical_flow import judge_by_motion
from qc_plugin.stages.deblur import DeblurPatch, LocalDeblurrer
from qc_plugin.stages.segment import BlurSegmenter
from qc_plugin.stages.spool import PictureSpool
from qc_plugin.types import (
    Bands,
    BlurMap,
    Finding,
    FrameJudgement,
    FrameRank,
    FrameRow,
    FrameScore,
    Region,
    RegionScore,
)
from tests.support.fake_report import fake_report

BOX = (60.0, 40.0, 180.0, 140.0)
RULE = "face-motion-blur"


def texture(seed=0):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, (40, 60, 3), dtype=np.uint8)
    return cv2.resize(coarse, (240, 160), interpolation=cv2.INTER_CUBIC)


def finding(value, outcome="borderline", action="deblur"):
    return Finding(
        rule_id=RULE, outcome=outcome, severity="error", action=action, measure="blur_coverage",
        text=f"face 1: {value:.0%} is motion-blurred", value=value, limit=0.12, region_kind="face",
        region_n=1, bands=Bands(0.12, 0.35),
    )  # fmt: skip


def score(value):
    region = Region(0, "face", BOX, 0.95)
    measures = {
        "blur_coverage": value,
        "evidence": 0.9,
        "height": 0.6,
        "area_fraction": 0.3,
        "confidence": 0.95,
    }
    return FrameScore(
        frame_index=0, pts=0, time_base=(1, 25), pts_s=0.0, duration_s=0.04, shot=0, phash=1,
        measures={"blur_coverage": 0.1, "luma_p90": 0.6, "shot_edge_s": 3.0},
        regions=(RegionScore(n=1, region=region, measures=measures),),
    )  # fmt: skip


def judged(value, outcome="borderline", action="deblur"):
    return FrameJudgement(
        frame_index=0, decision=action, outcome_worst=outcome, findings=(finding(value, outcome, action),)
    )


def attempt(sharp, chord, *, after=0.02):
    """The true picture as the result of a repair, with the path that was found."""
    motion = np.zeros((40, 60, 4), np.float32)
    motion[..., 0] = chord
    mask = np.zeros((160, 240), bool)
    mask[40:140, 60:180] = True
    patch = DeblurPatch(sharp, mask, motion, 0.3, "cells", 1, 2)
    outcome = "pass" if after <= 0.12 else "borderline"
    return Attempt([BOX], patch, score(after), judged(after, outcome, "accept"))


@pytest.fixture
def smeared():
    """(sharp, the same with the face smeared over 9 px)."""
    sharp = texture()
    blurred = cv2.filter2D(sharp, -1, np.full((1, 9), 1 / 9))
    moved = sharp.copy()
    moved[40:140, 60:180] = blurred[40:140, 60:180]
    return sharp, moved


def why(made, moved, before=0.25):
    return refusal(made, [finding(before)], judged(before), moved, load_rules("default").repair)


def test_the_true_picture_with_the_true_path_is_accepted(smeared):
    sharp, moved = smeared
    assert why(attempt(sharp, 9.0), moved) is None


def test_a_result_that_does_not_explain_the_input_is_refused(smeared):
    sharp, moved = smeared
    assert reblur_db(attempt(sharp, 9.0).patch, moved) > reblur_db(attempt(sharp, 0.0).patch, moved) + 10
    assert "explains the input" in why(attempt(sharp, 0.0), moved)


def test_blur_that_stays_or_hardly_falls_is_refused(smeared):
    sharp, moved = smeared
    assert "still blurred" in why(attempt(sharp, 9.0, after=0.2), moved)
    assert "only" in why(attempt(sharp, 9.0, after=0.11), moved, before=0.13)


def test_another_face_is_refused(smeared):
    sharp, moved = smeared
    invented = sharp.copy()
    invented[40:140, 60:180] = 255 - sharp[40:140, 60:180]
    assert coarse_change(invented, moved, BOX) > 0.04
    made = attempt(invented, 9.0)
    limits = load_rules("default").repair.model_copy(update={"reblur_db": 0.0})
    assert "seen coarsely" in refusal(made, [finding(0.25)], judged(0.25), moved, limits)


def test_only_regions_beyond_the_limit_are_repaired():
    rules = load_rules("default")
    assert boxes_of(score(0.25), [finding(0.25)], rules) == [BOX]
    assert boxes_of(score(0.05), [finding(0.25)], rules) == []


def test_receipts_of_real_engines_keep_the_measures(smeared):
    _, moved = smeared
    judgement = judge_measured(score(0.25), load_rules("default"))
    row = FrameRow(
        score=score(0.25), judgement=judgement, rank=FrameRank(frame_index=0, score=0.5, score_parts={})
    )
    report = replace(fake_report(), frames=(row,), repaired=False)
    bench = RepairEngines(
        BlurSegmenter.load(backend="openvino", threads=1),
        lambda: LocalDeblurrer.load(backend="openvino", threads=1),
    )
    with PictureSpool() as pictures, PictureSpool() as repaired:
        pictures.add(0, moved)
        made = repair_frames(report, pictures, repaired, bench, load_rules("default"))
        receipt = made.frames[0].repair
        assert receipt is not None
        assert (made.frames[0].score, made.frames[0].judgement) == (row.score, row.judgement)
        assert made.repaired == (receipt.status == "accepted") == (accepted_repairs(made) == (0,))
        assert (receipt.refused_why is None) == made.repaired
        assert receipt_sentence(receipt).startswith("Repair")
        assert made.provenance.engines[-1].name == "deblur"


class Unsure:
    """Finds every cell a little more likely blurred than not."""

    def segment(self, frames, odds):
        half = np.full((40, 60), 0.5, np.float32)
        maps = [BlurMap(f.index, half, half, half, scale_xy=(4.0, 4.0), threshold=0.45) for f in frames]
        return list(map(judge_by_motion, maps, odds))


def test_a_repaired_picture_is_judged_by_its_motion_too(smeared):
    """Or every repair in a clip would seem to help, because what it is compared with was."""
    _, moved = smeared
    rules = load_rules("default")
    row = FrameRow(
        score=score(0.25),
        judgement=judge_measured(score(0.25), rules),
        rank=FrameRank(frame_index=0, score=0.5, score_parts={}),
    )
    bench = RepairEngines(Unsure(), lambda: LocalDeblurrer.load(backend="openvino", threads=1))
    after = {}
    for name, times in (("still", 0.05), ("alone", None)):
        odds = None if times is None else np.full((80, 120), times, np.float32)
        with PictureSpool() as pictures, PictureSpool() as repaired:
            pictures.add(0, moved, odds)
            report = replace(fake_report(), frames=(row,), repaired=False)
            after[name] = repair_frames(report, pictures, repaired, bench, rules).frames[0].repair.after
    assert after == {"still": 0.0, "alone": 1.0}


def test_nothing_is_opened_when_no_rule_asks():
    def closed():
        raise AssertionError

    report = fake_report()
    rows = tuple(replace(r, judgement=replace(r.judgement, decision="accept")) for r in report.frames)
    report = replace(report, frames=rows)
    with PictureSpool() as pictures, PictureSpool() as repaired:
        assert (
            repair_frames(report, pictures, repaired, RepairEngines(None, closed), load_rules("default"))
            is report
        )
