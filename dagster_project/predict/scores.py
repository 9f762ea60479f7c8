"""Scores of predictions: ranking, calibration, deviance, and the gain of one over another."""

import numpy as np
from numpy.typing import NDArray

from dagster_project.predict.likelihood import Array

# One-sided 5%: an advantage that chance gives in one build of twenty is no advantage.
CLEARLY_BETTER_Z = 1.645


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


def tweedie_deviance(predicted: Array, actual: Array, power: float = 1.5) -> Array:
    """Unit deviance of the Tweedie family per observation, ``actual`` >= 0; 1 < power < 2.

    Jorgensen (1987): the loss of a Poisson number of gamma amounts. The mean minimises it.
    """
    mean = np.maximum(predicted, 1e-9)
    return np.asarray(
        2
        * (
            actual ** (2 - power) / ((1 - power) * (2 - power))
            - actual * mean ** (1 - power) / (1 - power)
            + mean ** (2 - power) / (2 - power)
        )
    )


def gain_z(loss: Array, other: Array) -> float:
    """By how many standard errors mean ``loss`` is smaller than mean ``other``; paired by customer.

    Above CLEARLY_BETTER_Z the gain is more than chance gives. 0 where nothing varies.
    """
    gain = other - loss
    error = float(gain.std() / np.sqrt(len(gain))) if len(gain) else 0.0
    return float(gain.mean()) / error if error > 0 else 0.0


def decile_error(probability: Array, truth: NDArray[np.bool_], groups: int = 10) -> float:
    """Mean over tenths of customers by probability of |mean probability - share with the outcome|.

    Ties are kept together. NaN of nobody.
    """
    if not len(probability):
        return float("nan")
    order = np.argsort(probability, kind="stable")
    edges = probability[order][np.linspace(0, len(order) - 1, groups + 1).astype(int)[1:-1]]
    band = np.searchsorted(np.unique(edges), probability)
    size = np.bincount(band)
    gap = np.bincount(band, weights=probability) - np.bincount(band, weights=truth)
    return float(np.abs(gap).sum() / size.sum())
