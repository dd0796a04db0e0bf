"""What must hold of scoring whatever the numbers are."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from qc_plugin.errors import RuleError
from qc_plugin.rle import decode, encode
from qc_plugin.rulesets.ruleset import RuleSet, load_rules, shipped_rule_sets
from qc_plugin.rulesets.yaml_source import parse_source
from qc_plugin.scoring.evaluate import judge_asset, judge_frame
from qc_plugin.scoring.measures import region_blur
from qc_plugin.scoring.rank import rank_frames
from qc_plugin.scoring.selection import main_faces
from qc_plugin.types import DECISION_ORDER, OUTCOME_ORDER, BlurMap
from qc_plugin.types.summary import worst_first
from tests.unit.scoring.made_up import SIZE_PX, frame, region

SETS = {name: load_rules(name) for name in shipped_rule_sets()}
quick = settings(max_examples=60, deadline=None)  # the machine may be busy: no test is about time
share = st.floats(0, 1, width=32)
rule_sets = st.sampled_from(sorted(SETS)).map(SETS.__getitem__)


# Whole clips are made from a seed: drawn number by number they cost hypothesis more time than scoring does.
def _region(rng):
    x0, y0 = rng.randrange(1800), rng.randrange(1000)
    box = (x0, y0, rng.randint(x0 + 10, 1920), rng.randint(y0 + 10, 1080))
    names = [n for n in ("blur_coverage", "blur_severity_p95", "sharpness", "evidence") if rng.random() < 0.8]
    measures = {name: _share(rng) for name in names}
    kind = rng.choice(["face", "face", "hand", "person"])
    return region(kind, box=tuple(map(float, box)), confidence=_share(rng), **measures)


def _share(rng):
    return rng.choice([0.0, 1.0, 0.1, 0.25, rng.random(), rng.random(), rng.random() / 4])


def _frame(rng, index=0):
    found = sorted(
        (_region(rng) for _ in range(rng.randrange(6))), key=lambda r: -r.measures["area_fraction"]
    )
    numbers = dict.fromkeys(("face", "hand", "person"), 0)
    numbered = []
    for each in found:
        numbers[each.region.kind] += 1
        numbered.append(replace(each, n=numbers[each.region.kind]))
    technical = ["luma_p90", "luma_mean", "clipped_fraction", "bar_fraction", "comb_ratio", "shot_edge_s"]
    names = [n for n in ("blur_coverage", "sharpness", "evidence", *technical) if rng.random() < 0.6]
    mask = np.array([rng.random() < 0.3 for _ in range(48)]).reshape(6, 8)
    return frame(
        index,
        pts_s=index * 0.5,
        shot=rng.randrange(4),
        phash=rng.randrange(200),
        regions=numbered,
        blur=encode(mask) if rng.random() < 0.5 else None,
        **{name: _share(rng) for name in names},
    )


def _clip(seed):
    rng = random.Random(seed)
    return [_frame(rng, i) for i in range(rng.randrange(9))]


def frames():
    return st.integers(0, 2**32).map(lambda seed: _frame(random.Random(seed)))


def clips():
    return st.integers(0, 2**32).map(_clip)


def _similarity(a: int, b: int) -> float:
    return 1 - abs(a - b) / 200


# --- run lengths -----------------------------------------------------------------------------------------


@quick
@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=40)))
def test_a_mask_comes_back_from_its_run_lengths(mask):
    np.testing.assert_array_equal(decode(encode(mask)), mask)


@quick
@given(st.lists(st.integers(1, 5000), min_size=1, max_size=30), st.booleans())
def test_long_runs_come_back_too(runs, starts):
    mask = np.repeat(np.arange(len(runs)) % 2 == int(starts), runs)[:, None]
    np.testing.assert_array_equal(decode(encode(mask)), mask)


@quick
@given(st.text(max_size=30), st.integers(0, 9), st.integers(0, 9))
def test_any_text_is_a_mask_or_a_clear_refusal(counts, height, width):
    from qc_plugin.types import Rle

    try:
        mask = decode(Rle(height, width, counts))
    except ValueError as error:
        assert re.match(r"(run lengths|Rle\.counts): ", str(error))  # noqa: PT017 - most texts are refused, some are masks
    else:
        assert mask.shape == (height, width)


# --- measures --------------------------------------------------------------------------------------------


@st.composite
def blur_maps(draw):
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12))
    maps = [draw(hnp.arrays(np.float32, shape, elements=st.floats(0, 1, width=32))) for _ in range(3)]
    return BlurMap(0, *maps, scale_xy=(draw(st.sampled_from([1.0, 4.0])), 4.0))


@st.composite
def boxes(draw):
    x0, y0 = draw(st.floats(0, 40)), draw(st.floats(0, 40))
    return (x0, y0, draw(st.floats(x0, 50)), draw(st.floats(y0, 50)))


@quick
@given(blur_maps(), boxes(), st.booleans(), share)
def test_measures_of_blur_are_shares_or_have_a_reason(blur_map, box, ellipse, needed):
    measures, skipped = region_blur(blur_map, box, ellipse=ellipse, evidence_needed=needed)
    assert all(0 <= value <= 1 for value in measures.values())
    named = {"blur_coverage", "blur_severity_mean", "blur_severity_p95", "blur_probability"}
    assert (set(measures) & named) ^ set(skipped) == named


@quick
@given(blur_maps(), boxes(), st.booleans(), st.data())
def test_more_probability_is_never_less_coverage(blur_map, box, ellipse, data):
    more = data.draw(hnp.arrays(np.float32, blur_map.probability.shape, elements=st.floats(0, 1, width=32)))
    worse = replace(blur_map, probability=np.maximum(blur_map.probability, more))
    before, _ = region_blur(blur_map, box, ellipse=ellipse, evidence_needed=0.0)
    after, _ = region_blur(worse, box, ellipse=ellipse, evidence_needed=0.0)
    assert before.keys() == after.keys()
    for name in ("blur_coverage", "blur_probability"):
        assert after.get(name, 0) >= before.get(name, 0) - 1e-7


@quick
@given(blur_maps(), boxes(), st.floats(0, 1, width=32))
def test_more_extent_is_never_less_severity(blur_map, box, more):
    worse = replace(blur_map, intensity=np.maximum(blur_map.intensity, np.float32(more)))
    before, _ = region_blur(blur_map, box, evidence_needed=0.0)
    after, _ = region_blur(worse, box, evidence_needed=0.0)
    for name in before:
        assert after[name] >= before[name] - 1e-9


# --- decisions -------------------------------------------------------------------------------------------


def _shuffled(rules: RuleSet, seed: int) -> RuleSet:
    shuffled = list(rules.rules)
    random.Random(seed).shuffle(shuffled)
    return replace(rules, resolved=rules.resolved.model_copy(update={"rules": tuple(shuffled)}))


@quick
@given(clips(), rule_sets, st.integers(0, 99))
def test_the_order_of_rules_decides_nothing(scores, rules, seed):
    judged = [[judge_frame(s, each) for s in scores] for each in (rules, _shuffled(rules, seed))]
    for one, other in zip(*judged, strict=True):
        assert (one.decision, one.outcome_worst, one.excluded) == (
            other.decision, other.outcome_worst, other.excluded,
        )  # fmt: skip
        assert set(one.findings) == set(other.findings)
    verdicts = [judge_asset(scores, each, [], rules) for each in judged]
    assert verdicts[0][0] == verdicts[1][0]


def _blurrier(score, by):
    def worse(measures):
        value = measures.get("blur_coverage")
        return measures if value is None else {**measures, "blur_coverage": min(1.0, value + by)}

    found = tuple(replace(each, measures=worse(each.measures)) for each in score.regions)
    return replace(score, measures=worse(score.measures), regions=found)


@quick
@given(frames(), rule_sets, share)
def test_more_blur_is_never_a_milder_decision(score, rules, by):
    before, after = judge_frame(score, rules), judge_frame(_blurrier(score, by), rules)
    assert DECISION_ORDER.index(after.decision) >= DECISION_ORDER.index(before.decision)
    assert OUTCOME_ORDER.index(after.outcome_worst) >= OUTCOME_ORDER.index(before.outcome_worst)


@quick
@given(frames(), rule_sets, share)
def test_more_blur_is_never_a_better_score(score, rules, by):
    scores = [score, _blurrier(score, by)]
    judgements = [judge_frame(s, rules) for s in scores]
    before = rank_frames(scores[:1], judgements[:1], rules, SIZE_PX, _similarity).ranks[0]
    after = rank_frames(scores[1:], judgements[1:], rules, SIZE_PX, _similarity).ranks[0]
    assert after.score <= before.score + 1e-12


@quick
@given(frames(), rule_sets)
def test_judging_again_from_a_report_decides_the_same(score, rules):
    def stored(measures):
        return {name: float(np.float32(value)) for name, value in measures.items()}

    found = tuple(replace(each, measures=stored(each.measures)) for each in score.regions)
    again = judge_frame(replace(score, measures=stored(score.measures), regions=found), rules)
    first = judge_frame(score, rules)
    assert (again.decision, again.excluded) == (first.decision, first.excluded)
    assert [f.outcome for f in again.findings] == [f.outcome for f in first.findings]


@quick
@given(frames(), rule_sets)
def test_every_finding_says_something_and_only_errors_reject(score, rules):
    judged = judge_frame(score, rules)
    assert judged.excluded is None or (judged.findings == () and judged.decision == "accept")
    for finding in judged.findings:
        assert finding.text
        assert (finding.value is None) or finding.outcome != "skip"
        assert finding.action != "reject" or finding.severity == "error"


@quick
@given(clips(), rule_sets)
def test_incomplete_is_never_accepted(scores, rules):
    judgements = [judge_frame(s, rules) for s in scores]
    ranks = rank_frames(scores, judgements, rules, SIZE_PX, _similarity).ranks
    whole, _ = judge_asset(scores, judgements, ranks, rules)
    part, _ = judge_asset(scores, judgements, ranks, rules, incomplete="1.0 of 2.0 s could be read")
    assert part != "accept"
    assert whole in (part, "accept")


@quick
@given(st.integers(0, 2**32), rule_sets, st.booleans(), st.booleans())
def test_no_verdict_other_than_accept_goes_without_its_reason(seed, rules, still, incomplete):
    """However an asset comes to be reviewed or rejected, a finding that is told leads there."""
    scores = _clip(seed)
    if still:
        scores = [replace(_frame(random.Random(seed)), pts=None)]
    judgements = [judge_frame(s, rules) for s in scores]
    ranks = rank_frames(scores, judgements, rules, SIZE_PX, _similarity).ranks
    why = "1.0 of 2.0 s could be read" if incomplete and not still else ""
    verdict, findings = judge_asset(scores, judgements, ranks, rules, why)
    told = worst_first(findings)
    assert all(finding.text for finding in told)
    if verdict != "accept":
        worst = DECISION_ORDER.index(told[0].action)
        assert worst >= DECISION_ORDER.index("deblur" if still and verdict == "review" else verdict)


# --- ranks -----------------------------------------------------------------------------------------------


@quick
@given(clips(), rule_sets)
def test_ranked_and_funnel_add_up_to_all_frames(scores, rules):
    judgements = [judge_frame(s, rules) for s in scores]
    ranking = rank_frames(scores, judgements, rules, SIZE_PX, _similarity)
    ranked = [rank for rank in ranking.ranks if rank.rank is not None]
    assert len(ranked) + sum(ranking.funnel.values()) == len(scores)
    assert sorted(rank.rank for rank in ranked) == list(range(1, len(ranked) + 1))
    assert [rank.frame_index for rank in ranking.ranks] == [score.frame_index for score in scores]
    for rank in ranking.ranks:
        assert (rank.rank is None) != (rank.unranked is None)
        assert (rank.duplicate_of is not None) == (rank.unranked == "duplicate")
        assert 0 <= rank.score <= 1
        assert all(0 <= part <= 1 for part in rank.score_parts.values())


@quick
@given(clips(), rule_sets)
def test_ranked_frames_differ_as_asked(scores, rules):
    judgements = [judge_frame(s, rules) for s in scores]
    ranking = rank_frames(scores, judgements, rules, SIZE_PX, _similarity)
    kept = [s for s, r in zip(scores, ranking.ranks, strict=True) if r.rank is not None]
    asked = rules.rank.diversity
    assert len(kept) <= rules.rank.best
    for i, one in enumerate(kept):
        assert (
            asked.per_shot is None
            or sum(s.shot == one.shot and abs(s.pts_s - one.pts_s) < 150 for s in kept) <= asked.per_shot
        )
        for other in kept[i + 1 :]:
            assert one.shot != other.shot or abs(one.pts_s - other.pts_s) >= (asked.min_gap_s or 0)
            assert asked.max_similarity is None or _similarity(one.phash, other.phash) <= asked.max_similarity


@quick
@given(clips(), rule_sets, st.randoms(use_true_random=False))
def test_the_order_in_which_frames_come_ranks_nothing(scores, rules, rng):
    judgements = {s.frame_index: judge_frame(s, rules) for s in scores}

    def ranked(order):
        ranking = rank_frames(order, [judgements[s.frame_index] for s in order], rules, SIZE_PX, _similarity)
        return {rank.frame_index: rank for rank in ranking.ranks}, ranking.funnel

    shuffled = list(scores)
    rng.shuffle(shuffled)
    assert ranked(scores) == ranked(shuffled)


@quick
@given(clips(), rule_sets)
def test_no_crop_cuts_a_main_face(scores, rules):
    judgements = [judge_frame(s, rules) for s in scores]
    ranking = rank_frames(scores, judgements, rules, SIZE_PX, _similarity)
    for score, rank in zip(scores, ranking.ranks, strict=True):
        faces = main_faces(score, rules.regions)
        for crop in rank.crops:
            x0, y0, x1, y1 = crop.box_xyxy
            assert 0 <= x0 < x1 <= SIZE_PX[0]
            assert 0 <= y0 < y1 <= SIZE_PX[1]
            assert 0 <= crop.score <= 1
            assert set(rank.rank_by_crop) == {each.ratio for each in rank.crops}
            for face in faces:
                a0, b0, a1, b1 = face.region.box_xyxy
                inside = x0 <= a0 and y0 <= b0 and x1 >= a1 and y1 >= b1
                outside = a1 <= x0 or a0 >= x1 or b1 <= y0 or b0 >= y1
                assert inside or (outside and face.n > 1)


@quick
@given(clips(), rule_sets)
def test_places_of_a_crop_follow_its_scores(scores, rules):
    judgements = [judge_frame(s, rules) for s in scores]
    ranking = rank_frames(scores, judgements, rules, SIZE_PX, _similarity)
    for ratio in rules.rank.crops:
        placed = sorted(
            (rank.rank_by_crop[ratio], crop.score)
            for rank in ranking.ranks
            for crop in rank.crops
            if crop.ratio == ratio
        )
        assert [place for place, _ in placed] == list(range(1, len(placed) + 1))
        assert [score for _, score in placed] == sorted((score for _, score in placed), reverse=True)


# --- rule files ------------------------------------------------------------------------------------------


_SHIPPED = {name: rules.path.read_text(encoding="utf-8") for name, rules in SETS.items()}


@settings(quick, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(_SHIPPED)), st.data())
def test_a_damaged_rule_file_is_a_rule_error_and_never_a_traceback(tmp_path, name, data):
    text = _SHIPPED[name]
    start = data.draw(st.integers(0, len(text)))
    length = data.draw(st.integers(0, 12))
    put = data.draw(st.text(alphabet=st.sampled_from(" \n\t:-{}[],\"'&*!#|>%@`?0.aø${}"), max_size=6))
    path = tmp_path / f"{name}.yaml"
    path.write_text(text[:start] + put + text[start + length :], encoding="utf-8")
    try:
        rules = load_rules(path)
    except RuleError as error:
        told = str(error)
    else:
        told = f"{path}:1:1"
        assert rules.sha256
    assert told.startswith(f"{tmp_path}/")
    assert "\n" not in told


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text("ab${}:", max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(quick, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    key=st.sampled_from(
        [
            "extends",
            "disable",
            "override",
            "params",
            "exclude",
            "regions",
            "rules",
            "rank",
            "verdict",
            "tests",
            "applies_to",
            "id",
            "schema",
        ]
    ),
    value=_json,
)
def test_any_value_under_any_key_is_loaded_or_refused_with_a_place(tmp_path, key, value):
    path = tmp_path / "house.yaml"
    content = {"schema": 1, "id": "house", "title": "x", "rules": [], key: value}
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    try:
        load_rules(path)
    except RuleError as error:
        assert str(error).startswith(f"{path}:")  # noqa: PT017 - some values are right


@quick
@given(_json)
def test_values_are_read_as_yaml_reads_them(value):
    text = yaml.safe_dump({"a": value}, sort_keys=False)
    assume("&" not in text and "*" not in text)
    source = parse_source(text, Path("house.yaml"))
    assume(not source.problems)
    assert source.data == yaml.safe_load(text)


@pytest.mark.parametrize("name", sorted(SETS))
def test_loading_twice_is_the_same(name):
    assert load_rules(name).sha256 == SETS[name].sha256
    assert load_rules(name).text == SETS[name].text
