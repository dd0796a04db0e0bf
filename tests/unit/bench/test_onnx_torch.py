"""The torch form of a network, which TensorRT is compared with, computes what the network says."""

import numpy as np
import pytest

from qc_plugin.inference.select import open_session
from qc_plugin.inference.spec import list_engines, load_spec
from qc_plugin.inference.tensorrt.plan_builder import network

torch = pytest.importorskip("torch")
onnx_torch = pytest.importorskip("bench.onnx_torch")
pytestmark = pytest.mark.train


@pytest.mark.parametrize(("precision", "near"), [("f32", 1e-4), ("f16", 5e-3)])
@pytest.mark.parametrize("engine", list_engines())
def test_torch_agrees_with_onnxruntime(engine, precision, near):
    spec = load_spec(engine)
    side = spec.size.padded(64)
    image = np.random.default_rng(0).random((1, 3, side, side), dtype=np.float32)
    wanted = open_session(spec, backend="onnxruntime", precision="f32", threads=1).run({"image": image})
    module = onnx_torch.OnnxModule(network(spec, precision))
    with torch.inference_mode():
        got = dict(zip(module.outputs, module(torch.from_numpy(image)), strict=True))
    for name, expected in wanted.items():
        scale = max(1.0, float(np.abs(expected).max()))
        np.testing.assert_allclose(got[name].numpy() / scale, expected / scale, atol=near, err_msg=name)
