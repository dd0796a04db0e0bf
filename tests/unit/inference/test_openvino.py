"""The split that keeps band energies exact where the rest of an engine runs in bf16."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from qc_plugin.inference import runtimes
from qc_plugin.inference.backends import openvino as backend
from qc_plugin.inference.spec import load_spec
from tests.support.tiny_onnx import MAPS, blur_maps, small_network, write_engine

openvino = runtimes.openvino()


def read(model):
    return openvino.Core().read_model(model=model.SerializeToString())


def test_the_stem_ends_at_the_logarithm():
    stem, rest = backend.split_at_logarithms(read(small_network()), read(small_network()))
    kinds = [node.get_type_name() for node in stem.get_ordered_ops()]
    assert kinds.count("Log") == 1
    assert kinds.count("Convolution") == 1
    left = [node.get_type_name() for node in rest.get_ordered_ops()]
    assert "Log" not in left
    assert left.count("Convolution") == 2


def test_a_model_without_logarithm_stays_whole():
    model = read(blur_maps())
    assert backend.split_at_logarithms(model, read(blur_maps())) == [model]


@pytest.mark.parametrize(
    "network", [small_network(), blur_maps(), "motion_blur"], ids=["log", "no log", "shipped"]
)
def test_the_parts_together_are_the_whole(tmp_path, monkeypatch, network):
    """On a CPU without bf16 OpenVINO runs both parts in f32, so that they must give the whole's numbers."""
    spec = load_spec(network if isinstance(network, str) else write_engine(tmp_path / "tiny", network))
    monkeypatch.setattr(backend, "choose_precision", lambda spec, asked, capabilities: asked)
    whole = backend.open_session(spec, precision="f32", threads=1)
    split = backend.open_session(spec, precision="bf16", threads=1)
    has_bf16 = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    for shape in ((1, 3, 64, 128), (2, 3, 128, 64)):
        image = np.random.default_rng(0).random(shape, dtype=np.float32)
        expected, got = whole.run({"image": image}), split.run({"image": image})
        for name in MAPS:
            np.testing.assert_allclose(got[name], expected[name], atol=5e-2 if has_bf16 else 1e-6)
    split.close()
    with pytest.raises(ValueError, match="closed"):
        split.run({"image": image})


FIRST_USE = """
import sys, threading
import numpy as np
from qc_plugin.inference.select import open_session
from qc_plugin.inference.spec import load_spec

sys.setswitchinterval(1e-6)  # without care about the first use, one run in three hung
start = threading.Barrier(2)

def run(name):
    session = open_session(load_spec(name), backend="openvino", threads=1)
    start.wait()
    session.run({"image": np.zeros((1, 3, 64, 64), np.float32)})

threads = [threading.Thread(target=run, args=(name,)) for name in ("motion_blur", "regions")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


@pytest.mark.parametrize("_attempt", range(3))
def test_two_threads_may_come_first(_attempt: int) -> None:
    subprocess.run([sys.executable, "-c", FIRST_USE], check=True, timeout=60)
