"""Numbers of a binary segmentation, pooled over pixels: every threshold at once from two histograms."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

N_BINS = 256


@dataclass(slots=True)
class Curve:
    """Weighted histograms of a score in [0, 1] over positive and negative pixels."""

    positive: np.ndarray = field(default_factory=lambda: np.zeros(N_BINS + 1))
    negative: np.ndarray = field(default_factory=lambda: np.zeros(N_BINS + 1))

    def add(self, score: np.ndarray, truth: np.ndarray, weight: np.ndarray | None = None) -> None:
        """`score` float in [0, 1], `truth` bool, `weight` float or None, all of one shape."""
        bins = (score * N_BINS).astype(np.int64)
        chosen = np.ones(score.shape) if weight is None else weight
        self.positive += np.bincount(bins[truth], chosen[truth], N_BINS + 1)
        self.negative += np.bincount(bins[~truth], chosen[~truth], N_BINS + 1)

    def at(self, threshold: float) -> Scores:
        """Scores of `score >= threshold`."""
        k = round(threshold * N_BINS)
        tp, fp = self.positive[k:].sum(), self.negative[k:].sum()
        fn, tn = self.positive[:k].sum(), self.negative[:k].sum()
        iou, iou_sharp = _ratio(tp, tp + fp + fn), _ratio(tn, tn + fp + fn)
        return Scores(
            iou=iou,
            f1=_ratio(2 * tp, 2 * tp + fp + fn),
            mean_iou=(iou + iou_sharp) / 2,
            recall=_ratio(tp, tp + fn),
            false_area=_ratio(fp, fp + tn),
        )

    def best_threshold(self) -> float:
        """Threshold of the highest IoU."""
        return max(range(1, N_BINS), key=lambda k: self.at(k / N_BINS).iou) / N_BINS

    def auc(self) -> float:
        """Area under the ROC curve."""
        recall = np.r_[0, self.positive[::-1].cumsum() / max(self.positive.sum(), 1e-9)]
        false_area = np.r_[0, self.negative[::-1].cumsum() / max(self.negative.sum(), 1e-9)]
        return float(np.trapezoid(recall, false_area))


@dataclass(frozen=True, slots=True)
class Scores:
    """At one threshold, each in [0, 1]; NaN where there was nothing to divide by."""

    iou: float
    f1: float
    mean_iou: float
    recall: float
    false_area: float


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")


def auc(positives: np.ndarray, negatives: np.ndarray) -> float:
    """Probability that a positive scores above a negative, ties half."""
    order = np.sort(negatives)
    below, upto = np.searchsorted(order, positives, "left"), np.searchsorted(order, positives, "right")
    return float((below + upto).mean() / 2 / len(negatives))


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Rank correlation, ties given their mean rank."""
    return float(np.corrcoef(_ranks(a), _ranks(b))[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]
