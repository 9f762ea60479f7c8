"""Whether the value table holds what its definitions say."""

from datetime import date, timedelta

import numpy as np
import pytest

from dagster_project.predict import inputs
from dagster_project.predict.value import market, shrunk
from dagster_project.predict.value import twelve_months as value

AS_OF = date(2025, 6, 30)


def facts(models):
    return {(row.model, row.metric): row for row in models}


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
        "INSERT INTO marts.orders VALUES ('x', 'c', DATE '2025-06-25', FALSE, 'web', 1, 0, 0, 0, 1)"
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


def test_value_is_orders_times_order_value(company, two_years):
    """The headline column would not be the product of what stands beside it, or of no method."""
    con = company(two_years)
    span, customers = customers_of(con)
    found = value.predict_values(con, customers, span)
    assert found.predicted_value == pytest.approx(found.expected_orders * found.order_value)
    (method,) = set(found.method)
    rows = facts(found.models)
    assert rows["predicted_value", "chosen"].note.startswith(method)
    losses = {
        row.model.removeprefix("predicted_value."): row.value
        for row in found.models
        if row.metric == "deviance"
    }
    assert len(losses) == 4
    assert min(losses, key=losses.get) == method


def test_one_price_everywhere_is_the_order_value(company, two_years):
    """A shop with one price is told no value of a customer, or one without its model of orders."""
    orders = [(*row[:2], 20.0) for row in two_years]
    # Some place two orders on one day: the price of an order is no other for it.
    con = company([*orders, *orders[::50]])
    span, customers = customers_of(con)
    found = value.predict_values(con, customers, span)
    assert (customers["order_count"] > customers["purchase_days"]).any()
    assert found.order_value == pytest.approx(20.0)
    assert found.predicted_value == pytest.approx(found.expected_orders * 20.0)
    methods = {row.model for row in found.models if row.metric == "deviance"}
    assert len(methods) == 4
    assert sum("one_price" in method for method in methods) == 3


def test_expected_orders_count_orders_and_not_days(company, two_years):
    """Who orders twice on every day that they buy is shown half of their orders to come.

    Source: everybody's history, in which each order is delivered as two of half the amount: as many
    days, twice the orders, and the same money.
    """
    halves = [(*row[:2], row[2] / 2) for row in two_years]
    found = []
    for orders in (two_years, [*halves, *halves]):
        con = company(orders)
        span, customers = customers_of(con)
        rule = value._methods(con, None, None, customers, span.first, [])[0]
        by_id = np.argsort(customers.customer_id)
        found.append(
            (rule.expected(customers, 90)[by_id], value.predict_values(con, customers, span))
        )
    (once, whole), (twice, split) = found
    assert twice == pytest.approx(2 * once)
    assert split.expected_orders.sum() == pytest.approx(2 * whole.expected_orders.sum(), rel=0.1)
    assert split.predicted_value.sum() == pytest.approx(whole.predicted_value.sum(), rel=0.1)


def test_holdout_errors_are_of_what_was_not_seen(company, two_years):
    """The published error would be that of a method that knew the answer.

    Source: the same methods on a company of which only the past was ever delivered.
    """
    con = company(two_years)
    span, customers = customers_of(con)
    rows = facts(value.predict_values(con, customers, span).models)
    days = value.holdout_days(span)
    assert days == 365
    cutoff = AS_OF - timedelta(days=days)
    past_con = company([row for row in two_years if row[1] <= cutoff])
    inputs.prepare_days(past_con, cutoff)
    past = inputs.read_customers(past_con, cutoff)
    frequency, seasonal = market.fit_seasonal(past_con, past, [])
    methods = value._methods(past_con, frequency, seasonal, past, span.first, [])
    later = {name: [] for name in past.customer_id}
    for name, day, worth in two_years:
        if day > cutoff and name in later:
            later[name].append((day, worth))
    orders = np.array([len(later[name]) for name in past.customer_id])
    revenue = np.array([sum(worth for _, worth in later[name]) for name in past.customer_id])
    assert len(methods) == 4
    _, plain, corrected, mean = methods
    assert mean.name.startswith("mean_")
    both = (plain.expected(past, days) + corrected.expected(past, days)) / 2
    assert mean.expected(past, days) == pytest.approx(both)
    for method in methods:
        expected = method.expected(past, days)
        model = f"predicted_value.{method.name}"
        error = np.abs(expected - orders).mean()
        assert rows[model, "orders_mae"].value == pytest.approx(error)
        error = expected * method.order_value(past) - revenue
        assert rows[model, "value_rmse"].value == pytest.approx(np.sqrt((error**2).mean()))


def test_refunds_of_later_days_are_not_known(company):
    """The tested error would be that of a model that knew which orders would come back.

    Source: counted by hand: 120 with 20 tax and postage, a quarter and then another given back.
    """
    con = company([("c", date(2025, 1, 1), 10.0), ("c", date(2025, 2, 1), 120.0, 50.0)])
    con.execute(
        "UPDATE marts.orders SET tax_amount = 15, shipping_amount = 5 WHERE gross_revenue = 120"
    )
    con.execute(
        "INSERT INTO intermediate.int_refunds_dated VALUES "
        "('o1', DATE '2025-02-10', 3000), ('o1', DATE '2025-03-10', 3000)"
    )
    inputs.prepare_days(con, AS_OF)
    found = {
        day: inputs.read_customers(con, day)
        for day in (date(2025, 2, 9), date(2025, 2, 10), date(2025, 3, 10))
    }
    assert [round(c["net_revenue"][0], 6) for c in found.values()] == [110, 85, 60]
    assert [round(c["repeat_value"][0], 6) for c in found.values()] == [100, 75, 50]


def test_a_rule_that_was_closer_predicts(company):
    """A model that lost to a rule of thumb would go on being published as the better one.

    Everybody buys every 20 days to the day, and half of all stopped long ago: own pace and recency
    say all, while the model believes in chance.
    """
    orders = [
        (f"c{i}", AS_OF - timedelta(days=20 * k + i % 20 + (420 if i % 2 else 0)), 30.0)
        for i in range(160)
        for k in range(15)
    ]
    con = company(orders)
    span, customers = customers_of(con)
    values = value.predict_values(con, customers, span)
    rows = facts(values.models)
    best = min(
        (row for row in values.models if row.metric == "deviance"), key=lambda row: row.value
    )
    assert rows["predicted_value", "chosen"].note.startswith(best.model.split(".", 1)[1])
    assert (rows["predicted_value", "beats_baseline"].value == 0) == ("shrunk" in best.model)
    gone = customers["days_since_last_order"] > 400
    assert values.expected_orders[gone].max() < values.expected_orders[~gone].min()


def test_a_young_customer_has_no_pace_yet(company, two_years):
    """Somebody of two days with two purchases would be put at 365 a year. Source: a bound."""
    new = [("new", AS_OF - timedelta(days=day), 200.0) for day in (0, 1)]
    con = company([*two_years, *new])
    _, customers = customers_of(con)
    earlier = inputs.read_customers(con, AS_OF - timedelta(days=180), 180)
    rate = shrunk.ShrunkRate.learn(earlier, 180)
    position = list(customers.customer_id).index("new")
    assert rate.expected(customers, 365)[position] < 30
    once = customers["frequency"] == 0
    assert (rate.expected(customers, 365)[once] > 0).all()


def test_shrunk_mean_lies_between_own_and_all(company, two_years):
    """One large first order would be promised for ever. Source: the definition."""
    _, customers = customers_of(company(two_years))
    own = customers["net_revenue"] / customers["order_count"]
    overall = customers["net_revenue"].sum() / customers["order_count"].sum()
    found = shrunk.shrunk_mean(customers)
    assert (np.abs(found - overall) <= np.abs(own - overall) + 1e-9).all()
    weight = customers["order_count"] / (customers["order_count"] + shrunk.PRIOR)
    assert found == pytest.approx(weight * own + (1 - weight) * overall)
