import hashlib
from pathlib import Path

import numpy as np
import pytest
import yaml

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from engines.recipes.motion_blur import checkpoint, metrics  # noqa: E402
from engines.recipes.motion_blur.export import EngineGraph, export  # noqa: E402
from engines.recipes.motion_blur.import_sketch import rename  # noqa: E402
from engines.recipes.motion_blur.model import Segmenter, Widths, derivative_bank  # noqa: E402
from engines.recipes.motion_blur.predictor import open_runner, predict  # noqa: E402
from engines.recipes.motion_blur.quantise import kept_in_float  # noqa: E402
from engines.recipes.onnx_file import unpack_weights  # noqa: E402
from qc_plugin.inference import runtimes  # noqa: E402

onnxruntime = runtimes.onnxruntime()
pytestmark = pytest.mark.train
ENGINE = Path(__file__).parents[3] / "engines/motion_blur"
WIDTHS = Widths((16, 16, 32, 32, 32), 8, 16)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("engine")
    torch.manual_seed(0)
    network = Segmenter(WIDTHS).train()
    with torch.no_grad():
        for _ in range(3):  # BatchNorm statistics that folding must carry over
            network(torch.rand(2, 3, 64, 64))
        network.picture.opinion.weight.normal_(0, 2)  # starts at zero, which would hide it
    weights = folder / "start.pt"
    checkpoint.save(weights, {"ema": network.state_dict(), "widths": (list(WIDTHS.channels), 8, 16)})
    difference = export(weights, folder, version="9.9.9", threshold=0.4, evidence_floor=0.2)
    return folder, network.eval(), difference


def test_exported_graph_equals_torch_at_any_size(exported):
    folder, network, difference = exported
    assert difference < 1e-4
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    image = torch.rand(3, 3, 192, 64)
    probability, intensity, evidence = session.run(
        ["probability", "intensity", "evidence"], {"image": image.numpy()}
    )
    with torch.no_grad():
        expected = EngineGraph(network)(image)
        made = network(image)
        unrounded = torch.sigmoid(made.probability + made.shift).numpy()
        alone = torch.sigmoid(made.probability).numpy()
    assert probability.shape == intensity.shape == evidence.shape == (3, 1, 48, 16)
    assert np.abs(probability - expected[0].numpy()).max() < 1e-4
    assert 0 < np.abs(probability - unrounded).max() < 5e-3  # float16 weights, folded norms: close, not equal
    assert np.abs(probability - alone).max() > 0.02  # the kind of picture has its say in the engine


def test_stem_and_heads_stay_in_float(exported):
    model = onnx.load(exported[0] / "model.onnx")
    kept = set(kept_in_float(unpack_weights(model)))
    weights = {n.name: n.input[1] for n in model.graph.node if n.op_type == "Conv"}
    in_float = {weights[name] for name in kept if name in weights}
    assert {n for n in in_float if "bank" not in n} == {
        f"network.{part}.weight"
        for part in ("mix.0", "head", "evidence.0.0", "evidence.1", "picture.opinion")
    }
    sums = [n.name for n in model.graph.node if n.op_type == "Add"]
    residual = 1 + 4 * 2 + 4 + 3  # enter, encoder, skips, decoder
    assert len([n for n in sums if n not in kept]) == residual


def test_graph_has_no_norms_named_axes_and_no_paths(exported):
    model = onnx.load(exported[0] / "model.onnx")
    assert "BatchNormalization" not in {n.op_type for n in model.graph.node}
    dims = [d.dim_param or d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    assert dims == ["batch", 3, "height", "width"]
    assert model.opset_import[0].version == 18
    assert b".py" not in model.SerializeToString()


def test_shipped_engine_yaml_states_the_files_beside_it():
    spec = yaml.safe_load((ENGINE / "engine.yaml").read_text())
    for stated in (spec["model"], *spec.get("variants", [])):
        content = (ENGINE / stated["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == stated["sha256"]
        assert len(content) == stated["bytes"] <= 30e6
    assert [o["name"] for o in spec["outputs"]] == ["probability", "intensity", "evidence"]


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (64, 64), (65, 127), (480, 640)])
@pytest.mark.parametrize("level", [0, 255])
def test_shipped_engine_answers_any_size_of_flat_picture(shape, level):
    maps = predict(open_runner(ENGINE / "model.onnx", n_threads=1), np.full((*shape, 3), level, np.uint8))
    for plane in (maps.probability, maps.intensity, maps.evidence):
        assert plane.shape == shape
        assert np.isfinite(plane).all()
        assert plane.min() >= 0
        assert plane.max() <= 1


def test_wrong_size_names_the_next_valid_one():
    with pytest.raises(ValueError, match=r"\(64, 128\)"):
        Segmenter(WIDTHS)(torch.rand(1, 3, 60, 100))


def test_filter_bank_tells_directions_apart_and_ignores_flat_pictures():
    bank = derivative_bank()
    assert bank.sum((1, 2, 3)).abs().max() < 1e-6
    wave = torch.sin(torch.arange(32) * 1.2).expand(32, 32)[None, None]  # changes along x only
    energy = torch.nn.functional.conv2d(wave, bank).abs().mean((0, 2, 3))
    assert energy[0] > 5 * energy[8]  # across x against across y


def test_every_parameter_of_the_sketch_has_a_name_here():
    assert rename("stem.mix.1.running_mean") == "mix.1.running_mean"
    assert rename("dec.0.1.bias") == "up.0.refine.0.1.bias"
    assert rename("dec.2.1.a.0.weight") == "up.2.refine.1.first.0.weight"
    assert rename("enc.3.1.b.1.running_var") == "encode.3.1.second.1.running_var"


def test_curve_agrees_with_counting():
    rng = np.random.default_rng(0)
    score, truth = rng.uniform(size=5000), rng.uniform(size=5000) < 0.4
    score = np.clip(score + 0.3 * truth, 0, 0.999)
    curve = metrics.Curve()
    curve.add(score, truth)
    flagged = score >= 0.5
    assert curve.at(0.5).iou == pytest.approx((flagged & truth).sum() / (flagged | truth).sum())
    assert curve.at(0.5).false_area == pytest.approx(flagged[~truth].mean())
    assert curve.auc() == pytest.approx(metrics.auc(score[truth], score[~truth]), abs=2e-3)
    assert curve.at(curve.best_threshold()).iou >= curve.at(0.5).iou


def test_spearman_sees_order_only():
    a = np.arange(50.0)
    assert metrics.spearman(a, a**3) == pytest.approx(1)
    assert metrics.spearman(a, -a) == pytest.approx(-1)
    assert metrics.spearman(np.repeat(a, 2), np.repeat(a, 2) // 10) > 0.95
