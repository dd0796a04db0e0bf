"""Where the engine's numbers come from: the rules that choose them on the synthetic set."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from engines.recipes.motion_blur.evaluate_synthetic import (  # noqa: E402
    Scored,
    choose_evidence_floor,
    choose_threshold,
)

pytestmark = pytest.mark.train


def scored(probability, mask, evidence=None, known=None):
    shape = probability.shape
    blank = np.zeros(shape, np.float32)
    known = blank if known is None else known
    evidence = blank if evidence is None else evidence
    return Scored(probability, blank, evidence, mask, blank, known, [None] * shape[0])


def test_the_threshold_lies_between_blurred_and_sharp():
    mask = np.zeros((2, 10, 10), np.float32)
    mask[:, :, 5:] = 1
    probability = np.where(mask > 0, 0.7, 0.4).astype(np.float32)
    assert 0.4 < choose_threshold(scored(probability, mask)) <= 0.7


def test_false_alarms_cost_as_much_as_misses():
    """Unsure cells, half of them blurred, where most is blurred: IoU alone would take them all."""
    mask = np.ones((1, 10, 100), np.float32)
    probability = np.full_like(mask, 0.9)
    mask[:, :, :10], probability[:, :, :10] = 0, 0.1
    mask[:, :, 10:15], mask[:, :, 15:20] = 1, 0
    probability[:, :, 10:20] = 0.5
    chosen = choose_threshold(scored(probability, mask))
    at = {t: probability >= t for t in (0.3, 0.6)}
    iou = {t: (hit & (mask > 0)).sum() / (hit | (mask > 0)).sum() for t, hit in at.items()}
    assert iou[0.3] > iou[0.6]
    assert chosen > 0.5


def test_the_floor_keeps_nineteen_of_twenty_cells_that_could_be_seen():
    known = np.ones((1, 10, 10), np.float32)
    evidence = np.full_like(known, 0.8)
    evidence[0, 0, :5] = 0.32
    assert choose_evidence_floor(scored(known, known, evidence, known)) == pytest.approx(0.8)
    evidence[0, 0, :6] = 0.32
    assert choose_evidence_floor(scored(known, known, evidence, known)) == pytest.approx(0.3)
