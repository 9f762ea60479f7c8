"""Whether demand by week is counted, tested and forecast as documented."""

from datetime import date, timedelta

import numpy as np
import pytest

from dagster_project.predict.demand import forecast

MONDAY = date(2025, 6, 23)


def weekly(weeks, seed=0, season=0.6):
    rng = np.random.default_rng(seed)
    t = np.arange(weeks)
    level = 200 * np.exp(season * np.sin(2 * np.pi * t / 52))
    return rng.poisson(level).astype(float)


def test_weeks_are_complete_weeks_of_goods_sold(company):
    """The last bar would always fall, and postage or cancelled orders would count as demand."""
    days = [date(2025, 5, 28), date(2025, 6, 2), date(2025, 6, 15), date(2025, 6, 18)]
    con = company([("c", day, 5.0) for day in days])
    con.execute("UPDATE marts.order_lines SET category = 'Tea', quantity = 3")
    con.execute(
        """
        INSERT INTO marts.order_lines VALUES
            ('postage', 'Post', TRUE, TRUE, DATE '2025-06-02', 1),
            ('unlisted', NULL, NULL, TRUE, DATE '2025-06-03', 2),
            ('cancelled', 'Tea', FALSE, FALSE, DATE '2025-06-03', 50),
            ('orphan', 'Tea', FALSE, NULL, NULL, 50)
        """
    )
    # 2025-06-19 is a Thursday: the week of the 16th is not over, that of the 26th May has begun
    # before the data.
    last, weeks = forecast.read_weeks(con, date(2025, 6, 19), 5)
    assert last == date(2025, 6, 9)
    assert {name: list(units) for name, units in weeks.items()} == {
        "(all)": [5.0, 3.0],
        "Tea": [3.0, 3.0],
        "(none)": [2.0, 0.0],
    }
    assert forecast.read_weeks(con, date(2025, 6, 22), 5)[0] == date(2025, 6, 16)


def test_only_the_largest_categories(company):
    """A shop with thousands of categories would wait for hours."""
    con = company([("c", date(2025, 6, 2) + timedelta(days=i), 1.0) for i in range(20)])
    con.execute("UPDATE marts.order_lines SET quantity = 9 WHERE category = 'Cups'")
    assert list(forecast.read_weeks(con, date(2025, 6, 30), 1)[1]) == ["(all)", "Cups"]


def test_mase():
    """A forecast worse than the naive rule would look good. Source: counted by hand."""
    history = np.array([1.0, 3.0, 2.0, 5.0])
    scale = (2 + 1 + 3) / 3
    found = forecast.mase(np.array([5.0, 6.0]), np.array([4.0, 9.0]), history)
    assert found == pytest.approx((1 + 3) / 2 / scale)


def test_seasonal_naive_repeats_the_year():
    """The baseline would be a straw man."""
    units = weekly(104)
    expected, deviation = forecast.seasonal_naive(units, 8)
    assert list(expected) == list(units[52:60])
    assert deviation == pytest.approx(np.sqrt(np.mean((units[52:] - units[:52]) ** 2)))
    expected, deviation = forecast.seasonal_naive(units[:60], 8)
    assert set(expected) == {units[59]}
    assert deviation[7] == pytest.approx(deviation[0] * np.sqrt(8))


def test_the_better_rule_forecasts_with_intervals():
    """A reader would not know which model a number comes from, nor how sure it is."""
    winners = set()
    for seed in range(8):
        found = forecast.forecast_demand(MONDAY, {"Tea": weekly(110, seed)})
        facts = {row.metric: row for row in found.models}
        smaller = min(facts["arima_mase"].value, facts["naive_mase"].value)
        assert [row["horizon"] for row in found.rows] == list(range(1, 9))
        assert found.rows[0]["week_start"] == MONDAY + timedelta(days=7)
        assert {row["mase"] for row in found.rows} == {smaller}
        assert all(0 <= row["lower"] < row["forecast"] < row["upper"] for row in found.rows)
        assert facts["chosen"].note.startswith(found.rows[0]["model"])
        winners.add(found.rows[0]["model"] == "seasonal_naive")
    assert winners == {True, False}


def test_intervals_hold_what_they_promise():
    """95% would mean something else. Source: 40 simulated shops and what they then sold."""
    inside = []
    for seed in range(40):
        units = weekly(112, seed)
        rows = forecast.forecast_demand(MONDAY, {"Tea": units[:104]}).rows
        inside += [
            row["lower"] <= sold <= row["upper"]
            for row, sold in zip(rows, units[104:], strict=True)
        ]
    assert np.mean(inside) > 0.88


@pytest.mark.parametrize(
    ("units", "words"),
    [
        (np.ones(10), "10 complete weeks"),
        (np.full(60, 4.0), "does not vary"),
        (np.arange(100) % 20 == 0, "sold in 5 of 100 weeks"),
    ],
)
def test_no_forecast_is_said(units, words):
    """A new or a constant category would crash the build."""
    found = forecast.forecast_demand(MONDAY, {"Tea": units.astype(float)})
    assert not found.rows
    assert words in found.models[0].note


def test_a_shut_week_does_not_explode_the_interval():
    """One week of holiday would make the interval span the world."""
    units = weekly(60)
    units[30] = 0
    rows = forecast.forecast_demand(MONDAY, {"Tea": units}).rows
    assert all(row["upper"] < 20 * units.max() for row in rows)
