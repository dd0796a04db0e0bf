"""Stored measures by other rules: what changes is counted, nothing old is touched, and it is repeatable."""

import json
from collections import Counter

import pytest

from qc_plugin.asset.judged_again import judge_again
from qc_plugin.config import RunConfig
from qc_plugin.errors import RuleError, UsageError
from qc_plugin.report.read import read_report
from qc_plugin.report.write import write_report
from qc_plugin.rulesets.ruleset import load_rules
from qc_plugin.workshop.rejudge import rejudge
from qc_plugin.workshop.review_calls import review_calls

CONFIG = RunConfig()


def _files(root):
    return {path: path.read_bytes() for path in sorted(root.rglob("*.parquet"))}


def test_judged_by_its_own_rules_a_report_stays_what_it_is(reports, tmp_path):
    for path, data in _files(reports).items():
        again = judge_again(read_report(path), load_rules("default"))
        assert write_report(again, tmp_path / "again").read_bytes() == data


def test_other_rules_give_a_report_of_their_own_beside_the_old(reports):
    before = _files(reports)
    result = rejudge([reports], CONFIG, rules=["strict"])
    after = _files(reports)
    assert result.exit_code == 0
    assert {path: after[path] for path in before} == before
    assert len(after) == 2 * len(before)
    for asset in result.assets:
        report = read_report(asset.report)
        assert report.provenance.rules_id == "strict"
        by_hand = judge_again(read_report(asset.source), load_rules("strict"))
        assert asset.report.read_bytes() == write_report(by_hand, reports.parent / "else").read_bytes()


def test_again_it_writes_nothing_and_says_the_same(reports):
    first = rejudge([reports], CONFIG, rules=["strict"])
    files = _files(reports)
    again = rejudge([reports], CONFIG, rules=["strict"])
    assert _files(reports) == files
    assert not any(asset.written for asset in again.assets)
    assert (again.verdicts, again.frames) == (first.verdicts, first.frames)
    assert [call for _, call in again.closest()] == [call for _, call in first.closest()]


def test_a_dry_run_writes_nothing_and_counts_the_same(reports, tmp_path):
    before = _files(reports)
    dry = rejudge([reports], CONFIG, rules=["strict"], dry_run=True, root=tmp_path / "else")
    assert _files(reports) == before
    assert not (tmp_path / "else").exists()
    assert dry.frames == rejudge([reports], CONFIG, rules=["strict"]).frames


def test_changes_are_those_of_comparing_row_by_row(reports):
    result = rejudge([reports], CONFIG, rules=["strict"], dry_run=True)
    expected, verdicts = Counter(), Counter()
    for path in _files(reports):
        old = read_report(path)
        new = judge_again(old, load_rules("strict"))
        verdicts[old.verdict, new.verdict] += 1
        for a, b in zip(old.frames, new.frames, strict=True):
            pair = ["left out" if row.judgement.excluded else row.judgement.decision for row in (a, b)]
            expected[tuple(pair)] += 1
    assert result.frames == expected
    assert result.verdicts == verdicts
    assert sum(n for (a, b), n in result.frames.items() if a != b) > 5
    assert result.verdicts["error", "error"] == 1


def test_calls_are_the_changed_frames_nearest_to_a_limit(reports):
    calls = rejudge([reports], CONFIG, rules=["strict"], dry_run=True).closest()
    distances = [call.distance for _, call in calls]
    assert distances == sorted(distances)
    assert 0 < len(calls) <= 20
    for _, call in calls:
        assert call.before != call.after
        assert call.distance == pytest.approx(abs(call.value - call.limit) / call.limit)


def test_of_several_sets_each_asset_gets_the_one_for_its_kind(reports):
    result = rejudge([reports], CONFIG, rules=["strict", "artwork"])
    used = {read_report(a.report).asset.kind: a.rules_id for a in result.assets}
    assert used == {"video": "strict", "artwork": "artwork"}


def test_a_file_that_is_no_report_stops_nothing(reports):
    (reports / "torn.parquet").write_bytes(b"PAR1 torn")
    result = rejudge([reports], CONFIG, rules=["strict"], dry_run=True)
    assert result.exit_code == 2
    assert len(result.assets) == 4
    assert any("torn.parquet" in problem for problem in result.problems)


def test_bad_rules_and_empty_folders_end_it_before_any_work(reports, tmp_path):
    with pytest.raises(RuleError):
        rejudge([reports], CONFIG, rules=["strict", "absent"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no report"):
        rejudge([tmp_path / "empty"], CONFIG, rules=["strict"])
    with pytest.raises(UsageError, match="no such report"):
        rejudge([tmp_path / "absent"], CONFIG, rules=["strict"])


def test_closest_calls_become_a_review_page(reports, tmp_path):
    result = rejudge([reports], CONFIG, rules=["strict"], dry_run=True)
    page = review_calls(result, ["strict"], CONFIG, tmp_path / "calls.html")
    text = page.page.read_text(encoding="utf-8")
    records = json.loads(text.split('<script type="application/json" id="data">')[1].split("</script>")[0])
    shown = {(r["asset_id"], r["frame_index"]) for r in records["records"].values()}
    assert shown == {(asset.asset_id, call.frame_index) for asset, call in result.closest()}
    assert {r["rules_id"] for r in records["records"].values()} == {"strict"}
    assert page.without_pictures  # the talk was drawn, so that there is no file to decode
    assert "say where it is with --assets FOLDER" in page.without_pictures[0][1]


def test_without_a_change_there_is_no_page(reports, tmp_path):
    result = rejudge([reports], CONFIG, rules=["default"], dry_run=True)
    with pytest.raises(UsageError, match="no decision changes"):
        review_calls(result, ["default"], CONFIG, tmp_path / "calls.html")
    assert not (tmp_path / "calls.html").exists()
