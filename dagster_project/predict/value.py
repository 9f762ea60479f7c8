"""What each customer is worth: so far, by a rule of thumb, and over the next twelve months."""

from dataclasses import dataclass, field
from datetime import timedelta

import duckdb
import numpy as np

from dagster_project.predict import bgnbd, gamma_gamma
from dagster_project.predict.inputs import Customers, Span, read_customers
from dagster_project.predict.likelihood import Array, Fit, NotFitted
from dagster_project.predict.tables import ModelRow

YEAR_DAYS = 365
SHORTEST_HOLDOUT_DAYS, LONGEST_HOLDOUT_DAYS = 14, 182
# Below this a date would promise an order from somebody who has most likely left.
ALIVE_ENOUGH = 0.5


@dataclass
class CustomerValues:
    """Columns of ``predictions.customer_values``, aligned with the customers given; NaN: unknown.

    ``next_order_days`` counts from ``as_of``.
    """

    ltv_to_date: Array
    ltv_simple: Array
    p_alive: Array
    expected_orders: Array
    predicted_value: Array
    next_order_days: Array
    models: list[ModelRow] = field(default_factory=list)


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
    return min(LONGEST_HOLDOUT_DAYS, (span.last - span.first).days // 3)


def predict_values(
    con: duckdb.DuckDBPyConnection, customers: Customers, span: Span
) -> CustomerValues:
    """Every column of the value table, and what is to be said about the models behind them."""
    simple, rows = simple_lifetime_value(customers)
    unknown = np.full(len(customers), np.nan)
    values = CustomerValues(
        customers["net_revenue"], simple, unknown, unknown, unknown, unknown, rows
    )
    held_out = None
    if holdout_days(span) >= SHORTEST_HOLDOUT_DAYS:
        cutoff = customers.as_of - timedelta(days=holdout_days(span))
        held_out = read_customers(con, cutoff, holdout_days(span))
    frequency_fit = _fit_frequency(customers, values)
    value_fit = _fit_value(customers, values)
    if frequency_fit is not None:
        values.p_alive = bgnbd.probability_alive(frequency_fit, *_history(customers))
        values.expected_orders = bgnbd.expected_purchases(
            frequency_fit, *_history(customers), YEAR_DAYS
        )
    if frequency_fit is not None and value_fit is not None:
        values.predicted_value = values.expected_orders * _purchase_value(
            value_fit, customers, values.models
        )
    earlier_fit = _check_on_holdout(held_out, holdout_days(span), values)
    _date_next_orders(customers, held_out, frequency_fit, earlier_fit, values)
    return values


def _history(customers: Customers) -> tuple[Array, Array, Array]:
    return customers["frequency"], customers["recency"], customers["age"]


def _fit_frequency(customers: Customers, values: CustomerValues) -> Fit | None:
    try:
        fit = bgnbd.fit(bgnbd.histories(*_history(customers)))
    except NotFitted as error:
        values.models.append(ModelRow("bg_nbd", "fitted", 0, error.reason))
        return None
    values.models.extend(fit_rows("bg_nbd", fit, "days with a purchase, time in days"))
    return fit


def _fit_value(customers: Customers, values: CustomerValues) -> Fit | None:
    repeat_value = np.nan_to_num(customers["repeat_value"])
    try:
        fit = gamma_gamma.fit(customers["frequency"], repeat_value)
    except NotFitted as error:
        values.models.append(ModelRow("gamma_gamma", "fitted", 0, error.reason))
        return None
    values.models.extend(
        fit_rows("gamma_gamma", fit, "net revenue of a day with a purchase, the first left out")
    )
    usable = (customers["frequency"] > 0) & (repeat_value > 0)
    correlation = _correlation(customers["frequency"][usable], repeat_value[usable])
    values.models.append(
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


def _check_on_holdout(held_out: Customers | None, days: int, values: CustomerValues) -> Fit | None:
    """Fit on the past alone and compare with what came; publishes errors beside a baseline's."""
    if held_out is None:
        values.models.append(
            ModelRow("bg_nbd", "holdout_days", 0, "the history is too short for a hold-out")
        )
        return None
    try:
        fit = bgnbd.fit(bgnbd.histories(*_history(held_out)))
    except NotFitted as error:
        values.models.append(ModelRow("bg_nbd", "holdout_days", 0, error.reason))
        return None
    predicted = bgnbd.expected_purchases(fit, *_history(held_out), days)
    actual = held_out["future_purchases"]
    age = np.maximum(held_out["age"], 1)
    naive = np.where(held_out["age"] > 0, held_out["frequency"] / age * days, 0.0)
    values.models.append(
        ModelRow("bg_nbd", "holdout_days", days, "fitted on the days before, compared with these")
    )
    values.models.extend(
        error_rows("bg_nbd", predicted, naive, actual, "own rate so far, continued")
    )
    repeat_value = np.nan_to_num(held_out["repeat_value"])
    try:
        value_fit = gamma_gamma.fit(held_out["frequency"], repeat_value)
    except NotFitted as error:
        values.models.append(ModelRow("predicted_value", "holdout_days", 0, error.reason))
        return fit
    expected = predicted * _purchase_value(value_fit, held_out, [])
    naive_value = naive * np.where(
        held_out["frequency"] > 0, repeat_value, held_out["average_order_value"]
    )
    values.models.append(ModelRow("predicted_value", "holdout_days", days))
    values.models.extend(
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


def interval_wait(customers: Customers) -> Array:
    """Days until the next order if the customer keeps to the own mean gap; at least 1."""
    return np.maximum(customers["mean_gap_days"] - customers["days_since_last_order"], 1.0)


def model_wait(fit: Fit, customers: Customers) -> Array:
    """Median days until the next purchase of a live customer under BG/NBD.

    Given x purchases in T days the rate is Gamma(r+x, alpha+T), so the wait is Lomax with the
    median (alpha+T)(2^(1/(r+x)) - 1).
    """
    r, alpha = fit.parameters["r"], fit.parameters["alpha"]
    exponent = np.minimum(1 / (r + customers["frequency"]), 1000.0)
    return np.maximum((alpha + customers["age"]) * np.expm1(np.log(2) * exponent), 1.0)


def _date_next_orders(
    customers: Customers,
    held_out: Customers | None,
    fit: Fit | None,
    earlier_fit: Fit | None,
    values: CustomerValues,
) -> None:
    """The rule that was closer for those who did buy in the hold-out dates everybody's next order.

    No date where the customer has most likely left, or where it is more than a year away.
    """
    if not customers["frequency"].sum():
        values.models.append(
            ModelRow("next_order", "fitted", 0, "nobody has bought on a second day yet")
        )
        return
    chosen, note = "own_interval", "no hold-out to compare with"
    if held_out is not None and held_out.bought.any():
        actual = held_out["days_to_next"][held_out.bought]
        errors = {"own_interval": interval_wait(held_out)}
        if fit is not None and earlier_fit is not None:
            errors["bg_nbd"] = model_wait(earlier_fit, held_out)
        medians = {
            name: float(np.median(np.abs(wait[held_out.bought] - actual)))
            for name, wait in errors.items()
        }
        values.models.extend(
            ModelRow(
                "next_order",
                f"{name}_median_error_days",
                error,
                "among customers who bought in the hold-out",
            )
            for name, error in medians.items()
        )
        chosen = min(medians, key=lambda name: medians[name])
        note = "smaller median error in the hold-out"
    values.models.append(ModelRow("next_order", "chosen", None, f"{chosen}: {note}"))
    use_model = chosen == "bg_nbd" and fit is not None
    wait = model_wait(fit, customers) if use_model and fit else interval_wait(customers)
    gone = np.nan_to_num(values.p_alive, nan=1.0) < ALIVE_ENOUGH
    values.next_order_days = np.where(gone | (wait > YEAR_DAYS), np.nan, np.ceil(wait))
