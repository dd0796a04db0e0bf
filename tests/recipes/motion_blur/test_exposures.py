"""Pans and long exposures that the engine is judged by in their clip."""

import cv2
import numpy as np
import pytest

from engines.recipes.motion_blur.evaluate_exposures import WINDOW, pan, trios, windows


def photo(height=200, width=600):
    coarse = np.random.default_rng(0).integers(0, 255, (height // 10, width // 10, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize("step", [3, 12])
def test_a_pan_moves_by_its_step_and_blurs_by_its_shutter(step):
    sharp, blurred = pan(photo(), step, 0.0), pan(photo(), step, 0.5)
    assert len({frame.shape for frame in (*sharp, *blurred)}) == 1
    assert max(sharp[0].shape) == 512
    assert (sharp[0][:, step:] == sharp[1][:, :-step]).all()
    assert (sharp[1][:, step:] == sharp[2][:, :-step]).all()
    steepness = [np.abs(np.diff(frames[1].astype(int), axis=1)).mean() for frames in (sharp, blurred)]
    assert steepness[1] < steepness[0]


@pytest.fixture
def panning_clip(tmp_path):
    """Six windows of a camera that turns by 2 px a frame."""
    path, wide = tmp_path / "pan.avi", photo(160, 600)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (320, 160))
    for n in range(6 * WINDOW):
        writer.write(np.ascontiguousarray(wide[:, 2 * n : 2 * n + 320]))
    writer.release()
    return path


def test_windows_that_move_come_with_their_neighbours(panning_clip):
    found = list(windows(panning_clip))
    assert len(found) == 6
    assert all(window.moves_enough for window in found)
    pairs = list(trios(panning_clip))
    assert len(pairs) == 4  # the first and the last window are neighbours only
    still, exposed = pairs[0]
    assert (exposed[1] == found[1].exposed).all()
    assert (exposed[0] == found[0].exposed).all()
    assert (still[1] == found[1].still[1]).all()
    assert (
        np.abs(np.diff(exposed[1].astype(int), axis=1)).mean()
        < np.abs(np.diff(still[1].astype(int), axis=1)).mean()
    )
