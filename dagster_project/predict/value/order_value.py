"""Expected order value: Gamma-Gamma over all orders.

The first order counts too: of most customers it is the only one, and it says much about the rest.
"""

from dataclasses import dataclass

import numpy as np

from dagster_project.predict.inputs import Customers
from dagster_project.predict.likelihood import Array, Fit, NotFitted
from dagster_project.predict.tables import ModelRow
from dagster_project.predict.value import gamma_gamma
from dagster_project.predict.value.frequency import fit_rows


@dataclass(frozen=True)
class OnePrice:
    """Every order of everybody brought the same: that is what the next one brings."""

    value: float
    name = "one_price"

    def expected(self, customers: Customers) -> Array:
        """Net revenue of a future order, per customer."""
        return np.full(len(customers), self.value)


@dataclass(frozen=True)
class OrderValue:
    """A fitted Gamma-Gamma."""

    fit: Fit
    name = "gamma_gamma"

    def expected(self, customers: Customers) -> Array:
        """Net revenue of a future order, per customer."""
        orders, mean = _orders(customers)
        return gamma_gamma.expected_value(self.fit, orders, mean)


def fit_order_value(customers: Customers, models: list[ModelRow]) -> OrderValue | OnePrice | None:
    """Fit on the customers; None, with the reason in ``models``, where no mean is defined."""
    orders, mean = _orders(customers)
    if len(mean) and mean.min() > 0 and np.ptp(mean) < gamma_gamma.SAME * mean.max():
        reason = "every order has the same value, which is that of the next"
        models.append(ModelRow("gamma_gamma", "fitted", 0, reason))
        return OnePrice(float(mean.mean()))
    try:
        fit = gamma_gamma.fit(orders, mean)
        # With one order at least the mean exists from p + q = 1 on; without, from q = 1.
        if fit.parameters["p"] + fit.parameters["q"] <= 1:
            raise NotFitted("p + q is below 1: the population has no mean order value")
    except NotFitted as error:
        models.append(ModelRow("gamma_gamma", "fitted", 0, error.reason))
        return None
    models += fit_rows("gamma_gamma", fit, "net revenue of an order")
    usable = mean > 0
    models.append(
        ModelRow(
            "gamma_gamma",
            "frequency_value_correlation",
            _correlation(orders[usable], mean[usable]),
            "the model assumes that how often and how much are unrelated: near 0",
        )
    )
    return OrderValue(fit)


def _orders(customers: Customers) -> tuple[Array, Array]:
    orders = customers["order_count"]
    return orders, np.maximum(customers["net_revenue"], 0.0) / orders


def _correlation(left: Array, right: Array) -> float | None:
    if len(left) < 2 or np.ptp(left) == 0 or np.ptp(right) == 0:
        return None
    return float(np.corrcoef(left, right)[0, 1])
