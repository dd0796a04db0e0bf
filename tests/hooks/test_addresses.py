"""Addresses of files as hosts write them, and answers that are kept only while the file is the same."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qc_plugin.errors import QcError
from qc_plugin.host.event import parse_event
from qc_plugin.host.event_handler import EventHandler
from qc_plugin.report.text import without_secrets
from qc_plugin.store.address import file_path, given_place

NOT_THERE = "no such file"


def hook(cwd, *flags, **event):
    """The result line of the real `qc-plugin hook`."""
    sent = {"schema": 1, "event": "asset.ingested", "id": "e-1", **event}
    done = subprocess.run(
        [sys.executable, "-m", "qc_plugin", "hook", *flags],
        input=json.dumps(sent), cwd=cwd, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def test_row_27_a_half_copied_file_is_looked_at_again(desk, event, still, tmp_path):
    arriving = tmp_path / "poster.png"
    arriving.write_bytes(still.read_bytes()[:900])
    asked = event(event_id="r2", asset={"uri": str(arriving)})
    first = desk.answer(asked)
    assert (first.error.exit_code, first.replayed) == (20, False)
    assert desk.answer(asked).replayed  # nothing has changed: no work is done again
    shutil.copy(still, arriving)
    whole = desk.answer(asked)
    assert (whole.error, whole.replayed) == (None, False)
    assert desk.answer(asked).replayed
    arriving.unlink()  # taken away by the host: the answer was about what it was
    gone = desk.answer(asked)
    assert (gone.error, gone.verdict, gone.replayed) == (None, whole.verdict, True)


def test_row_27_an_accepted_file_that_is_replaced_is_looked_at_again(desk, event, still, tmp_path):
    poster = Path(shutil.copy(still, tmp_path / "poster.png"))
    asked = event(asset={"uri": str(poster)})
    assert desk.answer(asked).error is None
    poster.write_bytes(b"no picture at all, but of some length")
    assert desk.answer(asked).error.exit_code == 20


def test_row_27_the_same_size_at_another_time_is_another_file(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"x" * 100)
    first = hook(tmp_path, "--reports", "out", asset={"uri": "a.mp4"})
    os.utime(tmp_path / "a.mp4", (time.time() + 5, time.time() + 5))
    again = hook(tmp_path, "--reports", "out", asset={"uri": "a.mp4"})
    assert (first["error"]["exit_code"], again["error"]["exit_code"]) == (20, 20)
    assert not again["replayed"]
    assert hook(tmp_path, "--reports", "out", asset={"uri": "a.mp4"})["replayed"]


def test_row_27_a_candidate_that_arrives_late_is_looked_at(desk, event, still, tmp_path):
    late = tmp_path / "late.png"
    refs = [{"uri": str(still), "id": "a"}, {"uri": str(late), "id": "b"}]
    asked = event("thumbnail.candidates", candidates=refs)
    first = desk.answer(asked)
    assert NOT_THERE in next(c.why for c in first.ranking if c.id == "b")
    assert desk.answer(asked).replayed
    shutil.copy(still, late)
    second = desk.answer(asked)
    assert not second.replayed
    assert NOT_THERE not in (next(c.why for c in second.ranking if c.id == "b") or "")


def test_row_27_over_a_limit_holds_for_that_limit_only(engines, event, tmp_path, monkeypatch):
    from qc_plugin.asset.check_one import AssetChecker

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(AssetChecker, "engines", engines)
    from PIL import Image

    Image.new("RGB", (4200, 4100), "grey").save("wall.png")  # 17.2 MP: over `strict`, under `default`
    asked = event(asset={"uri": "wall.png"})
    flags = {"reports": tmp_path / "out", "sheet": False, "stills": False}
    first = EventHandler({**flags, "limits": "strict"}).answer(asked)
    assert first.error.exit_code == 21
    assert EventHandler({**flags, "limits": "strict"}).answer(asked).replayed
    wider = EventHandler({**flags, "limits": "default"}).answer(asked)
    assert (wider.error, wider.replayed) == (None, False)


def test_row_27_an_answer_kept_without_the_state_of_its_file_is_given_anew(desk, event, tmp_path):
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    asked = event(asset={"uri": "bad.mp4"})
    desk.answer(asked)
    (kept,) = (tmp_path / "out/_events").rglob("*.json")
    stored = json.loads(kept.read_text())
    del stored["basis"]
    kept.write_text(json.dumps(stored))
    assert not desk.answer(asked).replayed


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("file:{}/a%20b.mp4", "a b.mp4"),
        ("file://{}/a%20b.mp4", "a b.mp4"),
        ("file://localhost{}/a%20b.mp4", "a b.mp4"),
        ("file://LOCALHOST{}/a%20b.mp4", "a b.mp4"),
        ("FILE:{}/a%20b.mp4", "a b.mp4"),
        ("file:{}/x#1.mp4", "x#1.mp4"),
        ("file://{}/what?.mp4", "what?.mp4"),
        ("file://{}/what%3F%23.mp4", "what?#.mp4"),
        ("file://{}/50%25.mp4", "50%.mp4"),
        ("file://{}/100%.mp4", "100%.mp4"),
        ("file://{}/%E6%98%A0.mp4", "映.mp4"),
    ],
)
def test_row_28_and_29_file_addresses(tmp_path, event, monkeypatch, written, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(b"no video")
    (tmp_path / "x").write_bytes(b"another file, which must not be judged instead")
    uri = written.format(tmp_path)
    result = EventHandler({"reports": tmp_path / "out"}).answer(event(asset={"uri": uri}))
    assert (result.error.exit_code, NOT_THERE in result.error.text) == (20, False), result.error
    assert result.asset.uri == uri
    assert result.error.text.startswith(name) or name in result.error.text


def test_row_28_a_name_that_is_not_utf_8(tmp_path):
    place = tmp_path / os.fsdecode(b"caf\xe9.mp4")
    assert file_path(f"file:{tmp_path}/caf%E9.mp4") == place
    place.write_bytes(b"x")
    assert given_place(f"file:{tmp_path}/caf%E9.mp4").is_file()


def test_row_28_a_file_that_is_really_called_so_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file:").mkdir()
    (tmp_path / "file:/a.mp4").write_bytes(b"x")
    assert given_place("file:/a.mp4") == Path("file:/a.mp4")


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("file://nas/show.mp4", "machine `nas`; mount it here"),
        ("file:///a%00b.mp4", "NUL"),
        ("s3:/in/show.mp4", "write s3://bucket/key"),
        ("S3://in/show.mp4", "write s3://bucket/key"),
        ("https:/example.com/a.mp4", "`https` addresses are not read"),
        ("smb://nas/a.mp4", "`smb` addresses are not read"),
    ],
)
def test_row_29_a_sentence_that_helps(tmp_path, event, monkeypatch, uri, words):
    monkeypatch.chdir(tmp_path)
    result = EventHandler({"reports": tmp_path / "out"}).answer(event(asset={"uri": uri}))
    assert (result.error.exit_code, words in result.error.text) == (20, True), result.error.text
    assert "`file` addresses are not read" not in result.error.text


def test_row_29_a_query_behind_a_file_is_named_and_not_shown(tmp_path, event):
    result = EventHandler({"reports": tmp_path / "out"}).answer(event(asset={"uri": "file:///a.mp4?token=x"}))
    assert "`?` and what follows it are part of the name" in result.error.text
    assert "token" not in result.error.text


@pytest.mark.parametrize("written", ["file:{}/deep/out#1", "file://{}/deep/out%231"])
def test_row_28_reports_folders_by_address(tmp_path, event, monkeypatch, written):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    asked = event(asset={"uri": "bad.mp4"}, settings={"reports": written.format(tmp_path)})
    result = EventHandler().answer(asked)
    assert Path(result.report).is_relative_to(tmp_path / "deep/out#1")
    assert not (tmp_path / "file:").exists()


def test_row_29_reports_on_another_machine_are_refused(tmp_path, event, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for reports, words in (("file://nas/qc", "machine `nas`"), ("s3:/qc/reports", "folder")):
        result = EventHandler().answer(event(asset={"uri": "a"}, settings={"reports": reports}))
        assert (result.error.exit_code, words in result.error.text) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_row_28_the_nightly_scan_and_the_command_line_read_them_too(tmp_path):
    (tmp_path / "in#1").mkdir()
    (tmp_path / "in#1/bad.mp4").write_bytes(b"no video")
    task = hook(
        tmp_path, "--reports", "out", event="task.run", task="nightly-scan", paths=[f"file:{tmp_path}/in#1"]
    )
    assert task["task"]["assets"] == 1
    done = subprocess.run(
        [sys.executable, "-m", "qc_plugin", "check", f"file:{tmp_path}/in%231/bad.mp4", "--reports", "two"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 20
    assert "bad.mp4 is not a video" in done.stdout


def test_row_29_names_are_shown_whole_and_secrets_are_not():
    assert without_secrets("file:///in/x#1.mp4") == "file:///in/x#1.mp4"
    assert without_secrets("s3://in/a+b?#.mov") == "s3://in/a+b?#.mov"
    assert without_secrets("s3://key:s3cret@in/a.mov") == "s3://in/a.mov"
    assert without_secrets("s3://in/a?.mov?X-Amz-Signature=s3cret#x") == "s3://in/a?.mov"
    assert without_secrets("https://u:s3cret@example.com/a.mp4?token=x#y") == "https://example.com/a.mp4"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": "1"}, '`schema` is the text `"1"`; send the number 1 without quotes'),
        ({"schema": "2"}, '`schema` is `"2"`'),
        ({"schema": True}, "`schema` is `true`"),
        ({"event": 7}, "unknown event `7`"),
        ({"event": "asset"}, 'unknown event `"asset"`'),
        ({"timeout_s": "soon"}, 'not `"soon"`'),
        ({"id": 42}, "`id`: input should be a valid string, not `42`"),
        ({"settings": {"sample": 2}}, "not `2`"),
    ],
)
def test_row_31_text_is_told_from_a_number(change, words):
    sent = {"schema": 1, "event": "asset.ingested", "id": "e", "asset": {"uri": "a"}, **change}
    with pytest.raises(QcError) as caught:
        parse_event(json.dumps(sent).encode())
    assert words in str(caught.value)
