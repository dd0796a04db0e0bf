"""The frozen encoder lends features in training; what training leaves behind knows nothing of it."""

import copy

import pytest

torch = pytest.importorskip("torch")
import numpy as np  # noqa: E402

from engines.recipes.motion_blur.model import Segmenter, Widths  # noqa: E402
from engines.recipes.motion_blur.semantics import Semantics, WithSemantics  # noqa: E402

pytestmark = pytest.mark.train
SMALL = Widths((16, 16, 16, 16, 16), 8, 16)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return WithSemantics(Segmenter(SMALL)).eval()


def test_features_lie_at_strides_16_32_64():
    taps = Semantics()(torch.rand(1, 3, 128, 192))
    assert [tuple(t.shape[1:]) for t in taps] == [(32, 8, 12), (96, 4, 6), (320, 2, 3)]


def test_an_untrained_adapter_leaves_the_network_as_it_is(network):
    picture = torch.rand(1, 3, 64, 128)
    with torch.no_grad():
        assert torch.equal(network(picture).probability, network.segmenter(picture).probability)


def test_a_trained_adapter_reaches_every_stride_it_lends_to(network):
    picture = torch.rand(1, 3, 128, 128)
    with torch.no_grad():
        alone = network.segmenter(picture).probability
        for i in range(3):
            other = copy.deepcopy(network)
            torch.nn.init.constant_(other.adapt[i].point.bias, 1.0)
            assert not torch.allclose(other(picture).probability, alone)


def test_nothing_of_the_encoder_is_trained(network):
    assert not any(p.requires_grad for p in network.semantics.parameters())
    assert all(p.requires_grad for p in network.adapt.parameters())


def test_imagenet_weights_are_taken_in_their_order(tmp_path):
    made = Semantics()
    names = ["0.0", *(f"{i}.conv.{k}" for i in range(1, 18) for k in range(2 if i == 1 else 3))]
    own = iter(made.encoder.parameters())
    arrays = {f"features.{n}.{end}": next(own).numpy() for n in names for end in ("weight", "bias")}
    np.savez(tmp_path / "w.npz", **arrays)
    again = Semantics()
    again.load_imagenet(tmp_path / "w.npz")
    picture = torch.rand(1, 3, 64, 64)
    assert torch.equal(again(picture)[-1], made(picture)[-1])
