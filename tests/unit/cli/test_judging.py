"""`rejudge` and `calibrate`, as a person types them."""

import json

import pytest
import yaml

from qc_plugin.asset.judged_again import judge_again
from qc_plugin.report.write import write_report
from qc_plugin.rulesets.ruleset import load_rules
from tests.support.fake_report import STEP, fake_report, hand_blur
from tests.unit.batch.conftest import measured

RULE = ("--rule", "hand-motion-blur")


@pytest.fixture(scope="module")
def judged():
    return judge_again(measured(fake_report()), load_rules("default"))


@pytest.fixture
def reports(tmp_path, judged):
    write_report(judged, tmp_path / "reports")
    return "reports"


@pytest.fixture
def decisions(tmp_path):
    rows = [(i * STEP, "accept" if hand_blur(i) <= 0.2 else "reject") for i in range(8, 120)]
    line = {"schema": "qc.decisions/1", "asset_id": "ab" * 32}
    texts = [json.dumps(line | {"frame_index": index, "decision": decision}) for index, decision in rows]
    (tmp_path / "decisions.jsonl").write_text("\n".join(texts))
    return "decisions.jsonl"


def test_a_diff_counts_and_lists_the_closest_calls(qc, reports):
    code, out, _ = qc("rejudge", reports, "--rules", "strict", "--diff", "--dry-run")
    assert code == 0
    assert "nothing was written (--dry-run)" in out
    assert "closest calls" in out
    assert "frame " in out.split("closest calls")[1]
    code, out, _ = qc("rejudge", reports, "--rules", "strict", "--dry-run", "--json")
    told = json.loads(out)
    assert told["schema"] == "qc.rejudge/1"
    assert told["closest"][0]["rule"] in {rule.id for rule in load_rules("strict").rules}


def test_the_closest_calls_can_be_looked_at(qc, reports, tmp_path):
    code, _, err = qc("rejudge", reports, "--rules", "strict", "--dry-run", "--review", "calls.html")
    assert code == 0
    assert "closest calls: calls.html" in err
    assert (tmp_path / "calls.html").stat().st_size > 50_000
    code, _, err = qc("rejudge", reports, "--rules", "default", "--dry-run", "--review", "none.html")
    assert code == 0
    assert "no page was written" in err
    assert not (tmp_path / "none.html").exists()


def test_calibrate_prints_a_table_and_a_block_that_can_be_used(qc, reports, decisions, tmp_path):
    code, out, _ = qc("calibrate", decisions, reports, *RULE)
    assert code == 0
    assert "<- now" in out
    assert "<- proposed" in out
    assert "frames change" in out
    assert set(yaml.safe_load(out)) == {"params"}  # the table is comments
    (tmp_path / "new.yaml").write_text("schema: 1\nid: new\ntitle: New\nextends: [default]\n" + out)
    assert qc("rules", "lint", "new.yaml")[0] == 0


def test_files_are_written_where_asked_and_never_over_others(qc, reports, decisions, tmp_path):
    files = ("--out", "limits.yaml", "--curve", "curve.svg")
    assert qc("calibrate", decisions, reports, *RULE, *files)[0] == 0
    assert (tmp_path / "curve.svg").read_text().startswith("<svg")
    limit = yaml.safe_load((tmp_path / "limits.yaml").read_text())["params"]["hand_blur_ok"]
    assert 0.1 < limit < 0.3
    (tmp_path / "limits.yaml").write_text("mine")
    (tmp_path / "curve.svg").unlink()
    code, _, err = qc("calibrate", decisions, reports, *RULE, *files)
    assert code == 2
    assert "is there already, with other content; name another" in err
    assert (tmp_path / "limits.yaml").read_text() == "mine"
    assert not (tmp_path / "curve.svg").exists()
    code, _, err = qc("calibrate", decisions, reports, *RULE, "--curve", "limits.yaml/curve.svg")
    assert code == 2
    assert "limits.yaml: cannot write the curves (a file lies there); choose a writable folder" in err


def test_contradictory_decisions_end_it_unless_told(qc, reports, decisions, tmp_path):
    text = (tmp_path / decisions).read_text()
    line = json.loads(text.splitlines()[20])
    line["decision"] = "reject" if line["decision"] == "accept" else "accept"
    (tmp_path / decisions).write_text(f"{text}\n{json.dumps(line)}\n")
    code, out, err = qc("calibrate", decisions, reports, *RULE)
    assert (code, out) == (2, "")
    assert "in line 21" in err
    assert "--drop-contradictory" in err
    assert qc("calibrate", decisions, reports, *RULE, "--drop-contradictory")[0] == 0


def test_a_decisions_file_from_another_report_is_refused(qc, reports, decisions, tmp_path):
    text = (tmp_path / decisions).read_text().replace("ab" * 32, "cd" * 32)
    (tmp_path / decisions).write_text(text)
    code, out, err = qc("calibrate", decisions, reports, *RULE, "--out", "limits.yaml")
    assert (code, out) == (2, "")
    assert "name the reports they were made on" in err
    assert not (tmp_path / "limits.yaml").exists()
