"""Limits against decisions on stored reports: shares by hand, a proposal to use, and what it changes."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from qc_plugin.asset.judged_again import judge_again
from qc_plugin.config import RunConfig
from qc_plugin.errors import RuleError, UsageError
from qc_plugin.report.write import write_report
from qc_plugin.rulesets.proposal import proposal_yaml
from qc_plugin.rulesets.ruleset import load_rules
from qc_plugin.workshop.calibrate import Goal, calibrate
from qc_plugin.workshop.rejudge import rejudge
from tests.support.fake_report import STEP, fake_report, hand_blur
from tests.unit.batch.conftest import measured

CONFIG = RunConfig()
TALK = "ab" * 32


def _decide(tmp_path, decide, frames=range(8, 120), asset=TALK, **more):
    """A decisions file in which `decide(blur of the hand)` says what a person thinks of a frame."""
    line = {"schema": "qc.decisions/1", "asset_id": asset, "judge_key": "x"}
    path = tmp_path / "decisions.jsonl"
    lines = [line | {"frame_index": i * STEP, "decision": decide(hand_blur(i))} | more for i in frames]
    path.write_text("".join(json.dumps(each) + "\n" for each in lines), encoding="utf-8")
    return path


def _eye(blur):
    """A person who stops at 20 % and throws away from 60 % on."""
    return "accept" if blur <= 0.10 else "review" if blur <= 0.60 else "reject"


def test_a_limit_is_found_where_the_person_draws_it(reports, tmp_path):
    found = calibrate(_decide(tmp_path, _eye), [reports], "hand-motion-blur", CONFIG)
    passed = found.proposed["pass"]
    values = [hand_blur(i) for i in range(8, 120)]
    below = max(v for v in values if v <= 0.10)
    above = min(v for v in values if v > 0.10)
    assert below <= found.limits["pass"] < above
    assert (passed.precision, passed.recall) == (1.0, 1.0)
    now = found.current["pass"]
    used = [label.value for label in found.labels]
    assert now.n_beyond == sum(value > now.limit for value in used)
    assert now.recall < 1


def test_two_bands_stop_two_things(reports, tmp_path):
    rules = tmp_path / "house.yaml"
    rules.write_text(
        "schema: 1\nid: house\ntitle: House\nextends: [default]\noverride:\n"
        "  hand-motion-blur: {borderline: {at_most: 0.8}, severity: error, then: {fail: reject}}\n"
    )
    found = calibrate(
        _decide(tmp_path, _eye),
        [reports],
        "hand-motion-blur",
        CONFIG,
        rules=str(rules),
        goal=Goal(recall=1.0),
    )
    assert found.limits["pass"] == pytest.approx(0.10, abs=0.05)
    assert found.limits["borderline"] == pytest.approx(0.6, abs=0.05)
    assert found.proposed["borderline"].precision >= 0.9


def test_the_proposal_changes_what_it_says(reports, tmp_path):
    found = calibrate(_decide(tmp_path, _eye), [reports], "hand-motion-blur", CONFIG)
    head = "schema: 1\nid: tried\ntitle: Tried\nextends: [default]\n"
    (tmp_path / "tried.yaml").write_text(head + proposal_yaml(found.rule, found.limits, found.source))
    done = rejudge([reports], CONFIG, rules=[str(tmp_path / "tried.yaml")], dry_run=True)
    assert found.frames == done.frames
    assert found.verdicts == done.verdicts
    assert sum(n for (old, new), n in found.frames.items() if old != new) > 5


def test_decisions_of_another_report_are_refused(reports, tmp_path):
    with pytest.raises(UsageError, match="no decision is about an asset of these reports"):
        calibrate(_decide(tmp_path, _eye, asset="99" * 32), [reports], "hand-motion-blur", CONFIG)


def test_decisions_that_cannot_be_used_are_counted_by_reason(reports, tmp_path):
    path = _decide(tmp_path, _eye)
    strange = [(TALK, 1), ("99" * 32, 0), (TALK, 0)]  # no such frame; another asset; a dark frame
    with path.open("a") as file:
        for asset, index in strange:
            line = {"schema": "qc.decisions/1", "asset_id": asset, "frame_index": index, "decision": "accept"}
            file.write(json.dumps(line) + "\n")
    told = "\n".join(calibrate(path, [reports], "hand-motion-blur", CONFIG).warnings)
    assert "1 decisions are not used: the frame is not in the report" in told
    assert "1 decisions are not used: they are about assets without a report here" in told
    assert "the exclude `dark` leaves the frame out" in told


def test_too_little_to_tell_is_said(reports, tmp_path):
    with pytest.raises(UsageError, match="a limit needs both kinds"):
        calibrate(_decide(tmp_path, lambda _: "accept"), [reports], "hand-motion-blur", CONFIG)
    few = _decide(tmp_path, _eye, range(8, 30))
    told = "\n".join(calibrate(few, [reports], "hand-motion-blur", CONFIG).warnings)
    assert "read the intervals, not the shares" in told


def test_an_unknown_rule_and_a_mixed_folder_are_refused(reports, tmp_path):
    path = _decide(tmp_path, _eye)
    with pytest.raises(RuleError, match="did you mean `hand-motion-blur`"):
        calibrate(path, [reports], "hand-blur", CONFIG)
    other = fake_report(30, "other.mp4")
    other = replace(other, asset=replace(other.asset, id="77" * 32))
    write_report(judge_again(measured(other), load_rules("strict")), reports)
    with pytest.raises(UsageError, match=r"judged by 2 rule sets \(default, strict\); name one with --rules"):
        calibrate(path, [reports], "hand-motion-blur", CONFIG)
    assert (
        calibrate(path, [reports], "hand-motion-blur", CONFIG, rules="default").rule.id == "hand-motion-blur"
    )


def test_rules_that_lie_nowhere_any_more_are_read_from_the_report(tmp_path):
    house = tmp_path / "house.yaml"
    house.write_text("schema: 1\nid: house\ntitle: House\nextends: [default]\nparams: {hand_blur_ok: 0.45}\n")
    write_report(judge_again(measured(fake_report()), load_rules(house)), tmp_path / "reports")
    house.unlink()
    found = calibrate(_decide(tmp_path, _eye), [tmp_path / "reports"], "hand-motion-blur", CONFIG)
    assert found.current["pass"].limit == 0.45
    assert found.source is None


def test_the_curve_is_a_picture_with_what_it_names(reports, tmp_path):
    found = calibrate(_decide(tmp_path, _eye), [reports], "hand-motion-blur", CONFIG)
    picture = ET.fromstring(found.curve())
    texts = [each.text for each in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert any(text.startswith("hand-motion-blur: blur_probability at most") for text in texts)
    for band, step in found.proposed.items():
        assert f"{band} {step.limit:g}" in texts
    curves = [each.get("points") for each in picture.iter("{http://www.w3.org/2000/svg}polyline")]
    assert len(curves) == 2 * len(found.steps)
    assert all(len(points.split()) > 1 for points in curves)
    assert found.curve() != replace(found, current=found.proposed).curve()
