import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from hypothesis.extra import numpy as arrays  # noqa: E402

from engines.recipes.deblur.export import trace_all  # noqa: E402
from engines.recipes.deblur.model import BranchedConv, macs  # noqa: E402
from engines.recipes.deblur.pruned import DenseGraph, ListRestorer, PointConv, merged  # noqa: E402
from qc_plugin.stages.deblur_cells import list_cells  # noqa: E402

pytestmark = pytest.mark.train
TOLERANCE = 1e-4
ROWS, COLUMNS = 8, 12


def a_picture(seed=0):
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(1, 3, ROWS * 4, COLUMNS * 4, generator=generator)
    return image, torch.randn(1, 5, ROWS, COLUMNS, generator=generator) * 0.5


def on_list(network, image, code, kept):
    cells, neighbours = (torch.from_numpy(a) for a in list_cells(kept))
    listed = code[0].permute(1, 2, 0)[cells[:, 0], cells[:, 1]]
    return ListRestorer(network.restorer)(image, listed, cells, neighbours)


@settings(max_examples=15, deadline=None)
@given(kept=arrays.arrays(bool, (ROWS, COLUMNS)), seed=st.integers(0, 99))
def test_the_gathered_form_equals_the_3x3_network_for_any_mask(network, kept, seed):
    image, code = a_picture(seed)
    with torch.no_grad():
        dense = network.restorer(image, code, torch.from_numpy(kept)[None, None].float()).picture
        listed = on_list(network, image, code, kept)
    assert (dense - listed).abs().max() <= TOLERANCE
    outside = torch.from_numpy(~kept).repeat_interleave(4, 0).repeat_interleave(4, 1)
    assert torch.equal(listed[0, :, outside], image[0, :, outside])


def test_a_picture_with_no_cells_comes_back(network):
    image, code = a_picture()
    with torch.no_grad():
        made = on_list(network, image, code, torch.zeros(ROWS, COLUMNS, dtype=torch.bool).numpy())
    assert torch.equal(made, image)


def test_branches_merge_into_one_kernel():
    torch.manual_seed(0)
    branched = BranchedConv(8, 8)
    for weight in branched.parameters():
        torch.nn.init.normal_(weight)
    x = torch.randn(2, 8, 9, 7)
    separate = torch.nn.functional.conv2d(x, branched.wide, branched.bias, padding=1)
    separate += torch.einsum("oi,bihw->bohw", branched.point, x)
    separate += branched.identity[None, :, None, None] * x
    assert torch.allclose(branched(x), separate, atol=TOLERANCE)
    assert torch.allclose(merged(branched)(x), separate, atol=TOLERANCE)


def test_one_convolution_as_a_gather_and_a_product():
    torch.manual_seed(1)
    branched = BranchedConv(5, 5)
    kept = torch.rand(6, 7) < 0.5
    x = torch.randn(1, 5, 6, 7) * kept
    cells, neighbours = (torch.from_numpy(a) for a in list_cells(kept.numpy()))
    rows = PointConv(branched)(x[0, :, cells[:, 0], cells[:, 1]].T, neighbours)
    assert torch.allclose(rows.T, branched(x)[0, :, cells[:, 0], cells[:, 1]], atol=TOLERANCE)


def test_merging_changes_nothing(network):
    image, code = a_picture()
    kept = torch.ones(1, 1, ROWS, COLUMNS)
    with torch.no_grad():
        assert torch.allclose(
            DenseGraph(network.restorer)(image, code, kept),
            network.restorer(image, code, kept).picture,
            atol=TOLERANCE,
        )


def test_multiply_adds_fall_with_the_kept_share():
    ratios = [
        macs(1024, 1024, kept)["pruned"] / macs(1024, 1024, kept)["dense"] for kept in (0, 0.15, 0.3, 1)
    ]
    assert ratios[0] < ratios[1] < ratios[2] < ratios[3] == 1.0


@pytest.mark.slow
def test_the_list_is_exported_as_one_scatter_of_rows(network):
    operators = [node.op_type for node in trace_all(network)["deblur_cells"].graph.node]
    assert operators.count("ScatterND") == 1
    assert "ScatterElements" not in operators
