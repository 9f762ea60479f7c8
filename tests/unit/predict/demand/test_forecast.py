"""Whether demand by week is counted, tested and forecast as documented."""

from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest
from statsmodels.tsa.holtwinters import Holt

from dagster_project.predict.demand import forecast, methods, origins

MONDAY = date(2025, 6, 23)


def weekly(weeks, seed=0, season=0.6):
    rng = np.random.default_rng(seed)
    t = np.arange(weeks)
    level = 200 * np.exp(season * np.sin(2 * np.pi * t / 52))
    return rng.poisson(level).astype(float)


def restless(weeks, seed):
    """Weeks whose level wanders, with a season and more noise than counting makes."""
    rng = np.random.default_rng(seed)
    level = 150 * np.exp(np.cumsum(rng.normal(0, 0.03, weeks)))
    season = np.exp(0.3 * np.sin(2 * np.pi * np.arange(weeks) / 52))
    return rng.poisson(level * season * rng.lognormal(0, 0.15, weeks)).astype(float)


def test_weeks_are_complete_weeks_of_goods_sold(company):
    """The last bar would always fall, and postage or cancelled orders would count as demand."""
    days = [date(2025, 5, 28), date(2025, 6, 2), date(2025, 6, 15), date(2025, 6, 18)]
    con = company([("c", day, 5.0) for day in days])
    con.execute("UPDATE marts.order_lines SET category = 'Tea', quantity = 3")
    con.execute(
        """
        INSERT INTO marts.order_lines VALUES
            ('postage', 'Post', TRUE, TRUE, DATE '2025-06-02', 1, NULL),
            ('unlisted', NULL, NULL, TRUE, DATE '2025-06-03', 2, NULL),
            ('cancelled', 'Tea', FALSE, FALSE, DATE '2025-06-03', 50, NULL),
            ('orphan', 'Tea', FALSE, NULL, NULL, 50, NULL)
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
    found = methods.mase(np.array([5.0, 6.0]), np.array([4.0, 9.0]), history)
    assert found == pytest.approx((1 + 3) / 2 / scale)


def test_seasonal_naive_repeats_the_year():
    """The baseline would be a straw man."""
    units = weekly(104)
    assert list(methods.seasonal_naive(units, 8)) == list(units[52:60])
    assert set(methods.seasonal_naive(units[:60], 8)) == {units[59]}


def test_exponential_smoothing_is_holts():
    """The method would bear a name that is not its own. Source: statsmodels."""
    series = np.sqrt(weekly(90, 3, season=0.1))
    alpha, beta = 0.3, 0.05
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(methods, "LEVEL_GRID", (alpha,))
        patch.setattr(methods, "TREND_GRID", (beta,))
        found = np.sqrt(methods.exponential_smoothing(series**2, 8))
    theirs = Holt(
        series,
        damped_trend=True,
        initialization_method="known",
        initial_level=series[:4].mean(),
        initial_trend=0.0,
    ).fit(
        smoothing_level=alpha,
        smoothing_trend=beta,
        damping_trend=methods.TREND_DAMPING,
        optimized=False,
    )
    assert found == pytest.approx(theirs.forecast(8), rel=1e-6)


def test_season_index_is_that_of_the_weeks():
    """January would be forecast as another week of December. Source: construction."""
    true = 1 + 0.5 * np.cos(2 * np.pi * np.arange(52) / 52)
    units = np.tile(true, 3) * 100 * 1.2 ** (np.arange(156) / 52)
    found = methods.season_index(units)
    assert found == pytest.approx(true / true.mean(), rel=0.04)
    one = methods.season_index(true * 100)
    assert one == pytest.approx(np.sqrt(true) / np.sqrt(true).mean(), rel=0.02)
    assert (methods.season_index(units[:40]) == 1).all()
    # Cut in spring: the weeks ahead begin there.
    assert methods.season_index(units[:117]) == pytest.approx(np.roll(found, -13), rel=0.08)


def test_january_is_not_the_last_week_of_december():
    """A shop would order for January what it sold before Christmas. Source: construction."""
    rng = np.random.default_rng(0)
    shape = np.where((np.arange(52) >= 46) & (np.arange(52) < 51), 3.0, 1.0)
    units = rng.poisson(np.tile(200 * shape, 3)[: 52 * 2 + 51]).astype(float)
    found = forecast.forecast_demand(MONDAY, {"Tea": units})
    assert found.rows[0]["forecast"] < 450
    assert found.rows[2]["forecast"] < 300
    one_year = forecast.forecast_demand(MONDAY, {"Tea": units[: 52 + 51]})
    assert "half of it is believed" in one_year.models[0].note
    assert one_year.rows[2]["forecast"] < 500


def test_the_published_error_is_of_weeks_that_chose_nothing():
    """The error would be that of the luckiest method. Source: the same forecasts by hand."""
    units = weekly(130, 2)
    facts = {row.metric: row for row in forecast.forecast_demand(MONDAY, {"Tea": units}).models}
    method = facts["holdout_mase"].note
    errors = [
        np.abs(units[130 - back :][:8] - origins.forecast_units(units[: 130 - back], method)).mean()
        for back in origins.TESTING
    ]
    expected = np.mean(errors) / methods.naive_scale(units)
    assert facts["holdout_mase"].value == pytest.approx(expected)
    assert max(origins.TESTING) <= min(origins.CHOOSING) - origins.WEEKS_AHEAD
    assert facts["chosen"].note.startswith(method)
    assert facts["baseline_mase"].value == facts["seasonal_naive_mase"].value


def test_forecasts_have_weeks_and_intervals():
    """A reader would not know which week or model a number belongs to, nor how sure it is."""
    for seed in range(4):
        found = forecast.forecast_demand(MONDAY, {"Tea": weekly(110, seed)})
        assert [row["horizon"] for row in found.rows] == list(range(1, 9))
        assert found.rows[0]["week_start"] == MONDAY + timedelta(days=7)
        assert all(0 <= row["lower"] < row["forecast"] < row["upper"] for row in found.rows)


def test_the_choice_does_not_flip():
    """The rule would change from fortnight to fortnight, and the forecast with it."""
    units = restless(170, 5)
    chosen = [origins.judge(units[:end]).method for end in range(110, 171, 2)]
    assert sum(a != b for a, b in pairwise(chosen)) <= 9


def test_intervals_hold_what_they_promise():
    """95% would mean something else. Source: 60 simulated shops and what they then sold."""
    inside = []
    for seed in range(60):
        units = restless(138, seed)
        rows = forecast.forecast_demand(MONDAY, {"Tea": units[:130]}).rows
        inside += [
            row["lower"] <= sold <= row["upper"]
            for row, sold in zip(rows, units[130:], strict=True)
        ]
    assert 0.90 <= np.mean(inside) <= 0.97


def test_a_first_season_is_not_promised():
    """A first autumn is told from its summer with an interval that holds a third of its weeks.
    Source: 16 drawn shops with a season, in their first and second year."""
    for weeks, least in ((40, 0.85), (70, 0.90)):
        inside = []
        for seed in range(16):
            rng = np.random.default_rng(seed)
            season = np.exp(0.35 * np.cos(2 * np.pi * (np.arange(78) - rng.integers(52)) / 52))
            units = rng.poisson(200 * season * rng.lognormal(0, 0.15, 78)).astype(float)
            rows = forecast.forecast_demand(MONDAY, {"Tea": units[:weeks]}).rows
            inside += [
                row["lower"] <= sold <= row["upper"]
                for row, sold in zip(rows, units[weeks:], strict=False)
            ]
        assert np.mean(inside) >= least, weeks


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
