"""From network to engine: shapes, export, the measure of quality, and a run that survives being killed."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pathlib import Path  # noqa: E402

from engines.recipes.mobilenet import Conv  # noqa: E402
from engines.recipes.regions import train as recipe  # noqa: E402
from engines.recipes.regions.catalogue import Picture, shared_data  # noqa: E402
from engines.recipes.regions.data import Batch  # noqa: E402
from engines.recipes.regions.evaluate import Judged, average_precision, best_threshold, curve, match  # noqa: E402
from engines.recipes.regions.model import RegionNet  # noqa: E402

pytestmark = pytest.mark.train
ALL = (0.0, 1e9)


def test_maps_have_the_strides_they_are_named_after():
    net = RegionNet().eval()
    with torch.no_grad():
        outputs = net(torch.rand(2, 3, 64, 96))
    for stride, (logits, sides) in zip((8, 16, 32), outputs, strict=True):
        assert logits.shape == (2, 3, 64 // stride, 96 // stride)
        assert sides.shape == (2, 12, 64 // stride, 96 // stride)
        assert float(logits.sigmoid().max()) < 0.1  # starts by finding nothing
        assert float(sides.min()) > 0


def test_stride_two_pads_right_and_bottom_as_the_imagenet_weights_expect():
    layer = Conv(1, 1, 3, stride=2, relu=False)
    layer.conv.weight.data.fill_(0)
    layer.conv.weight.data[0, 0, 0, 0] = 1.0  # looks at the top left of its window
    layer.conv.bias.data.zero_()
    image = torch.arange(16.0).reshape(1, 1, 4, 4)
    torch.testing.assert_close(layer(image), image[:, :, ::2, ::2])


def test_the_frozen_stem_gets_no_gradient_and_the_rest_does():
    net = RegionNet()
    sum(a.sum() + b.sum() for a, b in net(torch.rand(1, 3, 64, 64))).backward()
    frozen = [p for block in net.encoder.blocks[:4] for p in block.parameters()]
    assert all(p.grad is None for p in frozen)
    assert all(p.grad is not None for p in net.encoder.blocks[4].parameters())


@pytest.mark.slow
def test_export_equals_torch_at_shapes_it_was_not_traced_with():
    pytest.importorskip("onnxscript")
    from engines.recipes.regions.export import EngineGraph, contract, largest_difference, traced
    from qc_plugin.inference.spec import EngineSpec

    net = RegionNet()
    net.train()
    with torch.no_grad():  # BatchNorm with statistics of its own: folding must carry them
        net(torch.rand(4, 3, 96, 96))
    graph = EngineGraph(net).eval()
    content = traced(graph).SerializeToString()
    heat, box = largest_difference(graph, content)
    assert heat < 1e-4
    assert box < 0.05
    said = contract(content, "0.0.1", {"face": 0.5, "hand": 0.5, "person": 0.5})
    EngineSpec.model_validate(said)
    assert str(Path.home()).encode() not in content


def judged(objects, finds, *, ignore=None, hands_complete=True):
    boxes = np.float32(objects).reshape(-1, 5)
    count = len(boxes)
    picture = Picture(
        "p",
        "s",
        "photo",
        Path("none"),
        boxes[:, 1:],
        boxes[:, 0].astype(int),
        np.array(ignore or [False] * count, bool),
        hands_complete=hands_complete,
        scale=1.0,
    )
    rows = [[*f[2:], f[1], f[0]] for f in finds]
    return Judged(picture, boxes[:, 1:], np.float32(rows).reshape(-1, 6))


def test_average_precision_of_a_case_worked_by_hand():
    one = judged(
        [(0, 0, 0, 10, 10), (0, 50, 50, 60, 60)],
        [
            (0, 0.9, 0, 0, 10, 10),
            (0, 0.8, 200, 200, 210, 210),
            (0, 0.7, 50, 50, 60, 60),
            (0, 0.6, 0, 0, 10, 10),
        ],
    )
    # hit, miss, hit, double: precision 1, 1/2, 2/3, 1/2 at recall 1/2, 1/2, 1, 1 -> 1/2 * 1 + 1/2 * 2/3
    _, precision, recall, total = curve([one], 0, ALL)
    assert total == 2
    np.testing.assert_allclose(precision, [1, 1 / 2, 2 / 3, 1 / 2])
    assert average_precision(precision, recall) == pytest.approx(5 / 6)
    assert best_threshold([one], 0)[0] == pytest.approx(0.7)


def test_ignored_boxes_neither_reward_nor_punish():
    one = judged(
        [(0, 0, 0, 100, 100), (0, 200, 0, 300, 100)],
        [(0, 0.9, 10, 10, 40, 40), (0, 0.8, 200, 0, 300, 100), (0, 0.7, 400, 400, 420, 420)],
        ignore=[True, False],
    )
    confidence, hit, total = match(one, 0, ALL)
    assert total == 1
    np.testing.assert_allclose(confidence, [0.8, 0.7])
    assert hit.tolist() == [True, False]


def test_a_size_class_leaves_the_rest_out():
    one = judged(
        [(0, 0, 0, 10, 10), (0, 50, 50, 150, 150)],
        [(0, 0.9, 0, 0, 10, 10), (0, 0.8, 50, 50, 150, 150), (0, 0.7, 300, 300, 310, 310)],
    )
    confidence, hit, total = match(one, 0, (32.0, 1e9))
    assert (total, hit.tolist()) == (1, [True])
    assert confidence.tolist() == pytest.approx([0.8])


def test_hands_count_only_where_all_are_labelled():
    miss = [(1, 0.9, 0, 0, 10, 10)]
    assert len(curve([judged([], miss, hands_complete=False)], 1, ALL)[0]) == 0
    assert len(curve([judged([], miss)], 1, ALL)[0]) == 1


def random_batch(seed):
    rng = np.random.default_rng(seed)
    rgb = rng.integers(0, 256, (2, 64, 64, 3), np.uint8)
    boxes = [np.float32([[10, 10, 40, 40]]), np.zeros((0, 4), np.float32)]
    classes = [np.array([0]), np.zeros(0, np.int64)]
    return Batch(rgb, boxes, classes, [np.zeros(len(b), bool) for b in boxes], np.ones((2, 8, 8), bool))


@pytest.mark.real
def test_a_killed_run_goes_on_as_if_nothing_had_happened(tmp_path):
    if not (shared_data() / recipe.WEIGHTS).exists():
        pytest.skip("no encoder weights: set QC_SHARED_DATA")
    checkpoint = tmp_path / "run.pt"
    whole = recipe.start_run(checkpoint)
    whole.net.train()
    for step in range(4):
        if step == 2:
            recipe.save_run(whole, checkpoint)
        recipe.set_rates(whole, 60.0)
        recipe.train_step(whole, random_batch(step))
    resumed = recipe.start_run(checkpoint)
    assert resumed.step == 2
    for step in range(2, 4):
        recipe.set_rates(resumed, 60.0)
        recipe.train_step(resumed, random_batch(step))
    for name, value in whole.average.state_dict().items():
        torch.testing.assert_close(resumed.average.state_dict()[name], value, msg=name)
    saved = torch.load(checkpoint, weights_only=True)["net"]["heads.0.heat.weight"]
    moved = (whole.net.heads[0].heat.weight.detach() - saved).abs().max()
    assert float(moved) > 0  # the steps after the checkpoint did something
