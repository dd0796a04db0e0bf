import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from engines.recipes.motion_blur.model import Segmenter, Widths  # noqa: E402
from engines.recipes.optimiser import ADAMW_RMS, Muon, Together, orthogonal  # noqa: E402

pytestmark = pytest.mark.train
SHAPES = st.tuples(st.integers(2, 40), st.integers(2, 120))


def nearest(matrix):
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    return left @ right


@settings(max_examples=25, deadline=None)
@given(SHAPES, st.integers(0, 1000), st.floats(1e-4, 1e4))
def test_it_keeps_the_directions_and_evens_out_their_sizes(shape, seed, scale):
    torch.manual_seed(seed)
    matrix = torch.randn(shape) * scale
    out, (left, sizes, right) = orthogonal(matrix), torch.linalg.svd(matrix, full_matrices=False)
    turned = left.T @ out @ right.T  # diagonal when the singular directions are kept
    assert (turned - torch.diag(turned.diagonal())).abs().max() < 1e-2
    plain = turned.diagonal()[sizes > 0.02 * matrix.norm()]  # five rounds do not reach what is smaller
    assert plain.min() > 0.5
    assert plain.max() < 1.3


def test_it_is_near_the_nearest_orthogonal_matrix():
    torch.manual_seed(0)
    matrix = torch.randn(24, 96)
    assert torch.nn.functional.cosine_similarity(orthogonal(matrix), nearest(matrix), 1).min() > 0.97


def test_zeros_and_a_transposed_matrix():
    assert not orthogonal(torch.zeros(4, 9)).any()
    torch.manual_seed(0)
    matrix = torch.randn(7, 30)
    assert torch.allclose(orthogonal(matrix.T), orthogonal(matrix).T, atol=1e-6)


def test_a_step_is_as_large_as_one_of_adamw():
    torch.manual_seed(0)
    kernel = torch.nn.Parameter(torch.zeros(32, 64, 3, 3))
    kernel.grad = torch.randn_like(kernel) * 1e-3
    Muon([kernel], lr=0.01, weight_decay=0.0).step()
    assert 0.5 < float(kernel.detach().square().mean().sqrt()) / (0.01 * ADAMW_RMS) < 1.5


def test_every_weight_has_one_optimiser_and_frozen_ones_have_none():
    network = Segmenter(Widths((16, 16, 16, 16, 16), 8, 16))
    network.coarse.requires_grad_(requires_grad=False)
    parts = Together(network, 1e-3).parts
    groups = [p for part in parts.values() for group in part.param_groups for p in group["params"]]
    assert {id(p) for p in groups} == {id(p) for p in network.parameters() if p.requires_grad}
    assert len(groups) == len({id(p) for p in groups})
    assert all(p.ndim == 4 and p.shape[-1] == 3 for p in parts["muon"].param_groups[0]["params"])


def test_the_state_of_another_optimiser_is_refused():
    network = torch.nn.Conv2d(2, 2, 3)
    with pytest.raises(ValueError, match="another optimiser"):
        Together(network, 1e-3).load_state_dict(torch.optim.AdamW(network.parameters()).state_dict())
    with pytest.raises(ValueError, match="backward"):
        Together(network, 1e-3).parts["muon"].step(lambda: 0.0)
