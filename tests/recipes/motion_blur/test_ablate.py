from dataclasses import fields, replace

import pytest

torch = pytest.importorskip("torch")

from engines.recipes.motion_blur.ablate import ABLATIONS, WIDTHS, Ablation, silence  # noqa: E402
from engines.recipes.motion_blur.model import Segmenter, Widths  # noqa: E402
from engines.recipes.synthesis.scene import Mixture  # noqa: E402

pytestmark = pytest.mark.train


def test_every_row_but_the_first_changes_exactly_one_thing():
    first, *others = ABLATIONS.values()
    assert first == Ablation()
    for row in others:
        assert sum(getattr(row, f.name) != getattr(first, f.name) for f in fields(row)) == 1
        assert replace(Mixture(), **row.mix) is not None  # names of mixtures that do not exist raise


def test_without_frequencies_the_stem_tells_colour_alone():
    torch.manual_seed(0)
    network = Segmenter(Widths(WIDTHS))
    silence(network)
    out = network.energy(torch.rand(1, 3, 64, 64))
    assert out[:, :-3].std() < 1e-5
    assert out[:, -3:].std() > 0.01
