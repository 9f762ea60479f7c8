"""Customer lifetime value: what each customer brought, and may bring in the next twelve months.

Value ahead = expected orders x expected order value, by the method that was better on a later
period; the parts of the methods lie beside this file.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

import duckdb
import numpy as np
from numpy.typing import NDArray

from dagster_project.predict.inputs import Customers, Span, read_customers
from dagster_project.predict.likelihood import Array
from dagster_project.predict.scores import gain_z, tweedie_deviance
from dagster_project.predict.tables import ModelRow
from dagster_project.predict.value.boosted import YEARS_HISTORY_DAYS, fit_boosted
from dagster_project.predict.value.frequency import Frequency
from dagster_project.predict.value.market import YEAR_DAYS, Market, fit_seasonal
from dagster_project.predict.value.order_value import OnePrice, OrderValue, fit_order_value
from dagster_project.predict.value.shrunk import ShrunkRate, orders_per_purchase, shrunk_mean

SHORTEST_HOLDOUT_DAYS, LONGEST_HOLDOUT_DAYS = 14, 182
RULE = "shrunk_rate"

# Days with a purchase expected of each customer in the next so many days.
Expected = Callable[[Customers, float], Array]


@dataclass
class CustomerValues:
    """Columns of ``predictions.customer_values``, aligned with the customers given; NaN: unknown.

    The rest is for p_alive and for dating the next orders: the frequency model on all, the
    customers of the hold-out with what they did in it (None: history too short), and the model as
    it was fitted on what came before it.
    """

    ltv_simple: Array
    expected_orders: Array
    order_value: Array
    predicted_value: Array
    method: NDArray[np.object_]
    models: list[ModelRow] = field(default_factory=list)
    frequency: Frequency | None = None
    held_out: Customers | None = None
    holdout_days: int = 0
    earlier_frequency: Frequency | None = None


@dataclass(frozen=True)
class _Method:
    """One way to value: expected orders, and what an order is worth, of customers of one day."""

    name: str
    purchases: Expected
    order_value: Callable[[Customers], Array]

    def expected(self, customers: Customers, days: float) -> Array:
        """Orders expected of each customer in the next so many days."""
        return self.purchases(customers, days) * orders_per_purchase(customers)


def simple_lifetime_value(customers: Customers) -> tuple[Array, list[ModelRow]]:
    """Average monthly net revenue of the customer x average lifetime in months.

    A month is active when the customer bought in it. The first factor is the customer's own net
    revenue per active month, the second the mean number of active months of all customers, so
    that the values of all customers weighted by their active months add up to the revenue there
    was. It knows no future: a lifetime that goes on is counted up to ``as_of``.
    """
    if not len(customers):
        return np.zeros(0), []
    months = customers["active_months"]
    lifetime = float(months.mean())
    monthly = float(customers["net_revenue"].sum() / months.sum())
    rows = [
        ModelRow("ltv_simple", "average_lifetime_months", lifetime, "months with a purchase"),
        ModelRow(
            "ltv_simple",
            "average_monthly_revenue_per_active_customer",
            monthly,
            "net revenue / (customer, month) pairs with a purchase",
        ),
    ]
    return customers["net_revenue"] / months * lifetime, rows


def holdout_days(span: Span) -> int:
    """A year, the horizon spoken of, where half a year lies before it; else a third of all days."""
    if span.days >= YEAR_DAYS + YEARS_HISTORY_DAYS:
        return YEAR_DAYS
    return min(LONGEST_HOLDOUT_DAYS, span.days // 3)


def predict_values(
    con: duckdb.DuckDBPyConnection, customers: Customers, span: Span, horizon: int = YEAR_DAYS
) -> CustomerValues:
    """Every column of the value table, and what is to be said about the models behind them.

    Each method is fitted on what came before the hold-out and judged on it; the one in force is
    fitted again on everything. Orders and value are those of the next ``horizon`` days: a benchmark
    asks for other than a year.
    """
    simple, rows = simple_lifetime_value(customers)
    unknown = np.full(len(customers), np.nan)
    nobody = np.full(len(customers), None, dtype=object)
    values = CustomerValues(simple, unknown, unknown, unknown, nobody, rows)
    values.frequency, market = fit_seasonal(con, customers, values.models)
    days = holdout_days(span)
    if days < SHORTEST_HOLDOUT_DAYS:
        reason = "the history is too short for a hold-out"
        values.models.append(ModelRow("predicted_value", "holdout_days", 0, reason))
        return values
    values.holdout_days = days
    cut = customers.as_of - timedelta(days=days)
    values.held_out = read_customers(con, cut, days, named=False)
    if not len(values.held_out):
        reason = "nobody had bought before the hold-out"
        values.models.append(ModelRow("predicted_value", "fitted", 0, reason))
        return values
    values.earlier_frequency, earlier_market = fit_seasonal(con, values.held_out, [])
    candidates = _methods(
        con, values.earlier_frequency, earlier_market, values.held_out, span.first, []
    )
    chosen = _choose(candidates, values.held_out, days, values.models)
    final = _methods(
        con, values.frequency, market, customers, span.first, values.models, values.held_out
    )
    method = next((found for found in final if found.name == chosen), final[0])
    # Rounded as they are published, so that the value is their product to the cent.
    values.expected_orders = np.round(method.expected(customers, horizon), 6)
    values.order_value = np.round(np.maximum(method.order_value(customers), 0.0), 2)
    values.predicted_value = values.expected_orders * values.order_value
    values.method[:] = method.name
    return values


def _methods(
    con: duckdb.DuckDBPyConnection,
    frequency: Frequency | None,
    market: Market | None,
    customers: Customers,
    first: date,
    models: list[ModelRow],
    known: Customers | None = None,
) -> list[_Method]:
    """The methods that can be fitted on what is known on the customers' day, simplest first.

    ``known``: customers of a past day that were read already.
    """
    horizon = max(1, (customers.as_of - first).days // 3)
    start = customers.as_of - timedelta(days=horizon)
    rate = ShrunkRate.learn(read_customers(con, start, horizon, named=False), horizon)
    methods = [_Method(f"{RULE} x shrunk_mean", _extended(rate, frequency, market), shrunk_mean)]
    worth = fit_order_value(customers, models)
    if frequency is None or market is None or worth is None:
        return methods
    shift, sentence = market.year_factor()
    models.append(ModelRow("market_index", "level_ahead", shift, sentence))
    methods.append(_scaled(frequency, shift, worth))
    boosted = fit_boosted(con, frequency, first, customers.as_of, known=known)
    if boosted is None:
        reason = "too few customers or purchases before the last horizon"
        models.append(ModelRow("boosted_orders", "fitted", 0, reason))
        return methods
    factor, sentence = market.year_factor(boosted.horizon_days)
    models.append(ModelRow("boosted_orders", "fitted", 1))
    models.append(ModelRow("boosted_orders", "horizon_days", boosted.horizon_days))
    models.append(ModelRow("boosted_orders", "level_factor", factor, sentence))
    plain = methods[-1]
    corrected = _Method(
        f"boosted_{frequency.name} x {worth.name}",
        lambda found, days: boosted.expected(found, days) * factor,
        worth.expected,
    )
    # Where a hold-out of weeks cannot tell the two apart, their mean errs less than the one that
    # happened to win (Bates and Granger 1969): 1,416 against 1,573 on Online Retail in June 2011.
    mean = _Method(
        f"mean_{frequency.name} x {worth.name}",
        lambda found, days: (plain.purchases(found, days) + corrected.purchases(found, days)) / 2,
        worth.expected,
    )
    return [*methods, corrected, mean]


def _extended(rate: ShrunkRate, frequency: Frequency | None, market: Market | None) -> Expected:
    """The rule beyond the days that it was learnt on: fewer stay, which only the model knows."""
    if frequency is None or market is None:
        return rate.expected
    factor, _ = market.year_factor(round(rate.horizon_days), knows_season=False)

    def expected(found: Customers, days: float) -> Array:
        learnt = np.maximum(frequency.expected(found, rate.horizon_days), 1e-9)
        fading = frequency.expected(found, days) / learnt
        return rate.expected(found, rate.horizon_days) * fading * factor

    return expected


def _scaled(frequency: Frequency, shift: float, worth: OrderValue | OnePrice) -> _Method:
    return _Method(
        f"{frequency.name} x {worth.name}",
        lambda found, days: frequency.expected(found, days) * shift,
        worth.expected,
    )


def _choose(methods: list[_Method], held_out: Customers, days: int, models: list[ModelRow]) -> str:
    """Publish how each method did in the hold-out; the name of the one in force.

    The loss is the Tweedie deviance, of a sum of randomly many amounts: in it ten large customers
    do not outvote all others. The smallest is in force; its gain is published in standard errors.
    """
    actual = held_out["future_orders"]
    revenue = np.maximum(held_out["future_revenue"], 0.0)
    best, best_loss, gain = None, np.zeros(0), 0.0
    models.append(
        ModelRow("predicted_value", "holdout_days", days, "fitted on the days before, tested here")
    )
    models.append(ModelRow("predicted_value", "holdout_customers", len(held_out)))
    scale = revenue.mean() if revenue.any() else 1.0
    errors: dict[str, dict[str, float]] = {}
    for method in methods:
        orders = method.expected(held_out, days)
        value = orders * np.maximum(method.order_value(held_out), 0.0)
        loss = tweedie_deviance(value / scale, revenue / scale)
        errors[method.name] = _errors(orders, actual, "orders") | _errors(value, revenue, "value")
        errors[method.name]["deviance"] = float(loss.mean())
        models += [
            ModelRow(f"predicted_value.{method.name}", metric, number)
            for metric, number in errors[method.name].items()
        ]
        z = 0.0 if best is None else gain_z(loss, best_loss)
        if best is None or z > 0:
            best, best_loss, gain = method, loss, z
    assert best is not None
    rule, chosen = errors[methods[0].name], errors[best.name]
    for kind in ("orders", "value"):
        model = "expected_orders" if kind == "orders" else "predicted_value"
        for prefix, found in (("holdout", chosen), ("baseline", rule)):
            note = best.name if prefix == "holdout" else methods[0].name
            for metric in ("mae", "rmse", "total_ratio", "predicted_total", "actual_total"):
                models.append(
                    ModelRow(model, f"{prefix}_{metric}", found.get(f"{kind}_{metric}"), note)
                )
    models += [
        ModelRow("expected_orders", "holdout_days", days),
        ModelRow("predicted_value", "deviance_gain_z", gain, "over the method that it replaced"),
    ]
    is_rule = best is methods[0]
    for model in ("expected_orders", "predicted_value"):
        models.append(ModelRow(model, "beats_baseline", float(not is_rule)))
        models.append(
            ModelRow(
                model,
                "chosen",
                None,
                f"{best.name}: no model beats it in the hold-out"
                if is_rule
                else f"{best.name}: smaller Tweedie deviance in the hold-out",
            )
        )
    return best.name


def _errors(predicted: Array, actual: Array, kind: str) -> dict[str, float]:
    """Mean absolute error, root mean square error, and what was predicted and came in total."""
    error = predicted - actual
    total = float(actual.sum())
    found = {
        f"{kind}_predicted_total": float(predicted.sum()),
        f"{kind}_actual_total": total,
        f"{kind}_mae": float(np.abs(error).mean()),
        f"{kind}_rmse": float(np.sqrt((error**2).mean())),
    }
    if total > 0:
        found[f"{kind}_total_ratio"] = float(predicted.sum()) / total
    return found
