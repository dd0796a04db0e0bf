"""`signals.context.judge_by_the_rest` as ONNX operators, for a network that gives its answer on the GPU."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from qc_plugin.signals.context import LEAST, LEAST_SHARE


class Graph(Protocol):
    """What takes ONNX nodes and constants, and gives each one's name back."""

    def add(self, operator: str, inputs: list[str], name: str, **attributes: Any) -> str:
        """A node with one output."""

    def constant(self, name: str, values: Any, dtype: Any = np.float32) -> str:
        """An initializer."""


def add_judging(graph: Graph, probability: str, evidence: str, prior: float) -> str:
    """`judge_by_the_rest` as ONNX operators on maps (N, 1, h, w), each picture for itself."""
    sides, certain = graph.constant("map_sides", [2, 3], np.int64), graph.constant("certain", 1.0)
    weight = graph.add("Add", [evidence, graph.constant("least_evidence", LEAST)], "weight")
    weighted = graph.add("Mul", [probability, weight], "weighted")
    total = graph.add("ReduceSum", [weighted, sides], "weighted_total", keepdims=1)
    weights = graph.add("ReduceSum", [weight, sides], "weight_total", keepdims=1)
    ends = [graph.constant("least_share", LEAST_SHARE), graph.constant("most_share", 1 - LEAST_SHARE)]
    share = graph.add("Clip", [graph.add("Div", [total, weights], "raw_share"), *ends], "share")
    odds = graph.add("Div", [share, graph.add("Sub", [certain, share], "still_share")], "share_odds")
    expected = graph.constant("prior_odds", prior / (1 - prior))
    unseen = graph.add("Sub", [certain, evidence], "unseen")
    change = graph.add("Pow", [graph.add("Div", [expected, odds], "fall"), unseen], "odds_change")
    limits = [graph.constant("least_likely", LEAST), graph.constant("most_likely", 1 - LEAST)]
    kept = graph.add("Clip", [probability, *limits], "kept_probability")
    against = graph.add("Mul", [graph.add("Sub", [certain, kept], "unlikely"), change], "against")
    return graph.add("Div", [kept, graph.add("Add", [kept, against], "both_odds")], "judged")
