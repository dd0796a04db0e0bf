"""Exposures of clips: what moved how far is known, and pans hold what the camera follows."""

import itertools
import math

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")
from engines.recipes.footage import sources
from engines.recipes.footage.clips import decode, fit_camera, load_segment, segment_of
from engines.recipes.footage.exposure import expose, spread, to_levels, to_light
from engines.recipes.footage.windows import draw_window, follow

HEIGHT, WIDTH = 180, 320


def ground(width=WIDTH + 200, seed=0):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, (HEIGHT // 6, width // 6, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, HEIGHT), interpolation=cv2.INTER_CUBIC)


def panned(n, step):
    """A camera that moves to the right by `step` px a frame."""
    wide = ground()
    return [np.ascontiguousarray(wide[:, step * k : step * k + WIDTH]) for k in range(n)]


def passed(n, step, side=60):
    """A square that moves to the right before a standing camera."""
    still, thing = ground(WIDTH), ground(WIDTH, seed=1)[:side, :side]
    frames = []
    for k in range(n):
        frame = still.copy()
        frame[60 : 60 + side, 40 + step * k : 40 + step * k + side] = thing
        frames.append(frame)
    return frames


def test_a_window_of_a_pan_is_blurred_as_far_as_the_camera_moved():
    segment = segment_of(panned(9, 3))
    assert segment.inliers.min() > 0.9
    assert np.abs(segment.camera[:, 2, 0] + 3).max() < 0.3
    made = expose(segment, 1, 7)
    inner = made.own[20:-20, 20:-20]
    assert np.median(inner) == pytest.approx(18, rel=0.1)  # six steps of 3 px
    assert np.median(np.cos(2 * made.direction[20:-20, 20:-20])) > 0.99
    assert (made.middle == segment.frames[4]).all()
    steep = [np.abs(np.diff(p, axis=1)).mean() for p in (to_levels(made.light), made.middle.astype(float))]
    assert steep[0] < 0.6 * steep[1]


def test_in_betweens_leave_no_ghosts():
    """An edge that moves in large steps becomes a ramp, not a staircase."""
    frames = []
    for k in range(5):
        frame = np.full((HEIGHT, WIDTH, 3), 30, np.uint8)
        frame[:, : 100 + 8 * k] = 220
        frames.append(cv2.GaussianBlur(frame, (0, 0), 0.8))
    row = expose(segment_of(frames), 0, 4).light[90, 95:140, 0]
    steps = -np.diff(row)
    assert steps.max() < 4 * steps[steps > 0.002].mean()
    assert expose(segment_of(frames), 0, 4).light.max() <= 1


def test_what_stands_still_stays_sharp_and_what_is_swept_over_does_not():
    made = expose(segment_of(passed(9, 4)), 1, 7)
    assert np.median(made.own[5:20]) < 0.5
    assert made.swept[45, 40] > 5  # the square's way
    assert np.median(made.swept[5:20]) < 0.5


def test_spread_of_a_straight_stroke_is_its_length():
    path = np.stack([np.full((1, 1, 2), (t, 0.0)) for t in np.linspace(-5, 5, 200)])
    extent, direction = spread(path)
    assert extent[0, 0] == pytest.approx(2 * 10, rel=0.01)  # half grid -> px of the frame
    assert math.cos(2 * direction[0, 0]) == pytest.approx(1)


def test_a_camera_that_follows_holds_its_subject_and_streaks_the_ground():
    segment = segment_of(passed(30, 4))
    part = follow(segment, np.random.default_rng(0))
    assert part is not None
    made = expose(part, 0, len(part.flow))
    assert np.quantile(made.own, 0.02) < 1.5
    assert np.median(made.own) > 6
    assert np.abs(part.camera[:, 2, 0] + 4).max() < 0.5


def test_nothing_is_followed_where_nothing_moves():
    rng = np.random.default_rng(0)
    still = segment_of([ground(WIDTH)] * 20)
    assert follow(still, rng) is None
    assert draw_window(still, rng) is None


def test_windows_too_fast_for_optical_flow_are_left_out():
    segment = segment_of(panned(9, 16))
    assert draw_window(segment, np.random.default_rng(0)) is None


def test_segments_are_read_back_and_end_at_a_cut(tmp_path):
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (WIDTH, HEIGHT))
    for frame in itertools.chain(panned(40, 2), [f // 4 for f in panned(40, 2)]):
        writer.write(np.ascontiguousarray(frame))
    writer.release()
    frames = decode(path)
    assert 30 <= len(frames) <= 33  # of 40, the first third of a second left out
    segment = segment_of(frames)
    segment.save(tmp_path / "clip.npz")
    again = load_segment(tmp_path / "clip.npz")
    assert (again.frames == segment.frames).all()
    assert (again.flow == segment.flow).all()


def test_the_camera_is_what_most_of_the_picture_does():
    flow = np.zeros((90, 160, 2), np.float32)
    flow[..., 0] = 3
    flow[30:60, 60:100] = (-8, 5)
    fitted, inliers = fit_camera(flow)
    assert fitted[2] == pytest.approx((3, 0), abs=0.05)
    assert inliers == pytest.approx(1 - 30 * 40 / (90 * 160), abs=0.03)


def test_no_group_is_on_both_sides(tmp_path):
    folder = tmp_path / "real/clips"
    folder.mkdir(parents=True)
    groups = ["samdutton_simpl", "kwsportracing_site", "samdutton_simpl"]
    lines = [f"c{i}.mp4,{g}" for i, g in enumerate(groups)]
    (folder / "MANIFEST.csv").write_text("file,group\n" + "\n".join(lines) + "\n")
    assert [r["file"] for r in sources.rows(tmp_path, "clips", "val")] == ["c0.mp4", "c2.mp4"]
    assert [r["file"] for r in sources.rows(tmp_path, "clips", "train")] == ["c1.mp4"]
    with pytest.raises(FileNotFoundError, match=r"footage\.clips"):
        sources.segments(tmp_path, tmp_path, "val")
    (tmp_path / "c0.npz").touch()
    assert sources.segments(tmp_path, tmp_path, "val") == [tmp_path / "c0.npz"]


def test_light_and_levels_are_each_others_inverse():
    levels = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, 2)
    assert np.abs(to_levels(to_light(levels)) - levels).max() < 0.01
