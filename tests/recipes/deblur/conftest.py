"""Tests of the recipe need torch; photos are drawn, networks are untrained with every weight set."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")


@pytest.fixture(scope="session")
def network():
    from engines.recipes.deblur.model import Deblurrer

    torch.manual_seed(3)
    made = Deblurrer().eval()
    for weight in made.restorer.parameters():
        if not weight.abs().max():
            torch.nn.init.normal_(weight, std=0.03)
    return made
