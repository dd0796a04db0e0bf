"""Frames in, region sums out, in one network: the same numbers as the stage and the measures it replaces."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from bench.onnx_frames import (
    N_LEVELS,
    FrameSize,
    area_weights,
    region_values,
    write_frame_engine,
)
from qc_plugin.errors import EngineError
from qc_plugin.inference.pictures import plan_scale
from qc_plugin.inference.select import open_session
from qc_plugin.inference.spec import load_spec
from qc_plugin.inference.tensorrt import flavours
from qc_plugin.inference.tensorrt.plan_builder import build_plan, network, plan_key
from qc_plugin.scoring.blur import region_blur
from qc_plugin.stages.segment import BlurSegmenter
from qc_plugin.types import Frame
from tests.support.tiny_onnx import small_network, write_engine

# frame (height, width), and what it tests about reading: the tiny engine looks at a long side of 64 px
SIZES = [
    pytest.param((72, 128), id="halved"),
    pytest.param((108, 192), id="a third"),
    pytest.param((100, 150), id="no whole ratio"),
    pytest.param((96, 40), id="upright"),
    pytest.param((36, 64), id="as it is"),
    pytest.param((30, 51), id="padded on both sides"),
]
BOXES = [
    (0.0, 0.0, 1.0, 1.0, 0.0),
    (0.1, 0.2, 0.6, 0.9, 0.0),
    (0.1, 0.2, 0.6, 0.9, 1.0),
    (0.5, 0.5, 0.51, 0.52, 0.0),
    (0.5, 0.5, 0.51, 0.52, 1.0),
    (0.7, 0.0, 1.0, 0.3, 1.0),
]


def frames_of(height, width, n=3):
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width] / max(height, width)
    waves = 0.5 + 0.4 * np.sin(40 * x + 9 * y)[..., None] * np.array([1.0, 0.7, -0.8])
    noisy = waves[None] + rng.normal(0, 0.08, (n, height, width, 3))
    return (np.clip(noisy, 0, 1) * 255).astype(np.uint8)


def size_of(spec, height, width):
    scale = plan_scale(height, width, spec, long_side=spec.size.long_side)
    return FrameSize(scale.original, scale.analysis, scale.padded, 4)


@pytest.fixture(scope="module", params=[{}, {"prior": 0.1}], ids=["cells alone", "cells in context"])
def spec(tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("engine") / "tiny"
    params = {"stride": 4, "threshold": 0.5, "evidence_floor": 0.15, "extent_full_scale_px": 24}
    return load_spec(write_engine(folder, small_network(), params=params | request.param))


@pytest.mark.parametrize("size", SIZES)
def test_sums_give_the_measures_of_the_stage_it_replaces(spec, size, tmp_path):
    height, width = size
    frames = frames_of(height, width)
    boxes = np.array([BOXES] * len(frames), np.float32) * np.float32([width, height, width, height, 1])
    whole = write_frame_engine(spec, size_of(spec, height, width), tmp_path / "whole")
    session = open_session(whole, backend="onnxruntime", precision="f32", threads=1)
    sums = session.run({"frames": frames, "boxes": boxes})["sums"]
    assert sums.shape == (len(frames), len(BOXES), 5 + N_LEVELS)
    segmenter = BlurSegmenter(open_session(spec, backend="onnxruntime", precision="f32", threads=1))
    maps = segmenter.segment([Frame(n, 0.0, 0.0, frame) for n, frame in enumerate(frames)])
    for n, blur_map in enumerate(maps):
        for r, (*box, ellipse) in enumerate(boxes[n].tolist()):
            expected, skipped = region_blur(blur_map, tuple(box), ellipse=bool(ellipse), evidence_needed=0.0)
            got = region_values(sums[n, r])
            assert not skipped
            assert set(got) == set(expected)
            for name, value in expected.items():
                near = 1.5 / N_LEVELS if name.endswith("p95") else 2e-3  # a pixel may round otherwise
                assert got[name] == pytest.approx(value, abs=near), (n, r, name)


def test_area_weights_are_what_opencv_computes():
    import cv2

    picture = np.random.default_rng(0).random((37, 53)).astype(np.float32)
    wanted = cv2.resize(picture, (20, 15), interpolation=cv2.INTER_AREA)
    got = area_weights(37, 15) @ picture @ area_weights(53, 20).T
    np.testing.assert_allclose(got, wanted, atol=1e-5)
    np.testing.assert_allclose(area_weights(37, 15).sum(axis=1), 1.0, atol=1e-6)


def test_nothing_seen_gives_no_value():
    sums = np.zeros(5 + N_LEVELS, np.float32)
    sums[0] = 9
    assert region_values(sums) == {"evidence": 0.0}


def test_in_f16_reading_and_sums_stay_in_f32(spec, tmp_path):
    whole = write_frame_engine(spec, size_of(spec, 100, 150), tmp_path / "whole")
    graph = onnx.shape_inference.infer_shapes(onnx.load_model_from_string(network(whole, "f16"))).graph
    types = {value.name: value.type.tensor_type.elem_type for value in graph.value_info}
    for name in ("narrowed", "reduced", "rounded", "scaled", "hit", "features", "columns"):
        assert types[name] == onnx.TensorProto.FLOAT, name
    assert onnx.TensorProto.FLOAT16 in types.values()


@pytest.mark.skipif(flavours.flavour_missing("tensorrt_rtx") is not None, reason="no tensorrt_rtx")
@pytest.mark.parametrize("size", [(72, 128), (100, 150)])
def test_tensorrt_compiles_it(spec, size, tmp_path):
    whole = write_frame_engine(spec, size_of(spec, *size), tmp_path / "whole")
    key = plan_key(whole, flavour="tensorrt_rtx", target="sm_86", profile="720p", precision="f16")
    assert build_plan(network(whole, "f16"), whole, key)


def test_another_kind_of_engine_is_refused(spec, tmp_path):
    other = spec.model_copy(update={"decoder": "centre_ltrb"})
    with pytest.raises(EngineError, match="has no region sums"):
        write_frame_engine(other, size_of(spec, 36, 64), tmp_path / "whole")
