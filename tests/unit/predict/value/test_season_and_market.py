"""Whether season and growth of a shop's own customers reach the year ahead.

When these fail, a company with a busy December is valued by its December.
"""

from datetime import date, timedelta

import numpy as np
import pytest

from dagster_project.predict import inputs
from dagster_project.predict.value import market, twelve_months
from dagster_project.predict.value.season import BLOCK_DAYS, BLOCKS, SEASON_DAYS, Season

AS_OF = date(2025, 6, 30)


def test_the_clock_runs_with_the_weights():
    """Ages would be measured in other days than purchases. Source: sums of daily weights."""
    weights = np.linspace(0.5, 1.5, BLOCKS)
    season = Season(AS_OF, weights)
    daily = np.repeat(weights, BLOCK_DAYS)
    for start, days in ((0, 28), (0, 40), (-100, 90), (-400, 500), (13, -27)):
        first, last = sorted((start, start + days))
        expected = sum(daily[day % SEASON_DAYS] for day in range(first, last))
        found = season.between(AS_OF + timedelta(days=start), np.array([float(days)]))[0]
        assert found == pytest.approx(np.sign(days) * expected)
    assert season.of_days(30)[-1] == pytest.approx(weights[-1])
    assert Season.none(AS_OF).between(AS_OF, np.array([17.0]))[0] == 17


def test_season_is_measured_beside_growth():
    """Growth would be taken for a season. Source: purchases made with both."""
    true = 1 + 0.4 * np.cos(2 * np.pi * np.arange(BLOCKS) / BLOCKS)
    years = 3
    actual = np.concatenate(
        [np.repeat(true, BLOCK_DAYS) * 100 * 1.3**year for year in range(years)]
    )
    found = Season.measure(AS_OF, actual, np.full(len(actual), 100.0))
    assert found.weights == pytest.approx(true / true.mean(), rel=0.02)
    once = Season.measure(AS_OF, actual[:SEASON_DAYS], np.full(SEASON_DAYS, 100.0))
    assert once.weights == pytest.approx(np.sqrt(true) / np.sqrt(true).mean(), rel=0.02)
    assert (Season.measure(AS_OF, actual[:300], np.ones(300)).weights == 1).all()


def seasonal_company(years, season, growth, people=1500, seed=4):
    """Purchases with a December peak and with rates that grow, of people who come and leave."""
    rng = np.random.default_rng(seed)
    count = int(365 * years)
    days = [AS_OF - timedelta(days=count - 1 - i) for i in range(count)]
    of_year = np.array([day.timetuple().tm_yday for day in days])
    weight = (1 + season * np.cos(2 * np.pi * (of_year - 350) / 365)) * (1 + growth) ** (
        np.arange(count) / 365
    )
    clock = np.concatenate([[0.0], np.cumsum(weight)])
    orders = []
    for person in range(people):
        first = int(rng.integers(0, count))
        rate, leave = rng.gamma(0.9, 1 / 80), rng.beta(0.9, 3.5)
        now, day = clock[first] + rng.random(), first
        worth = rng.lognormal(3.5, 0.6)
        while True:
            value = round(float(worth * rng.lognormal(0, 0.3)), 2)
            orders.append((f"c{person}", days[day], value))
            now += rng.exponential(1 / rate)
            if rng.random() < leave or now >= clock[-1]:
                break
            day = int(np.searchsorted(clock, now, side="right")) - 1
    return orders


@pytest.mark.parametrize(("season", "growth"), [(0.0, 0.0), (0.4, 0.0), (0.4, 0.15)])
def test_the_year_ahead_is_predicted_in_total(company, season, growth):
    """The sum of all customers' values would be another year's. Source: what they then did."""
    con = company(seasonal_company(3.5, season, growth))
    cut = AS_OF - timedelta(days=365)
    span = inputs.prepare_days(con, cut)
    customers = inputs.read_customers(con, cut)
    values = twelve_months.predict_values(con, customers, span)
    inputs.prepare_days(con, AS_OF)
    then = inputs.read_customers(con, cut, 365)
    assert len(then) == len(customers)
    ratio = values.predicted_value.sum() / then["future_revenue"].sum()
    assert 0.85 <= ratio <= 1.15


def test_the_factor_of_the_year_says_what_it_knows():
    """A level would be believed that the history cannot show. Source: counted by hand."""
    first = date(2020, 1, 1)

    def index(*years):
        actual = np.concatenate([np.full(365, 100.0 * level) for level in years])
        even = np.full(len(actual), 100.0)
        return market.Market(first, actual, even, even)

    factor, said = index(1.0, 1.1).year_factor()
    assert factor == pytest.approx(1.1 * 1.1**0.5, rel=1e-3)
    assert "+10.0%" in said
    factor, said = index(1.2).year_factor()
    assert factor == pytest.approx(1.2, rel=1e-3)
    assert "not known yet" in said
    young = market.Market(first, np.full(200, 150.0), np.full(200, 100.0), np.full(200, 100.0))
    factor, said = young.year_factor(100)
    assert factor == pytest.approx(1.5**-0.5, rel=1e-2)
    assert "half of the level" in said
