"""Demand by category and week: seasonal ARIMA against the seasonal naive forecast."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np

from dagster_project.predict.demand.sarima import Order, fit, forecast, minimum_length
from dagster_project.predict.likelihood import Array, NotFitted
from dagster_project.predict.tables import ModelRow

# The total and this many categories; each costs about 30 ms.
FORECAST_SERIES = 20
WEEKS_AHEAD = 8
WEEKS_BACK = 104
SEASON = 52
SHORTEST_HISTORY = 26
TOTAL = "(all)"
UNKNOWN = "(none)"
# 95% of a normal distribution.
WIDTH = 1.959963984540054

ORDERS = (
    Order(0, 1, 1),
    Order(1, 0, 0),
    Order(1, 1, 1),
    Order(1, 0, 1),
    Order(0, 0, 0, 0, 1, 1, SEASON),
    Order(1, 0, 0, 0, 1, 1, SEASON),
    Order(0, 1, 1, 0, 1, 1, SEASON),
    Order(1, 0, 0, 1, 0, 0, SEASON),
)


@dataclass
class Forecasts:
    """Rows of ``predictions.demand_forecasts`` and what is to be said of the models."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    models: list[ModelRow] = field(default_factory=list)


def read_weeks(
    con: duckdb.DuckDBPyConnection, as_of: date, series: int
) -> tuple[date, dict[str, Array]]:
    """Units sold per complete week (from Monday) and category, and the last week's Monday.

    The total and the ``series`` largest categories, each from its first week with a sale. Goods
    only: services and orders that are no sale do not count.
    """
    last_week = as_of - timedelta(days=as_of.weekday() + 7 if as_of.weekday() < 6 else 6)
    weekly = con.execute(
        """
        SELECT coalesce(category, ?) AS category,
               cast(date_trunc('week', order_date) AS DATE) AS week,
               cast(sum(quantity) AS DOUBLE) AS units
        FROM marts.order_lines
        WHERE is_sale AND order_date < ? AND quantity > 0 AND NOT coalesce(is_service, FALSE)
        GROUP BY 1, 2 ORDER BY 1, 2
        """,
        [UNKNOWN, last_week + timedelta(days=7)],
    ).fetchall()
    found: dict[str, dict[date, float]] = {}
    total: dict[date, float] = {}
    for category, week, units in weekly:
        found.setdefault(category, {})[week] = units
        total[week] = total.get(week, 0.0) + units
    if not total:
        return last_week, {}
    # The first week of the data may have begun before them.
    first_week = min(total) + timedelta(days=7)
    largest = sorted(found, key=lambda name: (-sum(found[name].values()), name))[:series]
    chosen = {TOTAL: total} | {name: found[name] for name in largest}
    return last_week, {
        name: _filled(units, max(first_week, min(units)), last_week)
        for name, units in chosen.items()
    }


def _filled(units: dict[date, float], first: date, last: date) -> Array:
    weeks = max(0, (last - first).days // 7 + 1)
    return np.array([units.get(first + timedelta(days=7 * i), 0.0) for i in range(weeks)])


def history_rows(last_week: date, weeks: dict[str, Array]) -> list[dict[str, Any]]:
    """What was sold in the last weeks, as rows beside the forecasts; horizon 0 is the last week."""
    return [
        {
            "category": category,
            "week_start": last_week - timedelta(days=7 * back),
            "horizon": -back,
            "units_sold": float(units[-1 - back]),
        }
        for category, units in weeks.items()
        for back in reversed(range(min(len(units), WEEKS_BACK)))
    ]


def forecast_demand(last_week: date, weeks: dict[str, Array]) -> Forecasts:
    """Forecast every series; one that cannot be is named with its reason."""
    result = Forecasts()
    if not weeks:
        result.models.append(ModelRow("demand_forecast", "fitted", 0, "no goods sold yet"))
    for category, units in weeks.items():
        try:
            rows, models = _forecast_series(category, last_week, units)
        except NotFitted as error:
            models = [ModelRow(f"demand_forecast.{category}", "fitted", 0, error.reason)]
            rows = []
        result.rows += rows
        result.models += models
    return result


def seasonal_naive(series: Array, steps: int) -> tuple[Array, Array]:
    """The same week a year before; the last week where there is less than a year and a half.

    Standard errors from the errors that the rule made so far, growing with the square root of
    the number of seasons ahead (Hyndman and Athanasopoulos 2021, section 5.5).
    """
    lag = naive_lag(series)
    errors = series[lag:] - series[:-lag]
    ahead = np.arange(steps)
    expected = series[len(series) - lag + ahead % lag]
    return expected, np.sqrt(np.mean(errors**2) * (ahead // lag + 1))


def naive_lag(series: Array) -> int:
    """A year, where at least half a year of it can be compared with the year before."""
    return SEASON if len(series) >= SEASON + SHORTEST_HISTORY else 1


def mase(actual: Array, predicted: Array, history: Array) -> float:
    """Mean absolute scaled error: 1 is the seasonal naive rule's error within the history.

    Hyndman and Koehler (2006), Another look at measures of forecast accuracy. NaN when the rule
    made no error.
    """
    lag = naive_lag(history)
    scale = float(np.abs(history[lag:] - history[:-lag]).mean())
    return float(np.abs(actual - predicted).mean()) / scale if scale > 0 else float("nan")


def _forecast_series(
    category: str, last_week: date, units: Array
) -> tuple[list[dict[str, Any]], list[ModelRow]]:
    """The order that did best before the last weeks is tested on these against the naive rule."""
    if len(units) < SHORTEST_HISTORY:
        raise NotFitted(f"{len(units)} complete weeks; at least {SHORTEST_HISTORY} are needed")
    sold = int(np.count_nonzero(units))
    if sold < SHORTEST_HISTORY:
        raise NotFitted(
            f"goods were sold in {sold} of {len(units)} weeks; at least {SHORTEST_HISTORY} "
            "are needed"
        )
    series = np.sqrt(units)
    past, test = series[:-WEEKS_AHEAD], units[-WEEKS_AHEAD:]
    order = _best_order(past)
    arima_error = mase(test, _units(_arima(past, order)[0]), units[:-WEEKS_AHEAD])
    naive_error = mase(test, _units(seasonal_naive(past, WEEKS_AHEAD)[0]), units[:-WEEKS_AHEAD])
    if np.isnan(arima_error):
        raise NotFitted("the history does not vary, so no error can be scaled by it")
    naive_name = "seasonal_naive" if naive_lag(series) > 1 else "naive"
    better = arima_error < naive_error
    chosen, error = (str(order), arima_error) if better else (naive_name, naive_error)
    expected, deviation = _arima(series, order) if better else seasonal_naive(series, WEEKS_AHEAD)
    model = f"demand_forecast.{category}"
    models = [
        ModelRow(model, "fitted", 1),
        ModelRow(model, "weeks", len(units)),
        ModelRow(model, "arima_mase", arima_error, f"{order}, last {WEEKS_AHEAD} weeks held out"),
        ModelRow(model, "naive_mase", naive_error, naive_name),
        ModelRow(model, "beats_baseline", float(better)),
        ModelRow(model, "chosen", None, f"{chosen}: smaller error in the weeks held out"),
    ]
    middle = _units(expected)
    lower, upper = _units(expected - WIDTH * deviation), _units(expected + WIDTH * deviation)
    rows = [
        {
            "category": category,
            "week_start": last_week + timedelta(days=7 * (step + 1)),
            "horizon": step + 1,
            "forecast": float(middle[step]),
            "lower": float(lower[step]),
            "upper": float(upper[step]),
            "model": chosen,
            "mase": error,
        }
        for step in range(WEEKS_AHEAD)
    ]
    return rows, models


def _units(root: Array) -> Array:
    """Back to units from the square root, which evens out the spread of counts.

    Medians and quantiles stay what they are. A logarithm would make of one week in which the
    shop was shut an interval over five orders of magnitude.
    """
    return np.maximum(root, 0.0) ** 2


def _arima(series: Array, order: Order) -> tuple[Array, Array]:
    return forecast(fit(series, order), series, WEEKS_AHEAD)


def _best_order(series: Array) -> Order:
    """The order with the smallest mean error, in units, over forecasts from several past weeks.

    Each order is fitted once, and forecasts WEEKS_AHEAD weeks from every second week of the last
    half year: from a single week, chance decides.
    """
    origins = range(len(series) - WEEKS_AHEAD, len(series) - SHORTEST_HISTORY, -2)
    errors: dict[Order, float] = {}
    for order in ORDERS:
        usable = [origin for origin in origins if origin >= minimum_length(order)]
        # An order that can be judged from fewer weeks than the others is not comparable.
        if len(usable) < len(origins) and order is not ORDERS[0]:
            continue
        try:
            model = fit(series, order)
        except NotFitted:
            continue
        errors[order] = float(
            np.mean(
                [
                    np.abs(
                        _units(forecast(model, series[:origin], WEEKS_AHEAD)[0])
                        - series[origin : origin + WEEKS_AHEAD] ** 2
                    ).mean()
                    for origin in usable
                ]
                or [np.inf]
            )
        )
    return min(errors, key=lambda order: errors[order]) if errors else ORDERS[0]
