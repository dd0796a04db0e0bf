"""Two fields in one frame are found whatever the flags say; roof lines, blinds and posters are not combs."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from qc_plugin.decode import open_video
from qc_plugin.report.read import read_frames
from qc_plugin.signals.combing import comb_ratio
from tests.support.corpora import CORPORA, corpus_file
from tests.support.fields import blinds, filmed, passing, roof, shaky, woven

LIMIT = 0.25  # of the shipped exclude `combed`
VIDEO = CORPORA.parents[1] / "data" / "video"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Clips and stills, combed and not."""
    folder = tmp_path_factory.mktemp("fields")
    shaky(folder / "roof.mp4", roof)
    shaky(folder / "blinds.mp4", blinds)
    woven(folder / "interlaced.mp4", passing(16))
    woven(folder / "telecined.mp4", passing(8), telecined=True)
    for name in ("poster.png", "poster.jpg"):
        Image.fromarray(roof(0, 0)).save(folder / name)
    return folder


@pytest.fixture(scope="module")
def combed(folder):
    """Name of each file to how many of its frames, all looked at, are left out as combed."""
    return scanned(folder, folder.parent / "reports")


def scanned(folder, reports):
    command = [sys.executable, "-m", "qc_plugin", "scan", folder, "--no-sheet", "--json", "--sample", "all"]
    done = subprocess.run(
        [*command, "--reports", reports], capture_output=True, text=True, check=False, timeout=300
    )
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert told, done.stderr
    return {
        Path(row["path"]).name: row["frames"].get("excluded:combed", 0) for row in told if "frames" in row
    }


def ratios(path, n=60):
    """Combing of each frame, by its own lines alone and by its neighbours too."""
    with open_video(path) as video:
        rows = []
        for frame in video.decoded():
            rows.append(frame.preview.rows)
            frame.release()
            if len(rows) == n:
                break
    alone = [comb_ratio(each) for each in rows]
    beside = [rows[max(at - 1, 0) : at] + rows[at + 1 : at + 2] for at in range(len(rows))]
    return alone, [comb_ratio(each, others) for each, others in zip(rows, beside, strict=True)]


@pytest.mark.parametrize("name", ["roof.mp4", "blinds.mp4"])
def test_f17_roof_lines_and_blinds_of_progressive_video_are_no_combs(folder, combed, name):
    by_lines, by_neighbours = ratios(folder / name)
    assert min(by_lines) > LIMIT  # so that this tests something
    assert max(by_neighbours) < 0.1
    assert combed[name] == 0


@pytest.mark.parametrize(("name", "least"), [("interlaced.mp4", 0.5), ("telecined.mp4", 0.2)])
def test_f17_combed_frames_that_call_themselves_progressive_are_found(folder, combed, name, least):
    by_lines, by_neighbours = (np.array(values) > LIMIT for values in ratios(folder / name))
    assert by_lines.mean() >= least
    assert (by_lines == by_neighbours).all()
    assert combed[name] >= by_lines.sum() - 1  # one may lie beside what passes for a cut


def test_f16_stills_are_never_combed(folder, combed):
    assert combed["poster.png"] == combed["poster.jpg"] == 0
    frames = read_frames(folder.parent / "reports")
    stills = frames[frames["comb_ratio"].isna()]
    assert len(stills) == 2
    assert {dict(skipped)["comb_ratio"] for skipped in stills["skipped"]} == {"has no meaning for this frame"}


@pytest.mark.real
def test_f16_f17_the_clip_and_the_still_of_others(tmp_path):
    path = corpus_file("combed-false_progressive-video-all-frames-excluded.mp4")
    by_lines, by_neighbours = ratios(path)
    assert (np.array(by_lines) > LIMIT).sum() > 50
    assert max(by_neighbours) <= LIMIT
    for name in (path, corpus_file("combed-false_still-review-nothing-to-report.jpg")):
        (tmp_path / name.name).symlink_to(name)
    assert set(scanned(tmp_path, tmp_path / "reports").values()) == {0}


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "telecined", "share"),
    [("person_juggle_h264_720p24.mp4", False, 0.5), ("person_dog_h264_720p.mp4", True, 0.2)],
)
def test_f17_real_fields_without_a_flag_are_found(tmp_path, name, telecined, share):
    if not (VIDEO / name).is_file():
        pytest.skip(f"no {name} in {VIDEO}: set QC_SHARED_DATA")
    path = woven(tmp_path / "woven.mp4", filmed(VIDEO / name), telecined=telecined)
    by_lines, by_neighbours = (np.array(each) > LIMIT for each in ratios(path))
    assert by_lines.mean() >= share
    assert (by_lines == by_neighbours).all()


@pytest.mark.real
@pytest.mark.slow
def test_f17_nothing_in_the_shared_clips_is_combed():
    paths = sorted(VIDEO.glob("*.m*"))
    if not paths:
        pytest.skip(f"no clips in {VIDEO}: set QC_SHARED_DATA")
    found = {}
    for path in paths:
        if path.name.startswith("corrupt_empty"):
            continue
        found[path.name] = sum(value > LIMIT for value in ratios(path)[1])
    assert not {name: n for name, n in found.items() if n}
