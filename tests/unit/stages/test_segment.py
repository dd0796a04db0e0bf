"""Pictures of any size to blur maps, on an engine whose answer is known, and on the shipped one."""

from __future__ import annotations

import numpy as np
import pytest

from qc_plugin.errors import EngineError, QcError
from qc_plugin.inference.pictures import Scale, plan_scale
from qc_plugin.inference.select import open_session
from qc_plugin.inference.session import check_range
from qc_plugin.inference.spec import load_spec
from qc_plugin.signals.optical_flow import judge_by_motion
from qc_plugin.stages.segment import BlurSegmenter, TileRule
from qc_plugin.types import Frame
from tests.support.tiny_onnx import MAPS, blur_maps, contract, not_a_number, write_engine

SIZES = [(1, 1), (1, 200), (200, 1), (3, 500), (17, 31), (64, 64), (63, 65), (90, 160), (301, 199)]


def colours(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def smooth(height, width):
    y, x = np.mgrid[:height, :width] / max(height, width)
    planes = [127 + 120 * np.sin(5 * x + k) * np.cos(4 * y - k) for k in range(3)]
    return np.stack(planes, axis=2).astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_engine(tmp_path_factory.mktemp("engine") / "tiny", blur_maps(kernel=1))


@pytest.fixture(scope="module")
def segmenter(folder):
    """Probability, intensity and evidence are red, green and blue, averaged over cells of 4 px."""
    return BlurSegmenter.load(folder, threads=1)


@pytest.fixture(scope="module")
def shipped():
    return BlurSegmenter.load(precision="f32", threads=2)


@pytest.mark.parametrize("size", SIZES)
def test_maps_come_at_the_size_of_the_picture(segmenter, size):
    blur = segmenter(colours(*size))
    for name in MAPS:
        values = getattr(blur, name)
        assert values.shape == size
        assert values.dtype == np.float32
        assert values.flags.c_contiguous
        assert 0 <= values.min() <= values.max() <= 1
    assert blur.scale_xy == (1.0, 1.0)
    assert (blur.threshold, blur.evidence_floor) == (0.5, 0.15)


@pytest.mark.parametrize("size", [(64, 64), (90, 160), (301, 199), (720, 1280), (37, 53)])
def test_maps_lie_where_the_picture_does(segmenter, size):
    """Red, green and blue come back in place at any reduction: half a cell of 1/16 of the side may differ,
    and does so at the border only; a map that lay one cell off would differ by 0.19 there and 0.08
    everywhere.
    """
    image = smooth(*size)
    blur = segmenter(image)
    for k, name in enumerate(MAPS):
        difference = np.abs(getattr(blur, name) - image[..., k] / 255)
        assert difference.max() < 0.15
        assert difference.mean() < 0.02


def test_the_three_maps_are_not_mixed_up(segmenter):
    image = np.zeros((64, 64, 3), np.uint8)
    image[...] = (255, 128, 0)
    blur = segmenter(image)
    assert [round(float(getattr(blur, name).mean()), 2) for name in MAPS] == [1.0, 0.5, 0.0]


def test_engine_resolution_maps_carry_their_scale(segmenter):
    frames = [Frame(7, 0.1, 0.04, colours(360, 640)), Frame(8, 0.2, 0.04, colours(50, 33))]
    large, small = segmenter.segment(frames)
    assert (large.frame_index, small.frame_index) == (7, 8)
    assert large.probability.shape == (9, 16)
    assert large.scale_xy == (40.0, 40.0)
    assert small.probability.shape == (13, 9)
    assert small.scale_xy == (4.0, 4.0)


def test_batches_give_what_single_frames_give_in_order(segmenter):
    sizes = [(40, 64)] * 6 + [(64, 40)] * 2 + [(40, 64)]
    frames = [Frame(k, k / 25, 0.04, colours(*size, seed=k)) for k, size in enumerate(sizes)]
    together = segmenter.segment(frames)
    assert [blur.frame_index for blur in together] == list(range(9))
    for frame, blur in zip(frames, together, strict=True):
        np.testing.assert_array_equal(blur.probability, segmenter.segment([frame])[0].probability)
    assert segmenter.segment([]) == []


def test_motion_known_of_a_frame_counts(segmenter):
    """Of those of a batch each by its own; a map at the picture's size is that of the engine, enlarged."""
    frames = [Frame(k, k / 25, 0.04, colours(40, 64, seed=k)) for k in range(3)]
    odds = [np.full((3, 4), 0.05, np.float32), None, np.full((3, 4), 8.0, np.float32)]
    for blur, alone, moved in zip(
        segmenter.segment(frames, odds), segmenter.segment(frames), odds, strict=True
    ):
        np.testing.assert_array_equal(blur.probability, judge_by_motion(alone, moved).probability)
    image = colours(40, 64)
    still, alone = segmenter(image, odds[0]).probability, segmenter(image).probability
    assert (still < alone).mean() > 0.9


def test_small_pictures_keep_their_pixels():
    spec = load_spec("motion_blur")
    assert plan_scale(37, 53, spec, long_side=640) == Scale((37, 53), (37, 53), (64, 64))
    assert plan_scale(360, 640, spec, long_side=640) == Scale((360, 640), (360, 640), (384, 640))


@pytest.mark.parametrize(
    ("size", "analysis"),
    [
        ((720, 1280), (360, 640)),
        ((4320, 7680), (360, 640)),
        ((1440, 1080), (640, 480)),
        ((3, 20000), (4, 640)),
    ],
)
def test_large_pictures_are_reduced_to_the_analysis_scale(size, analysis):
    spec = load_spec("motion_blur")
    assert plan_scale(*size, spec, long_side=640).analysis == analysis


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((2, 8, 8, 3), np.uint8),
        np.zeros((0, 8, 3), np.uint8),
        np.full((8, 8, 3), np.nan, np.float32),
        np.zeros((8, 8, 3), np.float64),
        np.zeros((8, 8, 3), np.uint16),
        [[[1, 2, 3]]],
        None,
    ],
    ids=["grey", "alpha", "batch", "empty", "nan", "float", "16 bit", "list", "none"],
)
def test_anything_but_rgb_bytes_is_a_value_error_in_one_sentence(segmenter, wrong):
    with pytest.raises(ValueError, match=r"rgb: expected a filled \(H, W, 3\) uint8 array, got") as caught:
        segmenter(wrong)
    assert "\n" not in str(caught.value)


def test_views_are_read_as_they_are_indexed(segmenter):
    image = colours(40, 64)
    mirrored = segmenter(image[:, ::-1])
    np.testing.assert_array_equal(mirrored.probability, segmenter(image[:, ::-1].copy()).probability)


@pytest.mark.parametrize(
    ("model", "value", "message"),
    [
        (not_a_number(), 0, "probability: the engine gave values from nan to nan"),
        (blur_maps(kernel=1, offset=0.5), 255, "from 1.5 to 1.5, expected 0 to 1"),
        (blur_maps(kernel=1, offset=-0.5), 0, "from -0.5 to -0.5, expected 0 to 1"),
    ],
    ids=["nan", "above", "below"],
)
def test_an_engine_that_gives_rubbish_is_an_error_not_a_pass(tmp_path, model, value, message):
    broken = BlurSegmenter.load(write_engine(tmp_path / "tiny", model))
    with pytest.raises(QcError, match=message) as caught:
        broken(np.full((32, 32, 3), value, np.uint8))
    assert caught.value.exit_code == 70


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1.1, -0.1])
def test_one_bad_value_among_good_ones_is_found(segmenter, bad):
    maps = np.full((2, 1, 5, 5), 0.5, np.float32)
    check_range(segmenter.session.spec, "probability", maps, (0.0, 1.0))
    maps[1, 0, 3, 2] = bad
    with pytest.raises(QcError):
        check_range(segmenter.session.spec, "probability", maps, (0.0, 1.0))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "regions"}, "cannot find motion blur"),
        ({"decoder": "boxes"}, "cannot find motion blur"),
        ({"outputs": contract(b"x")["outputs"][:2]}, "outputs lack evidence"),
        ({"params": {"stride": 4, "threshold": 0.5, "evidence_floor": 0.1}}, "params.extent_full_scale_px"),
        (
            {"params": {"stride": 4, "threshold": 7, "evidence_floor": 0.1, "extent_full_scale_px": 24}},
            "params.threshold",
        ),
    ],
)
def test_an_engine_of_another_kind_is_refused(tmp_path, changes, message):
    with pytest.raises(EngineError, match=message):
        BlurSegmenter.load(write_engine(tmp_path / "tiny", **changes))


def test_colour_order_and_range_follow_the_contract(tmp_path):
    inputs = [{"name": "image", "layout": "NCHW", "dtype": "float32", "colour": "BGR", "range": [0.25, 0.75]}]
    segmenter = BlurSegmenter.load(write_engine(tmp_path / "tiny", blur_maps(kernel=1), inputs=inputs))
    image = np.zeros((32, 32, 3), np.uint8)
    image[:, ::2] = (239, 112, 0)  # stripes: without an edge there is no evidence
    image[:, 1::2] = (255, 144, 16)
    blur = segmenter(image)
    assert [round(float(getattr(blur, name).mean()), 2) for name in MAPS] == [0.27, 0.5, 0.73]


@pytest.mark.parametrize("size", [(64, 200), (300, 40), (200, 200), (133, 257)])
def test_tiles_give_the_map_of_one_pass(tmp_path, size):
    """The engine looks 2 cells (8 px) far; a halo of 8 px is enough, none is not."""
    session = open_session(load_spec(write_engine(tmp_path / "tiny", blur_maps(kernel=5))), threads=1)
    image = colours(*size)

    def whole(**rule):
        return BlurSegmenter(session, long_side=None, tile_rule=TileRule(**rule))(image)

    one_pass, tiled = whole(budget_px=10**9), whole(budget_px=1, tile=64, halo=8)
    too_little = whole(budget_px=1, tile=64, halo=0)
    for name in MAPS:
        np.testing.assert_allclose(getattr(tiled, name), getattr(one_pass, name), atol=1e-6)
    assert np.abs(too_little.probability - one_pass.probability).max() > 0.01


def test_a_side_beyond_what_the_engine_takes_is_tiled(tmp_path):
    size = {"multiple": 8, "min": 16, "max": 64, "long_side": 64}
    session = open_session(load_spec(write_engine(tmp_path / "tiny", blur_maps(kernel=1), size=size)))
    segmenter = BlurSegmenter(session, long_side=None, tile_rule=TileRule(tile=2048, halo=8))
    image = smooth(40, 400)
    np.testing.assert_allclose(segmenter(image).probability, image[..., 0] / 255, atol=0.1)


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (50, 50), (361, 641), (720, 1280)])
@pytest.mark.parametrize("value", [0, 255])
def test_the_shipped_engine_takes_black_and_white_of_any_size(shipped, size, value):
    blur = shipped(np.full((*size, 3), value, np.uint8))
    assert blur.probability.shape == blur.intensity.shape == blur.evidence.shape == size
    if min(size) >= 50:  # nothing to see: it must not be sure
        assert np.median(blur.evidence) < 0.5


def test_the_shipped_engine_takes_8k(shipped):
    blur = shipped(np.zeros((4320, 7680, 3), np.uint8))
    assert blur.probability.shape == (4320, 7680)


@pytest.mark.slow
def test_tiling_the_shipped_engine_changes_nothing_that_matters(shipped):
    """1e-3 with the halo of TileRule; the network sees 700 px far, with weights that fall off."""
    rng = np.random.default_rng(0)
    image = np.clip(smooth(640, 3072) * 0.7 + rng.normal(0, 30, (640, 3072, 3)) + 30, 0, 255).astype(np.uint8)
    one_pass = BlurSegmenter(shipped.session, long_side=None, tile_rule=TileRule(budget_px=10**9))(image)
    tiled = BlurSegmenter(shipped.session, long_side=None, tile_rule=TileRule(budget_px=1))(image)
    for name in MAPS:
        np.testing.assert_allclose(getattr(tiled, name), getattr(one_pass, name), atol=1e-3)
