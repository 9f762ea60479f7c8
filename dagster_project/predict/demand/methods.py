"""Forecasting methods for weekly units: seasonal naive, exponential smoothing, ARIMA, their mean.

Each takes the weeks so far and gives the medians of the weeks ahead, in units. Smoothing and ARIMA
work on the square root, which evens out the spread of counts: a logarithm would make of one week in
which the shop was shut an interval over five orders of magnitude.
"""

from collections.abc import Callable

import numpy as np

from dagster_project.predict.demand.sarima import Order, fit, forecast, minimum_length
from dagster_project.predict.likelihood import Array, NotFitted

SEASON = 52
# A year and a half: half a year of weeks that can be compared with those a year before.
SEASONAL_NAIVE_WEEKS = 78
# Of a season seen in one year only, half is believed (the square root of its index).
ONE_YEAR_DAMPING = 0.5
MOST_YEARS = 3
ORDERS = (Order(0, 1, 1), Order(1, 0, 0), Order(1, 1, 1), Order(1, 0, 1))
# Smoothing of level and of trend that are tried, and how fast a trend dies out.
LEVEL_GRID = (0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8)
TREND_GRID = (0.0, 0.05, 0.15)
TREND_DAMPING = 0.9

Method = Callable[[Array, int], Array]


def naive_lag(units: Array) -> int:
    """52 where at least half a year can be compared with the year before, otherwise 1."""
    return SEASON if len(units) >= SEASONAL_NAIVE_WEEKS else 1


def seasonal_naive(units: Array, steps: int) -> Array:
    """The same week a year before; the last week where there is less than a year and a half."""
    lag = naive_lag(units)
    return units[len(units) - lag + np.arange(steps) % lag]


def season_index(units: Array) -> Array:
    """What each of the 52 weeks ahead usually has of an average week; ones below a year.

    The average of at most MOST_YEARS years, each against its own mean and the growth between them,
    over neighbouring weeks (1, 2, 1); of one year damped.
    """
    years = min(len(units) // SEASON, MOST_YEARS)
    if not years:
        return np.ones(SEASON)
    recent = units[-years * SEASON :].reshape(years, SEASON)
    means = recent.mean(axis=1)
    if (means <= 0).any():
        return np.ones(SEASON)
    share = recent / means[:, None]
    if years > 1:
        growth = np.clip((means[-1] / means[0]) ** (1 / (years - 1)), 0.5, 2.0)
        share = share / growth ** ((np.arange(SEASON) - (SEASON - 1) / 2) / SEASON)
    index = share.mean(axis=0)
    index = (np.roll(index, 1) + 2 * index + np.roll(index, -1)) / 4
    index = np.maximum(index, 0.05)
    if years == 1:
        index = index**ONE_YEAR_DAMPING
    return index / index.mean()


def without_season(method: Method) -> Method:
    """``method`` on the weeks over their season index, and its forecast times that of the weeks."""

    def seasonal(units: Array, steps: int) -> Array:
        index = season_index(units)
        ahead = index[np.arange(steps) % SEASON]
        # The week before the first one ahead has the last place of the index, and so on back.
        behind = index[(np.arange(len(units)) - len(units)) % SEASON]
        return method(units / behind, steps) * ahead

    return seasonal


def exponential_smoothing(units: Array, steps: int) -> Array:
    """Holt's method with a damped trend (Gardner and McKenzie 1985).

    The smoothing with the smallest one-step errors of a grid.
    """
    series = np.sqrt(np.maximum(units, 0.0))
    alpha, beta = (grid.ravel() for grid in np.meshgrid(LEVEL_GRID, TREND_GRID))
    level = np.full(len(alpha), series[: min(4, len(series))].mean())
    trend = np.zeros(len(alpha))
    cost = np.zeros(len(alpha))
    for position, value in enumerate(series):
        expected = level + TREND_DAMPING * trend
        error = value - expected
        # The first weeks show where the level was set, not how it should follow.
        if position >= 4:
            cost += error**2
        level = expected + alpha * error
        trend = TREND_DAMPING * trend + alpha * beta * error
    best = int(np.argmin(cost))
    carried = np.cumsum(TREND_DAMPING ** np.arange(1, steps + 1))
    return np.maximum(level[best] + trend[best] * carried, 0.0) ** 2


def arima(units: Array, steps: int) -> Array:
    """The ARIMA order with the smallest corrected Akaike criterion (Hurvich and Tsai 1989)."""
    series = np.sqrt(np.maximum(units, 0.0))
    best, criterion = None, np.inf
    for order in ORDERS:
        if len(series) < minimum_length(order):
            continue
        try:
            model = fit(series, order)
        except NotFitted:
            continue
        n = len(series) - order.d
        k = order.p + order.q + order.has_mean + 1
        if model.variance <= 0 or n <= k + 1:
            continue
        found = n * np.log(model.variance) + 2 * k * n / (n - k - 1)
        if found < criterion:
            best, criterion = model, found
    if best is None:
        raise NotFitted("no ARIMA order fits these weeks")
    return np.maximum(forecast(best, series, steps)[0], 0.0) ** 2


def mean_of(forecasts: list[Array]) -> Array:
    """The mean of several forecasts, on the scale of the square root."""
    return np.mean([np.sqrt(found) for found in forecasts], axis=0) ** 2


def mase(actual: Array, predicted: Array, history: Array) -> float:
    """Mean absolute scaled error: 1 is the seasonal naive rule's error within the history.

    Hyndman and Koehler (2006), Another look at measures of forecast accuracy. NaN when the rule
    made no error.
    """
    scale = naive_scale(history)
    return float(np.abs(actual - predicted).mean()) / scale if scale > 0 else float("nan")


def naive_scale(history: Array) -> float:
    """Mean absolute error of the (seasonal) naive rule within the history."""
    lag = naive_lag(history)
    return float(np.abs(history[lag:] - history[:-lag]).mean())


# Of these the mean is taken too, as a method of its own.
AVERAGED = ("seasonal_smoothing", "seasonal_arima")
METHODS: dict[str, Method] = {
    "seasonal_naive": seasonal_naive,
    "exponential_smoothing": exponential_smoothing,
    "seasonal_smoothing": without_season(exponential_smoothing),
    "seasonal_arima": without_season(arima),
}
