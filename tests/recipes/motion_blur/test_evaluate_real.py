"""What the engine's threshold is chosen by: exposures, pans and photographs of groups not trained on."""

import json

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")
from engines.recipes.footage.clips import segment_of
from engines.recipes.motion_blur.evaluate_real import Exposed, choose_threshold, report_real
from engines.recipes.motion_blur.metrics import Curve

pytestmark = pytest.mark.train
CLIP_GROUP, PHOTO_GROUP = "samdutton_simpl", "6cc533fc"  # held out


def detail(height, width):
    coarse = np.random.default_rng(0).integers(0, 255, (height // 5, width // 5, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST)


@pytest.fixture
def data(tmp_path):
    """One clip of a square that passes before a standing camera, one photograph of each kind."""
    for folder in ("real/clips", "real/negatives", "regions", "train", "segments"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "real/clips/MANIFEST.csv").write_text(f"file,group\na.mp4,{CLIP_GROUP}\n")
    kinds = "".join(f"{k}.png,{k},{PHOTO_GROUP}\n" for k in ("bokeh", "plain"))
    (tmp_path / "real/negatives/MANIFEST.csv").write_text("file,kind,group\n" + kinds)
    (tmp_path / "train/MANIFEST.csv").write_text("file,source_repo\np.png,r\n")
    (tmp_path / "regions/splits.json").write_text(json.dumps({"train": [], "val": ["train/p.png"]}))
    still = detail(240, 320)
    for name in ("real/negatives/bokeh.png", "real/negatives/plain.png", "train/p.png"):
        cv2.imwrite(str(tmp_path / name), still)
    frames = []
    for k in range(24):
        frame = still.copy()
        frame[80:160, 20 + 6 * k : 100 + 6 * k] = still[:80, 60:140]
        frames.append(frame)
    segment_of(frames).save(tmp_path / "segments/a.npz")
    return tmp_path


def softness(image, shown=None):
    """A network that takes whatever is soft for blur."""
    grey = image[0].mean(0)
    edge = cv2.blur(np.abs(cv2.Laplacian(grey, cv2.CV_32F)), (9, 9))
    cells = np.exp(-20 * cv2.resize(edge, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA))
    rows, columns = shown or cells.shape
    probability = cells[None, None, :rows, :columns]
    return probability, probability, np.ones_like(probability)


def test_exposures_pans_and_photographs_are_scored_and_drawn(data, tmp_path, capsys):
    row, threshold = report_real(softness, data, data / "segments", None, tmp_path / "look")
    assert row["exposures_against_their_frames_auc"] > 0.9
    assert row["pans_cells_auc"] > 0.6
    assert {"bokeh_area_flagged", "plain_area_flagged", "photo_area_flagged"} <= row.keys()
    assert row["photo_area_flagged"] < 20
    assert f"threshold {threshold:.2f}" in capsys.readouterr().out
    assert (tmp_path / "look/real_exposures.png").exists()
    _, given = report_real(softness, data, data / "segments", 0.9, None)
    assert given == 0.9


def test_the_threshold_lies_between_what_is_blurred_and_what_is_not():
    moved, calm = Curve(), Curve()
    moved.add(np.array([0.7, 0.8, 0.2]), np.array([True, True, False]))
    calm.add(np.array([0.3, 0.4]), np.array([False, False]))
    exposed = Exposed(moved)
    assert 0.4 < choose_threshold({"exposures": exposed}, {"plain": calm}) <= 0.7
    many = Curve()
    for _ in range(50):  # a kind with more photographs does not weigh more
        many.add(np.array([0.3, 0.4]), np.array([False, False]))
    kinds = {"plain": calm, "bokeh": many}
    assert choose_threshold({"exposures": exposed}, kinds) == choose_threshold(
        {"exposures": exposed}, {"plain": many, "bokeh": calm}
    )
