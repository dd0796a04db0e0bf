"""Labelled crops of real pictures: what is known, what can be seen, and what must weigh nothing."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")
from engines.recipes.footage.clips import segment_of  # noqa: E402
from engines.recipes.footage.exposure import expose  # noqa: E402
from engines.recipes.motion_blur.crops import KNOWN_UNSEEN, cut, whole  # noqa: E402
from engines.recipes.motion_blur.data import StoredSet  # noqa: E402
from engines.recipes.motion_blur.losses import NOTHING_SEEN  # noqa: E402
from engines.recipes.motion_blur.real import shaken_view, sharp_view, still_frame, view_of  # noqa: E402

pytestmark = pytest.mark.train
ROOT = Path(__file__).parents[3]
HEIGHT, WIDTH = 360, 640


def photo(width=WIDTH):
    """Detail on the left, a flat ground on the right."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 255, (HEIGHT // 8, width // 8, 3), dtype=np.uint8)
    rgb = cv2.resize(coarse, (width, HEIGHT), interpolation=cv2.INTER_CUBIC)
    rgb[:, width // 2 :] = 120
    return rgb


def rng():
    return np.random.default_rng(1)


def test_a_photograph_is_sharp_and_flat_ground_weighs_nothing():
    made = whole(sharp_view(photo()), 512)
    assert made.image.shape == (1, 3, 256, 512)
    assert made.mask.max() == 0
    assert made.evidence[..., :50].min() > 0.9
    assert made.evidence[..., 80:].unique().tolist() == pytest.approx([KNOWN_UNSEEN])
    assert KNOWN_UNSEEN < NOTHING_SEEN


def test_a_pan_is_blurred_where_nothing_can_be_seen_too():
    wide = photo(WIDTH + 80)
    segment = segment_of([np.ascontiguousarray(wide[:, 3 * k : 3 * k + WIDTH]) for k in range(9)])
    exposure = expose(segment, 1, 7)
    still, turned = (
        whole(view_of(exposure, follows=False, camera_moves=moves), 512) for moves in (False, True)
    )
    flat = (..., slice(80, 120))
    assert turned.mask[..., 10:50].min() > 0.9
    assert (turned.evidence[flat] > NOTHING_SEEN).all()
    assert (still.evidence[flat] == 0).all()  # something may move there, or not
    assert turned.extent[..., 10:50].median() == pytest.approx(18 * 0.8, rel=0.15)


def test_a_frame_is_sharp_where_its_neighbours_stand_still_and_unknown_elsewhere():
    still = photo()
    moving = [still.copy() for _ in range(4)]
    for k, frame in enumerate(moving):
        frame[100:200, 50 + 6 * k : 150 + 6 * k] = photo()[:100, :100]
    view = still_frame(segment_of(moving), rng())
    assert view is not None
    assert view.known[150, 100] == 0
    assert view.known[20, 20] == 1
    assert view.extent.max() == 0
    made = whole(view, 512)
    assert made.evidence[0, 0, 30, 20] == 0


def test_a_shaken_photograph_is_blurred_all_over_and_keeps_its_size():
    view = shaken_view(photo(), rng())
    assert view.light.shape == view.rest.shape == (HEIGHT, WIDTH, 3)
    made = cut(view, rng(), (500, 501))
    assert made.image.shape == (1, 3, 320, 320)
    assert made.extent.median() > 1
    assert made.evidence.min() > NOTHING_SEEN
    length = made.path.norm(dim=1, keepdim=True)
    assert torch.allclose(length, made.extent / (made.extent + 8), atol=1e-3)


def test_sets_are_made_by_the_command_and_go_on(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    cv2.imwrite(str(photos / "a.png"), photo())
    command = [sys.executable, "-m", "engines.recipes.motion_blur.real", "folder", str(tmp_path / "set")]
    command += ["--n", "4", "--seed", "1", "--photos", str(photos)]
    for _ in range(2):
        done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr[-2000:]
        assert "4 crops in" in done.stdout
    batch = StoredSet(tmp_path / "set").read([0, 1, 2, 3])
    assert batch.mask.max() == 0
    assert 0 < float(batch.evidence.min()) < NOTHING_SEEN
