"""Which back-end runs, and in what precision, is never a guess."""

from __future__ import annotations

import sys
import types

import pytest

from qc_plugin.errors import EngineError
from qc_plugin.inference import select
from qc_plugin.inference.backends.openvino import choose_precision
from qc_plugin.inference.select import AUTO_ORDER, BACKENDS, open_session
from qc_plugin.inference.spec import load_spec
from tests.support.tiny_onnx import contract, write_engine


def without(monkeypatch, *names):
    """Make back-ends say that they are not installed."""
    for name in names:
        module = types.SimpleNamespace(**vars(BACKENDS[name]))
        module.missing = lambda name=name: f"{name} is not installed"
        monkeypatch.setitem(select.BACKENDS, name, module)


@pytest.fixture(autouse=True)
def cpu_only(monkeypatch):
    """A GPU in the machine that runs the tests must not change what they see."""
    without(monkeypatch, *(set(BACKENDS) - set(AUTO_ORDER)))


@pytest.fixture
def spec(tmp_path):
    return load_spec(write_engine(tmp_path / "tiny"))


@pytest.fixture
def spec_with_int8(tmp_path):
    stated = contract(b"x")["model"] | {"precision": "int8", "file": "model.int8.onnx"}
    return load_spec(write_engine(tmp_path / "two", variants=[stated]))


def test_auto_takes_openvino_first(spec):
    session = open_session(spec)
    assert session.backend == AUTO_ORDER[0] == "openvino"
    assert (session.use.backend, session.use.sha256) == ("openvino", spec.model.sha256)


def test_auto_falls_back_and_says_so(spec, monkeypatch):
    without(monkeypatch, "openvino")
    session = open_session(spec)
    assert session.backend == session.use.backend == "onnxruntime"


def test_no_backend_at_all_is_an_error_with_the_fix(spec, monkeypatch):
    without(monkeypatch, "openvino", "onnxruntime")
    with pytest.raises(EngineError, match=r"openvino is not installed.*onnxruntime is not installed.*pip"):
        open_session(spec)


def test_a_backend_asked_for_is_never_replaced(spec, monkeypatch):
    without(monkeypatch, "onnxruntime")
    with pytest.raises(EngineError, match=r"pip install 'qc-plugin\[ort\]'"):
        open_session(spec, backend="onnxruntime")


@pytest.mark.parametrize(
    ("name", "hint"), [("openvno", "did you mean 'openvino'"), ("abacus", "choose auto")]
)
def test_an_unknown_backend_is_an_error(spec, name, hint):
    with pytest.raises(EngineError, match=hint):
        open_session(spec, backend=name)


def test_an_unknown_precision_names_the_known_ones(spec):
    with pytest.raises(EngineError, match="auto, f32, bf16, int8"):
        open_session(spec, backend="openvino", precision="fp32")


@pytest.mark.parametrize("backend", AUTO_ORDER)
def test_int8_without_a_variant_is_refused(spec, backend):
    with pytest.raises(EngineError, match="no int8 variant"):
        open_session(spec, backend=backend, precision="int8")


def test_no_threads_is_refused(spec):
    with pytest.raises(EngineError, match="threads: expected 1 or more, got 0"):
        open_session(spec, threads=0)


@pytest.mark.parametrize(
    ("asked", "capabilities", "chosen"),
    [
        ("auto", ["FP32", "INT8"], "f32"),
        ("auto", ["FP32", "BF16", "INT8"], "bf16"),
        ("f32", ["FP32", "BF16"], "f32"),
        ("bf16", ["FP32", "BF16"], "bf16"),
    ],
)
def test_openvino_runs_in_what_the_cpu_proposes(spec, asked, capabilities, chosen):
    assert choose_precision(spec, asked, capabilities) == chosen


def test_bf16_is_not_forced_on_a_cpu_without_it(spec):
    with pytest.raises(EngineError, match="no bf16"):
        choose_precision(spec, "bf16", ["FP32", "INT8"])


def test_auto_takes_the_int8_variant_only_without_bf16(spec_with_int8):
    assert choose_precision(spec_with_int8, "auto", ["FP32"]) == "int8"
    assert choose_precision(spec_with_int8, "auto", ["FP32", "BF16"]) == "bf16"
    assert choose_precision(spec_with_int8, "f32", ["FP32"]) == "f32"


def test_choosing_imports_no_runtime():
    """The back-end modules are imported by `select`; their runtimes must wait until a session opens."""
    import subprocess

    code = (
        "import sys, qc_plugin.inference.select; "
        "sys.exit(any(n.split('.')[0] in ('openvino', 'onnxruntime') for n in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
