from dataclasses import replace

from qc_plugin.pages.sheet_choice import (
    MAX_CARDS,
    finding_groups,
    frame_of_finding,
    nearest_better,
    picks,
    ratios,
)
from tests.support.fake_report import fake_report


def _shown(groups):
    return [finding for group in groups for finding in group.shown]


def test_picks_are_in_the_order_of_their_rank():
    report = fake_report()
    assert [row.rank.rank for row in picks(report)] == list(range(1, 13))
    assert [row.rank.rank_by_crop["2:3"] for row in picks(report, "2:3")] == list(range(1, 13))
    assert ratios(report) == ("16:9", "1:1", "2:3")


def test_a_frame_without_that_crop_is_not_offered():
    report = fake_report()
    best = picks(report)[0]
    without = replace(best, rank=replace(best.rank, crops=best.rank.crops[:1]))
    frames = tuple(without if row is best else row for row in report.frames)
    assert without not in picks(replace(report, frames=frames), "2:3")


def test_no_rule_crowds_out_another():
    report = fake_report()
    face, hand = (
        next(f for f in report.findings if f.rule_id == f"{kind}-motion-blur") for kind in ("face", "hand")
    )
    groups = finding_groups(replace(report, findings=(hand,) * 90 + (face,) * 3))
    assert {group.rule_id: len(group.shown) for group in groups} == {
        "face-motion-blur": 3,
        "hand-motion-blur": 21,
    }
    assert len(_shown(groups)) == MAX_CARDS
    assert sum(group.n_found for group in groups) == 93


def test_the_worst_comes_first():
    groups = finding_groups(fake_report())
    assert [group.rule_id for group in groups] == ["face-motion-blur", "hand-motion-blur"]
    outcomes = [finding.outcome for finding in groups[0].shown]
    assert outcomes == sorted(outcomes, key=["fail", "borderline"].index)
    beyond = [finding.value - finding.limit for finding in groups[1].shown]
    assert beyond == sorted(beyond, reverse=True)


def test_what_leads_to_nothing_is_a_note_and_takes_little_room():
    report = fake_report()
    note = replace(
        report.findings[0], rule_id="sharp-faces", action="accept", severity="info", outcome="fail"
    )
    groups = finding_groups(replace(report, findings=(note,) * 9 + report.findings))
    assert groups[-1].is_note
    assert (len(groups[-1].shown), groups[-1].n_found) == (2, 9)


def test_frames_speak_where_the_asset_has_no_finding():
    report = fake_report()
    assert finding_groups(replace(report, findings=())) == finding_groups(report)


def test_a_finding_about_the_asset_has_no_frame():
    report = fake_report()
    finding = replace(report.findings[0], rule_id="too-few", frame_index=0)
    assert frame_of_finding(report, finding) is None
    assert frame_of_finding(report, report.findings[0]) is not None


def test_the_nearest_better_frame_passes_the_rule_in_the_same_shot():
    report = fake_report()
    finding = next(f for f in report.findings if f.rule_id == "hand-motion-blur")
    row = frame_of_finding(report, finding)
    better = nearest_better(report, finding, row)
    assert better.score.shot == row.score.shot
    assert all(f.outcome == "pass" for f in better.judgement.findings)
    nearer = [
        r
        for r in report.frames
        if abs(r.score.pts_s - row.score.pts_s) < abs(better.score.pts_s - row.score.pts_s)
        and r.score.shot == row.score.shot
        and r.judgement.decision == "accept"
        and r.judgement.excluded is None
    ]
    assert nearer == []
