"""Two measures that deny each other prove nothing: no reject, and a sentence with both numbers."""

import pytest

from qc_plugin.scoring.evaluate import judge_frame
from tests.unit.scoring.made_up import frame, region, rules_of

FRAME = """
rules:
  - id: a
    measure: blur_coverage
    pass: {at_most: 0.4}
    borderline: {at_most: 0.7}
    severity: error
    then: {borderline: deblur, fail: reject}
    contradicted_by: {sharpness: {above: 0.4}}
"""
FACES = FRAME.replace("measure:", "region: {kind: face}\n    REDUCE\n    measure:")


@pytest.mark.parametrize(
    ("coverage", "sharpness", "decision", "outcome"),
    [
        (1.0, 0.47, "review", "borderline"),
        (1.0, 0.40, "reject", "fail"),  # at the limit nothing contradicts
        (1.0, None, "reject", "fail"),
        (0.5, 0.47, "deblur", "borderline"),  # what is milder than a look stays
        (0.1, 0.47, "accept", "pass"),
    ],
)
def test_f18_a_reject_that_another_measure_denies_is_a_review(
    tmp_path, coverage, sharpness, decision, outcome
):
    more = {} if sharpness is None else {"sharpness": sharpness}
    judged = judge_frame(frame(blur_coverage=coverage, **more), rules_of(tmp_path, FRAME))
    (finding,) = judged.findings
    assert (judged.decision, finding.outcome) == (decision, outcome)
    assert ("contradicts" in finding.text) == (decision == "review")


def test_f18_the_sentence_has_both_numbers(tmp_path):
    (finding,) = judge_frame(frame(blur_coverage=1.0, sharpness=0.47), rules_of(tmp_path, FRAME)).findings
    assert finding.text == (
        "frame: 100 % is motion-blurred, limit 70 %, but sharpness 0.47 contradicts it: look at it"
    )


@pytest.mark.parametrize(
    ("reduce", "faces", "decision"),
    [
        ("", [(0.9, 0.6), (0.8, 0.1)], "reject"),  # the second is smeared, and nothing denies it
        ("reduce: max", [(0.9, 0.6), (0.5, 0.1)], "review"),
        ("reduce: max", [(0.9, 0.6), (0.8, 0.6)], "review"),
        ("reduce: any", [(0.9, 0.6), (0.8, 0.1)], "reject"),  # the best one decides, and it is not sharp
        ("reduce: any", [(0.9, 0.1), (0.8, 0.6)], "review"),
        ("reduce: mean", [(0.9, 0.6), (0.8, 0.6)], "reject"),  # a mean is of no face, so no face denies it
    ],
)
def test_of_several_faces_the_worst_that_is_certain_decides(tmp_path, reduce, faces, decision):
    rules = rules_of(tmp_path, FACES.replace("REDUCE", reduce))
    regions = [region(n=n, blur_coverage=c, sharpness=s) for n, (c, s) in enumerate(faces, 1)]
    assert judge_frame(frame(regions=regions), rules).decision == decision
