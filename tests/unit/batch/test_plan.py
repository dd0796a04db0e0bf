"""Finding files, naming assets."""

from pathlib import Path

import pytest

from qc_plugin.asset.identity import canonical_hash, hash_file, judge_key, measure_key
from qc_plugin.batch.found import Found, LeftOut
from qc_plugin.batch.walk import walk
from qc_plugin.errors import UnsupportedAsset, UsageError


def met(*paths, **how):
    found = list(walk(list(paths), **how))
    return [each.path for each in found if isinstance(each, Found)], {
        each.path.name: each.reason for each in found if isinstance(each, LeftOut)
    }


def test_folders_are_walked_in_order_and_every_file_is_accounted_for(tmp_path):
    for name in ("b/z.mov", "a.mp4", "b/a.fuzzed", "notes.csv", ".hidden.mp4", "b/.git/x.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assets, left_out = met(tmp_path)
    assert [p.relative_to(tmp_path).as_posix() for p in assets] == ["a.mp4", "b/a.fuzzed", "b/z.mov"]
    assert left_out == {"notes.csv": "no_media", ".hidden.mp4": "hidden", ".git": "hidden"}


def test_named_files_are_always_checked_and_once(tmp_path, monkeypatch):
    text = tmp_path / "odd.csv"
    text.touch()
    monkeypatch.chdir(tmp_path)
    assert met(text, Path("odd.csv"), tmp_path) == ([text], {})
    with pytest.raises(UsageError, match="no paths given"):
        met()
    with pytest.raises(UsageError, match=r"absent\.mp4: no such file or folder; check the path"):
        met(text, tmp_path / "absent.mp4")


def test_keys_separate_measures_from_rules():
    m = measure_key("a", {"motion_blur": "1"}, {"sample": "2fps"})
    assert m == measure_key("a", {"motion_blur": "1"}, {"sample": "2fps"})
    assert m != measure_key("a", {"motion_blur": "2"}, {"sample": "2fps"})
    assert judge_key(m, "rules-1") != judge_key(m, "rules-2")
    assert canonical_hash({"a": 1, "b": 2}) == canonical_hash({"b": 2, "a": 1})


def test_unreadable_file_is_an_asset_error(tmp_path):
    with pytest.raises(UnsupportedAsset, match="cannot be read"):
        hash_file(tmp_path / "absent")
