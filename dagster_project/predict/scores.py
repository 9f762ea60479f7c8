"""How good predicted probabilities were."""

import numpy as np
from numpy.typing import NDArray

from dagster_project.predict.likelihood import Array


def auc(probability: Array, truth: NDArray[np.bool_]) -> float:
    """P(a random positive scores above a random negative), ties counting half.

    The Mann-Whitney statistic from mid-ranks. NaN when only one outcome occurred.
    """
    from scipy.stats import rankdata

    positives = int(truth.sum())
    negatives = len(truth) - positives
    if not positives or not negatives:
        return float("nan")
    ranks = rankdata(probability)
    return float((ranks[truth].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def brier(probability: Array, truth: NDArray[np.bool_]) -> float:
    """Mean squared difference between probability and outcome."""
    return float(np.mean((probability - truth) ** 2))


def lift(probability: Array, truth: NDArray[np.bool_], share: float = 0.1) -> float:
    """Rate among the highest-scored ``share`` of customers / rate of all; NaN when none has it.

    Customers tied at the edge count in proportion, so that the order of rows cannot matter.
    """
    size = share * len(truth)
    rate = truth.mean() if len(truth) else 0.0
    if rate == 0:
        return float("nan")
    levels, index = np.unique(-probability, return_inverse=True)
    counts = np.bincount(index, minlength=len(levels))
    hits = np.bincount(index, weights=truth, minlength=len(levels))
    before = np.cumsum(counts) - counts
    taken = np.clip(size - before, 0, counts)
    return float((hits / counts) @ taken / size / rate)


def calibration_slope(probability: Array, truth: NDArray[np.bool_]) -> float:
    """Slope of the outcome on the logit of the probability: 1 is calibrated, below 1 is too sure.

    Cox (1958); fitted without a penalty. NaN when only one outcome or one probability occurred.
    """
    from sklearn.linear_model import LogisticRegression

    if truth.all() or not truth.any() or np.ptp(probability) == 0:
        return float("nan")
    clipped = np.clip(probability, 1e-6, 1 - 1e-6)
    logit = np.log(clipped / (1 - clipped))
    return float(LogisticRegression(C=1e6).fit(logit[:, None], truth).coef_[0, 0])
