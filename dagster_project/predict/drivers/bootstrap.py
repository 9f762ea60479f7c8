"""Bootstrap intervals of coefficients that cannot leave -1 to 1."""

import numpy as np

from dagster_project.predict.likelihood import Array

Z = 1.959963984540054


def interval_around(estimate: Array, draws: Array) -> tuple[Array, Array]:
    """Estimate -/+ 1.96 bootstrap standard errors; ``draws`` has a leading axis of resamples.

    Percentiles of the draws would do without the normal distribution, and leave the estimate out
    where resampling is biased, as it is for small loadings.
    """
    error = Z * draws.std(axis=0, ddof=1)
    low, high = np.maximum(estimate - error, -1.0), np.minimum(estimate + error, 1.0)
    # An estimate of one is a rounding error above it.
    return np.minimum(low, estimate), np.maximum(high, estimate)
