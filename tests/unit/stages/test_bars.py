"""Bars with text, logos and greys on them, pictures that are none, and what frames of a shot agree on."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from qc_plugin.signals.bars import Agreed, active_area, agreed_bars, find_bars
from tests.unit.stages.test_far_previews import photo

H, W = 180, 320
WHOLE = (slice(0, H), slice(0, W))


def letterboxed(seed=0, lines=23, *, level=0, gain=1.0):
    """As a preview of a compressed frame of twice the size shows it."""
    luma = np.full((2 * H, 2 * W), level, np.uint8)
    luma[2 * lines : 2 * (H - lines)] = photo(seed, 2 * (H - 2 * lines), 2 * W) * gain
    return luma


def write(luma, text, baseline, size=0.6):
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, size, 1)
    place = (2 * W - width) // 2, baseline
    cv2.putText(luma, text, place, cv2.FONT_HERSHEY_DUPLEX, size, 235, 1, cv2.LINE_AA)
    return luma


def seen(luma, quality=60):
    """Compressed, and as small as a preview."""
    done, data = cv2.imencode(".jpg", luma, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return cv2.resize(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), (W, H), interpolation=cv2.INTER_AREA)


SHORT, LONG = "- I told you so, Mary.", "But nobody ever asked the captain about it, did they?"


def logo(luma):
    cv2.circle(luma, (2 * W - 50, 23), 15, 200, -1)
    return luma


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "draw",
    [
        lambda luma: luma,
        lambda luma: write(luma, SHORT, 2 * H - 18),
        lambda luma: write(luma, LONG, 2 * H - 18),
        lambda luma: write(write(luma, LONG, 2 * H - 18), LONG, 2 * H - 40),  # the upper line on the border
        logo,
        lambda luma: write(logo(luma), SHORT, 2 * H - 18),
    ],
    ids=["clean", "subtitle", "wide subtitle", "two lines", "logo", "logo and subtitle"],
)
def test_row_53_bars_are_told_with_what_is_written_on_them(seed, draw):
    rows, columns = active_area(seen(draw(letterboxed(seed))))
    assert (rows.start, H - rows.stop) == (pytest.approx(23, abs=1), pytest.approx(23, abs=1))
    assert (columns.start, W - columns.stop) == (0, 0)


@pytest.mark.parametrize("level", [16, 24, 30, 50])
def test_row_53_grey_bars_are_told(level):
    upright = seen(letterboxed(1, level=level))
    assert active_area(upright) == (slice(23, H - 23), slice(0, W))
    assert active_area(np.ascontiguousarray(upright.T)) == (slice(0, W), slice(23, H - 23))


def night_street():
    """Crushed black above a straight roof on one side of a wall, lamps and windows."""
    luma = np.zeros((2 * H, 2 * W), np.uint8)
    luma[150:] = np.clip(photo(3, 2 * H - 150, 2 * W) * 0.3, 0, 255)
    luma[100:, 400:] = 40
    for x in range(20, 2 * W, 60):
        luma[180:200, x : x + 12] = 200
        luma[60 + x // 10 : 66 + x // 10, x : x + 6] = 255
    return luma


def spotlight(middle=(170, 290), radius=190):
    """A person in a pool of light, black all around."""
    luma = np.zeros((2 * H, 2 * W), np.uint8)
    mask = np.zeros_like(luma)
    cv2.circle(mask, middle[::-1], radius, 255, -1)
    luma[mask > 0] = photo(4, 2 * H, 2 * W)[mask > 0]
    return luma


def grey_studio():
    """A plain grey wall and floor of the same grey, a person between, from top to bottom."""
    luma = np.full((2 * H, 2 * W), 45, np.uint8)
    mask = cv2.ellipse(np.zeros_like(luma), (320, 240), (90, 260), 0, 0, 360, 255, -1) > 0
    luma[mask] = photo(5, 2 * H, 2 * W)[mask]
    return luma


def beach():
    """A dark beach before a bright sea, with a man who stands on it."""
    luma = photo(6, 2 * H, 2 * W) * 0.6
    luma[260:] = np.random.default_rng(0).normal(4, 3, (100, 2 * W)).clip(0, 255)
    luma[240:300, 400:420] = 2
    luma[260:] += np.linspace(0, 12, 2 * W)
    return luma.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("picture", [night_street, spotlight, grey_studio, beach])
def test_dark_scenes_have_no_bars(picture):
    luma = seen(picture(), 85)
    frames = [find_bars(luma)] * 6
    assert agreed_bars(frames, [0] * 6)[0].fraction == 0


@pytest.mark.parametrize("seed", range(6))
def test_frames_of_a_shot_agree(seed):
    """Two of three frames are nearly black, half have two lines of subtitle."""
    frames = []
    for n in range(12):
        luma = letterboxed(seed, 23, gain=0.04 if n % 3 else 1.0)
        if n % 2:
            luma = write(write(luma, LONG, 2 * H - 18), LONG, 2 * H - 40)
        frames.append(find_bars(seen(luma)))
    shared = set(agreed_bars(frames, [0] * 12))
    assert len(shared) == 1
    bars = shared.pop()
    assert (bars.top, bars.bottom) == (pytest.approx(23, abs=1), pytest.approx(23, abs=1))
    assert (bars.left, bars.right) == (0, 0)


def test_a_dark_shot_has_the_bars_of_its_asset_and_a_full_one_has_none():
    wide, dark = find_bars(seen(letterboxed(0))), find_bars(np.zeros((H, W), np.uint8))
    full = find_bars(seen(letterboxed(2, 0)))
    agreed = agreed_bars([wide] * 4 + [dark] * 3 + [full] * 3, [0] * 4 + [1] * 3 + [2] * 3)
    assert [bars.top for bars in agreed] == [23] * 4 + [23] * 3 + [0] * 3


def test_one_odd_frame_changes_nothing():
    wide, full = find_bars(seen(letterboxed(0))), find_bars(seen(letterboxed(2, 0)))
    assert [bars.top for bars in agreed_bars([wide] * 9 + [full], [0] * 10)] == [23] * 10
    assert [bars.top for bars in agreed_bars([full] * 9 + [wide], [0] * 10)] == [0] * 10


def test_the_box_has_no_line_that_is_part_bar():
    bars = Agreed((180, 320), top=23, bottom=23)
    assert bars.box_xyxy((1920, 1080)) == (0, 144, 1920, 936)
    assert bars.fraction == pytest.approx(46 / 180)
    assert Agreed((180, 320)).box_xyxy((1921, 1081)) == (0, 0, 1921, 1081)
    assert agreed_bars([], []) == []


def filled(seed, *, width=240, sigma=14.0, dark=0.7):
    """A tall video in a wide frame, a blurred and darker copy of it on both sides."""
    picture = photo(seed, 2 * H, width)
    tall = cv2.resize(picture, (2 * W, 2 * H * 2 * W // width))
    fill = cv2.GaussianBlur(tall, (0, 0), sigma)[len(tall) // 2 - H : len(tall) // 2 + H] * dark
    start = (2 * W - width) // 2
    fill[:, start : start + width] = picture
    return seen(fill.clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("width", [202, 270, 360])
def test_row_53_blurred_sides_are_told(seed, width):
    wide = filled(seed, width=width)
    rows, columns = active_area(wide)
    assert (rows.start, rows.stop) == (0, H)
    assert columns.start == pytest.approx((W - width / 2) / 2, abs=1.5)
    assert W - columns.stop == columns.start
    rows, columns = active_area(np.ascontiguousarray(wide.T))
    assert (columns.start, columns.stop) == (0, H)
    assert rows.start == pytest.approx((W - width / 2) / 2, abs=1.5)


def test_a_person_before_a_blurred_ground_is_no_tall_video():
    ground = cv2.GaussianBlur(photo(3, 2 * H, 2 * W), (0, 0), 14)
    mask = cv2.ellipse(np.zeros((2 * H, 2 * W), np.uint8), (320, 260), (110, 220), 0, 0, 360, 255, -1) > 0
    ground[mask] = photo(4, 2 * H, 2 * W)[mask]
    assert active_area(seen(ground.astype(np.uint8))) == WHOLE
