"""TensorRT: every shipped engine really compiles, here and without a GPU; with one, plans run and agree."""

from __future__ import annotations

import numpy as np
import pytest

from qc_plugin.errors import EngineError
from qc_plugin.inference.backends import tensorrt
from qc_plugin.inference.select import open_session
from qc_plugin.inference.spec import list_engines, load_spec
from qc_plugin.inference.tensorrt import calibration, flavours, gpu
from qc_plugin.inference.tensorrt.device_buffers import GpuInfo
from qc_plugin.inference.tensorrt.plan_builder import build_plan, make_logger, network, plan_key
from qc_plugin.inference.tensorrt.plan_cache import PlanCache
from tests.conformance.test_backends import smooth_picture
from tests.support.tiny_onnx import small_network, write_engine

RTX = "tensorrt_rtx"
reason = flavours.flavour_missing(RTX)
builds = pytest.mark.skipif(reason is not None, reason=reason or "")
without_gpu = pytest.mark.skipif(gpu.gpu_missing() is None, reason="a GPU is here")

# Per output and pixel: (mean, largest) difference to onnxruntime in fp32. Probabilities; boxes relative to
# the largest side. The mask's own limit is 0.01 in fp16; int8 is judged by its mean, single pixels may flip.
LIMITS = {"f16": (2e-3, 1e-2), "int8": (1e-2, 0.2)}


def key_of(spec, *, target="portable", profile="analysis", precision="f16"):
    return plan_key(spec, flavour=RTX, target=target, profile=profile, precision=precision)


def calibrated(spec):
    pictures = [(smooth_picture(spec.size.padded(128))[0].transpose(1, 2, 0) * 255).astype(np.uint8)]
    return calibration.activation_ranges(spec, calibration.picture_inputs(spec, pictures))


@pytest.fixture
def tiny(tmp_path):
    return load_spec(write_engine(tmp_path / "tiny", small_network()))


@builds
@pytest.mark.parametrize("target", ["sm_86", "portable"])
@pytest.mark.parametrize("engine", list_engines())
def test_every_shipped_engine_compiles_to_fp16(engine, target):
    spec = load_spec(engine)
    plan = build_plan(network(spec, "f16"), spec, key_of(spec, target=target))
    assert len(plan) > spec.model.bytes / 4


@builds
def test_the_segmenter_compiles_to_int8():
    spec = load_spec("motion_blur")
    ranges = dict.fromkeys(calibration_names(spec), 1.0)  # the numbers do not matter for compiling
    plan = build_plan(network(spec, "int8", ranges), spec, key_of(spec, target="sm_89", precision="int8"))
    assert len(plan) > 1_000_000


def calibration_names(spec):
    from qc_plugin.inference.tensorrt.onnx_int8 import int8_inputs

    return int8_inputs(spec.read_model())


@builds
@pytest.mark.parametrize("profile", ["analysis", "720p", "1080p", "4k"])
def test_every_profile_compiles(tiny, profile):
    assert build_plan(network(tiny, "f16"), tiny, key_of(tiny, profile=profile))


@builds
@pytest.mark.parametrize("target", flavours.FLAVOURS[RTX].targets)
def test_every_target_that_is_offered_compiles(tiny, target):
    assert build_plan(network(tiny, "f32"), tiny, key_of(tiny, target=target, precision="f32"))


@builds
def test_a_target_it_does_not_know_is_refused_with_the_known_ones(tiny):
    with pytest.raises(EngineError, match=r"sm_90.*choose from portable, sm_75"):
        build_plan(network(tiny, "f32"), tiny, key_of(tiny, target="sm_90"))


@builds
def test_building_tells_how_far_it_is(tiny):
    heard = []
    build_plan(network(tiny, "f32"), tiny, key_of(tiny), tell=lambda *step: heard.append(step))
    assert len(heard) > 10
    assert all(0 <= done <= total for _, done, total in heard)
    phase, done, total = heard[-1]
    assert (phase, done) == ("Building engine", total)


@builds
def test_a_network_tensorrt_cannot_read_is_told_with_the_reason(tmp_path):
    model = small_network()
    model.graph.node[1].op_type = "Frobnicate"
    spec = load_spec(write_engine(tmp_path / "odd", model))
    with pytest.raises(
        EngineError, match=r"model\.onnx: tensorrt_rtx cannot load it: .*Frobnicate"
    ) as caught:
        build_plan(network(spec, "f32"), spec, key_of(spec))
    assert "\n" not in str(caught.value)


@builds
def test_an_altered_model_is_never_compiled(tmp_path):
    folder = write_engine(tmp_path / "tiny")
    (folder / "model.onnx").write_bytes(small_network(seed=3).SerializeToString())
    with pytest.raises(EngineError, match="expected"):
        network(load_spec(folder), "f16")


@builds
@without_gpu
def test_without_a_driver_a_plan_is_answered_with_none_not_with_a_crash(tiny):
    """What the back-end's `_deserialize` is written for; it turns None into an EngineError."""
    trt = flavours.load(RTX)
    said = []
    runtime = trt.Runtime(make_logger(trt, said))
    assert runtime.deserialize_cuda_engine(build_plan(network(tiny, "f32"), tiny, key_of(tiny))) is None
    assert said


@without_gpu
def test_without_a_gpu_a_session_is_refused_and_no_plan_is_looked_for(tiny, monkeypatch):
    monkeypatch.setattr(PlanCache, "load", lambda *_: pytest.fail("looked for a plan"))
    with pytest.raises(EngineError, match="no GPU can be used here"):
        tensorrt.open_session(tiny, precision="auto", threads=None)


def test_plans_are_looked_for_from_the_best_target_down(tiny):
    info = GpuInfo(0, "NVIDIA RTX A6000", (8, 6), 1, 13000)
    hopper = GpuInfo(0, "NVIDIA H100", (9, 0), 1, 13000)
    if RTX in flavours.installed():
        keys = [key for key in tensorrt.plan_keys(tiny, "f16", "720p", info) if key.flavour == RTX]
        assert [key.target for key in keys] == ["sm_86", "portable"]
        keys = [key for key in tensorrt.plan_keys(tiny, "f16", "720p", hopper) if key.flavour == RTX]
        assert [key.target for key in keys] == ["portable"]


# From here on: needs a GPU. None of it has run yet; see docs/gpu.md.


@pytest.fixture
def cache(tmp_path):
    return PlanCache(tmp_path / "plans")


def plan_for_this_gpu(spec, cache, precision, profile="analysis"):
    """Build and keep the plan that a session looks for first."""
    key = next(iter(tensorrt.plan_keys(spec, precision, profile, gpu.gpu_info())))
    amax = calibrated(spec) if precision == "int8" else None
    cache.store(key, build_plan(network(spec, precision, amax), spec, key))
    return key


@pytest.mark.gpu
@pytest.mark.parametrize("precision", LIMITS)
@pytest.mark.parametrize("engine", list_engines())
def test_shipped_engines_agree_with_fp32(engine, precision, cache):
    spec = load_spec(engine)
    if precision == "int8" and spec.task != "motion_blur":
        pytest.skip("int8 is offered for the segmenter")
    plan_for_this_gpu(spec, cache, precision)
    session = tensorrt.TensorRtSession(spec, precision=precision, cache=cache)
    image = np.concatenate([smooth_picture(spec.size.padded(256))] * 3)
    got = session.run({"image": image})
    wanted = open_session(spec, backend="onnxruntime", precision="f32").run({"image": image})
    mean, largest = LIMITS[precision]
    for name, expected in wanted.items():
        worst = np.abs(got[name] - expected) / max(1.0, float(np.abs(expected).max()))
        assert worst.mean() <= mean, name
        assert worst.max() <= largest, name
    session.close()


@pytest.mark.gpu
def test_batches_larger_than_the_plan_are_cut_and_put_together(tiny, cache):
    plan_for_this_gpu(tiny, cache, "f32")
    session = tensorrt.TensorRtSession(tiny, precision="f32", cache=cache)
    images = np.random.default_rng(0).random((75, 3, 32, 64), dtype=np.float32)
    together = session.run({"image": images})
    for k in (0, 31, 32, 74):
        alone = session.run({"image": images[k : k + 1]})
        np.testing.assert_allclose(together["probability"][k], alone["probability"][0], atol=1e-5)


@pytest.mark.gpu
def test_memory_that_is_short_halves_the_batch(tiny, cache):
    """Real memory, really taken: all but a little of it is held while a batch runs that would not fit."""
    plan_for_this_gpu(tiny, cache, "f32", "720p")
    session = tensorrt.TensorRtSession(tiny, precision="f32", cache=cache)
    images = np.random.default_rng(0).random((32, 3, 720, 1280), dtype=np.float32)
    device = gpu.open_device()
    held = device.allocate(max(device.free_bytes() - 300 * 2**20, 1))
    try:
        got = session.run({"image": images})
    finally:
        held.release()
    assert got["probability"].shape == (32, 1, 180, 320)


@pytest.mark.gpu
def test_a_damaged_plan_is_built_again_and_not_loaded(tiny, cache, monkeypatch, caplog):
    key = plan_for_this_gpu(tiny, cache, "f32")
    path = cache.folder / key.file_name
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    monkeypatch.delenv("QC_BUILD_PLANS")
    with pytest.raises(EngineError, match="qc-plugin engines build tiny --precision fp32"):
        tensorrt.TensorRtSession(tiny, precision="f32", cache=cache)
    assert "discarded" in caplog.text
    monkeypatch.setenv("QC_BUILD_PLANS", "1")
    tensorrt.TensorRtSession(tiny, precision="f32", cache=cache).close()


@pytest.mark.gpu
def test_what_was_finished_for_this_gpu_is_kept_for_the_next_start(tiny, cache):
    key = plan_for_this_gpu(tiny, cache, "f32")
    if key.flavour != RTX:
        pytest.skip("tensorrt finishes everything while building")
    session = tensorrt.TensorRtSession(tiny, precision="f32", cache=cache)
    session.run({"image": np.zeros((1, 3, 32, 32), np.float32)})
    session.close()
    assert list(cache.folder.glob("*.plan.jit-*"))
