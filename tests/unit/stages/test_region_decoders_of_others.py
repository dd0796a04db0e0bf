"""YuNet's and mediapipe's heads: numbers in, boxes out, against boxes worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from qc_plugin.errors import EngineError
from qc_plugin.stages.region_decoders import DECODERS, decode_blaze, decode_yunet, read_params
from qc_plugin.stages.region_decoders.blaze import anchors

SIZE = (64, 96)
FACE = {"thresholds": {"face": 0.5}}


def yunet_heads(n=1, size=SIZE):
    heads = {}
    for stride in (8, 16, 32):
        cells = (size[0] // stride) * (size[1] // stride)
        heads[f"cls_{stride}"] = np.zeros((n, cells, 1), np.float32)
        heads[f"obj_{stride}"] = np.zeros((n, cells, 1), np.float32)
        heads[f"bbox_{stride}"] = np.zeros((n, cells, 4), np.float32)
    return heads


def test_a_yunet_cell_becomes_a_box_of_exponential_sides():
    heads = yunet_heads(n=2)
    cell = 2 * (96 // 16) + 3  # row 2, column 3 of stride 16
    heads["cls_16"][1, cell] = 0.9
    heads["obj_16"][1, cell] = 0.4
    heads["bbox_16"][1, cell] = (0.5, 0.25, np.log(2), np.log(3))
    nothing, found = decode_yunet(heads, FACE, ("face",), SIZE)
    assert nothing.shape == (0, 6)
    # centre x = (3 + .5) * 16 = 56, y = (2 + .25) * 16 = 36; sides 32 and 48; confidence sqrt(.9 * .4) = .6
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[40, 12, 72, 60, 0.6, 0]], rtol=1e-5)


def test_yunet_finds_of_one_face_on_two_strides_are_one():
    heads = yunet_heads()
    for stride, confidence in ((8, 0.7), (32, 0.9)):
        cell = 0 if stride == 32 else 96 // 8 + 1
        heads[f"cls_{stride}"][0, cell] = heads[f"obj_{stride}"][0, cell] = confidence
        offset = 0.5 if stride == 32 else 1.0
        heads[f"bbox_{stride}"][0, cell] = (offset, offset, np.log(24 / stride), np.log(24 / stride))
    (found,) = decode_yunet(heads, FACE, ("face",), SIZE)
    np.testing.assert_allclose(found, [[4, 4, 28, 28, 0.9, 0]], rtol=1e-5)


def test_yunet_numbers_beyond_reason_stay_numbers():
    heads = {name: np.full_like(array, 1e6) for name, array in yunet_heads().items()}
    (found,) = decode_yunet(heads, {**FACE, "candidates": 5}, ("face",), SIZE)
    assert np.isfinite(found).all()
    assert found[:, 4].max() <= 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda h: h.pop("obj_8"), "obj_8"),
        (
            lambda h: h.update(bbox_32=np.zeros((1, 7, 4), np.float32)),
            r"bbox_32: expected shape \(any, 6, 4\)",
        ),
    ],
)
def test_yunet_heads_that_do_not_fit_the_input_are_refused(change, words):
    heads = yunet_heads()
    change(heads)
    with pytest.raises(ValueError, match=words):
        decode_yunet(heads, FACE, ("face",), SIZE)


BLAZE = {"anchors": [[32, 2]], "boxes": "places", "scores": "logits", "thresholds": {"hand": 0.5}}


def blaze_heads(n_points=3):
    """64 x 64 px input: two by two cells, two anchors each."""
    return {
        "places": np.zeros((1, 8, 4 + 2 * n_points), np.float32),
        "logits": np.full((1, 8, 1), -100.0, np.float32),
    }


def test_mediapipes_grids_have_as_many_anchors_as_its_networks_give():
    assert len(anchors([(8, 2), (16, 6)], (128, 128))) == 896
    assert len(anchors([(8, 2), (16, 6)], (192, 192))) == 2016
    assert len(anchors([(4, 1)], (192, 192))) == 2304
    np.testing.assert_allclose(
        anchors([(32, 2)], (64, 64))[:5], [[16, 16], [16, 16], [48, 16], [48, 16], [16, 48]]
    )


def test_a_blaze_anchor_becomes_the_box_around_its_offset_centre():
    heads = blaze_heads()
    heads["places"][0, 2, :4] = (4, -6, 20, 10)  # cell in row 0, column 1: centre 48, 16
    heads["logits"][0, 2] = np.log(3)  # sigmoid 0.75
    (found,) = decode_blaze(heads, BLAZE, ("hand",), (64, 64))
    np.testing.assert_allclose(found, [[42, 5, 62, 15, 0.75, 0]], rtol=1e-5)


def test_blaze_boxes_that_overlap_are_averaged_by_their_scores():
    heads = blaze_heads()
    heads["places"][0, 0, :4] = (0, 0, 20, 20)  # 6..26
    heads["places"][0, 1, :4] = (4, 0, 20, 20)  # 10..30 beside it
    heads["places"][0, 6, :4] = (0, 0, 8, 8)  # far away
    heads["logits"][0, [0, 1, 6], 0] = np.log([3, 1.5, 2])  # 0.75, 0.6, 0.667
    (found,) = decode_blaze(heads, BLAZE, ("hand",), (64, 64))
    moved = 4 * 0.6 / (0.75 + 0.6)
    np.testing.assert_allclose(found[0], [6 + moved, 6, 26 + moved, 26, 0.75, 0], rtol=1e-5)
    np.testing.assert_allclose(found[1], [44, 44, 52, 52, 2 / 3, 0], rtol=1e-5)


def test_a_palm_grows_towards_its_fingers():
    heads = blaze_heads()
    heads["places"][0, 0] = (0, 0, 10, 10, 0, 5, 99, 99, 0, -15)  # wrist below, knuckle above; centre 16, 16
    heads["logits"][0, 0] = np.log(3)
    grow = {"scale": 2.0, "shift": 0.5, "tail": 0, "head": 2}
    (found,) = decode_blaze(heads, {**BLAZE, "grow": grow}, ("hand",), (64, 64))
    np.testing.assert_allclose(found[:, :4], [[6, 1, 26, 21]], rtol=1e-5)  # centre up by 5, side 20


def test_a_palm_without_direction_grows_in_place():
    heads = blaze_heads()
    heads["places"][0, 0, 2:4] = 10
    heads["logits"][0, 0] = 50
    grow = {"scale": 2.0, "shift": 0.5, "tail": 0, "head": 2}
    (found,) = decode_blaze(heads, {**BLAZE, "grow": grow}, ("hand",), (64, 64))
    np.testing.assert_allclose(found[:, :4], [[6, 6, 26, 26]], rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"boxes": "place"}, "expected 'place'"),
        ({"anchors": [[16, 2]]}, r"expected shape \(any, 32"),
        ({"grow": {"scale": 2, "shift": 0, "tail": 0, "head": 3}}, "expected 12 numbers"),
    ],
)
def test_blaze_params_that_do_not_fit_the_outputs_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        decode_blaze(blaze_heads(), {**BLAZE, **change}, ("hand",), (64, 64))


@pytest.mark.parametrize(
    ("decoder", "params", "words"),
    [
        ("blazed", {}, "choose one of blaze, centre_ltrb, yunet"),
        ("blaze", {**BLAZE, "anchors": []}, "params.anchors"),
        ("blaze", {**BLAZE, "grow": {"scale": 0}}, "params.grow"),
        ("yunet", {"thresholds": {"face": 0.5}, "stride": [8]}, "params.stride"),
        ("yunet", {"thresholds": {"hand": 0.5, "face": 0.5}}, "one threshold per class"),
    ],
)
def test_params_are_read_strictly(decoder, params, words):
    with pytest.raises(EngineError, match=words):
        read_params(decoder, params, ("face",) if decoder == "yunet" else ("hand",))


def test_every_decoder_says_what_its_outputs_may_hold():
    assert DECODERS["centre_ltrb"].range_of("heat_8") == (0.0, 1.0)
    assert DECODERS["yunet"].range_of("cls_8") == (0.0, 1.0)
    low, high = DECODERS["blaze"].range_of("anything")
    assert -np.inf < low < -1e30
    assert 1e30 < high < np.inf
