"""Streams and containers as they really are, through one scan of a folder."""

import json
from pathlib import Path

from qc_plugin.report.read import read_frames, read_meta
from tests.support import streams
from tests.support.clips import Clip, make

DATA = Path(__file__).parents[1] / "data"
HOUR_S = 3600


def test_rows_37_to_42_in_one_scan(qc, tmp_path):
    lay_out(tmp_path, tmp_path / "in")
    done = qc("scan", "in", "--reports", "out", "--no-sheet", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    told = {Path(line["path"]).name: line for line in lines if "path" in line}
    assert done.returncode == 20, done.stderr  # one of them is audio, one a lone segment
    assert "is audio with a cover picture" in told["song.mp4"]["sentence"]
    assert "is one segment of a stream (moof) without its init segment" in told["segment.mp4"]["sentence"]
    for name, pictures in {"jump.ts": 4, "cut.ts": 2, "first.mp4": 1, "angles.mkv": 1}.items():
        report = tmp_path / told[name]["report"]
        meta = read_meta(report)
        assert meta["coverage"]["decoded_s"] < pictures + 0.5, name
        assert not meta["flags"]["incomplete"], name
        assert len(read_frames(report)) >= 2 * pictures - 1, name
    assert len(told) == 6
    assert "3 segments of streams" in done.stderr
    notes = read_meta(tmp_path / told["angles.mkv"]["report"])["asset"]["media"]["notes"]
    assert "2 video streams: only number 1 is judged" in notes


def lay_out(work: Path, folder: Path) -> None:
    folder.mkdir()
    first = streams.transport(work)
    (folder / "jump.ts").write_bytes(first + streams.transport(work, "b.ts", start_s=25 * HOUR_S))
    (folder / "cut.ts").write_bytes(first[61:])
    parts = list(streams.boxes(streams.fragmented(make(work, Clip("c.mp4")), work / "f.mp4")))
    whole = b"".join(part for _, part in parts)
    (folder / "first.mp4").write_bytes(streams.box(b"uuid", bytes(40)) + whole)
    segment = b"".join(part for kind, part in parts if kind in (b"moof", b"mdat"))
    for name in ("segment.mp4", "1.m4s", "2.m4s", "3.cmfv"):
        (folder / name).write_bytes(segment)
    (folder / "song.mp4").write_bytes((DATA / "c01_audio_cover.m4a").read_bytes())
    (folder / "angles.mkv").write_bytes((DATA / "g_two_videos.mkv").read_bytes())
