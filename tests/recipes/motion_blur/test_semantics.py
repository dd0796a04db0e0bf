"""The frozen encoder changes nothing until it is trained in, and folds into what is exported."""

import copy

import pytest

torch = pytest.importorskip("torch")
import numpy as np  # noqa: E402

from engines.recipes.motion_blur.model import Segmenter, Widths  # noqa: E402
from engines.recipes.motion_blur.semantics import Adapter, Semantics  # noqa: E402

pytestmark = pytest.mark.train
SMALL = Widths((16, 16, 16, 16, 16), 8, 16)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return Segmenter(SMALL).eval()


def test_features_lie_at_strides_16_32_64():
    taps = Semantics()(torch.rand(1, 3, 128, 192))
    assert [tuple(t.shape[1:]) for t in taps] == [(32, 8, 12), (96, 4, 6), (320, 2, 3)]


def test_an_untrained_adapter_leaves_the_network_as_it_was(network):
    picture = torch.rand(1, 3, 64, 128)
    other = copy.deepcopy(network)
    for weight in other.semantics.parameters():
        torch.nn.init.normal_(weight)
    with torch.no_grad():
        assert torch.equal(network(picture).probability, other(picture).probability)


def test_nothing_of_the_encoder_is_trained(network):
    assert not any(p.requires_grad for p in network.semantics.parameters())
    assert all(p.requires_grad for p in network.adapt.parameters())


def test_a_folded_adapter_gives_the_same():
    torch.manual_seed(1)
    adapter = Adapter(6, 4)
    torch.nn.init.normal_(adapter.point.weight)
    for _ in range(20):
        adapter.train()(torch.randn(4, 6, 5, 5) * 3 + 2)
    adapter.eval()
    x = torch.randn(2, 6, 5, 5)
    before = adapter(x)
    adapter.fold()
    assert torch.allclose(adapter(x), before, atol=1e-5)


def test_imagenet_weights_are_known_to_be_there(tmp_path):
    made = Semantics()
    names = ["0.0", *(f"{i}.conv.{k}" for i in range(1, 18) for k in range(2 if i == 1 else 3))]
    own = iter(made.encoder.parameters())
    arrays = {f"features.{n}.{end}": next(own).numpy() for n in names for end in ("weight", "bias")}
    np.savez(tmp_path / "w.npz", **arrays)
    again = Semantics()
    assert not again.is_trained
    again.load_imagenet(tmp_path / "w.npz")
    assert again.is_trained
    picture = torch.rand(1, 3, 64, 64)
    assert torch.equal(again(picture)[-1], made(picture)[-1])


def test_older_weights_are_completed_and_foreign_ones_refused(network):
    state = {
        k: v for k, v in network.state_dict().items() if not k.startswith(("semantics.", "adapt.", "path."))
    }
    Segmenter(SMALL).load_weights(state)
    with pytest.raises(ValueError, match="another network"):
        Segmenter(SMALL).load_weights({k: v for k, v in state.items() if not k.startswith("mix.")})
