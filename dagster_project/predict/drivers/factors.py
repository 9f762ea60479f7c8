"""Factor analysis: which behaviours go together."""

from typing import Any

import numpy as np

from dagster_project.predict.drivers.bootstrap import interval_around
from dagster_project.predict.likelihood import Array, NotFitted

MINIMUM_FEATURES = 3
RESAMPLES = 100


def factor_rows(names: list[str], scaled: Array) -> list[dict[str, Any]]:
    """Loadings of the principal factors after a varimax rotation, as rows of driver_analysis.

    As many factors as the correlation matrix has eigenvalues above 1 (Kaiser 1960). Intervals
    are of 100 bootstrap resamples with a fixed seed, each rotated onto the estimate
    (orthogonal Procrustes), as signs and order of factors are arbitrary. ``outcome`` is the
    factor, ``(all)`` its share of the variance. Raises NotFitted with fewer than 3 features.
    """
    if len(names) < MINIMUM_FEATURES:
        raise NotFitted(f"{len(names)} features vary; at least {MINIMUM_FEATURES} are needed")
    n = len(scaled)
    correlation = scaled.T @ scaled / n
    count = max(1, int((np.linalg.eigvalsh(correlation) > 1).sum()))
    loadings = varimax(principal_loadings(correlation, count))
    random = np.random.default_rng(0)
    draws = np.stack(
        [
            _onto(loadings, principal_loadings(_weighted_correlation(scaled, weights), count))
            for weights in (
                random.multinomial(n, np.full(n, 1 / n)).astype(np.float64)
                for _ in range(RESAMPLES)
            )
        ]
    )
    low, high = interval_around(loadings, draws)
    shares = (loadings**2).sum(axis=0) / len(names)
    rows = []
    for factor in range(count):
        outcome = f"factor_{factor + 1}"
        rows.append(_row(outcome, "(all)", "variance_share", shares[factor], None, None, n))
        rows += [
            _row(
                outcome,
                name,
                "loading",
                loadings[i, factor],
                float(low[i, factor]),
                float(high[i, factor]),
                n,
            )
            for i, name in enumerate(names)
        ]
    return rows


def _row(
    outcome: str,
    feature: str,
    statistic: str,
    estimate: float,
    low: float | None,
    high: float | None,
    n: int,
) -> dict[str, Any]:
    return {
        "method": "factor",
        "outcome": outcome,
        "feature": feature,
        "statistic": statistic,
        "estimate": float(estimate),
        "ci_low": low,
        "ci_high": high,
        "n": n,
        "p_value": None,
    }


def principal_loadings(correlation: Array, count: int) -> Array:
    """Eigenvectors times root eigenvalues of the ``count`` largest; shape (features, count)."""
    values, vectors = np.linalg.eigh(correlation)
    largest = np.argsort(-values, kind="stable")[:count]
    return vectors[:, largest] * np.sqrt(np.maximum(values[largest], 0))


def varimax(loadings: Array, iterations: int = 100, tolerance: float = 1e-10) -> Array:
    """Kaiser's (1958) varimax rotation, by singular value decompositions.

    Factors come by falling share of variance, each with the sign of its largest loading positive.
    """
    features, count = loadings.shape
    rotation, criterion = np.eye(count), 0.0
    for _ in range(iterations):
        rotated = loadings @ rotation
        target = rotated**3 - rotated * (rotated**2).sum(axis=0) / features
        u, values, vt = np.linalg.svd(loadings.T @ target)
        rotation = u @ vt
        if values.sum() < criterion * (1 + tolerance):
            break
        criterion = values.sum()
    rotated = loadings @ rotation
    rotated = rotated[:, np.argsort(-(rotated**2).sum(axis=0), kind="stable")]
    largest = rotated[np.abs(rotated).argmax(axis=0), np.arange(count)]
    return rotated * np.where(largest < 0, -1.0, 1.0)


def _weighted_correlation(scaled: Array, weights: Array) -> Array:
    total = weights.sum()
    centred = scaled - weights @ scaled / total
    covariance = centred.T @ (centred * weights[:, None]) / total
    # A rare trait may be absent from a resample: it then correlates with nothing.
    deviation = np.sqrt(np.maximum(np.diag(covariance), 1e-12))
    return covariance / np.outer(deviation, deviation)


def _onto(target: Array, loadings: Array) -> Array:
    u, _, vt = np.linalg.svd(loadings.T @ target)
    return loadings @ (u @ vt)
