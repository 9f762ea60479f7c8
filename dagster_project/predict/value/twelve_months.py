"""What each customer is worth: so far, by a rule of thumb, and over the next twelve months."""

from dataclasses import dataclass, field
from datetime import timedelta

import duckdb
import numpy as np

from dagster_project.predict.inputs import Customers, Span, read_customers
from dagster_project.predict.likelihood import Array, Fit, NotFitted
from dagster_project.predict.tables import ModelRow
from dagster_project.predict.value import bgnbd, gamma_gamma

YEAR_DAYS = 365
SHORTEST_HOLDOUT_DAYS, LONGEST_HOLDOUT_DAYS = 14, 182


@dataclass
class CustomerValues:
    """Columns of ``predictions.customer_values``, aligned with the customers given; NaN: unknown.

    The rest is for dating the next orders: the fit on all, the customers of the hold-out with
    what they did in it (None: history too short), and the fit on what came before it.
    """

    ltv_simple: Array
    p_alive: Array
    expected_orders: Array
    predicted_value: Array
    models: list[ModelRow] = field(default_factory=list)
    frequency_fit: Fit | None = None
    held_out: Customers | None = None
    earlier_fit: Fit | None = None


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
    """A third of the time observed, at most half a year."""
    return min(LONGEST_HOLDOUT_DAYS, span.days // 3)


def predict_values(
    con: duckdb.DuckDBPyConnection, customers: Customers, span: Span
) -> CustomerValues:
    """Every column of the value table, and what is to be said about the models behind them."""
    simple, rows = simple_lifetime_value(customers)
    unknown = np.full(len(customers), np.nan)
    values = CustomerValues(simple, unknown, unknown, unknown, rows)
    values.frequency_fit = _fit_frequency(customers, values.models)
    value_fit = _fit_value(customers, values.models)
    if values.frequency_fit is not None:
        values.p_alive = bgnbd.probability_alive(values.frequency_fit, *_history(customers))
        values.expected_orders = bgnbd.expected_purchases(
            values.frequency_fit, *_history(customers), YEAR_DAYS
        )
    if values.frequency_fit is not None and value_fit is not None:
        values.predicted_value = values.expected_orders * _purchase_value(
            value_fit, customers, values.models
        )
    days = holdout_days(span)
    if days < SHORTEST_HOLDOUT_DAYS:
        values.models.append(
            ModelRow("bg_nbd", "holdout_days", 0, "the history is too short for a hold-out")
        )
        return values
    values.held_out = read_customers(con, customers.as_of - timedelta(days=days), days)
    values.earlier_fit = _check_on_holdout(values.held_out, days, values.models)
    _fall_back(customers, values)
    return values


def _fall_back(customers: Customers, values: CustomerValues) -> None:
    """Give the baseline's numbers in the columns of models that did not beat it."""
    beats = {row.model: row.value for row in values.models if row.metric == "beats_baseline"}
    baseline = _baseline(customers, YEAR_DAYS)
    columns = {"bg_nbd": "expected_orders", "predicted_value": "predicted_value"}
    for (model, column), numbers in zip(columns.items(), baseline, strict=True):
        if model not in beats or np.isnan(getattr(values, column)).all():
            continue
        chosen = f"{model}: smaller error in the hold-out"
        if not beats[model]:
            setattr(values, column, numbers)
            chosen = "baseline: its error in the hold-out is not larger"
        values.models.append(ModelRow(model, "chosen", None, chosen))


def _baseline(customers: Customers, days: int) -> tuple[Array, Array]:
    """Purchases and value in the next ``days`` if everybody goes on as so far.

    Own purchases per day since the first, times the own mean repeat purchase.
    """
    purchases = customers["frequency"] / np.maximum(customers["age"], 1) * days
    value = np.where(
        customers["frequency"] > 0,
        np.nan_to_num(customers["repeat_value"]),
        customers["average_order_value"],
    )
    return purchases, purchases * np.maximum(value, 0.0)


def _history(customers: Customers) -> tuple[Array, Array, Array]:
    return customers["frequency"], customers["recency"], customers["age"]


def _fit_frequency(customers: Customers, models: list[ModelRow]) -> Fit | None:
    try:
        fit = bgnbd.fit(bgnbd.histories(*_history(customers)))
    except NotFitted as error:
        models.append(ModelRow("bg_nbd", "fitted", 0, error.reason))
        return None
    models.extend(fit_rows("bg_nbd", fit, "days with a purchase, time in days"))
    return fit


def _fit_value(customers: Customers, models: list[ModelRow]) -> Fit | None:
    repeat_value = np.nan_to_num(customers["repeat_value"])
    try:
        fit = gamma_gamma.fit(customers["frequency"], repeat_value)
    except NotFitted as error:
        models.append(ModelRow("gamma_gamma", "fitted", 0, error.reason))
        return None
    models.extend(
        fit_rows("gamma_gamma", fit, "net revenue of a day with a purchase, the first left out")
    )
    usable = (customers["frequency"] > 0) & (repeat_value > 0)
    correlation = _correlation(customers["frequency"][usable], repeat_value[usable])
    models.append(
        ModelRow(
            "gamma_gamma",
            "frequency_value_correlation",
            correlation,
            "the model assumes that how often and how much are unrelated: near 0",
        )
    )
    return fit


def fit_rows(model: str, fit: Fit, note: str) -> list[ModelRow]:
    """A fit as published rows: parameters, standard errors, log-likelihood, size."""
    rows = [ModelRow(model, "fitted", 1, fit.note or note)]
    for name, value in fit.parameters.items():
        rows.append(ModelRow(model, name, value))
        rows.append(ModelRow(model, f"{name}_standard_error", fit.standard_errors[name], fit.note))
    rows.append(ModelRow(model, "log_likelihood", fit.log_likelihood))
    rows.append(ModelRow(model, "customers", fit.observations))
    return rows


def _correlation(left: Array, right: Array) -> float | None:
    if len(left) < 2 or np.ptp(left) == 0 or np.ptp(right) == 0:
        return None
    return float(np.corrcoef(left, right)[0, 1])


def _purchase_value(fit: Fit, customers: Customers, models: list[ModelRow]) -> Array:
    """Expected value of a purchase; the mean of all repeat purchases where none is defined."""
    repeat_value = np.nan_to_num(customers["repeat_value"])
    value = gamma_gamma.expected_value(fit, customers["frequency"], repeat_value)
    undefined = np.isnan(value)
    if undefined.any():
        weights = customers["frequency"]
        value[undefined] = float(repeat_value @ weights / weights.sum())
        models.append(
            ModelRow(
                "gamma_gamma",
                "customers_given_the_average",
                float(undefined.sum()),
                "q is below 1, so the population has no mean: the average repeat purchase stands",
            )
        )
    return value


def _check_on_holdout(held_out: Customers, days: int, models: list[ModelRow]) -> Fit | None:
    """Fit on the past alone and compare with what came; publishes errors beside a baseline's."""
    try:
        fit = bgnbd.fit(bgnbd.histories(*_history(held_out)))
    except NotFitted as error:
        models.append(ModelRow("bg_nbd", "holdout_days", 0, error.reason))
        return None
    predicted = bgnbd.expected_purchases(fit, *_history(held_out), days)
    actual = held_out["future_purchases"]
    naive, naive_value = _baseline(held_out, days)
    models.append(
        ModelRow("bg_nbd", "holdout_days", days, "fitted on the days before, compared with these")
    )
    models.extend(error_rows("bg_nbd", predicted, naive, actual, "own rate so far, continued"))
    repeat_value = np.nan_to_num(held_out["repeat_value"])
    try:
        value_fit = gamma_gamma.fit(held_out["frequency"], repeat_value)
    except NotFitted as error:
        models.append(ModelRow("predicted_value", "holdout_days", 0, error.reason))
        return fit
    expected = predicted * _purchase_value(value_fit, held_out, [])
    models.append(ModelRow("predicted_value", "holdout_days", days))
    models.extend(
        error_rows(
            "predicted_value",
            expected,
            naive_value,
            held_out["future_revenue"],
            "own rate and own mean so far, continued",
        )
    )
    return fit


def error_rows(
    model: str, predicted: Array, baseline: Array, actual: Array, baseline_note: str
) -> list[ModelRow]:
    """Mean absolute error, root mean square error and ratio of totals, model and baseline."""
    rows = []
    for prefix, values, note in (
        ("holdout", predicted, ""),
        ("baseline", baseline, baseline_note),
    ):
        error = values - actual
        rows.append(ModelRow(model, f"{prefix}_mae", float(np.abs(error).mean()), note))
        rows.append(ModelRow(model, f"{prefix}_rmse", float(np.sqrt((error**2).mean())), note))
        total = float(actual.sum())
        ratio = float(values.sum()) / total if total else None
        rows.append(ModelRow(model, f"{prefix}_total_ratio", ratio, note or "predicted / actual"))
    # An expectation minimises squared error; the median of most customers' purchases is zero.
    better = float(((predicted - actual) ** 2).mean()) < float(((baseline - actual) ** 2).mean())
    rows.append(ModelRow(model, "beats_baseline", float(better), "by root mean square error"))
    return rows
