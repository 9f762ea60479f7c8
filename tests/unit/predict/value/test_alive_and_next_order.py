"""Whether P(alive) and the dates of next orders hold what they say, or say that they do not."""

from datetime import date, timedelta

import numpy as np
import pytest

from dagster_project.predict import inputs
from dagster_project.predict.likelihood import Fit
from dagster_project.predict.value import alive, next_order, twelve_months
from dagster_project.predict.value.frequency import Frequency
from dagster_project.predict.value.season import Season

AS_OF = date(2025, 6, 30)


def values_of(con, as_of=AS_OF):
    span = inputs.prepare_days(con, as_of)
    customers = inputs.read_customers(con, as_of)
    return customers, twelve_months.predict_values(con, customers, span)


@pytest.fixture
def eager(company):
    """Everybody who is still a customer buys within weeks, and a third leave each time."""
    rng = np.random.default_rng(5)
    orders = []
    for person in range(900):
        day = int(rng.integers(0, 760))
        gap, leave = 1 / rng.gamma(2.0, 1 / 30), rng.beta(1.0, 2.0)
        while day < 800:
            orders.append((f"c{person}", AS_OF - timedelta(days=799 - day), 20.0))
            if rng.random() < leave:
                break
            day += 1 + int(rng.exponential(gap))
    return company(orders)


def test_p_alive_is_published_where_it_holds(eager):
    """A probability that was right would be withheld. Source: construction."""
    customers, values = values_of(eager)
    found, rows = alive.probability_alive(customers, values)
    facts = {row.metric: row for row in rows}
    assert facts["decile_error"].value < 0.05
    assert facts["holdout_auc"].value >= facts["baseline_auc"].value
    assert facts["fitted"].value == 1
    assert ((found >= 0) & (found <= 1)).all()
    # Who bought once may have left too.
    once = (customers["frequency"] == 0) & (customers["days_since_last_order"] > 200)
    assert once.sum() > 50
    assert found[once].max() < 0.1


def test_p_alive_is_withheld_where_it_does_not_hold(company, two_years):
    """ "Still customers" would be all of them. Source: the later period."""
    customers, values = values_of(company(two_years))
    found, rows = alive.probability_alive(customers, values)
    assert np.isnan(found).all()
    facts = {row.metric: row for row in rows}
    assert facts["fitted"].note.startswith("not published: ")
    held = facts["holdout_auc"].value >= facts["baseline_auc"].value
    assert not (held and facts["decile_error"].value < alive.LARGEST_DECILE_ERROR)


def test_waits_are_those_of_the_model():
    """Dates would be too early or too late for everybody. Source: simulation."""
    fit = Fit({"r": 0.8, "alpha": 30.0, "a": 1.0, "b": 2.0}, {}, 0.0, 0, 0)
    frequency = Frequency("bg_nbd", fit, Season.none(AS_OF))
    columns = {
        "frequency": np.array([4.0, 0.0]),
        "age": np.array([200.0, 50.0]),
        "days_since_last_order": np.array([20.0, 50.0]),
    }
    empty = np.zeros(2, dtype="datetime64[D]")
    ids = np.array(["c", "d"], dtype=object)
    customers = inputs.Customers(AS_OF, ids, empty, empty, columns, np.zeros(2, dtype=bool))
    living = frequency.alive(customers)[0]
    rng = np.random.default_rng(0)
    waits = rng.exponential(1 / rng.gamma(4.8, 1 / 230.0, 400_000))
    waits[rng.random(len(waits)) > living] = np.inf
    for level in (0.3, 0.5):
        found = next_order.Waits.of(frequency, customers).until(level)[0]
        assert found == pytest.approx(np.quantile(waits, level, method="lower"), rel=0.03)
    assert np.isnan(next_order.Waits.of(frequency, customers).until(living + 0.01)[0])


def test_half_have_bought_by_the_date(company, two_years):
    """A quarter would buy by the date on which half should. Source: what they then did."""
    con = company(two_years)
    cut = AS_OF - timedelta(days=182)
    customers, values = values_of(con, cut)
    found = next_order.date_next_orders(customers, values)
    inputs.prepare_days(con, AS_OF)
    then = inputs.read_customers(con, cut, 182)
    waited = dict(zip(then.customer_id, then["days_to_next"], strict=True))
    actual = np.array([waited[name] for name in customers.customer_id])
    dated = found.half <= 182
    assert dated.sum() > 60
    assert np.mean(actual[dated] <= found.half[dated]) == pytest.approx(0.5, abs=0.12)
    known = ~np.isnan(found.nine_tenths)
    assert (found.nine_tenths[known] >= found.half[known]).all()


def test_no_dates_are_said(company):
    """A young shop would see a crash, or dates from nothing."""
    con = company([("c", AS_OF - timedelta(days=9 * i), 5.0) for i in range(5)])
    customers, values = values_of(con)
    found = next_order.date_next_orders(customers, values)
    assert np.isnan(found.half).all()
    assert len(found.models[0].note) > 20
