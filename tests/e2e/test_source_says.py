"""What a source states beside its pictures, where people read it: report, sheet, explain, picks."""

import json
import re
from pathlib import Path

import pytest

from qc_plugin.report.read import read_frames, read_meta

DATA = Path(__file__).parents[1] / "data"


def test_row_48_source_timecode_beside_media_time(qc, tmp_path):
    done = qc("check", DATA / "f_tc5994.mov", "--reports", "out", "--json")
    told = json.loads(done.stdout)
    frames = read_frames(tmp_path / told["report"])
    first = frames.iloc[0]
    assert (first["timecode"], first["source_timecode"]) == ("00:00:00;00", "10:00:00;00")
    later = frames[frames["pts_s"] > 1].iloc[0]
    assert later["source_timecode"] == "10" + later["timecode"][2:]
    assert read_meta(tmp_path / told["report"])["asset"]["media"]["start_timecode"] == "10:00:00;00"
    sheet = (tmp_path / told["sheet"]).read_text(encoding="utf-8")
    assert "10:00:00;00 at the first frame" in sheet
    assert re.search(r"0:0\d\.\d\d \(10:00:0\d;\d\d\)", sheet)
    said = qc("explain", told["report"], "--frame", later["frame_index"])
    assert f"s (source timecode {later['source_timecode']}): " in said.stdout, said.stderr


def test_row_49_stills_of_dolby_vision_5_are_marked(qc, tmp_path):
    done = qc("thumbs", DATA / "f_dv5.mp4", "--best", "2", "--out", "picks")
    picks = json.loads((tmp_path / "picks/picks.json").read_text())
    assert picks["picks"], done.stdout + done.stderr
    assert {pick["colour_true"] for pick in picks["picks"]} == {False}
    assert "not colour-true" in Path(tmp_path / "picks/sheet.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "timecode", "colour_true"), [("f_tc5994.mov", r"10:00:0\d;\d\d", True), ("f_dv5.mp4", "", False)]
)
def test_rows_48_49_the_answer_to_a_host_says_so_too(qc, name, timecode, colour_true):
    event = {"schema": 1, "event": "thumbnail.candidates", "id": "e-1", "asset": {"uri": str(DATA / name)}}
    done = qc("hook", "--reports", "out", input=json.dumps(event))
    (first, *_) = json.loads(done.stdout.splitlines()[-1])["ranking"]
    assert re.fullmatch(timecode, first.get("source_timecode") or "")
    assert first["colour_true"] == colour_true
