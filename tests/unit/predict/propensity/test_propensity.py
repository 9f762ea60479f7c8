"""Whether churn and repurchase probabilities are honest: learnt from the past, tested later."""

from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest

from dagster_project.predict import inputs
from dagster_project.predict.propensity import estimate as propensity

AS_OF = date(2025, 6, 30)


def facts(result):
    return {(row.model, row.metric): row for row in result.models}


@pytest.fixture
def predicted(company, two_years):
    con = company(two_years)
    span = inputs.prepare_days(con, AS_OF)
    customers = inputs.read_customers(con, AS_OF)
    return con, span, customers


def test_features_know_nothing_of_the_future(company, two_years):
    """Published accuracy would be that of a model that had seen the answer."""
    cutoff = AS_OF - timedelta(days=100)
    found = []
    for orders in (two_years, [row for row in two_years if row[1] <= cutoff]):
        con = company(orders)
        inputs.prepare_days(con, AS_OF)
        past = inputs.read_customers(con, cutoff)
        order = np.argsort(past.customer_id.astype(str))
        found.append((past.customer_id[order], past.matrix()[order]))
    assert (found[0][0] == found[1][0]).all()
    assert found[0][1] == pytest.approx(found[1][1])


def test_labels_cover_exactly_the_horizon(company):
    """Customers who bought on the last day would count as lost, or the training day as future."""
    day = date(2025, 1, 1)
    orders = [
        (name, when, 10.0)
        for name, later in (("same", 0), ("first", 1), ("last", 30), ("after", 31))
        for when in (day, day + timedelta(days=later))
    ]
    con = company(orders)
    inputs.prepare_days(con, AS_OF)
    customers = inputs.read_customers(con, day, 30)
    bought = dict(zip(customers.customer_id, customers.bought, strict=True))
    assert bought == {"same": False, "first": True, "last": True, "after": False}


def test_churn_horizon_is_measured(predicted):
    """ "Lost" would mean a number of days that somebody guessed. Source: numpy's quantile."""
    con, span, _ = predicted
    rows = con.execute("SELECT customer, day FROM prediction_days ORDER BY 1, 2").fetchall()
    gaps = [
        (later[1] - earlier[1]).days for earlier, later in pairwise(rows) if earlier[0] == later[0]
    ]
    assert span.gaps == len(gaps)
    assert span.gap_p90 == pytest.approx(np.quantile(gaps, 0.9))
    assert propensity.churn_days(span) == round(np.quantile(gaps, 0.9))


def test_a_useful_model_is_used_and_reported(company):
    """Every score would be missing, or the column would not be the model that was tested."""
    rng = np.random.default_rng(9)
    orders = []
    for person in range(600):
        # Some buy weekly and some twice a year: how long ago the last time was says little alone.
        day, gap = int(rng.integers(0, 300)), float(rng.choice([7, 30, 150]))
        while day < 730 and rng.random() > 0.03:
            orders.append((f"c{person}", date(2023, 7, 1) + timedelta(days=day), 20.0))
            day += 1 + int(rng.exponential(gap))
    con = company(orders)
    span = inputs.prepare_days(con, AS_OF)
    customers = inputs.read_customers(con, AS_OF)
    result = propensity.predict_propensity(con, customers, "churn", propensity.churn_days(span))
    rows = facts(result)
    assert rows["churn_propensity", "beats_baseline"].value == 1
    for model in ("logistic", "gradient_boosting", "baseline"):
        for metric in ("auc", "brier", "lift_top_decile", "calibration_slope"):
            assert np.isfinite(rows[f"churn_propensity.{model}", metric].value)
    assert rows["churn_propensity.logistic", "auc"].value > 0.7
    assert ((result.probability > 0) & (result.probability < 1)).all()
    recent = customers["days_since_last_order"] < 10
    gone = customers["days_since_last_order"] > 200
    assert result.probability[recent].mean() < result.probability[gone].mean() - 0.3


def test_a_useless_model_gives_way_to_the_baseline(company):
    """A model that learnt noise would be sold as a prediction."""
    rng = np.random.default_rng(8)
    # Everybody buys on days thrown by the same dice: nothing tells customers apart.
    orders = [
        (f"c{person}", date(2024, 1, 1) + timedelta(days=int(day)), 20.0)
        for person in range(300)
        for day in np.flatnonzero(rng.random(546) < 0.012)
    ]
    con = company(orders)
    inputs.prepare_days(con, AS_OF)
    customers = inputs.read_customers(con, AS_OF)
    result = propensity.predict_propensity(con, customers, "repurchase", 40)
    rows = facts(result)
    assert rows["repurchase_propensity", "beats_baseline"].value == 0
    assert rows["repurchase_propensity", "chosen"].note.startswith("baseline: ")
    test = inputs.read_customers(con, AS_OF - timedelta(days=40), 40)
    baseline = propensity.RecencyRate.learn(test, test.bought).predict(customers)
    assert result.probability == pytest.approx(baseline)


def test_baseline_rates():
    """Customers would fall back to a rate that is not theirs. Source: counted by hand."""
    columns = {"days_since_last_order": np.repeat([1.0, 50.0], [10, 10])}
    ids = np.array([str(i) for i in range(20)], dtype=object)
    dates = np.zeros(20, dtype="datetime64[D]")
    customers = inputs.Customers(AS_OF, ids, dates, dates, columns, np.zeros(20, dtype=bool))
    labels = np.r_[np.arange(10) < 2, np.arange(10) < 8]
    rates = propensity.RecencyRate.learn(customers, labels).predict(customers)
    assert rates[0] == pytest.approx((2 + 0.5) / 11)
    assert rates[-1] == pytest.approx((8 + 0.5) / 11)


@pytest.mark.parametrize(
    ("customers", "days", "words"),
    [(5, 700, "5 customers one horizon ago"), (60, 700, "60 customers"), (60, 40, "too short")],
)
def test_too_little_data_is_said(company, customers, days, words):
    """A young shop would see a crash, or a probability learnt from nothing."""
    rng = np.random.default_rng(1)
    orders = [
        (f"c{i % customers}", AS_OF - timedelta(days=int(rng.integers(0, days))), 5.0)
        for i in range(customers * 12)
    ]
    con = company(orders)
    span = inputs.prepare_days(con, AS_OF)
    now = inputs.read_customers(con, AS_OF)
    result = propensity.predict_propensity(con, now, "churn", propensity.churn_days(span))
    assert words in facts(result)["churn_propensity", "fitted"].note


def busy_december(years, seed=3):
    """Orders of people who buy three times as often in the last quarter as in the others."""
    rng = np.random.default_rng(seed)
    days = [AS_OF - timedelta(days=365 * years - i) for i in range(365 * years + 1)]
    busy = np.array([2.0 if day.month in (10, 11, 12) else 0.7 for day in days])
    orders = []
    for person in range(500):
        bought = np.flatnonzero(rng.random(len(days)) < busy * rng.gamma(2.0, 0.004))
        orders += [(f"c{person}", days[int(day)], 20.0) for day in bought]
    return orders


def test_the_same_weeks_of_last_year_correct_the_level(company):
    """Before Christmas everybody would be about to leave. Source: what they then did."""
    con = company(busy_december(3))
    day = date(2024, 9, 30)
    span = inputs.prepare_days(con, day)
    customers = inputs.read_customers(con, day)
    plain = propensity.predict_propensity(con, customers, "churn", 60)
    seasonal = propensity.predict_propensity(con, customers, "churn", 60, span.first)
    inputs.prepare_days(con, AS_OF)
    then = inputs.read_customers(con, day, 60)
    actual = float((~then.bought).mean())
    closed = facts(seasonal)
    assert closed["churn_propensity", "season_used"].value == 1
    assert closed["churn_propensity", "season_shift"].value < -0.3
    assert abs(seasonal.probability.mean() - actual) < abs(plain.probability.mean() - actual) - 0.05
    assert closed["churn_propensity", "actual_rate"].value == pytest.approx(
        (~inputs.read_customers(con, day - timedelta(days=60), 60).bought).mean()
    )


def test_a_season_that_nobody_saw_is_not_claimed(company):
    """A shop of one year would be corrected by what it cannot know."""
    con = company(busy_december(1))
    span = inputs.prepare_days(con, AS_OF)
    customers = inputs.read_customers(con, AS_OF)
    result = propensity.predict_propensity(con, customers, "churn", 60, span.first)
    assert facts(result)["churn_propensity", "season_used"].value == 0
    assert "no season is known" in facts(result)["churn_propensity", "season_used"].note
    assert ("churn_propensity", "season_shift") not in facts(result)


def test_nobody_is_lost_where_nobody_is_named(company):
    """A model of a large shop learns from other people than a small one's, or from its first."""
    day = date(2025, 1, 1)
    con = company([(f"c{n}", day - timedelta(days=n), 10.0 + n) for n in range(10)])
    inputs.prepare_days(con, AS_OF)
    named = inputs.read_customers(con, day, 30)
    numbered = inputs.read_customers(con, day, 30, named=False)
    assert sorted(named.customer_id) == [f"c{n}" for n in range(10)]
    assert len(set(numbered.customer_id)) == 10
    assert (named.matrix() == numbered.matrix()).all()
    every_third = numbered.sample(4)
    assert (every_third["age"] == numbered["age"][::3]).all()
    assert (every_third.customer_id == numbered.customer_id[::3]).all()
    assert (every_third.horizon_days, len(numbered.sample(10))) == (30, 10)
