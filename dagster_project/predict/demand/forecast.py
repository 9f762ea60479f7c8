"""Demand forecast by category and week: units expected with an interval, beside what was sold."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np

from dagster_project.predict.demand.methods import SEASON, naive_lag
from dagster_project.predict.demand.origins import (
    RULE,
    SHORTEST_HISTORY,
    WEEKS_AHEAD,
    WIDTH,
    forecast_units,
    judge,
)
from dagster_project.predict.likelihood import Array, NotFitted
from dagster_project.predict.tables import ModelRow

# The total and this many categories; each costs about 0.1 s.
FORECAST_SERIES = 20
WEEKS_BACK = 104
TOTAL = "(all)"
UNKNOWN = "(none)"


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


def _forecast_series(
    category: str, last_week: date, units: Array
) -> tuple[list[dict[str, Any]], list[ModelRow]]:
    """The method that did best from older origins, with the error that it made from newer ones."""
    if len(units) < SHORTEST_HISTORY:
        raise NotFitted(f"{len(units)} complete weeks; at least {SHORTEST_HISTORY} are needed")
    sold = int(np.count_nonzero(units))
    if sold < SHORTEST_HISTORY:
        raise NotFitted(
            f"goods were sold in {sold} of {len(units)} weeks; at least {SHORTEST_HISTORY} "
            "are needed"
        )
    judged = judge(units)
    chosen = judged.method
    error, rule = judged.errors[chosen], judged.errors[RULE]
    if chosen == RULE and naive_lag(units) == 1:
        chosen = "naive"
    model = f"demand_forecast.{category}"
    models = [
        ModelRow(model, "fitted", 1, _season_note(len(units))),
        ModelRow(model, "weeks", len(units)),
        *(
            ModelRow(model, f"{name}_mase", found, "from origins that chose nothing")
            for name, found in judged.errors.items()
        ),
        ModelRow(model, "holdout_mase", error, chosen),
        ModelRow(model, "baseline_mase", rule, RULE),
        ModelRow(model, "beats_baseline", float(error < rule)),
        ModelRow(model, "chosen", None, f"{chosen}: {judged.reason}"),
    ]
    middle = forecast_units(units, judged.method)
    root = np.sqrt(middle)
    lower = np.maximum(root - WIDTH * judged.deviation, 0.0) ** 2
    upper = (root + WIDTH * judged.deviation) ** 2
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


def _season_note(weeks: int) -> str:
    if weeks < SEASON:
        return "less than a year of weeks: no season is known"
    if weeks < 2 * SEASON:
        return "the season is that of one year, so half of it is believed"
    return f"the season is the mean of {min(weeks // SEASON, 3)} years"
