"""Boosted correction: what the purchase model leaves out, learnt from how customers then bought.

Gradient-boosted trees (Poisson) predict purchases / those expected under BG/NBD, weighted by the
latter, from features of customers as they stood before a horizon. The model keeps the frequent
buyers' extrapolation and the trees the shop's particulars (season, discounts, lateness).
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np

from dagster_project.predict.inputs import Customers, read_customers
from dagster_project.predict.likelihood import Array
from dagster_project.predict.value.frequency import Frequency

# Customers as they stood at the start of the horizon, and this many days before that: twice the
# rows, of which the second show another stretch of the season.
SNAPSHOTS_BACK = (0, 45)
SHORTEST_HISTORY_DAYS = 60
LONGEST_HORIZON_DAYS = 365
# A year's horizon needs half a year before it to describe customers with.
YEARS_HISTORY_DAYS = 180
MINIMUM_CUSTOMERS = 200
MINIMUM_PURCHASES = 100
SMALLEST_EXPECTATION = 1e-6
# Steps of each feature. The trees would cut it into 255 themselves, by weighted percentiles that
# sort the feature again for each: half of the processor time of all predictions.
LEVELS = 200


@dataclass(frozen=True)
class Boosted:
    """Fitted trees, the ``edges`` between the steps of each feature, and the ``horizon_days`` that
    the trees were taught on.

    ``shift`` multiplies every prediction: the level of the days to come / of those learnt from.
    """

    frequency: Frequency
    model: Any
    edges: tuple[Array, ...]
    horizon_days: int
    shift: float = 1.0

    def expected(self, customers: Customers, days: float) -> Array:
        """Purchases expected in the next ``days``: the model's, corrected and shifted."""
        taught = self.frequency.expected(customers, self.horizon_days)
        rows = _features(customers, np.maximum(taught, SMALLEST_EXPECTATION))
        return (
            (taught if days == self.horizon_days else self.frequency.expected(customers, days))
            * self.model.predict(_steps(rows, self.edges))
            * self.shift
        )


def training_horizon(first: date, as_of: date) -> int:
    """A year where that leaves half a year before it, otherwise a third of what is known."""
    days = (as_of - first).days
    if days >= LONGEST_HORIZON_DAYS + YEARS_HISTORY_DAYS:
        return LONGEST_HORIZON_DAYS
    return days // 3


def fit_boosted(
    con: duckdb.DuckDBPyConnection,
    frequency: Frequency,
    first: date,
    as_of: date,
    shift: float = 1.0,
    *,
    known: Customers | None = None,
) -> Boosted | None:
    """Learn from what is known at the end of ``as_of``; None where that is too little.

    ``known``: customers of a past day that were read already.
    """
    horizon = training_horizon(first, as_of)
    snapshots = []
    for back in SNAPSHOTS_BACK:
        start = as_of - timedelta(days=horizon + back)
        if (start - first).days < SHORTEST_HISTORY_DAYS:
            continue
        if known is not None and (known.as_of, known.horizon_days) == (start, horizon):
            snapshots.append(known)
        else:
            snapshots.append(read_customers(con, start, horizon, named=False))
    if not snapshots or len(snapshots[0]) < MINIMUM_CUSTOMERS:
        return None
    if min(found["future_purchases"].sum() for found in snapshots) < MINIMUM_PURCHASES:
        return None
    rows, ratio, weight = [], [], []
    for snapshot in snapshots:
        found = snapshot.sample()
        expected = np.maximum(frequency.expected(found, horizon), SMALLEST_EXPECTATION)
        rows.append(_features(found, expected))
        ratio.append(found["future_purchases"] / expected)
        weight.append(expected)
    known = np.vstack(rows)
    edges = _edges(known)
    model = _trees().fit(
        _steps(known, edges), np.concatenate(ratio), sample_weight=np.concatenate(weight)
    )
    return Boosted(frequency, model, edges, horizon, shift)


def _features(customers: Customers, expected: Array) -> Array:
    return np.column_stack([customers.scaled_matrix(), np.log(expected)])


def _edges(rows: Array) -> tuple[Array, ...]:
    """Quantiles of each feature, those that differ."""
    shares = np.linspace(0, 1, LEVELS + 1)[1:-1]
    return tuple(np.unique(column) for column in np.quantile(rows, shares, axis=0).T)


def _steps(rows: Array, edges: tuple[Array, ...]) -> Array:
    """Each value as the number of its step."""
    columns = [np.searchsorted(found, rows[:, n]) for n, found in enumerate(edges)]
    return np.column_stack(columns).astype(np.float32)


def _trees() -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(
        loss="poisson",
        max_iter=100,
        learning_rate=0.05,
        max_leaf_nodes=8,
        min_samples_leaf=20,
        l2_regularization=5.0,
        early_stopping=False,
        random_state=0,
    )
