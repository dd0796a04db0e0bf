"""Thumbnail candidates and explanations, as a picture editor uses them."""

import json

from PIL import Image


def test_thumbs_writes_stills_that_match_their_list(qc, clip, tmp_path):
    done = qc("thumbs", clip, "--best", "3", "--crops", "16:9,2:3", "--out", "picks")
    assert done.returncode == 0, done.stderr
    listed = json.loads((tmp_path / "picks/picks.json").read_text())
    assert listed["picks"], listed
    for pick in listed["picks"]:
        with Image.open(tmp_path / "picks" / pick["file"]) as still:
            if pick["ratio"] == "full":
                assert still.size == (1280, 720)
                continue
            x0, y0, x1, y1 = pick["box_xyxy"]
            assert still.size == (x1 - x0, y1 - y0)
            wide, high = map(int, pick["ratio"].split(":"))
            assert abs(still.width / still.height - wide / high) < 0.02
    ranks = [p["rank"] for p in listed["picks"] if p["ratio"] == "full"]
    assert ranks == list(range(1, len(ranks) + 1))
    assert (tmp_path / "picks/sheet.html").is_file()


def test_unknown_crop_is_told(qc, clip):
    done = qc("thumbs", clip, "--crops", "4:5")
    assert done.returncode == 2
    assert "4:5" in done.stderr
    assert "16:9" in done.stderr


def test_explain_says_why_and_what_is_better(qc, clip, tmp_path):
    outcome = json.loads(qc("check", clip, "--reports", "out", "--json").stdout)
    wrong = qc("explain", outcome["report"], "--frame", "1")
    assert wrong.returncode == 2
    assert "nearest that were" in wrong.stderr
    index = wrong.stderr.rsplit(":", 1)[1].split(",")[0].strip()
    done = qc("explain", outcome["report"], "--frame", index, "--out", "heat.png")
    assert done.returncode == 0, done.stderr
    assert f"frame {index} at" in done.stdout
    with Image.open(tmp_path / "heat.png") as picture:
        assert picture.size == (1280, 720)


def test_explain_refuses_an_asset_that_changed(qc, clip, tmp_path):
    moved = tmp_path / "moved.mp4"
    moved.write_bytes(clip.read_bytes())
    outcome = json.loads(qc("check", moved, "--reports", "out", "--json").stdout)
    moved.write_bytes(clip.read_bytes()[:-1])
    done = qc("explain", outcome["report"], "--frame", "0")
    assert done.returncode == 2
    assert "not the content this report speaks of" in done.stderr
