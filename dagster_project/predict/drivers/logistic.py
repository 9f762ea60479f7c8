"""Logistic regression of leaving on the drivers, and what each is worth for telling who leaves."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dagster_project.predict.drivers.bootstrap import Z
from dagster_project.predict.likelihood import Array
from dagster_project.predict.scores import auc

Row = dict[str, Any]

SHUFFLES = 5
LARGEST_SHUFFLED = 5_000


def logistic_rows(names: list[str], scaled: Array, churned: NDArray[np.bool_]) -> list[Row]:
    """Log odds per standard deviation of each feature, with Wald intervals.

    The information matrix includes the ridge penalty (1/C = 1), which keeps it regular where one
    feature tells leavers from stayers completely.
    """
    from scipy.special import expit
    from scipy.stats import norm

    model = _fitted(scaled, churned)
    coefficients = model.coef_[0]
    p = expit(scaled @ coefficients + model.intercept_[0])
    design = np.column_stack([np.ones(len(scaled)), scaled])
    information = design.T @ (design * (p * (1 - p))[:, None])
    information[1:, 1:] += np.eye(len(names))
    errors = np.sqrt(np.diag(np.linalg.inv(information)))[1:]
    return [
        _row("logistic_regression", name, "log_odds_per_sd", b, Z * error, len(scaled))
        | {"p_value": float(2 * norm.sf(abs(b) / error))}
        for name, b, error in zip(names, coefficients, errors, strict=True)
    ]


def permutation_rows(names: list[str], scaled: Array, churned: NDArray[np.bool_]) -> list[Row]:
    """Area under the curve lost when one feature is shuffled, among customers not learnt from.

    Rows come sorted by their features: every second customer teaches, the others are shuffled, five
    times with a fixed seed. Empty where either half holds one outcome only.
    """
    taught, kept = np.arange(len(scaled)) % 2 == 0, np.arange(len(scaled)) % 2 == 1
    step = -(-int(kept.sum()) // LARGEST_SHUFFLED)
    matrix, truth = scaled[kept][::step], churned[kept][::step]
    if np.ptp(churned[taught].astype(int)) == 0 or truth.all() or not truth.any():
        return []
    model = _fitted(scaled[taught], churned[taught])
    whole = auc(model.decision_function(matrix), truth)
    random = np.random.default_rng(0)
    orders = [random.permutation(len(matrix)) for _ in range(SHUFFLES)]
    rows = []
    for column, name in enumerate(names):
        losses = []
        for order in orders:
            shuffled = matrix.copy()
            shuffled[:, column] = matrix[order, column]
            losses.append(whole - auc(model.decision_function(shuffled), truth))
        error = Z * float(np.std(losses, ddof=1)) / np.sqrt(SHUFFLES)
        rows.append(
            _row(
                "permutation_importance",
                name,
                "auc_lost",
                float(np.mean(losses)),
                error,
                len(matrix),
            )
        )
    return rows


def _fitted(scaled: Array, churned: NDArray[np.bool_]) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=1.0, max_iter=500).fit(scaled, churned)


def _row(method: str, feature: str, statistic: str, estimate: float, half: float, n: int) -> Row:
    return {
        "method": method,
        "outcome": "churn",
        "feature": feature,
        "statistic": statistic,
        "estimate": float(estimate),
        "ci_low": float(estimate - half),
        "ci_high": float(estimate + half),
        "n": n,
        "p_value": None,
    }
