"""`rules show --asset`: the set for an asset, by what its file says."""

from tests.support.encrypted import cenc


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
