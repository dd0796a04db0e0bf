# ruff: noqa: E501 - a case reads best on one line
from dataclasses import replace

import numpy as np
import pytest

from qc_plugin.scoring.evaluate import judge_frame
from qc_plugin.scoring.rank import best_of_the_rest, rank_frames
from qc_plugin.scoring.rank_parts import PARTS, take_parts, weigh
from qc_plugin.types import FrameRow
from tests.unit.scoring.made_up import SIZE_PX, frame, region, rules_of

RULES = """
exclude: [{id: dark, when: {luma_p90: {below: 0.1}}}]
rules:
  - {id: combed, measure: comb_ratio, pass: {at_most: 0.1}, borderline: {at_most: 0.5}, severity: error,
     then: {borderline: deblur, fail: reject}}
  - {id: bars, measure: bar_fraction, pass: {at_most: 0.1}}
rank:
  best: BEST
  score: {frame_sharpness: 1}
  diversity: DIVERSITY
"""


def _same(a, b):
    return 1.0 - abs(a - b) / 100


def _rank(tmp_path, scores, *, best=20, diversity="{}", body=RULES):
    rules = rules_of(tmp_path, body.replace("BEST", str(best)).replace("DIVERSITY", diversity))
    return rank_frames(scores, [judge_frame(s, rules) for s in scores], rules, SIZE_PX, _same)


def _order(ranking):
    ranked = [rank for rank in ranking.ranks if rank.rank is not None]
    return [rank.frame_index for rank in sorted(ranked, key=lambda r: r.rank)]


def test_best_first_and_ties_by_time(tmp_path):
    scores = [frame(i, sharpness=s, phash=100 * i) for i, s in enumerate((0.2, 0.9, 0.5, 0.9))]
    ranking = _rank(tmp_path, scores)
    assert _order(ranking) == [1, 3, 2, 0]
    assert [r.frame_index for r in ranking.ranks] == [0, 1, 2, 3]
    assert ranking.funnel == {}


def test_every_frame_without_a_rank_has_one_reason(tmp_path):
    scores = [
        frame(0, sharpness=0.9, phash=0),
        frame(1, sharpness=0.8, phash=3),  # looks like 0
        frame(2, sharpness=0.7, phash=200),
        frame(3, sharpness=0.6, phash=400, shot=1, pts_s=50.0),
        frame(4, sharpness=0.5, phash=600, shot=1, pts_s=50.5),  # too near to 3
        frame(5, sharpness=0.4, phash=800, shot=3, pts_s=90.0),  # best is 3
        frame(6, sharpness=1.0, phash=1000, luma_p90=0.0),
        frame(7, sharpness=1.0, phash=1200, comb_ratio=0.9),
        frame(8, sharpness=1.0, phash=1400, bar_fraction=0.9),
        frame(9, sharpness=0.65, phash=1600),  # shot 0 is full
    ]
    ranking = _rank(tmp_path, scores, best=3, diversity="{per_shot: 2, min_gap_s: 2, max_similarity: 0.9}")
    assert _order(ranking) == [0, 2, 3]
    assert [r.unranked for r in ranking.ranks] == [
        None, "duplicate", None, None, "min_gap", "outranked", "excluded:dark", "rejected", "review", "per_shot",
    ]  # fmt: skip
    assert ranking.ranks[1].duplicate_of == 0
    assert list(ranking.funnel) == [
        "excluded:dark", "rejected", "review", "duplicate", "per_shot", "min_gap", "outranked",
    ]  # fmt: skip
    assert sum(ranking.funnel.values()) + 3 == len(scores)


def test_of_two_that_look_the_same_the_better_is_kept(tmp_path):
    scores = [frame(0, sharpness=0.3), frame(1, sharpness=0.8)]
    ranking = _rank(tmp_path, scores, diversity="{max_similarity: 0.9}")
    assert _order(ranking) == [1]
    assert ranking.ranks[0].duplicate_of == 1


def test_a_chain_of_small_differences_keeps_its_far_end(tmp_path):
    scores = [frame(i, sharpness=0.9 - i / 100, phash=8 * i) for i in range(5)]
    assert _order(_rank(tmp_path, scores, diversity="{max_similarity: 0.9}")) == [0, 2, 4]


def test_likeness_at_the_limit_is_no_duplicate(tmp_path):
    scores = [frame(0, sharpness=0.9, phash=0), frame(1, sharpness=0.8, phash=10)]
    assert _order(_rank(tmp_path, scores, diversity="{max_similarity: 0.9}")) == [0, 1]


def test_a_cut_is_gap_enough(tmp_path):
    scores = [frame(i, sharpness=0.9, phash=200 * i, shot=i // 2, pts_s=i / 10) for i in range(4)]
    assert _order(_rank(tmp_path, scores, diversity="{min_gap_s: 1.0}")) == [0, 2]


def test_a_take_of_hours_keeps_candidates_from_all_of_it(tmp_path):
    """One shot may be a lecture: `per_shot` counts within five minutes of it."""
    scores = [frame(i, sharpness=0.9 - i / 1000, phash=200 * i, pts_s=60.0 * i) for i in range(120)]
    ranked = _order(_rank(tmp_path, scores, best=60, diversity="{per_shot: 2}"))
    assert len(ranked) == 48
    for hour in (0, 1):
        assert sum(60 * hour <= i < 60 * hour + 60 for i in ranked) == 24


def test_a_gap_of_just_the_limit_is_enough(tmp_path):
    scores = [frame(i, sharpness=0.9, phash=200 * i) for i in range(3)]
    assert _order(_rank(tmp_path, scores, diversity="{min_gap_s: 1.0}")) == [0, 1, 2]


def test_frames_to_be_repaired_come_after_those_that_are_good(tmp_path):
    scores = [frame(0, sharpness=1.0, comb_ratio=0.3), frame(1, sharpness=0.2, phash=900)]
    assert _order(_rank(tmp_path, scores)) == [1, 0]


def test_no_frames_at_all(tmp_path):
    ranking = _rank(tmp_path, [])
    assert (ranking.ranks, ranking.funnel) == ((), {})


def test_a_face_that_is_soft_beats_none_where_others_have_one(tmp_path):
    body = "regions: {main_face: {kind: face, min_height: 0.2}}\nrank: {score: {face_sharpness: 0.5, frame_sharpness: 0.5}}"
    faceless = frame(0, sharpness=0.9)
    soft = frame(1, sharpness=0.8, regions=[region(sharpness=0.3, blur_coverage=0.0)])
    assert _order(_rank(tmp_path, [faceless, soft], body=body)) == [1, 0]
    alone = _rank(tmp_path, [faceless], body=body).ranks[0]
    assert alone.score == pytest.approx(0.9)
    assert alone.score_parts == {"frame_sharpness": 0.9}


def test_crops_have_places_of_their_own(tmp_path):
    body = 'rank: {crops: ["16:9", "2:3"], score: {frame_sharpness: 1}}\n'
    wide = [region(n=1, box=(100.0, 300.0, 1800.0, 900.0))]  # a face that no upright crop can hold
    scores = [frame(0, sharpness=0.9, regions=wide), frame(1, sharpness=0.5), frame(2, sharpness=0.7)]
    ranking = _rank(tmp_path, scores, body=body)
    assert [r.rank for r in ranking.ranks] == [1, 3, 2]
    assert [dict(r.rank_by_crop) for r in ranking.ranks] == [
        {"16:9": 1},
        {"16:9": 3, "2:3": 2},
        {"16:9": 2, "2:3": 1},
    ]


def test_only_ranked_frames_have_crops(tmp_path):
    body = 'rank: {best: 1, crops: ["1:1"], score: {frame_sharpness: 1}}\n'
    ranking = _rank(tmp_path, [frame(0, sharpness=0.9), frame(1, sharpness=0.5)], body=body)
    assert [len(r.crops) for r in ranking.ranks] == [1, 0]
    assert ranking.ranks[1].rank_by_crop == {}


# --- parts -----------------------------------------------------------------------------------------------


def _parts(score, faces=(), **missing):
    return take_parts(score, faces, dict.fromkeys(PARTS, 1.0), missing)


def test_parts_of_a_frame_with_people():
    faces = [region(n=1, sharpness=0.8, blur_coverage=0.5), region(n=2, sharpness=0.6, blur_coverage=0.0)]
    hand = region("hand", box=(0, 0, 100, 100), sharpness=0.5, blur_coverage=1.0)
    person = region("person", box=(0, 0, 960, 1080), sharpness=0.5)
    score = frame(
        regions=[*faces, hand, person], sharpness=0.5, blur_coverage=0.2, luma_p90=0.3, clipped_fraction=0.05
    )
    parts = _parts(score, faces)
    assert parts == pytest.approx(
        {
            "face_sharpness": 0.4,  # the worst face
            "hand_sharpness": 0.0,
            "person_sharpness": 0.5,  # blur could not be told: sharpness alone
            "frame_sharpness": 0.4,
            "face_area": np.sqrt(2 * 300 * 400 / (1920 * 1080) / 0.25),
            "person_area": 1.0,
            "exposure": 0.5 * 0.8,
        }
    )


def test_parts_that_cannot_be_taken_are_absent():
    assert _parts(frame()) == {"face_area": 0.0, "person_area": 0.0}
    assert _parts(frame(blur_coverage=0.25))["frame_sharpness"] == 0.75
    assert _parts(frame(luma_p90=0.9))["exposure"] == 1.0


def test_weights_are_over_the_parts_there_are():
    weights = {"a": 3.0, "b": 1.0, "c": 4.0}
    assert weigh({"a": 1.0, "b": 0.0}, weights) == pytest.approx(0.75)
    assert weigh({}, weights) == 0.0
    assert all(part.text for part in PARTS.values())


def test_the_best_of_the_rest_comes_nearest(tmp_path):
    """Where no frame is ranked: judged before left out, a bad moment before a dark picture."""
    scores = [
        frame(0, sharpness=1.0, luma_p90=0.0),
        frame(1, sharpness=0.3, comb_ratio=0.9),
        frame(2, sharpness=0.4, comb_ratio=0.9),
    ]
    rules = rules_of(tmp_path, RULES.replace("BEST", "20").replace("DIVERSITY", "{}") + '  crops: ["1:1"]\n')
    judgements = [judge_frame(score, rules) for score in scores]
    ranks = rank_frames(scores, judgements, rules, SIZE_PX, _same).ranks
    rows = [FrameRow(score=s, judgement=j, rank=r) for s, j, r in zip(scores, judgements, ranks, strict=True)]
    nearest = best_of_the_rest(rows, rules, SIZE_PX)
    assert (nearest.score.frame_index, nearest.rank.rank) == (2, 1)
    assert nearest.rank.rank_by_crop == {"1:1": 1}
    assert best_of_the_rest(rows[:1], rules, SIZE_PX).score.frame_index == 0
    assert best_of_the_rest([], rules, SIZE_PX) is None
    ranked = replace(rows[1], rank=replace(rows[1].rank, rank=1))
    assert best_of_the_rest([rows[0], ranked], rules, SIZE_PX) is None
