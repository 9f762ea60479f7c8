"""Empirical Bayes: a customer's own rate and mean, shrunk towards those of customers alike.

The simple rules that the models have to beat, and what stands in where no model is fitted.
"""

from dataclasses import dataclass

import numpy as np

from dagster_project.predict.inputs import Customers
from dagster_project.predict.likelihood import Array

# A customer of two days has no rate yet: nobody is taken as younger than this.
YOUNGEST_DAYS = 30.0
BANDS = 5
# The population's mean counts as this many of the customer's own orders, or days with a purchase.
PRIOR = 1.0


@dataclass(frozen=True)
class ShrunkRate:
    """Gamma-Poisson rate of purchases per day, times what customers of like recency kept of it.

    ``shape`` and ``mean`` are the gamma distribution's by moments; ``kept`` is actual / expected
    purchases of the customers whose last purchase lies within the same ``edges``, in days, over
    ``horizon_days``.
    """

    shape: float
    mean: float
    edges: Array
    kept: Array
    horizon_days: float

    @classmethod
    def learn(cls, earlier: Customers, horizon_days: float) -> "ShrunkRate":
        """From customers of one horizon ago and what they bought in it."""
        ages = np.maximum(earlier["age"], YOUNGEST_DAYS)
        x = earlier["frequency"]
        mean = float(x.sum() / ages.sum()) if len(x) else 0.0
        expected = mean * ages
        excess = float(((x - expected) ** 2 - x).sum())
        shape = float((expected**2).sum() / excess) if excess > 0 else 1e6
        rule = cls(shape, mean, np.zeros(0), np.ones(1), horizon_days)
        pace = rule.pace(earlier) * horizon_days
        since = earlier["days_since_last_order"]
        edges = np.unique(np.quantile(since, np.linspace(0, 1, BANDS + 1)[1:-1]))
        band = np.searchsorted(edges, since)
        bought = np.bincount(band, weights=earlier["future_purchases"], minlength=len(edges) + 1)
        paced = np.bincount(band, weights=pace, minlength=len(edges) + 1)
        overall = earlier["future_purchases"].sum() / pace.sum() if pace.sum() > 0 else 1.0
        # As if ten purchases at the overall share had been seen in each band.
        kept = (bought + 10.0 * overall) / (paced + 10.0)
        return cls(shape, mean, edges, kept, horizon_days)

    def pace(self, customers: Customers) -> Array:
        """Purchases per day so far, shrunk."""
        if self.mean <= 0:
            return np.zeros(len(customers))
        ages = np.maximum(customers["age"], YOUNGEST_DAYS)
        return (self.shape + customers["frequency"]) / (self.shape / self.mean + ages)

    def expected(self, customers: Customers, days: float) -> Array:
        """Purchases expected in the next ``days``."""
        band = np.searchsorted(self.edges, customers["days_since_last_order"])
        return self.pace(customers) * days * self.kept[band]


def shrunk_mean(customers: Customers) -> Array:
    """Net revenue per order, shrunk towards the mean of all orders."""
    revenue = np.maximum(customers["net_revenue"], 0.0)
    return _shrunk(revenue, customers["order_count"])


def orders_per_purchase(customers: Customers) -> Array:
    """Orders on a day with a purchase, shrunk towards the mean of all such days.

    How often somebody buys is counted in days, since an order split in two is no second visit;
    what is published is counted in orders.
    """
    return _shrunk(customers["order_count"], customers["purchase_days"])


def _shrunk(total: Array, count: Array) -> Array:
    overall = total.sum() / count.sum() if len(count) else 0.0
    return (total + PRIOR * overall) / (count + PRIOR)
