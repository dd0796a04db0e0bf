"""fp16 and int8 networks: made from the fp32 file alone, near to it, and in the form TensorRT takes."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from qc_plugin.errors import EngineError
from qc_plugin.inference import runtimes
from qc_plugin.inference.spec import load_spec
from qc_plugin.inference.tensorrt import calibration, onnx_int8, onnx_precision
from qc_plugin.inference.tensorrt.onnx_precision import half_nodes, plain, to_f16
from qc_plugin.stages.regions import RegionDetector
from qc_plugin.stages.segment import BlurSegmenter
from tests.support.tiny_onnx import MAPS, constant, small_network, write_engine

onnxruntime = runtimes.onnxruntime()


def deep_network(seed=0):
    """Stem with a logarithm, three trained layers with a skip and an enlargement, a head with a sigmoid."""
    rng = np.random.default_rng(seed)

    def weights(name, *shape):
        return constant(name, rng.standard_normal(shape) * (2 / np.prod(shape[1:])) ** 0.5)

    nodes = [
        helper.make_node("AveragePool", ["image"], ["cells"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Add", ["cells", "floor"], ["raised"]),
        helper.make_node("Log", ["raised"], ["logs"]),
        helper.make_node("Conv", ["logs", "w0", "b0"], ["a"], pads=[1] * 4),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "w1"], ["c"], pads=[1] * 4, strides=[2, 2]),
        helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("Resize", ["d", "", "twice"], ["e"], mode="nearest"),
        helper.make_node("Add", ["e", "b"], ["f"]),
        helper.make_node("Conv", ["f", "w2"], ["g"], pads=[1] * 4),
        helper.make_node("Relu", ["g"], ["h"]),
        helper.make_node("Conv", ["h", "w3"], ["i"]),
        helper.make_node("Sigmoid", ["i"], ["j"]),
        helper.make_node("Split", ["j"], list(MAPS), axis=1, num_outputs=3),
    ]
    initializers = [
        weights("w0", 16, 3, 3, 3),
        constant("b0", rng.standard_normal(16)),
        weights("w1", 16, 16, 3, 3),
        weights("w2", 16, 16, 3, 3),
        weights("w3", 3, 16, 1, 1),
        constant("floor", 1e-4),
        constant("twice", [1, 1, 2, 2]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, "h", "w"])
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in MAPS]
    graph = helper.make_graph(nodes, "deep", [image], outputs, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def run(content, image):
    """As written: the CPU optimiser of onnxruntime folds int8 pairs with fp16 scales into wrong numbers."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options)
    return dict(zip(MAPS, session.run(list(MAPS), {"image": image}), strict=True))


def types_of(content):
    """Element type of every tensor, by name."""
    graph = onnx.shape_inference.infer_shapes(onnx.load_model_from_string(content)).graph
    values = (*graph.value_info, *graph.input, *graph.output)
    return {value.name: value.type.tensor_type.elem_type for value in values}


@pytest.fixture
def content():
    return deep_network().SerializeToString()


@pytest.fixture
def image():
    return np.random.default_rng(1).random((2, 3, 32, 48), dtype=np.float32)


def test_f16_is_near_f32(content, image):
    expected, got = run(content, image), run(to_f16(content), image)
    for name in MAPS:
        assert got[name].dtype == np.float32
        np.testing.assert_allclose(got[name], expected[name], atol=5e-3)


def test_stem_and_tail_stay_in_f32_and_the_trunk_does_not(content):
    types = types_of(to_f16(content))
    assert {types[name] for name in ("cells", "raised", "logs", "i", "j")} == {TensorProto.FLOAT}
    assert {types[name] for name in "abcdefgh"} == {TensorProto.FLOAT16}


def test_the_stems_convolutions_stay_in_f32_too():
    graph = plain(small_network().SerializeToString()).graph
    assert {graph.node[n].op_type for n in half_nodes(graph)} == {"Conv", "Relu", "Resize", "Concat"}
    assert min(half_nodes(graph)) > [node.op_type for node in graph.node].index("Log")


def test_a_tensor_that_both_sides_read_is_cast_once(content):
    model = onnx.load_model_from_string(to_f16(content))
    casts = [node for node in model.graph.node if node.op_type == "Cast"]
    assert sorted(node.input[0] for node in casts) == ["h", "logs"]


def test_an_output_inside_the_trunk_keeps_its_type(image):
    model = deep_network()
    model.graph.output.append(helper.make_tensor_value_info("d", TensorProto.FLOAT, None))
    assert types_of(to_f16(model.SerializeToString()))["d"] == TensorProto.FLOAT


def test_weights_stored_as_f16_behind_a_cast_are_the_same_network(content, image):
    model = onnx.load_model_from_string(content)
    for tensor in [t for t in model.graph.initializer if t.name in ("w0", "w1", "w2")]:
        stored = numpy_helper.to_array(tensor).astype(np.float16)
        model.graph.initializer.remove(tensor)
        model.graph.initializer.append(numpy_helper.from_array(stored, f"{tensor.name}_f16"))
        cast = helper.make_node("Cast", [f"{tensor.name}_f16"], [tensor.name], to=TensorProto.FLOAT)
        model.graph.node.insert(0, cast)
    halved = to_f16(model.SerializeToString())
    for name, values in run(to_f16(content), image).items():
        np.testing.assert_array_equal(run(halved, image)[name], values)
    assert sum(n.op_type == "Cast" for n in onnx.load_model_from_string(halved).graph.node) == 2


def test_a_weight_beyond_f16_is_refused(content):
    model = onnx.load_model_from_string(content)
    bias = next(t for t in model.graph.initializer if t.name == "b0")
    bias.CopyFrom(numpy_helper.from_array(np.full(16, 1e5, np.float32), "b0"))
    with pytest.raises(EngineError, match=r"b0: beyond the range of fp16.*fp32"):
        to_f16(model.SerializeToString())


def test_what_is_no_model_is_refused():
    with pytest.raises(EngineError, match="not an ONNX model"):
        to_f16(b"\xff\xff\xff nothing")


def test_a_branch_is_refused(content):
    model = onnx.load_model_from_string(content)
    branch = helper.make_graph([], "empty", [], [])
    node = helper.make_node("If", ["logs"], ["x"], then_branch=branch, else_branch=branch)
    model.graph.node.append(node)
    with pytest.raises(EngineError, match="branches and loops"):
        to_f16(model.SerializeToString())


@pytest.fixture
def int8(content, image):
    names = onnx_int8.int8_inputs(content)
    session = onnxruntime.InferenceSession(onnx_precision.with_outputs(content, names))
    seen = session.run(names, {"image": image})
    amax = {name: float(np.abs(values).max()) for name, values in zip(names, seen, strict=True)}
    return onnx_int8.to_int8(content, amax)


def test_int8_is_near_f32(content, int8, image):
    expected, got = run(content, image), run(int8, image)
    for name in MAPS:
        assert np.abs(got[name] - expected[name]).mean() < 0.01
        assert np.abs(got[name] - expected[name]).max() > 1e-4, "nothing was quantised"


def test_the_layers_behind_stem_and_before_outputs_are_not_int8(content):
    assert onnx_int8.int8_inputs(content) == ["b", "f"]


def test_int8_is_written_as_tensorrt_takes_it(int8):
    """Symmetric int8 activations, int8 weights per output channel, no quantised bias, no uint8 anywhere."""
    model = onnx.load_model_from_string(int8)
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    steps = [node for node in model.graph.node if node.op_type.endswith("quantizeLinear")]
    steps += [node for node in model.graph.node if node.op_type == "QuantizeLinear"]
    assert len([node for node in steps if node.op_type == "QuantizeLinear"]) == 2
    for node in [n for n in model.graph.node if n.op_type.endswith("antizeLinear")]:
        zero = arrays[node.input[2]]
        assert zero.dtype == np.int8
        assert not zero.any()
        if node.input[0] in arrays:
            assert arrays[node.input[0]].dtype == np.int8
            assert helper.get_node_attr_value(node, "axis") == 0
            assert arrays[node.input[1]].shape == (arrays[node.input[0]].shape[0],)
        else:
            assert arrays[node.input[1]].shape == ()
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    assert arrays[convolutions[0].input[2]].dtype == np.float16, "the bias stays in floating point"


def test_int8_without_a_range_is_refused(content):
    with pytest.raises(EngineError, match="no calibration range for f"):
        onnx_int8.to_int8(content, {"b": 1.0})


def test_ranges_are_those_of_the_pictures_with_room_above(content, tmp_path):
    spec = load_spec(write_engine(tmp_path / "tiny", deep_network()))
    pictures = [np.random.default_rng(k).integers(0, 255, (30, 50, 3), np.uint8) for k in range(2)]
    inputs = calibration.picture_inputs(spec, pictures)
    assert [array.shape for array in inputs] == [(1, 3, 32, 56)] * 2
    names = onnx_int8.int8_inputs(content)
    session = onnxruntime.InferenceSession(onnx_precision.with_outputs(content, names))
    seen = [session.run(names, {"image": array}) for array in inputs]
    ranges = calibration.activation_ranges(spec, inputs)
    assert list(ranges) == names
    for k, name in enumerate(names):
        largest = max(float(np.abs(outputs[k]).max()) for outputs in seen)
        assert ranges[name] == pytest.approx(calibration.HEADROOM * largest, rel=1e-3)


def test_large_pictures_are_brought_to_analysis_scale(tmp_path):
    spec = load_spec(write_engine(tmp_path / "tiny"))
    (array,) = calibration.picture_inputs(spec, [np.full((360, 640, 3), 255, np.uint8)])
    assert array.shape == (1, 3, 40, 64)
    assert array.dtype == np.float32
    assert array.min() == array.max() == 1.0


def test_calibrating_on_nothing_is_refused(tmp_path):
    with pytest.raises(EngineError, match="no pictures"):
        calibration.activation_ranges(load_spec(write_engine(tmp_path / "tiny")), [])


@pytest.mark.parametrize("name", ["motion_blur", "regions"])
def test_int8_is_calibrated_on_the_pixels_that_inference_sees(name):
    """The stage that runs the engine and the calibration give the network the same input, borders too."""
    picture = np.random.default_rng(3).integers(0, 255, (233, 351, 3), np.uint8)
    spec = load_spec(name)
    (calibrated,) = calibration.picture_inputs(spec, [picture])
    seen = Recorded(spec)
    stage = BlurSegmenter(seen) if name == "motion_blur" else RegionDetector(seen)
    with pytest.raises(StopIteration):
        stage(picture)
    np.testing.assert_array_equal(seen.image, calibrated)


class Recorded:
    """A session that keeps its input and computes nothing."""

    def __init__(self, spec):
        self.spec, self.image = spec, None

    def run(self, inputs):
        self.image = inputs["image"].copy()
        raise StopIteration
