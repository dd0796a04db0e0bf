"""Region decoders: maps in, boxes out, against boxes placed by hand and a slow suppression."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qc_plugin.errors import EngineError
from qc_plugin.stages.region_decoders import DECODERS, decode_centre_ltrb, suppress

CLASSES = ("face", "hand", "person")
PARAMS = {"strides": [8, 32], "thresholds": {"face": 0.5, "hand": 0.3, "person": 0.4}, "nms_iou": 0.5}


def empty_maps(n=1, height=64, width=96):
    maps = {}
    for stride in PARAMS["strides"]:
        shape = (height // stride, width // stride)
        maps[f"heat_{stride}"] = np.zeros((n, 3, *shape), np.float32)
        maps[f"box_{stride}"] = np.ones((n, 12, *shape), np.float32)
    return maps


def put(maps, stride, n, label, row, column, *, heat, sides):
    maps[f"heat_{stride}"][n, label, row, column] = heat
    maps[f"box_{stride}"][n, 4 * label : 4 * label + 4, row, column] = sides


def test_a_cell_becomes_the_box_around_its_centre():
    maps = empty_maps(n=2)
    put(maps, 8, 1, label=1, row=3, column=5, heat=0.75, sides=(10, 20, 30, 4))
    nothing, found = decode_centre_ltrb(maps, PARAMS, CLASSES)
    assert nothing.shape == (0, 6)
    # centre of cell (row 3, column 5) at stride 8: x = 5.5 * 8 = 44, y = 3.5 * 8 = 28
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[34, 8, 74, 32, 0.75, 1]])


def test_each_class_has_its_own_threshold_and_its_own_sides():
    maps = empty_maps()
    for label in range(3):
        put(maps, 8, 0, label, row=1, column=1, heat=0.35, sides=(label + 1,) * 4)
    (found,) = decode_centre_ltrb(maps, PARAMS, CLASSES)
    np.testing.assert_allclose(found, [[10, 10, 14, 14, 0.35, 1]])


def test_the_same_object_on_two_strides_is_reported_once_and_best_comes_first():
    maps = empty_maps()
    put(maps, 8, 0, label=0, row=1, column=1, heat=0.6, sides=(8, 8, 12, 12))  # 4..24
    put(maps, 32, 0, label=0, row=0, column=0, heat=0.9, sides=(12, 12, 8, 8))  # 4..24
    put(maps, 32, 0, label=2, row=0, column=0, heat=0.7, sides=(12, 12, 8, 8))  # another class stays
    put(maps, 8, 0, label=0, row=6, column=9, heat=0.95, sides=(4, 4, 4, 4))  # another place stays
    (found,) = decode_centre_ltrb(maps, PARAMS, CLASSES)
    np.testing.assert_allclose(found[:, 4], [0.95, 0.9, 0.7])
    np.testing.assert_allclose(found[:, 5], [0, 0, 2])


def test_a_map_full_of_fire_is_cut_to_the_best_cells():
    maps = empty_maps()
    rng = np.random.default_rng(0)
    maps["heat_8"][:] = rng.uniform(0.6, 1.0, maps["heat_8"].shape)
    (found,) = decode_centre_ltrb(maps, {**PARAMS, "candidates": 7}, CLASSES)
    assert len(found) == 21
    assert found[0, 4] == maps["heat_8"].max()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m.pop("box_8"), "box_8"),
        (lambda m: m.update(heat_8=np.zeros((1, 2, 8, 12), np.float32)), r"\(N, 3, h, w\)"),
        (lambda m: m.update(box_32=np.zeros((1, 12, 3, 3), np.float32)), "differ"),
    ],
)
def test_maps_that_do_not_fit_are_refused(change, words):
    maps = empty_maps()
    change(maps)
    with pytest.raises(ValueError, match=words):
        decode_centre_ltrb(maps, PARAMS, CLASSES)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"nms_ou": 0.5}, "nms_ou"),
        ({"strides": []}, "strides"),
        ({"thresholds": {"face": 0.5}}, "one threshold per class"),
        ({"thresholds": {"face": 1.5, "hand": 0.3, "person": 0.4}}, "thresholds.face"),
    ],
)
def test_params_that_do_not_fit_are_refused(change, words):
    with pytest.raises(EngineError, match=words):
        decode_centre_ltrb(empty_maps(), {**PARAMS, **change}, CLASSES)


def test_a_threshold_of_zero_does_not_report_cells_without_heat():
    params = {**PARAMS, "thresholds": dict.fromkeys(CLASSES, 0.0)}
    assert decode_centre_ltrb(empty_maps(), params, CLASSES)[0].shape == (0, 6)


def slow_suppress(boxes, limit):
    kept = []
    for i, (x0, y0, x1, y1) in enumerate(boxes.astype(float)):
        for k in kept:
            a0, b0, a1, b1 = boxes[k].astype(float)
            inner = max(0, min(x1, a1) - max(x0, a0)) * max(0, min(y1, b1) - max(y0, b0))
            if inner > limit * ((x1 - x0) * (y1 - y0) + (a1 - a0) * (b1 - b0) - inner):
                break
        else:
            kept.append(i)
    return kept


corner = st.integers(0, 40)
box = st.tuples(corner, corner, st.integers(1, 30), st.integers(1, 30)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)


@settings(deadline=None)
@given(st.lists(box, max_size=25), st.sampled_from([0.0, 0.25, 0.5, 0.75]))
def test_suppression_equals_the_definition(boxes, limit):
    # whole numbers and dyadic limits: both sides compute exactly, so ties fall the same way
    array = np.array(boxes, np.float32).reshape(-1, 4)
    assert suppress(array, limit).tolist() == slow_suppress(array, limit)


def test_the_decoder_is_listed_by_its_contract_name():
    assert DECODERS["centre_ltrb"].decode is decode_centre_ltrb
