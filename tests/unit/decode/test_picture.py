"""Frames with known samples to RGB and previews, against the formulas written out in floating point."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from qc_plugin.decode.colour import Colour, read_colour
from qc_plugin.decode.geometry import UPRIGHT, Orientation
from qc_plugin.decode.picture import Layout, PictureMaker
from qc_plugin.decode.strips import strips
from qc_plugin.decode.tonemap import CODE_BITS, eetf, grey_to_sdr, nits_to_pq, pq_to_nits, rgb_to_sdr
from tests.support.clips import frame_of

WEIGHTS = {
    "bt709": (0.2126, 0.0722),
    "bt601": (0.299, 0.114),
    "bt2020": (0.2627, 0.0593),
    "smpte240m": (0.212, 0.087),
}


def formula(y: np.ndarray, u: np.ndarray, v: np.ndarray, colour: Colour, depth: int = 8) -> np.ndarray:
    """RGB 0..255 (float) of samples at full chroma resolution."""
    step = 1 << (depth - 8)
    if colour.range == "full":
        top = (1 << depth) - 1
        luma, cb, cr = y / top, (u - 128 * step) / top, (v - 128 * step) / top
    else:
        luma, cb, cr = (y / step - 16) / 219, (u / step - 128) / 224, (v / step - 128) / 224
    kr, kb = WEIGHTS[colour.matrix]
    red, blue = luma + 2 * (1 - kr) * cr, luma + 2 * (1 - kb) * cb
    green = (luma - kr * red - kb * blue) / (1 - kr - kb)
    return np.clip(np.dstack([red, green, blue]) * 255, 0, 255)


def between(plane: np.ndarray, width: int, height: int) -> np.ndarray:
    """4:2:0 chroma to full size, in the middle of four pixels, where untagged samples lie."""
    return cv2.resize(plane.astype(np.float64), (width, height), interpolation=cv2.INTER_LINEAR)


def smooth(shape: tuple[int, int], low: int, high: int, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 4)
    soft = (soft - soft.min()) / (soft.max() - soft.min())
    return np.rint(low + soft * (high - low))


def maker(colour: Colour, width: int, height: int, orientation: Orientation = UPRIGHT) -> PictureMaker:
    return PictureMaker(Layout(width, height, orientation, colour))


@pytest.mark.parametrize("colour_range", ["limited", "full"])
@pytest.mark.parametrize("matrix", ["bt709", "bt601", "bt2020", "smpte240m"])
@pytest.mark.parametrize(("pixel_format", "depth"), [("yuv420p", 8), ("yuv420p10le", 10), ("yuv444p", 8)])
def test_rgb_follows_the_formula(matrix, colour_range, pixel_format, depth):
    width, height, step = 96, 64, 1 << (depth - 8)
    half = 1 if pixel_format == "yuv444p" else 2
    y = smooth((height, width), 50, 190, 1) * step
    u, v = (smooth((height // half, width // half), 100, 156, seed) * step for seed in (2, 3))
    colour = Colour(matrix, colour_range, "bt709")
    planes = tuple(plane.astype(np.uint8 if depth == 8 else np.uint16) for plane in (y, u, v))
    ours = maker(colour, width, height).rgb(frame_of(planes, pixel_format)).astype(float)
    full = (u, v) if half == 1 else (between(u, width, height), between(v, width, height))
    error = np.abs(ours - formula(y, *full, colour, depth))
    assert error.mean() < 0.6  # rounding alone is 0.25
    assert error.max() < 3


@pytest.mark.parametrize("colour_range", ["limited", "full"])
@pytest.mark.parametrize(
    ("pixel_format", "depth"), [("yuv420p", 8), ("yuv420p10le", 10), ("gray", 8), ("nv12", 8)]
)
def test_preview_is_full_range_luma(colour_range, pixel_format, depth):
    low, high = (0, 255) if colour_range == "full" else (16, 235)
    ramp = np.linspace(low, high, 320)[None, :].repeat(180, 0)
    y = np.rint(ramp * (1 << (depth - 8))).astype(np.uint8 if depth == 8 else np.uint16)
    grey = np.full((90, 160), 128 << (depth - 8), y.dtype)
    planes = {"gray": (y,), "nv12": (y, np.repeat(grey, 2, axis=1))}.get(pixel_format, (y, grey, grey))
    colour = Colour("bt709", colour_range, "bt709")
    preview = maker(colour, 320, 180).preview(frame_of(planes, pixel_format), 7, 1.5)
    assert (preview.index, preview.pts_s) == (7, 1.5)
    assert np.abs(preview.luma - np.linspace(0, 255, 320)[None, :]).max() <= 2
    assert np.abs(preview.chroma.astype(int) - 128).max() <= 1
    assert preview.rows.shape == (180, 96)
    assert preview.rows.min() < 60
    assert preview.rows.max() > 195


def test_preview_of_rgb_formats():
    rgb = np.zeros((90, 160, 3), np.uint8)
    rgb[:, :80] = 255
    from av.video.frame import VideoFrame

    colour = read_colour(0, 0, 2, "rgb24", is_hd=False)
    assert (colour.matrix, colour.range) == ("rgb", "full")
    pictures = maker(colour, 160, 90)
    frame = VideoFrame.from_ndarray(rgb, format="rgb24")
    assert np.abs(pictures.rgb(frame).astype(int) - rgb).max() <= 1
    luma = pictures.preview(frame, 0, 0.0).luma
    assert luma[:, :70].min() >= 253
    assert luma[:, 90:].max() <= 2


@pytest.mark.parametrize(
    ("width", "height", "small"),
    [(1920, 1080, (180, 320)), (1080, 1920, (320, 180)), (50, 40, (40, 50)), (4000, 8, (1, 320))],
)
def test_preview_size(width, height, small):
    y, c = (
        np.full((height, width), 90, np.uint8),
        np.full(((height + 1) // 2, (width + 1) // 2), 128, np.uint8),
    )
    preview = maker(Colour("bt709", "full", "bt709"), width, height).preview(
        frame_of((y, c, c), "yuv420p"), 0, 0.0
    )
    assert preview.luma.shape == small
    assert np.all(preview.luma == 90)


def test_preview_is_upright_and_rows_are_stored_rows():
    y = np.full((64, 96), 20, np.uint8)
    y[::2, :48] = 220  # combed on the left
    grey = np.full((32, 48), 128, np.uint8)
    turn = Orientation(swap=True, flip_x=True)
    preview = maker(Colour("bt709", "full", "bt709"), 96, 64, turn).preview(
        frame_of((y, grey, grey), "yuv420p"), 0, 0
    )
    assert preview.luma.shape == (96, 64)
    assert preview.luma[:48].mean() > preview.luma[48:].mean() + 50  # left became top
    steps = np.abs(np.diff(preview.rows[:, :40].astype(int), axis=0))
    assert steps.min() == 200


@pytest.mark.parametrize("width", [10, 96, 97, 100, 720, 1921])
def test_strips_are_columns_of_the_picture(width):
    luma = np.arange(width)[None, :].repeat(3, 0)
    cut = strips(luma)
    assert cut.shape == (3, min(96, width))
    assert len(set(cut[0].tolist())) == cut.shape[1]
    assert not np.shares_memory(cut, luma)


# -- tone mapping


def test_pq_is_its_own_inverse_and_hits_the_published_points():
    level = np.linspace(0, 1, 101)
    assert np.allclose(nits_to_pq(pq_to_nits(level)), level, atol=1e-6)
    assert pq_to_nits(np.array([0.0, 1.0])) == pytest.approx([0, 10_000])
    assert nits_to_pq(np.array([100.0, 1000.0])) == pytest.approx([0.508, 0.7518], abs=2e-3)  # BT.2408


def test_the_curve_keeps_shadows_and_rolls_off_highlights():
    nits = np.linspace(0.01, 1000, 4000)
    out = eetf(nits)
    assert np.all(np.diff(out) >= -1e-6)
    dark = nits < 60
    assert out[dark] == pytest.approx(nits[dark], rel=0.02)
    assert out[-1] == pytest.approx(203, rel=0.01)
    assert np.all(out <= nits * 1.02)


@pytest.mark.parametrize("transfer", ["pq", "hlg"])
def test_grey_stays_grey_and_both_paths_agree(transfer):
    codes = np.linspace(0, (1 << CODE_BITS) - 1, 300).astype(np.uint16)[None, :].repeat(70, 0)
    rgb = rgb_to_sdr(codes, codes, codes, transfer).astype(int)
    assert np.ptp(rgb, axis=2).max() <= 2
    assert np.all(np.diff(rgb[0, :, 0]) >= 0)
    by_luma = grey_to_sdr(codes[0] / ((1 << CODE_BITS) - 1), transfer) * 255
    assert np.abs(rgb[0, :, 1] - by_luma).max() <= 3
    assert rgb[0, 0].max() == 0
    assert rgb[0, -1].min() >= 252
    assert np.array_equal(rgb[0], rgb[-1])  # bands of rows join without a seam


def test_hdr_frame_looks_like_its_sdr_scene():
    """A scene of 0.1 to 150 cd/m2 given as PQ must come out as the same light on an SDR display."""
    nits = np.geomspace(0.1, 60, 96)[None, :].repeat(64, 0)
    y = np.rint(nits_to_pq(nits) * 876 + 64).astype(np.uint16)
    grey = np.full((32, 48), 512, np.uint16)
    colour = read_colour(9, 1, 16, "yuv420p10le", is_hd=True)
    assert colour.hdr == "pq"
    assert any("tone-mapped" in note for note in colour.notes)
    pictures = maker(colour, 96, 64)
    frame = frame_of((y, grey, grey), "yuv420p10le")
    wanted = 255 * (nits / 203) ** (1 / 2.4)
    assert np.abs(pictures.rgb(frame)[..., 1] - wanted).max() <= 3
    assert np.abs(pictures.preview(frame, 0, 0.0).luma - wanted).max() <= 3


# -- colour tags


@pytest.mark.parametrize(
    ("tags", "is_hd", "wanted"),
    [
        ((1, 1, 1), False, ("bt709", "limited", ())),
        ((6, 1, 6), True, ("bt601", "limited", ())),
        ((5, 2, 1), True, ("bt601", "full", ())),
        ((2, 1, 2), True, ("bt709", "limited", ("untagged HD taken as bt709",))),
        ((2, 1, 2), False, ("bt601", "limited", ("untagged SD taken as bt601",))),
        ((1, 0, 1), True, ("bt709", "limited", ("untagged range taken as limited",))),
        ((99, 2, 1), True, ("bt709", "full", ("untagged HD taken as bt709",))),
    ],
)
def test_tags_to_colour(tags, is_hd, wanted):
    colour = read_colour(*tags, "yuv420p", is_hd=is_hd)
    assert (colour.matrix, colour.range, colour.notes) == wanted


def test_old_full_range_formats_are_full_range():
    assert read_colour(6, 0, 1, "yuvj420p", is_hd=False).range == "full"
