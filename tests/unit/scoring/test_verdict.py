# ruff: noqa: E501 - a case reads best on one line
from dataclasses import replace

import pytest

from qc_plugin.scoring.asset_findings import read_in_part
from qc_plugin.scoring.evaluate import judge_asset, judge_frame
from qc_plugin.scoring.verdict import verdict_facts
from qc_plugin.types import FrameRank
from qc_plugin.types.measures import ASSET_FACTS
from qc_plugin.types.summary import count_frames, worst_first
from tests.unit.scoring.made_up import frame, rules_of

SHARP = """
rules:
  - id: sharp
    measure: sharpness
    pass: {at_least: 0.5}
    borderline: {at_least: 0.3}
    severity: error
    then: {borderline: deblur, fail: reject}
    LASTING
"""


def _asset(rules, scores, *, incomplete="", n_ranked=1):
    judgements = [judge_frame(score, rules) for score in scores]
    ranks = [
        FrameRank(frame_index=s.frame_index, score=0.5, score_parts={}, rank=i + 1 if i < n_ranked else None)
        for i, s in enumerate(scores)
    ]
    return judge_asset(scores, judgements, ranks, rules, incomplete)


def _clip(*sharpness, **more):
    return [frame(i, pts_s=i * 0.5, sharpness=value, **more) for i, value in enumerate(sharpness)]


def _rules(tmp_path, lasting="", more=""):
    return rules_of(tmp_path, SHARP.replace("LASTING", lasting) + more)


def test_neighbouring_frames_become_one_finding(tmp_path):
    _, findings = _asset(_rules(tmp_path), _clip(0.9, 0.4, 0.1, 0.2, 0.9, 0.4))
    assert [(f.start_s, f.end_s, f.outcome, f.value, f.frame_index) for f in findings] == [
        (0.5, 1.54, "fail", 0.1, 2),
        (2.5, 2.54, "borderline", 0.4, 5),
    ]
    assert findings[0].text == "frame: sharpness 0.10, at least 0.30 needed (0.50 s to 1.54 s, 3 frames)"
    assert findings[1].text == "frame: sharpness 0.40, at least 0.50 needed (2.50 s)"


def test_a_cut_ends_a_finding(tmp_path):
    scores = [frame(i, pts_s=i * 0.5, shot=i // 2, sharpness=0.1) for i in range(4)]
    _, findings = _asset(_rules(tmp_path), scores)
    assert [(f.start_s, f.end_s) for f in findings] == [(0.0, 0.54), (1.0, 1.54)]


def test_an_excluded_frame_ends_a_finding(tmp_path):
    rules = _rules(tmp_path, more="exclude: [{id: dark, when: {luma_p90: {below: 0.1}}}]")
    scores = [frame(i, pts_s=i * 0.5, sharpness=0.1, luma_p90=0.0 if i == 1 else 0.5) for i in range(3)]
    assert len(_asset(rules, scores)[1]) == 2


@pytest.mark.parametrize(
    ("longer_than_s", "n"),
    [(0.0, 2), (0.03, 2), (0.04, 1), (0.5, 1), (0.54, 0), (1.0, 0)],
)
def test_for_keeps_only_what_lasts_longer(tmp_path, longer_than_s, n):
    rules = _rules(tmp_path, lasting=f"for: {{longer_than_s: {longer_than_s}}}")
    _, findings = _asset(rules, _clip(0.1, 0.9, 0.1, 0.1))
    assert len(findings) == n


def test_for_does_not_change_what_is_decided_of_a_frame(tmp_path):
    rules = _rules(tmp_path, lasting="for: {longer_than_s: 60}")
    assert judge_frame(frame(sharpness=0.1), rules).decision == "reject"


def test_passes_and_skips_are_no_findings_of_an_asset(tmp_path):
    assert _asset(_rules(tmp_path), [frame(0, sharpness=0.9), frame(1)]) == ("accept", ())


@pytest.mark.parametrize(
    ("block", "sharpness", "n_ranked", "verdict"),
    [
        ("{}", (0.1, 0.1), 0, "accept"),
        ("{reject_if: {share_rejected: {above: 0.5}}}", (0.1, 0.9), 1, "accept"),  # exactly half is not above
        ("{reject_if: {share_rejected: {above: 0.5}}}", (0.1, 0.1, 0.9), 1, "reject"),
        ("{review_if: {best_available: {below: 2}}}", (0.9, 0.9), 1, "review"),
        ("{review_if: {best_available: {below: 2}}}", (0.9, 0.9), 2, "accept"),
        (
            "{reject_if: {share_rejected: {above: 0.1}}, review_if: {best_available: {below: 9}}}",
            (0.1,) * 2,
            0,
            "reject",
        ),
        ("{review_if: {share_review: {above: 0}}}", (0.1, 0.9), 1, "accept"),
        ("{review_if: {error_findings: {above: 0}}}", (0.1, 0.9), 1, "review"),
        ("{review_if: {error_findings: {above: 0}}}", (0.4, 0.9), 1, "accept"),  # borderline is no error
        ("{review_if: {longest_error_s: {above: 0.5}}}", (0.1, 0.9), 1, "accept"),
        ("{review_if: {longest_error_s: {above: 0.5}}}", (0.1, 0.1), 1, "review"),
    ],
)
def test_verdict_block(tmp_path, block, sharpness, n_ranked, verdict):
    rules = _rules(tmp_path, more=f"verdict: {block}")
    assert _asset(rules, _clip(*sharpness), n_ranked=n_ranked)[0] == verdict


def test_shares_are_of_the_frames_that_were_judged(tmp_path):
    more = "exclude: [{id: dark, when: {luma_p90: {below: 0.1}}}]\nverdict: {reject_if: {share_rejected: {above: 0.5}}}"
    rules = _rules(tmp_path, more=more)
    scores = [frame(i, sharpness=0.1, luma_p90=0.0 if i < 8 else 0.5) for i in range(10)]
    assert _asset(rules, scores)[0] == "reject"
    rules = _rules(tmp_path, more=more.replace("reject_if: {share_rejected: {above: 0.5}}",
                                               "review_if: {share_excluded: {above: 0.7}}"))  # fmt: skip
    assert _asset(rules, scores)[0] == "review"


def test_incomplete_is_never_accepted_and_never_milder(tmp_path):
    rules = _rules(tmp_path, more="verdict: {reject_if: {share_rejected: {above: 0.5}}}")
    assert _asset(rules, _clip(0.9), incomplete="1.0 of 2.0 s could be read")[0] == "review"
    assert _asset(rules, _clip(0.1), incomplete="1.0 of 2.0 s could be read")[0] == "reject"


def test_nothing_judged_is_never_accepted(tmp_path):
    rules = _rules(tmp_path, more="exclude: [{id: dark, when: {luma_p90: {below: 0.1}}}]")
    assert _asset(rules, [])[0] == "review"
    assert _asset(rules, [frame(0, luma_p90=0.0), frame(1, luma_p90=0.0)])[0] == "review"


@pytest.mark.parametrize(
    ("sharpness", "verdict"),
    [(0.9, "accept"), (0.4, "review"), (0.1, "reject")],  # 0.4: a repair is due
)
def test_for_artwork_the_frame_is_the_asset(tmp_path, sharpness, verdict):
    rules = _rules(tmp_path, more="verdict: {reject_if: {best_available: {below: 5}}}")
    got, findings = _asset(rules, [frame(0, pts=None, pts_s=0.0, sharpness=sharpness)])
    assert got == verdict
    assert all("s)" not in f.text for f in findings)


def test_artwork_that_is_left_out_is_looked_at(tmp_path):
    rules = _rules(tmp_path, more="exclude: [{id: dark, when: {luma_p90: {below: 0.1}}}]")
    assert _asset(rules, [frame(0, pts=None, sharpness=0.9, luma_p90=0.0)])[0] == "review"


def test_a_missing_value_that_fails_is_the_worst_of_its_run(tmp_path):
    rules = _rules(tmp_path, lasting="if_missing: fail")
    scores = [frame(0, pts_s=0.0, sharpness=0.1), frame(1, pts_s=0.5)]
    (finding,) = _asset(rules, scores)[1]
    assert (finding.frame_index, finding.value) == (1, None)


DARK = "exclude: [{id: dark, title: Too dark to show anything, when: {luma_p90: {below: 0.1}}}, {id: combed, when: {comb_ratio: {above: 0.2}}}]"


@pytest.mark.parametrize(
    ("measures", "text"),
    [
        ([{"luma_p90": 0.0}] * 6, "6 of 6 frames are left out: too dark to show anything"),
        (
            [{"luma_p90": 0.0}] * 2 + [{"comb_ratio": 0.5}],
            "3 of 3 frames are left out: 2 too dark to show anything, 1 combed",
        ),
        ([], "no frame could be looked at"),
    ],
)
def test_row_55_frames_that_are_all_left_out_say_why(tmp_path, measures, text):
    scores = [frame(i, **each) for i, each in enumerate(measures)]
    verdict, findings = _asset(_rules(tmp_path, more=DARK), scores, n_ranked=0)
    assert verdict == "review"
    assert [(f.rule_id, f.text, f.action) for f in findings] == [("asset:left-out", text, "review")]


def test_row_55_the_only_picture_that_is_left_out_says_why(tmp_path):
    scores = [frame(0, pts=None, luma_p90=0.0)]
    _, (finding,) = _asset(_rules(tmp_path, more=DARK), scores)
    assert finding.text == "the only picture is left out: too dark to show anything"


@pytest.mark.parametrize(
    ("block", "sharpness", "n_ranked", "text"),
    [
        ("review_if: {best_available: {below: 5}}", (0.9,) * 4, 2, "only 2 frames can be offered, 5 needed"),
        ("review_if: {best_available: {below: 1}}", (0.9,) * 4, 0, "no frame can be offered, 1 needed"),
        (
            "reject_if: {share_rejected: {above: 0.8}}",
            (0.1,) * 9 + (0.9,),
            1,
            "90 % of the judged frames are rejected, limit 80 %",
        ),
        ("review_if: {share_review: {above: 0.125}}", (0.4, 0.9), 1, None),  # a repair is no review
        ("review_if: {share_excluded: {above: 0.5}}", (0.9,), 1, None),
        ("review_if: {error_findings: {above: 0}}", (0.1, 0.9), 1, "1 finding is an error, limit 0"),
        (
            "review_if: {longest_error_s: {above: 0.5}}",
            (0.1, 0.1),
            1,
            "0.54 s of errors without a break, limit 0.5 s",
        ),
    ],
)
def test_row_55_each_condition_of_the_verdict_block_has_a_sentence(
    tmp_path, block, sharpness, n_ranked, text
):
    verdict, findings = _asset(
        _rules(tmp_path, more=f"verdict: {{{block}}}"), _clip(*sharpness), n_ranked=n_ranked
    )
    of_asset = [f for f in findings if f.rule_id.startswith("asset:")]
    assert [f.text for f in of_asset] == ([text] if text else [])
    assert {f.action for f in of_asset} == ({verdict} if text else set())


def test_the_facts_of_an_asset_are_those_of_the_table():
    assert tuple(verdict_facts([], [], [], [])) == ASSET_FACTS


def test_hours_of_errors_are_written_out(tmp_path):
    rules = _rules(tmp_path, more="verdict: {review_if: {longest_error_s: {above: 10000}}}")
    long = [replace(score, duration_s=10800.0) for score in _clip(0.1)]
    assert _asset(rules, long)[1][-1].text == "10800 s of errors without a break, limit 10000 s"


def test_row_55_what_keeps_frames_from_being_offered_is_counted(tmp_path):
    rules = _rules(tmp_path, more="verdict: {review_if: {best_available: {below: 3}}}")
    scores = _clip(0.1, 0.1, 0.9, 0.9)
    reasons = ("rejected", "excluded:dark", "min_gap", None)
    ranks = [
        FrameRank(frame_index=i, score=0, score_parts={}, rank=None if why else 1, unranked=why)
        for i, why in enumerate(reasons)
    ]
    _, findings = judge_asset(scores, [judge_frame(s, rules) for s in scores], ranks, rules)
    assert (
        findings[-1].text
        == "only 1 frame can be offered, 3 needed (1 rejected, 1 left out, 1 beside better ones)"
    )


@pytest.mark.parametrize(
    ("duration_s", "decoded_s", "text"),
    [
        (9.4, 5.6, "5.6 of 9.4 s could be read"),
        (5.81, 5.79, "5.79 of 5.81 s could be read"),
        (None, 5.6, "it broke off after 5.6 s: the rest could not be read"),
        (5.6, 5.6, "it broke off after 5.6 s: the rest could not be read"),
    ],
)
def test_row_55_an_incomplete_asset_says_how_much_was_read(duration_s, decoded_s, text):
    assert read_in_part(duration_s, decoded_s) == text


def test_row_55_a_still_that_is_reviewed_by_a_rule_that_passes_or_must_last_says_so(tmp_path):
    rules = _rules(tmp_path, lasting="for: {longer_than_s: 60}")
    _, (finding,) = _asset(rules, [frame(0, pts=None, sharpness=0.1)])
    assert finding.action == "reject"
    rules = rules_of(
        tmp_path, "rules: [{id: any, measure: luma_mean, pass: {at_least: 0}, then: {pass: review}}]", "any"
    )
    verdict, (finding,) = _asset(rules, [frame(0, pts=None, luma_mean=0.5)])
    assert (verdict, finding.outcome) == ("review", "pass")


def test_row_55_the_sentence_is_of_the_worst_finding_not_of_the_first(tmp_path):
    rules = _rules(tmp_path)
    _, findings = _asset(rules, _clip(0.4, 0.9, 0.2, 0.9, 0.1))
    assert [f.value for f in findings] == [0.4, 0.2, 0.1]
    assert [f.value for f in worst_first(findings)] == [0.1, 0.2, 0.4]


def test_frames_that_are_left_out_are_not_counted_as_accepted(tmp_path):
    rules = _rules(tmp_path, more=DARK)
    scores = [
        frame(0, luma_p90=0.0),
        frame(1, comb_ratio=0.5),
        frame(2, sharpness=0.9),
        frame(3, luma_p90=0.0),
    ]
    assert count_frames(judge_frame(s, rules) for s in scores) == {
        "accept": 1, "deblur": 0, "review": 0, "reject": 0, "excluded:combed": 1, "excluded:dark": 2,
    }  # fmt: skip
