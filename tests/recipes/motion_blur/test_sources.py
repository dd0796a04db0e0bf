"""Photos on disk: which may be trained on, how they are packed, and landscapes from elsewhere."""

import csv
import json

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from engines.recipes.motion_blur import landscapes
from engines.recipes.synthesis.sources import LONG_SIDE_PX, listed_photos, load_photos, pack

pytestmark = pytest.mark.train


def photo(path, *, width=64, height=48):
    path.parent.mkdir(parents=True, exist_ok=True)
    grey = np.random.default_rng(1).integers(0, 255, (height, width, 3), dtype=np.uint8)
    assert cv2.imwrite(str(path), grey)


@pytest.fixture
def data(tmp_path):
    """A data folder: two labelled photos, one more of the held-out source, one of another."""
    root = tmp_path / "data"
    splits = {"train": ["regions/a.jpg"], "val": ["train/b.jpg", "regions/frames/c.jpg"]}
    for name in ("regions/a.jpg", "train/b.jpg", "train/d.jpg", "train/e.jpg"):
        photo(root / name)
    (root / "regions/splits.json").write_text(json.dumps(splits))
    rows = "file,source_repo\nb.jpg,kept/apart\nd.jpg,kept/apart\ne.jpg,other/one\n"
    (root / "train/MANIFEST.csv").write_text(rows)
    photo(tmp_path / "more/hill.png", width=2 * LONG_SIDE_PX)
    return root


def test_further_photos_are_trained_on_and_held_out_sources_stay_out(data, tmp_path):
    photos = listed_photos(data, tmp_path / "more")
    sides = {name: split for split, name, _ in photos}
    assert sides == {
        "regions/a.jpg": "train",
        "train/e.jpg": "train",
        "train/b.jpg": "val",
        "train/d.jpg": "val",
        "more/hill.png": "train",
    }


def test_a_pack_is_read_back_at_working_size(data, tmp_path):
    (data / "regions/a.jpg").write_bytes(b"no picture")
    assert pack(listed_photos(data, tmp_path / "more"), data, tmp_path / "pack") == 4
    read = {p.name: p for p in load_photos(tmp_path / "pack", "train")}
    assert set(read) == {"train/e.jpg", "more/hill.png"}
    assert read["more/hill.png"].rgb.shape == (3, 24, LONG_SIDE_PX)
    assert read["more/hill.png"].matte is None


def test_landscapes_are_gathered_as_listed(tmp_path, monkeypatch):
    listed = tmp_path / "list.csv"
    listed.write_text("split,file\ntrain,pkg/land/dune.jpg\nheld_out,walls/Wave/contents/images/9x9.png\n")
    monkeypatch.setattr(landscapes, "LIST", listed)
    photo(tmp_path / "in/pkg/land/dune.jpg", width=1920, height=960)
    photo(tmp_path / "in/walls/Wave/contents/images/9x9.png")
    assert landscapes.gather(tmp_path / "in", tmp_path / "out") == {"train": 1, "held_out": 1}
    assert cv2.imread(str(tmp_path / "out/train/pkg__dune.png")).shape == (480, LONG_SIDE_PX, 3)
    assert (tmp_path / "out/held_out/walls__Wave.png").exists()


def test_a_package_that_is_missing_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"unpack endless-sky-high-dpi there"):
        landscapes.gather(tmp_path, tmp_path / "out")


def test_the_list_keeps_one_photographer_apart():
    rows = list(csv.DictReader(landscapes.LIST.open()))
    split_of = {landscapes._name(r["file"]): r["split"] for r in rows}
    assert len(split_of) == len(rows)  # no two files of one name
    assert all(("-harro" in n or n.startswith("ukui")) == (s == "held_out") for n, s in split_of.items())
