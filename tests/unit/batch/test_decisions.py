"""decisions.jsonl: what is not one of ours is named with its line and the repair."""

import json

import pytest

from qc_plugin.errors import UsageError
from qc_plugin.workshop.decisions import read_decisions

LINE = {
    "schema": "qc.decisions/1",
    "asset_id": "ab" * 32,
    "judge_key": "e4" * 32,
    "frame_index": 12,
    "decision": "accept",
}


def _write(tmp_path, *lines, encoding="utf-8"):
    path = tmp_path / "decisions.jsonl"
    texts = [line if isinstance(line, str) else json.dumps(LINE | line) for line in lines]
    path.write_bytes("\n".join(texts).encode(encoding))
    return path


def test_each_line_is_a_decision_in_order(tmp_path):
    path = _write(tmp_path, {}, "", {"frame_index": 3, "decision": "reject", "more": [1]}, {})
    decided, warnings = read_decisions(path)
    assert [(d.frame_index, d.decision) for d in decided] == [(12, "accept"), (3, "reject")]
    assert warnings == []


def test_windows_text_is_text(tmp_path):
    path = _write(tmp_path, json.dumps(LINE) + "\r", {"frame_index": 1}, encoding="utf-8-sig")
    assert len(read_decisions(path)[0]) == 2


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", ":2: not a line of qc.decisions/1: `the line`"),
        ("[]", ":2: not a line of qc.decisions/1"),
        ({"decision": "keep"}, "`decision`: input should be 'accept', 'deblur', 'review' or 'reject'"),
        ({"frame_index": -1}, "`frame_index`: input should be greater than or equal to 0"),
        ({"frame_index": "12"}, "`frame_index`: input should be a valid integer"),
        ({"frame_index": True}, "`frame_index`"),
        ({"asset_id": ""}, "`asset_id`"),
        ({"schema": "qc.decisions/2"}, "`schema`: input should be 'qc.decisions/1'"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, line, told):
    with pytest.raises(UsageError) as caught:
        read_decisions(_write(tmp_path, {}, line))
    assert told in str(caught.value)
    assert "name the decisions.jsonl of a review page" in str(caught.value)


def test_a_file_that_is_no_decisions_file(tmp_path):
    with pytest.raises(UsageError, match="holds no decision"):
        read_decisions(_write(tmp_path, "", " "))
    with pytest.raises(UsageError, match="No such file"):
        read_decisions(tmp_path / "absent.jsonl")
    with pytest.raises(UsageError, match="Is a directory"):
        read_decisions(tmp_path)
    (tmp_path / "picture.jsonl").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(UsageError, match="is not UTF-8 text"):
        read_decisions(tmp_path / "picture.jsonl")


def test_a_huge_file_is_not_read(tmp_path):
    path = tmp_path / "decisions.jsonl"
    with path.open("wb") as file:
        file.truncate(300 * 1024 * 1024)  # sparse
    with pytest.raises(UsageError, match="larger than 256 MiB"):
        read_decisions(path)


def test_contradictions_name_both_lines(tmp_path):
    path = _write(tmp_path, {}, {"frame_index": 1}, {"decision": "reject"})
    with pytest.raises(UsageError) as caught:
        read_decisions(path)
    assert f"frame 12 of {'ab' * 8} (accept in line 1, reject in line 3)" in str(caught.value)
    assert "keep the line that holds" in str(caught.value)


def test_contradictions_can_be_dropped(tmp_path):
    pairs = [{"frame_index": i, "decision": d} for i in range(8) for d in ("accept", "reject")]
    decided, [warning] = read_decisions(
        _write(tmp_path, *pairs, {"frame_index": 99}), drop_contradictory=True
    )
    assert [d.frame_index for d in decided] == [99]
    assert "8 frames are decided in two ways" in warning
    assert "and 3 more" in warning
    assert "none of them is used" in warning
