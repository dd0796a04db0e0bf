"""What a picture says about the cells in which nothing can be seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qc_plugin.errors import EngineError
from qc_plugin.signals.context import LEAST_SHARE, judge_by_the_rest
from qc_plugin.stages.segment import BlurSegmenter
from tests.support.tiny_onnx import blur_maps, write_engine

shares = st.floats(0, 1, width=32)
priors = st.floats(0.05, 0.95)


def full(value, shape=(4, 6)):
    return np.full(shape, value, np.float32)


@given(seed=st.integers(0, 2**16), prior=priors)
def test_a_cell_of_full_evidence_keeps_its_value(seed, prior):
    probability = np.random.default_rng(seed).uniform(0.001, 0.999, (5, 7)).astype(np.float32)
    evidence = full(1.0, (5, 7))
    evidence[2:, 3:] = 0.2
    judged = judge_by_the_rest(probability, evidence, prior)
    assert np.allclose(judged[evidence == 1], probability[evidence == 1], atol=1e-6)


@given(share=st.floats(LEAST_SHARE, 1 - LEAST_SHARE), unseen=st.floats(0.01, 0.99), prior=priors)
def test_an_unseen_cell_takes_the_odds_of_its_picture(share, unseen, prior):
    """Bayes: the odds are multiplied by those of the picture's share over those of the prior."""
    probability, evidence = full(share), full(1.0)
    probability[0, 0], evidence[0, 0] = unseen, 0.0
    odds = lambda p: p / (1 - p)  # noqa: E731
    expected = odds(unseen) * odds(share) / odds(prior)
    judged = float(judge_by_the_rest(probability, evidence, prior)[0, 0])
    assert judged == pytest.approx(expected / (1 + expected), abs=2e-3)


@given(values=st.lists(shares, min_size=4, max_size=30), evidence=shares, prior=priors)
def test_order_and_range_are_kept(values, evidence, prior):
    probability = np.sort(np.array([values], np.float32))
    judged = judge_by_the_rest(probability, full(evidence, probability.shape), prior)
    assert judged.dtype == np.float32
    assert np.all((judged >= 0) & (judged <= 1))
    assert np.all(np.diff(judged[0]) >= -1e-6)


def test_what_is_seen_decides_for_what_is_not():
    probability, evidence = full(0.5), full(0.05)
    for share, above in ((0.02, False), (0.95, True)):
        probability[:, :2], evidence[:, :2] = share, 1.0
        judged = judge_by_the_rest(probability, evidence, 0.39)
        assert np.all((judged[:, 2:] > 0.5) == above)


def test_a_picture_in_which_nothing_is_seen_stays_in_range():
    judged = judge_by_the_rest(full(0.0), full(0.0), 0.39)
    assert np.isfinite(judged).all()
    assert judged.max() < 0.01


def test_the_stage_applies_the_prior_that_the_engine_states(tmp_path):
    params = {"stride": 4, "threshold": 0.5, "evidence_floor": 0.5, "extent_full_scale_px": 24}
    alone = BlurSegmenter.load(write_engine(tmp_path / "alone", blur_maps(kernel=1)), threads=1)
    with_prior = write_engine(tmp_path / "prior", blur_maps(kernel=1), params=params | {"prior": 0.05})
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    before, after = alone(image), BlurSegmenter.load(with_prior, threads=1)(image)
    assert np.array_equal(before.evidence, after.evidence)
    assert np.array_equal(before.intensity, after.intensity)
    assert np.abs(before.probability - after.probability).max() > 0.05


@pytest.mark.parametrize("prior", [0.0, 1.0, -1, "much"])
def test_a_prior_that_is_no_share_is_refused(tmp_path, prior):
    params = {"stride": 4, "threshold": 0.5, "evidence_floor": 0.5, "extent_full_scale_px": 24}
    with pytest.raises(EngineError, match=r"params\.prior"):
        BlurSegmenter.load(write_engine(tmp_path / "tiny", params=params | {"prior": prior}))
