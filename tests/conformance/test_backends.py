"""One suite over every back-end: what a session owes its caller, and how near it is to onnxruntime in
fp32."""

from __future__ import annotations

import av
import numpy as np
import pytest

from qc_plugin.errors import EngineError
from qc_plugin.inference import runtimes
from qc_plugin.inference.select import AUTO_ORDER, BACKENDS, open_session
from qc_plugin.inference.spec import list_engines, load_spec
from qc_plugin.stages.regions import RegionDetector
from qc_plugin.stages.segment import BlurSegmenter
from tests.support.media import SAMPLE
from tests.support.tiny_onnx import MAPS, contract, small_network, write_engine

# Largest difference of any output to onnxruntime in fp32, by precision. f32: other order of sums, through a
# logarithm. int8: what a variant may cost to be shipped at all. bf16 has 8 bits of mantissa in every layer,
# and CPUs with AMX and without round differently: single cells of a map say little, so its mean is held here,
# and boxes and blurred areas, which rules judge, below.
TOLERANCE = {"f32": 1e-4, "f16": 5e-3, "int8": 5e-2}
BF16_MEAN = 2e-2
SHAPES = [(1, 3, 16, 16), (2, 3, 24, 64), (5, 3, 40, 32), (1, 3, 64, 24)]


def mark(name, module):
    """GPU back-ends are `gpu` tests, so that a promised GPU that is missing fails; others skip."""
    if name not in AUTO_ORDER:
        return pytest.mark.gpu
    return pytest.mark.skipif(module.missing() is not None, reason=module.missing() or "")


usable = [pytest.param(name, marks=mark(name, module)) for name, module in BACKENDS.items()]


def picture(shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    return load_spec(write_engine(tmp_path_factory.mktemp("engine") / "tiny", small_network()))


@pytest.fixture(scope="module")
def reference(spec):
    return open_session(spec, backend="onnxruntime", precision="f32", threads=1)


@pytest.fixture(params=usable)
def session(request, spec):
    opened = open_session(spec, backend=request.param, precision="f32", threads=1)
    yield opened
    opened.close()


def test_it_says_what_runs(session, spec):
    assert session.backend in BACKENDS
    assert session.device
    assert (session.device == "CPU") == (session.backend in AUTO_ORDER)
    assert session.precision == "f32"
    assert session.spec is spec
    assert (session.use.name, session.use.version) == ("tiny", "0.1.0")
    assert (session.use.precision, session.use.sha256) == ("f32", spec.model.sha256)


@pytest.mark.parametrize("shape", SHAPES)
def test_it_agrees_with_the_reference_at_any_size_and_batch(session, reference, shape):
    image = picture(shape)
    got, expected = session.run({"image": image}), reference.run({"image": image})
    assert list(got) == list(MAPS)
    for name in MAPS:
        assert got[name].shape == (shape[0], 1, shape[2] // 4, shape[3] // 4)
        assert got[name].dtype == np.float32
        np.testing.assert_allclose(got[name], expected[name], atol=TOLERANCE["f32"], rtol=0)


def test_a_repeat_gives_the_same_bits_whatever_ran_between(session):
    image = picture((1, 3, 32, 48))
    first = session.run({"image": image})
    session.run({"image": picture((3, 3, 64, 16), seed=1)})
    again = session.run({"image": image})
    for name in MAPS:
        np.testing.assert_array_equal(first[name], again[name])


def test_results_are_not_overwritten_by_the_next_run(session):
    first = session.run({"image": picture((1, 3, 32, 32))})
    kept = {name: array.copy() for name, array in first.items()}
    session.run({"image": picture((1, 3, 32, 32), seed=2)})
    for name in MAPS:
        np.testing.assert_array_equal(first[name], kept[name])
        assert first[name].flags.writeable


def test_a_frame_in_a_batch_is_the_frame_alone(session):
    images = picture((4, 3, 32, 48))
    together = session.run({"image": images})
    for k in range(4):
        alone = session.run({"image": images[k : k + 1]})
        for name in MAPS:
            np.testing.assert_allclose(together[name][k], alone[name][0], atol=1e-6, rtol=0)


def test_strided_input_is_read_as_it_is_indexed(session):
    image = picture((1, 3, 32, 48))
    mirrored = session.run({"image": image[..., ::-1]})
    copied = session.run({"image": np.ascontiguousarray(image[..., ::-1])})
    for name in MAPS:
        np.testing.assert_array_equal(mirrored[name], copied[name])


def test_input_is_not_written_to(session):
    image = picture((1, 3, 32, 48))
    image.flags.writeable = False
    kept = image.copy()
    session.run({"image": image})
    np.testing.assert_array_equal(image, kept)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, r"expected inputs \['image'\], got \[\]"),
        ({"picture": picture((1, 3, 16, 16))}, r"got \['picture'\]"),
        ({"image": picture((1, 3, 16, 16)), "more": picture((1,))}, "expected inputs"),
        ({"image": picture((1, 3, 16, 16)).astype(np.float64)}, "expected a float32 array, got float64"),
        ({"image": np.zeros((1, 3, 16, 16), np.uint8)}, "got uint8"),
        ({"image": [[0.0]]}, "got list"),
        ({"image": picture((3, 16, 16))}, "expected a filled NCHW array"),
        ({"image": picture((0, 3, 16, 16))}, "expected a filled NCHW array"),
        ({"image": picture((1, 4, 16, 16))}, "expected 3 channels"),
        ({"image": picture((1, 16, 16, 3))}, "expected 3 channels"),
        ({"image": picture((1, 3, 17, 16))}, "expected H to be a multiple of 8"),
        ({"image": picture((1, 3, 16, 12))}, "expected W to be a multiple of 8"),
        ({"image": picture((1, 3, 8, 16))}, r"in 16\.\.4096"),
    ],
)
def test_input_that_breaks_the_contract_is_a_value_error(session, inputs, message):
    with pytest.raises(ValueError, match=message):
        session.run(inputs)


def test_a_closed_session_does_not_run(session):
    session.close()
    session.close()
    with pytest.raises(ValueError, match="closed"):
        session.run({"image": picture((1, 3, 16, 16))})


@pytest.mark.parametrize("backend", usable)
def test_an_altered_model_is_never_loaded(tmp_path, backend):
    folder = write_engine(tmp_path / "tiny")
    path = folder / "model.onnx"
    path.write_bytes(small_network(seed=3).SerializeToString())
    with pytest.raises(EngineError, match="expected"):
        open_session(load_spec(folder), backend=backend)


@pytest.mark.parametrize("backend", usable)
def test_a_model_with_an_unknown_operator_is_an_engine_error(tmp_path, backend):
    model = small_network()
    model.graph.node[1].op_type = "Frobnicate"
    with pytest.raises(EngineError, match=r"model\.onnx.*cannot load it") as caught:
        open_session(load_spec(write_engine(tmp_path / "tiny", model)), backend=backend)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("backend", usable)
def test_the_int8_variant_runs_where_it_is_asked_for(tmp_path, backend, spec, reference):
    """The variant file here is another network: only running it can give its numbers."""
    if backend == "tensorrt":
        pytest.skip("makes its own int8 from the fp32 file: a variant follows another runtime's rules")
    other = small_network(seed=7).SerializeToString()
    folder = tmp_path / "tiny"
    stated = contract(other)["model"] | {"precision": "int8", "file": "model.int8.onnx"}
    write_engine(folder, small_network(), variants=[stated])
    (folder / "model.int8.onnx").write_bytes(other)
    image = picture((1, 3, 32, 32))
    session = open_session(load_spec(folder), backend=backend, precision="int8")
    expected = open_session(
        load_spec(write_engine(tmp_path / "other", small_network(seed=7))), precision="f32"
    )
    assert session.precision == "int8"
    assert session.use.sha256 == stated["sha256"]
    got = session.run({"image": image})["probability"]
    np.testing.assert_allclose(got, expected.run({"image": image})["probability"], atol=TOLERANCE["f32"])
    assert np.abs(got - reference.run({"image": image})["probability"]).max() > TOLERANCE["f32"]


@pytest.mark.parametrize("precision", ["f32", "auto"])
@pytest.mark.parametrize("backend", usable)
@pytest.mark.parametrize("engine", list_engines())
def test_shipped_engines_agree_with_the_reference(engine, backend, precision):
    spec = load_spec(engine)
    side = spec.size.padded(128)
    image = smooth_picture(side)
    session = open_session(spec, backend=backend, precision=precision, threads=2)
    expected = open_session(spec, backend="onnxruntime", precision="f32", threads=2)
    key = spec.inputs[0].name
    got, wanted = session.run({key: image}), expected.run({key: image})
    for tensor in spec.outputs:
        scale = max(1.0, float(np.abs(wanted[tensor.name]).max()))  # box outputs are in px, maps in 0..1
        apart = np.abs(got[tensor.name] - wanted[tensor.name]) / scale
        if session.precision == "bf16":
            assert apart.mean() <= BF16_MEAN, (tensor.name, apart.mean())
        else:
            assert apart.max() <= TOLERANCE[session.precision], f"{tensor.name} in {session.precision}"


@pytest.fixture(scope="module")
def pictures():
    """Three frames of the sample: hands and a person at rest and in motion."""
    with av.open(str(SAMPLE)) as source:
        return [f.to_ndarray(format="rgb24") for n, f in enumerate(source.decode(video=0)) if n % 100 == 10]


def in_each_precision(stage, name):
    """The stage in f32 and in bf16; skips on a CPU that has none."""
    capabilities = runtimes.openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if "BF16" not in capabilities:
        pytest.skip("this CPU has no bf16 arithmetic")
    return [stage(open_session(load_spec(name), backend="openvino", precision=p)) for p in ("f32", "bf16")]


def test_bf16_finds_the_same_boxes(pictures):
    exact, rounded = in_each_precision(RegionDetector, "regions")
    n_compared = 0
    for picture in pictures:
        wanted, got = exact(picture), rounded(picture)
        for these, those in ((wanted, got), (got, wanted)):
            for region in these:
                if region.confidence < exact.threshold(region.kind) + 0.05:
                    continue  # at the threshold itself either may find it alone
                same = [r for r in those if r.kind == region.kind and iou(r.box_xyxy, region.box_xyxy) > 0.9]
                assert len(same) == 1, region
                assert same[0].confidence == pytest.approx(region.confidence, abs=0.05)
                n_compared += 1
    assert n_compared > 6


def test_bf16_sees_as_much_blur(pictures):
    exact, rounded = in_each_precision(BlurSegmenter, "motion_blur")
    for picture in pictures:
        wanted, got = exact(picture), rounded(picture)
        assert coverage(got) == pytest.approx(coverage(wanted), abs=0.01)


def coverage(blur):
    """As `blur_coverage`: how much of what can be seen is blurred."""
    return float(((blur.probability > 0.5) * blur.evidence).sum() / blur.evidence.sum())


def iou(a, b):
    shared = np.prod(np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None))
    areas = [np.prod(np.subtract(box[2:], box[:2])) for box in (a, b)]
    return shared / (sum(areas) - shared)


def smooth_picture(side):
    """Something like a photo: gradients, an edge, a little noise."""
    y, x = np.mgrid[:side, :side].astype(np.float32) / side
    base = 0.5 + 0.3 * np.sin(9 * x) * np.cos(7 * y) + 0.2 * (x > y)
    noise = np.random.default_rng(0).normal(0, 0.02, (3, side, side))
    return np.clip(base + noise, 0, 1).astype(np.float32)[None]
