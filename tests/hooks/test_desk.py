"""Events answered with the real pipeline: verdicts, stored answers, stops, choices, tasks."""

import json
import shutil
import threading
import time
from pathlib import Path

import jsonschema
import pytest

from qc_plugin.host.result import line
from qc_plugin.host.schemas import schema_of
from qc_plugin.report.meta import frames_of
from qc_plugin.report.read import read_frames, read_meta, read_report
from tests.support.media import SAMPLE

DATA = Path(__file__).resolve().parents[1] / "data"


def files(folder):
    return sorted(p for p in folder.rglob("*") if p.is_file())


def test_asset_ingested_is_answered_once(desk, event, clip, tmp_path):
    told = []
    first = desk.answer(
        event(asset={"uri": str(clip), "id": "MAM-7", "content": "live-action"}), tell=told.append
    )
    assert first.error is None, first.error
    assert first.verdict in ("accept", "review", "reject")
    meta = read_meta(tmp_path / first.report)
    assert first.verdict == meta["verdict"]
    assert first.frames == frames_of(meta)
    assert sum(first.frames.values()) == len(read_frames(tmp_path / first.report))
    assert len(first.reasons) == min(50, len(meta["findings"]))
    assert first.reasons or first.verdict == "accept"
    assert (first.asset.id, first.asset.kind, first.asset.content) == ("MAM-7", "video", "live-action")
    assert told[0].done == 0
    assert [t.done for t in told] == sorted(t.done for t in told)
    for each in (*told, first):
        jsonschema.validate(json.loads(line(each)), schema_of("result"))
    before = {p: p.stat().st_mtime_ns for p in files(tmp_path)}
    again = desk.answer(event(asset={"uri": str(clip), "id": "MAM-7", "content": "live-action"}, timeout_s=5))
    assert again.replayed
    assert again.model_copy(update={"replayed": False, "seconds": 0}) == first.model_copy(
        update={"seconds": 0}
    )
    assert {p: p.stat().st_mtime_ns for p in files(tmp_path)} == before


def test_row_55_a_host_hears_why_a_black_clip_needs_a_look(desk, event):
    told = desk.answer(event(asset={"uri": str(DATA / "d5_black.mp4")}))
    assert told.verdict == "review"
    assert next((r.rule, r.text) for r in told.reasons) == (
        "asset:left-out",
        "6 of 6 frames are left out: too dark to show anything",
    )
    assert {name: n for name, n in told.frames.items() if n} == {"excluded:dark": 6}


def test_an_id_used_for_two_questions_is_an_error_of_the_host(desk, event, still):
    desk.answer(event(asset={"uri": str(still)}))
    other = desk.answer(event(asset={"uri": "other.png"}))
    assert (other.verdict, other.error.exit_code, other.error.retryable) == ("error", 2, False)
    assert "another question" in other.error.text


def test_the_same_content_is_not_measured_twice(desk, event, still, tmp_path):
    first = desk.answer(event(asset={"uri": str(still)}))
    copy = shutil.copy(still, tmp_path / "copy.png")
    second = desk.answer(event(event_id="e-2", asset={"uri": str(copy)}))
    assert (first.reused, second.reused) == (False, True)
    assert (second.report, second.verdict, second.frames) == (first.report, first.verdict, first.frames)
    assert second.sheet == first.sheet


def test_a_stop_gives_what_was_found_and_no_report_that_counts(desk, event, clip, tmp_path, monkeypatch):
    monkeypatch.setattr("qc_plugin.pipeline.measure.BATCH", 2)  # of the 4 frames: one boundary in between
    stop = threading.Event()
    asked = event(asset={"uri": str(clip)})
    part = desk.answer(asked, stop=_after_first_batch(stop, monkeypatch))
    assert (part.incomplete, part.retryable, part.error) == (True, True, None)
    assert part.verdict != "accept"  # incomplete never passes
    assert part.report.endswith(".parquet.partial")
    report = read_report(tmp_path / part.report)
    assert report.incomplete
    assert len(report.frames) == 2
    assert list(tmp_path.rglob("*.parquet")) == []
    assert list(tmp_path.rglob("_stills/*/*")) == []
    assert list(tmp_path.rglob("_events/*/*")) == []
    whole = desk.answer(asked)
    assert not whole.incomplete
    assert not whole.replayed
    assert sum(whole.frames.values()) > 2
    assert list(tmp_path.rglob("*.partial")) == []


def _after_first_batch(stop, monkeypatch):
    """An event that is set once the clock was asked with some work done, as a host's SIGTERM would."""
    from qc_plugin.host.deadline import Deadline

    ask = Deadline.watch

    def watch(self, done, stage="segment"):
        if done > 0:
            stop.set()
        return ask(self, done, stage)

    monkeypatch.setattr(Deadline, "watch", watch)
    return stop


def test_a_stop_before_the_first_frame_is_try_again_later(desk, event, still, clip, tmp_path):
    stop = threading.Event()
    stop.set()
    for n, uri in enumerate((still, clip)):
        result = desk.answer(event(event_id=f"s-{n}", asset={"uri": str(uri)}), stop=stop)
        assert (result.verdict, result.error.exit_code, result.retryable) == ("error", 75, True)
    assert files(tmp_path / "out") == []


def test_time_over_stops_at_a_boundary():
    from qc_plugin.host.deadline import Deadline

    clock = Deadline("e", timeout_s=0.2)
    assert clock.watch(0.1)
    time.sleep(0.19)  # a tenth is kept back for judging and writing
    assert not clock.watch(0.5)


@pytest.mark.parametrize(
    ("uri", "settings", "code", "words"),
    [
        ("gone.mov", {}, 20, "no such file"),
        (".", {}, 20, "folder"),
        ("https://example.com/a.mp4?token=s3cret", {}, 20, "`https` addresses are not read"),
        ("file:///nowhere/a.mov", {}, 20, "no such file"),
        ("a\u0000b.mov", {}, 20, "NUL"),
        ("STILL", {"rules": "thumbnail-candidate"}, 2, "thumbnail-candidates"),
        ("STILL", {"sample": "often"}, 2, "keyframes"),
        ("STILL", {"reports": "s3://qc/reports"}, 2, "report_sink"),
    ],
)
def test_bad_input_is_answered(monkeypatch, event, tmp_path, uri, settings, code, words):
    from qc_plugin.host.event_handler import EventHandler

    monkeypatch.chdir(tmp_path)
    uri = str(SAMPLE) if uri == "STILL" else uri
    result = EventHandler().answer(event(asset={"uri": uri}, settings=settings))
    assert result.verdict == "error"
    assert result.incomplete
    assert result.stop
    assert (result.error.exit_code, result.error.retryable) == (code, False), result.error
    assert words in result.error.text
    assert "s3cret" not in line(result)
    assert list(tmp_path.rglob("*.tmp*")) == []


def test_a_broken_file_leaves_a_row_and_the_answer_is_kept(desk, event, tmp_path):
    (tmp_path / "bad.mp4").write_bytes(b"no video" * 100)
    result = desk.answer(event(asset={"uri": "bad.mp4"}))
    assert (result.verdict, result.error.exit_code, result.error.retryable) == ("error", 20, False)
    assert read_meta(tmp_path / result.report)["error"]["exit_code"] == 20
    assert desk.answer(event(asset={"uri": "bad.mp4"})).replayed


def test_fail_on_says_when_to_stop(desk, event, tmp_path):
    (tmp_path / "bad.mp4").write_bytes(b"")
    stops = {
        fail_on: desk.answer(
            event(event_id=fail_on, asset={"uri": "bad.mp4"}, settings={"fail_on": fail_on})
        ).stop
        for fail_on in ("reject", "review", "never")
    }
    assert stops == {"reject": True, "review": True, "never": False}


def test_a_dry_run_leaves_nothing(desk, event, still, tmp_path):
    result = desk.answer(event(asset={"uri": str(still)}, settings={"dry_run": True}))
    assert result.error is None
    assert result.verdict in ("accept", "review", "reject")
    assert (result.report, result.sheet, result.stop) == (None, None, False)
    assert files(tmp_path) == []


def test_artwork_is_judged_by_the_rules_for_artwork(desk, event, still, tmp_path):
    result = desk.answer(event("artwork.submitted", asset={"uri": still.as_uri(), "kind": "video"}))
    assert read_meta(tmp_path / result.report)["rules"]["id"] == "artwork"
    assert result.asset.kind == "artwork"
    assert any("the event says video" in w for w in result.warnings)


def test_frames_of_a_video_are_ranked(desk, event, clip, tmp_path):
    result = desk.answer(event("thumbnail.candidates", asset={"uri": str(clip)}))
    table = read_frames(tmp_path / result.report)
    assert [c.rank for c in result.ranking] == list(range(1, table["rank"].notna().sum() + 1))
    assert [c.frame for c in result.ranking] == table.sort_values("rank").dropna(subset="rank")[
        "frame_index"
    ].tolist()
    assert all((tmp_path / c.still).is_file() for c in result.ranking)


def test_stills_are_ranked_or_dropped_with_a_reason(desk, event, still, tmp_path):
    from PIL import Image

    shutil.copy(still, tmp_path / "a.png")
    Image.open(still).save(tmp_path / "twin.jpg", quality=90)
    Image.new("RGB", (480, 270)).save(tmp_path / "black.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    names = ["a.png", "twin.jpg", "black.png", "bad.png", "gone.png"]
    result = desk.answer(event("thumbnail.candidates", candidates=[{"uri": n, "id": n[0]} for n in names]))
    assert result.verdict == "accept"
    by_uri = {c.uri: c for c in result.ranking}
    assert set(by_uri) == set(names)
    kept = [c for c in result.ranking if c.rank is not None]
    assert len(kept) == 1
    assert kept[0].uri in ("a.png", "twin.jpg")
    twin = by_uri[{"a.png": "twin.jpg", "twin.jpg": "a.png"}[kept[0].uri]]
    assert twin.why == "looks like the candidate ranked 1"
    for name in ("black.png", "bad.png", "gone.png"):
        assert by_uri[name].why, name
    assert "no such file" in by_uri["gone.png"].why
    assert result.warnings == []  # they are stills, and the rule set for frames of a video is right for them


def test_candidates_that_are_all_bad_are_an_error(desk, event):
    result = desk.answer(event("thumbnail.candidates", candidates=[{"uri": "gone.png"}]))
    assert (result.verdict, result.error.exit_code) == ("error", 20)


def test_nightly_scan_and_its_second_night(desk, event, still, tmp_path):
    (tmp_path / "in").mkdir()
    shutil.copy(still, tmp_path / "in/poster.png")
    (tmp_path / "in/bad.mp4").touch()
    first = desk.answer(event("task.run", "n-1", task="nightly-scan", paths=["in"]))
    assert first.error is None, first.error
    assert (first.task.assets, first.task.reused, first.task.exit_code, first.verdict) == (2, 0, 20, "review")
    assert first.task.verdicts["error"] == 1
    second = desk.answer(event("task.run", "n-2", task="nightly-scan", paths=["in"]))
    assert (second.task.assets, second.task.reused) == (2, 2)
    assert desk.answer(event("task.run", "n-2", task="nightly-scan", paths=["in"])).replayed


def test_warm_up_says_where_the_engines_run(desk, event):
    result = desk.answer(event("task.run", task="warm-up"))
    assert set(result.task.engines) >= {"motion_blur", "regions"}
    assert all("CPU" in where for where in result.task.engines.values())


def test_our_bug_is_an_answer_too(desk, event, still, monkeypatch, tmp_path):
    def broken(*_args, **_kwargs):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("qc_plugin.host.event_handler.locate", broken)
    result = desk.answer(event(asset={"uri": str(still)}))
    assert (result.error.exit_code, result.error.retryable) == (70, False)
    assert "please report" in result.error.text
    assert files(tmp_path / "out") == []
