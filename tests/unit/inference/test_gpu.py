"""Without a GPU: every answer is a reason with a fix. With CUDA's own error codes: each becomes our error."""

from __future__ import annotations

import numpy as np
import pytest

from qc_plugin.errors import ConfigError, EngineError, QcError
from qc_plugin.inference.backends import tensorrt
from qc_plugin.inference.fallback import SessionWithFallback
from qc_plugin.inference.select import open_session
from qc_plugin.inference.spec import load_spec
from qc_plugin.inference.tensorrt import gpu
from qc_plugin.inference.tensorrt.device_buffers import GpuInfo, GpuLostError, GpuMemoryError, check_fits
from tests.support.tiny_onnx import small_network, write_engine

no_gpu = pytest.mark.skipif(gpu.gpu_missing() is None, reason="a GPU is here")


@no_gpu
def test_without_a_gpu_every_question_has_an_answer_with_a_fix():
    assert "install" in gpu.gpu_missing()
    for library in gpu.LIBRARIES:
        assert "install" in gpu.unusable(library)
        with pytest.raises(EngineError, match=f"no GPU can be used here.*{library}"):
            gpu.open_device(library=library)


@no_gpu
def test_without_a_gpu_tensorrt_is_missing_and_auto_runs_on_the_cpu(tmp_path):
    assert tensorrt.missing()
    spec = load_spec(write_engine(tmp_path / "tiny"))
    assert open_session(spec).device == "CPU"
    with pytest.raises(EngineError, match=r"backend 'tensorrt'.*doctor"):
        open_session(spec, backend="tensorrt")


def test_cudas_answers_become_our_errors():
    device_cuda = pytest.importorskip("qc_plugin.inference.tensorrt.device_cuda")
    status = pytest.importorskip("cuda.bindings.runtime").cudaError_t
    assert device_cuda.answer("f", (status.cudaSuccess,)) is None
    assert device_cuda.answer("f", (status.cudaSuccess, 5)) == 5
    assert device_cuda.answer("f", (status.cudaSuccess, 5, 6)) == (5, 6)
    with pytest.raises(GpuMemoryError, match=r"out of memory.*smaller batch") as caught:
        device_cuda.answer("f", (status.cudaErrorMemoryAllocation, None))
    assert caught.value.exit_code == 2
    for name in (
        "cudaErrorIllegalAddress",
        "cudaErrorECCUncorrectable",
        "cudaErrorNoDevice",
        "cudaErrorUnknown",
    ):
        with pytest.raises(GpuLostError, match=name) as lost:
            device_cuda.answer("f", (getattr(status, name), None))
        assert lost.value.exit_code == 75
    with pytest.raises(QcError, match="please report") as ours:
        device_cuda.answer("f", (status.cudaErrorInvalidValue,))
    assert ours.value.exit_code == 70


class Block:
    n_bytes = 8


def test_a_copy_beyond_the_block_is_refused_before_cuda_sees_it():
    check_fits(Block(), np.zeros(8, np.uint8))
    with pytest.raises(ValueError, match="copy of 9 bytes"):
        check_fits(Block(), np.zeros(9, np.uint8))
    with pytest.raises(ValueError, match="contiguous False"):
        check_fits(Block(), np.zeros((4, 4), np.uint8)[:, 0])


def test_a_gpu_names_its_target():
    assert GpuInfo(0, "x", (12, 0), 1, 13000).target == "sm_120"


class Failing:
    """A real session whose run ends as a lost GPU's does, after `n_good` runs."""

    def __init__(self, session, error, n_good=0):
        self.session, self.error, self.n_good, self.closed = session, error, n_good, False
        self.spec, self.use = session.spec, session.use
        self.backend, self.device, self.precision = "failing", "GPU", "f16"

    def run(self, inputs):
        if self.n_good:
            self.n_good -= 1
            return self.session.run(inputs)
        raise self.error

    def close(self):
        self.closed = True


@pytest.fixture
def cpu(tmp_path):
    spec = load_spec(write_engine(tmp_path / "tiny", small_network()))
    return open_session(spec, backend="openvino", precision="f32", threads=1)


IMAGE = {"image": np.random.default_rng(0).random((1, 3, 32, 32), dtype=np.float32)}


@pytest.mark.parametrize("error", [GpuLostError("gone"), GpuMemoryError("full")])
def test_a_lost_gpu_goes_on_on_the_cpu_without_losing_the_batch(cpu, error, caplog):
    first = Failing(cpu, error, n_good=1)
    session = SessionWithFallback(first, lambda: cpu)
    assert session.run(IMAGE)["probability"].shape == (1, 1, 8, 8)
    assert session.device == "GPU"
    got = session.run(IMAGE)
    np.testing.assert_array_equal(got["probability"], cpu.run(IMAGE)["probability"])
    assert first.closed
    assert (session.backend, session.device, session.precision) == ("openvino", "CPU", "f32")
    assert session.use.backend == "openvino", "the report must say what ran"
    assert "going on with openvino" in caplog.text


def test_the_setting_stops_instead(cpu, monkeypatch):
    monkeypatch.setenv("QC_GPU_LOST", "stop")
    with pytest.raises(GpuLostError, match="gone"):
        SessionWithFallback(Failing(cpu, GpuLostError("gone")), lambda: cpu).run(IMAGE)


def test_a_setting_that_means_nothing_is_refused(cpu, monkeypatch):
    monkeypatch.setenv("QC_GPU_LOST", "retry")
    with pytest.raises(ConfigError, match="QC_GPU_LOST: expected cpu or stop"):
        SessionWithFallback(cpu, lambda: cpu)


def test_an_error_of_ours_is_not_mistaken_for_a_lost_gpu(cpu):
    with pytest.raises(ValueError, match="expected inputs"):
        SessionWithFallback(cpu, lambda: cpu).run({})
