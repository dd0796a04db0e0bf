"""Cells in which blur could hardly be seen, judged by the rest of their picture.

A network that finds nothing to go by in a cell answers with the prior of its training: the share of blur in
the pictures it learned from. The picture at hand holds a better one. Clear sky in a sharp landscape is not
blurred, the ice under a skater whom the camera followed is; neither shows it, the things around them do.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

LEAST_SHARE = 0.02  # of blur in a picture: surer than this no picture makes an unseen cell
_LEAST = 1e-4  # probabilities this near to 0 and 1 are as sure as any


def judge_by_the_rest(
    probability: NDArray[np.float32], evidence: NDArray[np.float32], prior: float
) -> NDArray[np.float32]:
    """Probability (h, w) float32 in [0, 1] of one picture, with its own prior in place of the training's.

    Log odds grow by (1 - evidence) x (log odds of the picture's share - log odds of `prior`); the share is
    the mean probability weighted by evidence (h, w) in [0, 1]. A cell of full evidence keeps its value, and
    the order among cells of equal evidence never changes. Bayes' rule for a changed prior (Saerens, Latinne
    and Decaestecker 2002), applied as far as a cell depends on it.
    """
    share = float(np.average(probability, weights=evidence + np.float32(_LEAST)))
    step = _log_odds(min(max(share, LEAST_SHARE), 1 - LEAST_SHARE)) - _log_odds(prior)
    kept = probability.clip(_LEAST, 1 - _LEAST)
    # p / (p + (1 - p) / change of the odds): no logarithm of the map
    return np.asarray(kept / (kept + (1 - kept) * np.exp(np.float32(-step) * (1 - evidence))), np.float32)


def _log_odds(probability: float) -> float:
    return math.log(probability / (1 - probability))


class Graph(Protocol):
    """What takes ONNX nodes and constants, and gives each one's name back."""

    def add(self, operator: str, inputs: list[str], name: str, **attributes: Any) -> str:
        """A node with one output."""

    def constant(self, name: str, values: Any, dtype: Any = np.float32) -> str:
        """An initializer."""


def add_judging(graph: Graph, probability: str, evidence: str, prior: float) -> str:
    """`judge_by_the_rest` as ONNX operators on maps (N, 1, h, w), each picture for itself."""
    sides, certain = graph.constant("map_sides", [2, 3], np.int64), graph.constant("certain", 1.0)
    weight = graph.add("Add", [evidence, graph.constant("least_evidence", _LEAST)], "weight")
    weighted = graph.add("Mul", [probability, weight], "weighted")
    total = graph.add("ReduceSum", [weighted, sides], "weighted_total", keepdims=1)
    weights = graph.add("ReduceSum", [weight, sides], "weight_total", keepdims=1)
    ends = [graph.constant("least_share", LEAST_SHARE), graph.constant("most_share", 1 - LEAST_SHARE)]
    share = graph.add("Clip", [graph.add("Div", [total, weights], "raw_share"), *ends], "share")
    odds = graph.add("Div", [share, graph.add("Sub", [certain, share], "still_share")], "share_odds")
    expected = graph.constant("prior_odds", prior / (1 - prior))
    unseen = graph.add("Sub", [certain, evidence], "unseen")
    change = graph.add("Pow", [graph.add("Div", [expected, odds], "fall"), unseen], "odds_change")
    limits = [graph.constant("least_likely", _LEAST), graph.constant("most_likely", 1 - _LEAST)]
    kept = graph.add("Clip", [probability, *limits], "kept_probability")
    against = graph.add("Mul", [graph.add("Sub", [certain, kept], "unlikely"), change], "against")
    return graph.add("Div", [kept, graph.add("Add", [kept, against], "both_odds")], "judged")
