# ruff: noqa: E501 - a case reads best on one line
import pytest

from qc_plugin.scoring.evaluate import judge_frame, skipped_rules
from qc_plugin.types import Bands
from tests.unit.scoring.made_up import frame, region, rules_of

FACE = """
rules:
  - id: face
    region: {kind: face, min_height: 0.2}
    measure: blur_coverage
    reduce: max
    pass: {at_most: 0.05}
    borderline: {at_most: 0.15}
    severity: error
    then: {borderline: deblur, fail: reject}
    message: "face {n}: {value:.0%} is motion-blurred, limit {limit:.0%}"
"""


def _only(rules, score):
    (finding,) = judge_frame(score, rules).findings
    return finding


@pytest.mark.parametrize(
    ("value", "outcome", "decision", "text"),
    [
        (0.02, "pass", "accept", "face 1: 2 % is motion-blurred, limit 5 %"),
        (0.05, "pass", "accept", "face 1: 5 % is motion-blurred, limit 5 %"),
        (0.0501, "borderline", "deblur", "face 1: 5.01 % is motion-blurred, limit 5 %"),
        (0.15, "borderline", "deblur", "face 1: 15 % is motion-blurred, limit 5 %"),
        (0.15 + 1e-8, "borderline", "deblur", "face 1: 15 % is motion-blurred, limit 5 %"),  # 0.15 as float32
        (0.22, "fail", "reject", "face 1: 22 % is motion-blurred, limit 15 %"),
    ],
)
def test_a_value_meets_its_band_and_says_so(tmp_path, value, outcome, decision, text):
    score = frame(3, regions=[region(blur_coverage=value)])
    judged = judge_frame(score, rules_of(tmp_path, FACE))
    assert (judged.decision, judged.outcome_worst, judged.excluded) == (decision, outcome, None)
    (finding,) = judged.findings
    assert (finding.outcome, finding.action, finding.text) == (outcome, decision, text)
    assert finding.value == value
    assert finding.limit == (0.15 if outcome == "fail" else 0.05)
    assert finding.bands == Bands(0.05, 0.15, "higher")
    assert (finding.region_kind, finding.region_n, finding.frame_index) == ("face", 1, 3)
    assert (finding.start_s, finding.end_s) == (3.0, 3.04)


def test_the_worst_region_that_fits_decides(tmp_path):
    regions = [
        region(n=1, blur_coverage=0.01),
        region(n=2, blur_coverage=0.30),
        region(n=3, box=(0, 0, 50, 100), blur_coverage=0.99),  # too small to count
    ]
    finding = _only(rules_of(tmp_path, FACE), frame(regions=regions))
    assert (finding.region_n, finding.value) == (2, 0.30)


REDUCE = """
rules:
  - id: faces
    region: {{kind: face}}
    measure: {measure}
    reduce: {reduce}
    pass: {{{bound}: 0.3}}
"""


@pytest.mark.parametrize(
    ("reduce", "measure", "bound", "value", "n"),
    [
        ("max", "blur_coverage", "at_most", 0.6, 3),
        ("min", "blur_coverage", "at_most", 0.1, 1),
        ("mean", "blur_coverage", "at_most", 0.3, None),
        ("any", "blur_coverage", "at_most", 0.1, 1),
        ("any", "sharpness", "at_least", 0.6, 3),
        ("min", "sharpness", "at_least", 0.1, 1),
        ("null", "blur_coverage", "at_most", 0.6, 3),  # by itself: the worst
        ("null", "sharpness", "at_least", 0.1, 1),
    ],
)
def test_reduce(tmp_path, reduce, measure, bound, value, n):
    regions = [region(n=i + 1, **{measure: v}) for i, v in enumerate((0.1, 0.2, 0.6))]
    finding = _only(
        rules_of(tmp_path, REDUCE.format(reduce=reduce, measure=measure, bound=bound)), frame(regions=regions)
    )
    assert finding.value == pytest.approx(value)
    assert finding.region_n == n
    assert finding.outcome == ("pass" if (value <= 0.3 + 1e-9) == (bound == "at_most") else "fail")


def test_pick_takes_the_top_ones(tmp_path):
    body = """
regions: {main: {kind: face, pick: {by: area, top: 2}}}
rules: [{id: a, region: main, measure: blur_coverage, pass: {at_most: 0.3}}]
"""
    regions = [
        region(n=3, box=(0, 0, 50, 50), blur_coverage=0.9),
        region(n=1, box=(0, 0, 200, 200), blur_coverage=0.1),
        region(n=2, box=(0, 0, 100, 100), blur_coverage=0.2),
    ]
    assert _only(rules_of(tmp_path, body), frame(regions=regions)).value == 0.2


@pytest.mark.parametrize(
    ("selection", "fits"),
    [
        ("{kind: face}", True),
        ("{kind: hand}", False),
        ("{kind: face, min_height: 0.25}", True),
        ("{kind: face, min_height: 0.26}", False),
        ("{kind: face, max_height: 0.24}", False),
        ("{kind: face, min_area: 0.2}", False),
        ("{kind: face, max_area: 0.2}", True),
        ("{kind: face, min_confidence: 0.5}", True),
        ("{kind: face, min_confidence: 0.51}", False),
    ],
)
def test_selection(tmp_path, selection, fits):
    rules = rules_of(
        tmp_path, f"rules: [{{id: a, region: {selection}, measure: count, pass: {{at_least: 1}}}}]"
    )
    score = frame(regions=[region(box=(0, 0, 270, 270), confidence=0.5)])
    assert _only(rules, score).value == float(fits)


def test_a_count_is_never_missing(tmp_path):
    rules = rules_of(
        tmp_path, "rules: [{id: a, region: {kind: person}, measure: count, pass: {at_least: 1}}]"
    )
    finding = _only(rules, frame())
    assert (finding.outcome, finding.text) == ("fail", "people: 0 found, at least 1 needed")


def test_missing_is_not_zero(tmp_path):
    rules = rules_of(tmp_path, FACE)
    judged = judge_frame(frame(), rules)
    assert (judged.decision, judged.outcome_worst) == ("accept", "skip")
    assert judged.findings[0].text == "no face (height at least 20 %) in this frame"
    assert judged.findings[0].value is None


def test_too_flat_is_a_skip_with_its_reason(tmp_path):
    rules = rules_of(tmp_path, "params: {evidence_needed: 0.1}" + FACE)
    finding = _only(rules, frame(regions=[region(blur_coverage=0.9, evidence=0.04)]))
    assert finding.outcome == "skip"
    assert finding.text == "face 1: blur_coverage not measured: too flat to tell (evidence 0.04, needs 0.10)"


def test_one_region_that_cannot_be_told_does_not_hide_another(tmp_path):
    rules = rules_of(tmp_path, FACE)
    score = frame(
        regions=[region(n=1, skipped={"blur_coverage": "too flat"}), region(n=2, blur_coverage=0.5)]
    )
    assert _only(rules, score).outcome == "fail"


def test_missing_may_be_a_fault(tmp_path):
    body = "rules: [{id: a, measure: luma_p90, if_missing: fail, pass: {at_least: 0.1}, severity: error, then: {fail: reject}}]"
    judged = judge_frame(frame(), rules_of(tmp_path, body))
    assert judged.decision == "reject"
    assert judged.findings[0].text == "frame: luma_p90 is required; luma_p90 not measured"


def test_an_engine_that_is_not_there_skips_even_what_must_not_be_missing(tmp_path):
    body = "rules: [{id: a, measure: sharpness, needs: [eye_state], if_missing: fail, pass: {at_least: 0.1}}]"
    rules = rules_of(tmp_path, body)
    (finding,) = judge_frame(frame(sharpness=0.0), rules).findings
    assert (finding.outcome, finding.text) == ("skip", "engine `eye_state` is not there")
    (finding,) = judge_frame(frame(sharpness=0.0), rules, engines=("eye_state",)).findings
    assert finding.outcome == "fail"


def test_row_56_a_rule_is_not_asked_where_a_region_that_is_judged_instead_is_found(tmp_path):
    body = """
regions: {main_face: {kind: face, min_height: 0.2}}
rules: [{id: a, unless_found: [main_face], measure: clipped_fraction, if_missing: fail, pass: {at_most: 0.1}}]
"""
    rules = rules_of(tmp_path, body)
    for regions, outcome in (([], "fail"), ([region(box=(0, 0, 9, 99))], "fail"), ([region()], "skip")):
        (finding,) = judge_frame(frame(clipped_fraction=0.5, regions=regions), rules).findings
        assert finding.outcome == outcome
    assert finding.text == "a face is in this frame, and judged"


EXCLUDE = """
exclude:
  - {id: dark, when: {luma_p90: {below: 0.08}}}
  - {id: night_cut, when: {luma_p90: {below: 0.3}, shot_edge_s: {below: 0.25}}}
"""


@pytest.mark.parametrize(
    ("measures", "excluded"),
    [
        ({"luma_p90": 0.02}, "dark"),
        ({"luma_p90": 0.08}, None),
        ({"luma_p90": 0.2, "shot_edge_s": 0.1}, "night_cut"),
        ({"luma_p90": 0.2, "shot_edge_s": 0.5}, None),
        ({"luma_p90": 0.2}, None),  # what is missing meets no condition
        ({}, None),
    ],
)
def test_an_excluded_frame_is_never_failed(tmp_path, measures, excluded):
    rules = rules_of(tmp_path, EXCLUDE + FACE)
    judged = judge_frame(frame(regions=[region(blur_coverage=0.9)], **measures), rules)
    assert judged.excluded == excluded
    if excluded:
        assert (judged.decision, judged.findings, judged.outcome_worst) == ("accept", (), "skip")
    else:
        assert judged.decision == "reject"


def test_the_decision_is_the_worst_action(tmp_path):
    body = """
rules:
  - {id: a, measure: sharpness, pass: {at_least: 0.5}, then: {fail: deblur}}
  - {id: b, measure: luma_p90, pass: {at_least: 0.5}, then: {fail: review}}
  - {id: c, measure: comb_ratio, pass: {at_most: 0.5}, severity: info, then: {fail: accept}}
"""
    rules = rules_of(tmp_path, body)
    assert judge_frame(frame(sharpness=0.1, luma_p90=0.9, comb_ratio=0.1), rules).decision == "deblur"
    assert judge_frame(frame(sharpness=0.1, luma_p90=0.1, comb_ratio=0.9), rules).decision == "review"
    noted = judge_frame(frame(sharpness=0.9, luma_p90=0.9, comb_ratio=0.9), rules)
    assert (noted.decision, noted.outcome_worst) == ("accept", "fail")


def test_without_rules_everything_is_accepted(tmp_path):
    judged = judge_frame(frame(), rules_of(tmp_path, ""))
    assert (judged.decision, judged.outcome_worst, judged.findings) == ("accept", "skip", ())


def test_sharp_faces_are_counted_by_the_limits_of_the_rules(tmp_path):
    body = """
params: {{sharp_face_blur: {blur}, sharp_face_sharpness: 0.3}}
rules: [{{id: a, measure: sharp_face_count, pass: {{at_least: 1}}}}]
"""
    score = frame(regions=[region(blur_coverage=0.2, sharpness=0.4)], sharp_face_count=7.0)
    assert _only(rules_of(tmp_path, body.format(blur=0.2)), score).value == 1
    assert _only(rules_of(tmp_path, body.format(blur=0.1)), score).value == 0


def test_rules_that_never_spoke_are_told_with_their_reason(tmp_path):
    rules = rules_of(tmp_path, FACE)
    spoke = judge_frame(frame(regions=[region(blur_coverage=0.0)]), rules)
    silent = judge_frame(frame(), rules)
    assert skipped_rules([silent, silent]) == {"face": "no face (height at least 20 %) in this frame"}
    assert skipped_rules([silent, spoke]) == {}
    assert skipped_rules([]) == {}


@pytest.mark.parametrize(
    ("rule", "measures", "text"),
    [
        ("measure: sharpness, pass: {at_least: 0.3}", {"sharpness": 0.123}, "frame: sharpness 0.12, at least 0.30 needed"),
        ("measure: sharpness, pass: {at_least: 0.3}", {"sharpness": 0.299}, "frame: sharpness 0.299, at least 0.30 needed"),
        ("measure: shot_edge_s, pass: {at_least: 1}", {"shot_edge_s": 0.5},
         "frame: 0.50 s to the nearest cut or fade, at least 1.00 s needed"),
        ("measure: bar_fraction, pass: {at_most: 0.125}", {"bar_fraction": 0.3}, "frame: 30.0 % is black bars, limit 12.5 %"),
        ('measure: sharpness, pass: {at_least: 0.3}, title: Crisp, message: "{title} ({measure}) {value:.2f} {kind}"',
         {"sharpness": 0.1}, "Crisp (sharpness) 0.10 frame"),
        ('measure: sharpness, pass: {at_least: 0.3}, message: "100 {{sure}}"', {"sharpness": 0.1}, "100 {sure}"),
    ],
)  # fmt: skip
def test_sentences(tmp_path, rule, measures, text):
    assert _only(rules_of(tmp_path, f"rules: [{{id: a, {rule}}}]"), frame(**measures)).text == text
