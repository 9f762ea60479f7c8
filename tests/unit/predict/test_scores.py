"""Whether published scores of the propensity models are what their names say."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from dagster_project.predict.scores import auc, brier, calibration_slope, lift


@pytest.fixture
def scored():
    rng = np.random.default_rng(4)
    probability = np.round(rng.random(500), 2)
    return probability, rng.random(500) < probability


def test_auc_and_brier(scored):
    """A model would look better or worse than it is. Source: scikit-learn."""
    probability, truth = scored
    assert auc(probability, truth) == pytest.approx(roc_auc_score(truth, probability))
    assert brier(probability, truth) == pytest.approx(brier_score_loss(truth, probability))


def test_lift_of_the_top_tenth():
    """A campaign would be promised more buyers than it gets. Source: counted by hand."""
    probability = np.arange(100) / 100
    truth = np.zeros(100, dtype=bool)
    truth[90:95] = True
    truth[:5] = True
    assert lift(probability, truth) == pytest.approx((5 / 10) / (10 / 100))


def test_lift_does_not_depend_on_the_order_of_ties():
    """The same model would report another lift after a reload of the same data."""
    probability = np.repeat([0.9, 0.1], [50, 50])
    truth = np.tile([True, False], 50)
    orders = [np.random.default_rng(seed).permutation(100) for seed in range(5)]
    assert {lift(probability[o], truth[o]) for o in orders} == {1.0}


def test_calibration_slope(scored):
    """Probabilities that are too sure would be called calibrated. Source: construction."""
    probability, truth = scored
    inside = np.clip(probability, 0.02, 0.98)
    logit = np.log(inside / (1 - inside))
    sure = 1 / (1 + np.exp(-3 * logit))
    assert calibration_slope(inside, truth) == pytest.approx(1, abs=0.2)
    assert calibration_slope(sure, truth) == pytest.approx(
        calibration_slope(inside, truth) / 3, rel=0.01
    )


def test_one_outcome_only():
    """A company nobody left would crash the build."""
    probability = np.array([0.1, 0.4])
    nobody = np.zeros(2, dtype=bool)
    assert np.isnan(auc(probability, nobody))
    assert np.isnan(lift(probability, nobody))
    assert np.isnan(calibration_slope(probability, nobody))
