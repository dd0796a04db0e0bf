"""What the file of an asset says of itself, by the commands that ask it."""

import json

from qc_plugin.report.read import read_meta
from tests.support.encrypted import cenc
from tests.support.sei import jpeg_video


def test_c20_the_set_is_chosen_by_the_kind_of_the_asset(qc, clip, still):
    for asset, chosen in ((clip, "default"), (still, "artwork")):
        done = qc("rules", "show", "default", "artwork", "--asset", asset)
        assert done.returncode == 0, done.stderr
        assert f"id: {chosen}\n" in done.stdout
        assert f"{chosen}.yaml" in done.stderr


def test_c20_what_cannot_be_decoded_has_its_sentence(qc, tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    for asset, words in ((tmp_path / "text.mp4", "not a video"), (cenc(tmp_path), "is encrypted (cenc)")):
        done = qc("rules", "show", "default", "artwork", "--asset", asset)
        assert done.returncode == 20, done.stderr
        assert words in done.stderr
        assert "Traceback" not in done.stderr


def test_f2_motion_jpeg_with_exif_has_a_verdict(qc, tmp_path):
    done = qc("check", jpeg_video(tmp_path, 6), "--reports", "out", "--no-sheet", "--json")
    outcome = json.loads(done.stdout)
    assert done.returncode in (0, 10, 11), done.stdout + done.stderr
    media = read_meta(tmp_path / outcome["report"])["asset"]["media"]
    assert (media["rotation_deg"], media["width_px"], media["height_px"]) == (90, 32, 64)
    assert "beside the picture, not read: EXIF" in media["notes"]
