"""Cells in which blur could hardly be seen, judged by the rest of their picture.

A network that finds nothing to go by in a cell answers with the prior of its training: the share of blur in
the pictures it learned from. The picture at hand holds a better one. Clear sky in a sharp landscape is not
blurred, the ice under a skater whom the camera followed is; neither shows it, the things around them do.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_SHARE = 0.02  # of blur in a picture: surer than this no picture makes an unseen cell
LEAST = 1e-4  # probabilities this near to 0 and 1 are as sure as any


def judge_by_the_rest(
    probability: NDArray[np.float32], evidence: NDArray[np.float32], prior: float
) -> NDArray[np.float32]:
    """Probability (h, w) float32 in [0, 1] of one picture, with its own prior in place of the training's.

    Log odds grow by (1 - evidence) x (log odds of the picture's share - log odds of `prior`); the share is
    the mean probability weighted by evidence (h, w) in [0, 1]. A cell of full evidence keeps its value, and
    the order among cells of equal evidence never changes. Bayes' rule for a changed prior (Saerens, Latinne
    and Decaestecker 2002), applied as far as a cell depends on it.
    """
    share = float(np.average(probability, weights=evidence + np.float32(LEAST)))
    step = _log_odds(min(max(share, LEAST_SHARE), 1 - LEAST_SHARE)) - _log_odds(prior)
    kept = probability.clip(LEAST, 1 - LEAST)
    return posterior(kept, against=np.exp(np.float32(-step) * (1 - evidence)))


def posterior(
    probability: NDArray[np.float32],
    support: NDArray[np.float32] | float = 1.0,
    against: NDArray[np.float32] | float = 1.0,
) -> NDArray[np.float32]:
    """Bayes' rule, cell by cell: `probability` in [0, 1] after evidence, float32 of the same shape.

    The evidence is `support` times as likely if the cell is blurred, `against` times if it is not (both over
    0). The odds are multiplied by their quotient, and no logarithm of the map is taken.
    """
    likely = probability * support
    return np.asarray(likely / (likely + (1 - probability) * against), np.float32)


def _log_odds(probability: float) -> float:
    return math.log(probability / (1 - probability))
