"""What `evaluate_repair` counts, with a segmenter that knows the truth and repairs of known worth."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from engines.recipes.deblur.data import Pairs  # noqa: E402
from engines.recipes.deblur.evaluate_repair import FAILS, PASSES, SIDE_PX, boxes, repair_all  # noqa: E402
from qc_plugin.types import BlurMap  # noqa: E402

pytestmark = pytest.mark.train
SIDE, WINDOW = 320, np.s_[100:130, 100:130]
RNG = np.random.default_rng(3)
STILL = cv2.resize(
    RNG.uniform(0, 255, (80, 80, 3)).astype(np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC
)


def knows(picture):
    """Blurred is what differs from the still picture."""
    differs = (picture != STILL).any(2).astype(np.float32)
    return BlurMap(0, differs, differs, np.ones_like(differs))


def repairs(share):
    """Bring the upper `share` of each box back to the still picture."""

    def repair(picture, wanted):
        out = picture.copy()
        for x0, y0, x1, y1 in ((int(side) for side in box) for box in wanted):
            end = y0 + int(share * (y1 - y0))
            out[y0:end, x0:x1] = STILL[y0:end, x0:x1]
        return SimpleNamespace(rgb=out)

    return SimpleNamespace(repair=repair)


def pairs(*, moves):
    """The still picture, and the same with a window that moved."""
    moved, extent = STILL.copy(), np.zeros((SIDE, SIDE), np.float32)
    if moves:
        moved[WINDOW] = cv2.blur(STILL, (9, 1))[WINDOW]
        extent[WINDOW] = 9
    planes = (torch.from_numpy(p.transpose(2, 0, 1).copy())[None] / 255 for p in (moved, STILL))
    path = torch.zeros(1, 4, SIDE // 4, SIDE // 4)
    return Pairs(*planes, torch.from_numpy(extent)[None, None], path)


def test_boxes_tile_the_picture():
    covered = np.zeros((SIDE, SIDE), bool)
    for x0, y0, x1, y1 in boxes(SIDE):
        assert (x1 - x0, y1 - y0) == (SIDE_PX, SIDE_PX)
        covered[int(y0) : int(y1), int(x0) : int(x1)] = True
    assert covered[:288, :288].all()


def test_where_nothing_moved_nothing_is_counted():
    assert repair_all(knows, repairs(1.0), pairs(moves=False)) == []


def test_a_perfect_repair_passes_everywhere():
    made = repair_all(knows, repairs(1.0), pairs(moves=True))
    assert len(made) == 4  # the boxes that hold the whole window, at steps of half a box
    assert all(PASSES <= r.before <= FAILS and r.after == 0 for r in made)
    assert all(r.error_after == 0 < r.error_before for r in made)


def test_no_repair_passes_nowhere():
    made = repair_all(knows, repairs(0.0), pairs(moves=True))
    assert made
    assert all(r.after == pytest.approx(r.before) for r in made)
    assert all(r.error_after == pytest.approx(r.error_before) for r in made)
