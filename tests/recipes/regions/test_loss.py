"""Assignment and loss: who answers for what, and what is left out."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from engines.recipes.regions.loss import (  # noqa: E402
    assign,
    detection_loss,
    flatten,
    giou,
    make_cells,
)

pytestmark = pytest.mark.train


def outputs_of(size, n=1, logit=-4.0, sides=16.0):
    return [
        (torch.full((n, 3, size // s, size // s), logit), torch.full((n, 12, size // s, size // s), sides))
        for s in (8, 16, 32)
    ]


def test_cells_and_flatten_agree_with_the_decoder_of_the_product():
    import numpy as np

    from qc_plugin.stages.region_decoders import decode_centre_ltrb

    torch.manual_seed(0)
    outputs = [
        (torch.randn(1, 3, 64 // s, 96 // s), torch.rand(1, 12, 64 // s, 96 // s) * 40) for s in (8, 16, 32)
    ]
    logits, boxes = flatten(outputs, make_cells(64, 96))
    maps = {}
    for s, (heat, sides) in zip((8, 16, 32), outputs, strict=True):
        maps |= {f"heat_{s}": heat.sigmoid().numpy(), f"box_{s}": sides.numpy()}
    names = ("a", "b", "c")
    params = {"strides": [8, 16, 32], "thresholds": dict.fromkeys(names, 0.0), "nms_iou": 1.0}
    (found,) = decode_centre_ltrb(maps, params, names)
    assert len(found) == logits.numel()  # nothing suppressed at an IoU of 1
    best = logits[0].flatten().argmax()
    cell, label = divmod(int(best), 3)
    assert found[0, 5] == label
    np.testing.assert_allclose(found[0, :4], boxes[0, cell, label].numpy(), rtol=1e-5)


def test_giou_of_known_boxes():
    a = torch.tensor([[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 1.0, 1.0]])
    b = torch.tensor([[1.0, 0.0, 3.0, 2.0], [2.0, 0.0, 3.0, 1.0]])
    iou, generalised = giou(a, b)
    torch.testing.assert_close(iou, torch.tensor([1 / 3, 0.0]))
    torch.testing.assert_close(generalised, torch.tensor([1 / 3, -1 / 3]))


@pytest.mark.parametrize(("side", "strides"), [(12, {8}), (60, {8, 16}), (150, {16, 32}), (300, {32})])
def test_size_chooses_the_stride_and_every_object_finds_a_cell(side, strides):
    cells = make_cells(320, 320)
    middle = 163.0
    box = torch.tensor([[middle - side / 2, middle - side / 2, middle + side / 2, middle + side / 2]])
    predicted = torch.cat([cells.centre - 20, cells.centre + 20], 1)
    target, _ = assign(torch.full((len(cells.centre),), 0.01), predicted, cells, box)
    chosen = target > 0
    assert 1 <= int(chosen.sum()) <= 9
    assert set(cells.stride[chosen].int().tolist()) <= strides
    inside = (cells.centre[chosen] - middle).abs().max()
    assert inside <= max(side / 2, 4 + 8)


def test_of_two_objects_in_one_place_each_cell_serves_one():
    cells = make_cells(64, 64)
    objects = torch.tensor([[10.0, 10.0, 40.0, 40.0], [14.0, 14.0, 44.0, 44.0]])
    predicted = torch.cat([cells.centre - 15, cells.centre + 15], 1)
    target, owner = assign(torch.full((len(cells.centre),), 0.1), predicted, cells, objects)
    assert set(owner[target > 0].tolist()) == {0, 1}
    assert float(target.max()) <= 1.0


def test_ignored_boxes_and_unknown_hands_cost_nothing():
    cells, outputs = make_cells(64, 64), outputs_of(64, logit=2.0)  # fires everywhere
    none = [torch.zeros(0, 4)], [torch.zeros(0, dtype=torch.long)], [torch.zeros(0, dtype=torch.bool)]
    known, unknown = torch.ones(1, 8, 8, dtype=torch.bool), torch.zeros(1, 8, 8, dtype=torch.bool)
    all_wrong = detection_loss(outputs, cells, *none, known)[0]
    without_hands = detection_loss(outputs, cells, *none, unknown)[0]
    torch.testing.assert_close(without_hands, all_wrong * 2 / 3)
    whole = [torch.tensor([[0.0, 0.0, 64.0, 64.0]])] * 1
    ignored = detection_loss(outputs, cells, whole, [torch.tensor([0])], [torch.tensor([True])], unknown)
    torch.testing.assert_close(ignored[0], all_wrong / 3)
    assert float(ignored[1]) == 0.0


def test_a_labelled_hand_is_taught_even_where_other_hands_are_unknown():
    cells, outputs = make_cells(64, 64), outputs_of(64)
    box = [torch.tensor([[16.0, 16.0, 48.0, 48.0]])]
    unknown = torch.zeros(1, 8, 8, dtype=torch.bool)
    heat, side = detection_loss(outputs, cells, box, [torch.tensor([1])], [torch.tensor([False])], unknown)
    none = [torch.zeros(0, 4)], [torch.zeros(0, dtype=torch.long)], [torch.zeros(0).bool()]
    empty = detection_loss(outputs, cells, *none, unknown)
    assert float(heat) > 2 * float(empty[0])
    assert float(side) > 0


def test_the_loss_teaches_one_picture_by_heart():
    torch.manual_seed(0)
    cells = make_cells(64, 64)
    box, label = torch.tensor([[10.0, 6.0, 50.0, 54.0]]), torch.tensor([2])
    raw = [
        (
            torch.full((1, 3, 64 // s, 64 // s), -4.0, requires_grad=True),
            torch.full((1, 12, 64 // s, 64 // s), 2.5, requires_grad=True),
        )
        for s in (8, 16, 32)
    ]
    optimiser = torch.optim.Adam([t for pair in raw for t in pair], lr=0.1)
    known = torch.ones(1, 8, 8, dtype=torch.bool)
    for _ in range(150):
        outputs = [(heat, sides.exp()) for heat, sides in raw]
        loss = sum(detection_loss(outputs, cells, [box], [label], [torch.tensor([False])], known))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    logits, boxes = flatten([(heat, sides.exp()) for heat, sides in raw], cells)
    best = int(logits[0].flatten().argmax())
    assert best % 3 == 2
    assert float(logits.max().sigmoid()) > 0.8
    assert float(giou(boxes[0, best // 3, 2], box[0])[0]) > 0.9
