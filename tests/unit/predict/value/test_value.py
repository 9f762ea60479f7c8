"""Whether the value table holds what its definitions say."""

from datetime import date, timedelta

import numpy as np
import pytest

from dagster_project.predict import inputs
from dagster_project.predict.likelihood import Fit
from dagster_project.predict.value import bgnbd, gamma_gamma, next_order
from dagster_project.predict.value import twelve_months as value

AS_OF = date(2025, 6, 30)


def customers_of(con, as_of=AS_OF, horizon=0):
    span = inputs.prepare_days(con, AS_OF)
    return span, inputs.read_customers(con, as_of, horizon)


def test_histories_count_days_and_leave_the_first_value_out(company):
    """Orders split in two would be loyalty, and the first order would be predicted again.

    Source: counted by hand.
    """
    con = company(
        [
            ("c", date(2025, 6, 1), 100.0),
            ("c", date(2025, 6, 1), 50.0),
            ("c", date(2025, 6, 11), 30.0, 20.0),
            ("c", date(2025, 6, 21), 40.0),
            ("c", date(2025, 6, 21), 10.0),
            ("once", date(2025, 6, 30), 5.0),
            (None, date(2025, 6, 30), 5.0),
        ]
    )
    con.execute(
        "INSERT INTO marts.orders VALUES ('x', 'c', DATE '2025-06-25', FALSE, 'web', 1, 0, 1)"
    )
    _, customers = customers_of(con)
    found = {name: i for i, name in enumerate(customers.customer_id)}
    assert set(found) == {"c", "once"}
    row = {name: column[found["c"]] for name, column in customers.columns.items()}
    assert (row["frequency"], row["recency"], row["age"]) == (2, 20, 29)
    assert row["repeat_value"] == (20 + 50) / 2
    assert row["net_revenue"] == 220
    once = {name: column[found["once"]] for name, column in customers.columns.items()}
    assert (once["frequency"], once["recency"], once["age"]) == (0, 0, 0)


def test_simple_lifetime_value_adds_up(company, two_years):
    """The rule of thumb would promise more than the company ever took."""
    _, customers = customers_of(company(two_years))
    simple, rows = value.simple_lifetime_value(customers)
    months = customers["active_months"]
    assert simple @ months / months.mean() == pytest.approx(customers["net_revenue"].sum())
    facts = {row.metric: row.value for row in rows}
    pairs = {(row[0], row[1].replace(day=1)) for row in two_years}
    people = {row[0] for row in two_years}
    assert facts["average_lifetime_months"] == pytest.approx(len(pairs) / len(people))
    assert facts["average_monthly_revenue_per_active_customer"] == pytest.approx(
        sum(row[2] for row in two_years) / len(pairs)
    )


def test_predicted_value_is_orders_times_worth(company, two_years):
    """The headline column would not be the product of the published models."""
    con = company(two_years)
    span, customers = customers_of(con)
    found = value.predict_values(con, customers, span)
    history = (customers["frequency"], customers["recency"], customers["age"])
    fit = bgnbd.fit(bgnbd.histories(*history))
    worth = gamma_gamma.fit(customers["frequency"], np.nan_to_num(customers["repeat_value"]))
    expected = bgnbd.expected_purchases(fit, *history, 365) * gamma_gamma.expected_value(
        worth, customers["frequency"], np.nan_to_num(customers["repeat_value"])
    )
    assert found.predicted_value == pytest.approx(expected)
    facts = {(row.model, row.metric): row.value for row in found.models}
    assert facts["bg_nbd", "log_likelihood"] == pytest.approx(fit.log_likelihood)


def test_holdout_errors_are_of_what_was_not_seen(company, two_years):
    """The published error would be that of a model that knew the answer. Source: by hand."""
    con = company(two_years)
    span, customers = customers_of(con)
    found = value.predict_values(con, customers, span)
    days = value.holdout_days(span)
    assert days == 182
    cutoff = AS_OF - timedelta(days=days)
    past_con = company([row for row in two_years if row[1] <= cutoff])
    inputs.prepare_days(past_con, cutoff)
    past = inputs.read_customers(past_con, cutoff)
    history = (past["frequency"], past["recency"], past["age"])
    predicted = bgnbd.expected_purchases(bgnbd.fit(bgnbd.histories(*history)), *history, days)
    later = {name: set() for name in past.customer_id}
    for name, day, _ in two_years:
        if day > cutoff and name in later:
            later[name].add(day)
    actual = np.array([len(later[name]) for name in past.customer_id])
    facts = {(row.model, row.metric): row.value for row in found.models}
    assert facts["bg_nbd", "holdout_mae"] == pytest.approx(np.abs(predicted - actual).mean())
    assert facts["bg_nbd", "holdout_rmse"] == pytest.approx(
        np.sqrt(((predicted - actual) ** 2).mean())
    )
    naive = np.divide(
        past["frequency"] * days, past["age"], out=np.zeros(len(past)), where=past["age"] > 0
    )
    assert facts["bg_nbd", "baseline_mae"] == pytest.approx(np.abs(naive - actual).mean())


def test_a_rule_that_was_closer_predicts(company):
    """A model that lost to a rule of thumb would go on being published as the better one.

    Two kinds of customers who each keep to their own rhythm and amount to the day: to continue
    them is exact, and the model pulls them together.
    """
    orders = [
        (f"c{i}", AS_OF - timedelta(days=gap * k + i % gap), worth)
        for i in range(120)
        for gap, worth in [((10, 200.0), (90, 20.0))[i % 2]]
        for k in range(700 // gap)
    ]
    con = company(orders)
    span, customers = customers_of(con)
    values = value.predict_values(con, customers, span)
    facts = {(row.model, row.metric): row for row in values.models}
    for model in ("bg_nbd", "predicted_value"):
        assert facts[model, "beats_baseline"].value == 0
        assert facts[model, "chosen"].note.startswith("baseline")
    often = customers["repeat_value"] > 100
    assert values.expected_orders[often] == pytest.approx(36.5, rel=0.03)
    assert values.predicted_value[often] == pytest.approx(36.5 * 200, rel=0.03)
    assert values.predicted_value[~often] == pytest.approx(365 / 90 * 20, rel=0.15)


def test_median_wait_is_that_of_the_model():
    """Dates would be too early or too late for everybody. Source: simulation."""
    fit = Fit({"r": 0.8, "alpha": 30.0, "a": 1.0, "b": 2.0}, {}, 0.0, 0, 0)
    columns = {"frequency": np.array([4.0]), "age": np.array([200.0])}
    empty = np.zeros(1, dtype="datetime64[D]")
    customers = inputs.Customers(
        AS_OF, np.array(["c"], dtype=object), empty, empty, columns, np.zeros(1, dtype=bool)
    )
    rng = np.random.default_rng(0)
    waits = rng.exponential(1 / rng.gamma(4.8, 1 / 230.0, 200_000))
    assert next_order.model_wait(fit, customers)[0] == pytest.approx(np.median(waits), rel=0.02)


def test_dates_of_next_orders(company, two_years):
    """A date would be in the past, or promised for somebody who has left."""
    con = company(two_years)
    span, customers = customers_of(con)
    found = value.predict_values(con, customers, span)
    churn = np.where(customers["days_since_last_order"] > 120, 0.9, 0.2)
    days, rows = next_order.days_to_next_order(customers, found, churn)
    assert np.isnan(days[churn > 0.5]).all()
    known = days[~np.isnan(days)]
    assert len(known) > 50
    assert ((known >= 1) & (known <= 365)).all()
    facts = {row.metric: row for row in rows}
    errors = {name: facts[f"{name}_median_error_days"].value for name in ("own_interval", "bg_nbd")}
    assert facts["chosen"].note.startswith(min(errors, key=errors.get))
