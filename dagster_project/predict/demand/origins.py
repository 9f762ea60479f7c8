"""Rolling origins: which method forecasts a series, how wrong it was, and how wide its interval is.

From each of several past weeks the weeks after it are forecast from what was known then. Older
origins choose between the methods; newer ones, whose weeks chose nothing, tell the error.
"""

from dataclasses import dataclass

import numpy as np

from dagster_project.predict.demand.methods import (
    AVERAGED,
    METHODS,
    ONE_YEAR_DAMPING,
    SEASON,
    mean_of,
    naive_scale,
)
from dagster_project.predict.likelihood import Array, NotFitted

WEEKS_AHEAD = 8
SHORTEST_HISTORY = 26
# Weeks before the end at which origins lie; those that choose end before those that test begin.
CHOOSING = (36, 28, 20)
TESTING = (12, 8)
SHORTEST_ORIGIN = 18
RULE = "seasonal_naive"
# The mean of two methods is seldom the best and hardly ever bad; another has to be better by a
# tenth, or the choice would change from fortnight to fortnight.
DEFAULT, MARGIN = "mean", 0.9
NAMES = (*METHODS, DEFAULT)
# 95% of a normal distribution, wider by what a handful of origins leaves unknown.
WIDTH = 1.959963984540054
FEW_ORIGINS = 1.2
# Standard deviation of the logarithm of the index of a season that nobody has seen yet: as strong
# as that of gifts and toys, since a first autumn is not told by its summer. Food has a tenth.
UNSEEN_SEASON = 0.35
# Variance of the square root of a Poisson count.
POISSON_VARIANCE = 0.25


@dataclass(frozen=True)
class Judged:
    """The method in force for a series: errors in MASE on the testing origins, and its spread.

    ``deviation`` is the standard error of the square root of units, per week ahead.
    """

    method: str
    errors: dict[str, float]
    deviation: Array
    reason: str


def judge(units: Array) -> Judged:
    """Choose, test and measure on one series of weekly units.

    Raises NotFitted when the past does not vary.
    """
    scale = naive_scale(units)
    if not scale > 0:
        raise NotFitted("the history does not vary, so no error can be scaled by it")
    forecasts = {
        back: _forecasts(units[: len(units) - back])
        for back in (*CHOOSING, *TESTING)
        if len(units) - back >= SHORTEST_ORIGIN
    }
    choosing = [back for back in CHOOSING if back in forecasts]
    testing = [back for back in TESTING if back in forecasts]
    if not testing:
        raise NotFitted("too few weeks to test a forecast on")
    method, reason = DEFAULT, "the default: too few weeks to choose by"
    if len(choosing) > 1:
        past = {name: _error(units, forecasts, choosing, name, scale) for name in NAMES}
        best = min(past, key=lambda name: past[name])
        method, reason = DEFAULT, "the default: no other method was clearly closer on past origins"
        if past[best] < MARGIN * past[DEFAULT]:
            method, reason = best, "clearly the smallest error on past origins"
    everything = [*choosing, *testing]
    if _error(units, forecasts, everything, RULE, scale) < MARGIN * _error(
        units, forecasts, everything, method, scale
    ):
        method, reason = RULE, "repeating the past was clearly closer"
    errors = {name: _error(units, forecasts, testing, name, scale) for name in NAMES}
    spread = np.hypot(_deviation(units, forecasts, everything, method), _unseen_season(units))
    return Judged(method, errors, spread, reason)


def _forecasts(units: Array) -> dict[str, Array]:
    found = {}
    for name, method in METHODS.items():
        try:
            found[name] = method(units, WEEKS_AHEAD)
        except NotFitted:
            # Without ARIMA its mean with the smoothing is the smoothing.
            found[name] = found["seasonal_smoothing"]
    return found | {DEFAULT: mean_of([found[name] for name in AVERAGED])}


def forecast_units(units: Array, method: str) -> Array:
    """The weeks ahead by the method of that name."""
    return _forecasts(units)[method]


def _actual(units: Array, back: int) -> Array:
    start = len(units) - back
    return units[start : start + WEEKS_AHEAD]


def _error(
    units: Array,
    forecasts: dict[int, dict[str, Array]],
    origins: list[int],
    name: str,
    scale: float,
) -> float:
    gaps = [np.abs(_actual(units, back) - forecasts[back][name]).mean() for back in origins]
    return float(np.mean(gaps)) / scale


def _deviation(
    units: Array, forecasts: dict[int, dict[str, Array]], origins: list[int], name: str
) -> Array:
    """Root mean square error of the square root by weeks ahead, as a line that does not fall."""
    squares = np.mean(
        [(np.sqrt(_actual(units, back)) - np.sqrt(forecasts[back][name])) ** 2 for back in origins],
        axis=0,
    )
    ahead = np.arange(WEEKS_AHEAD) - (WEEKS_AHEAD - 1) / 2
    slope = max(0.0, float(ahead @ squares / (ahead @ ahead)))
    line = np.maximum(squares.mean() + slope * ahead, POISSON_VARIANCE)
    return np.sqrt(line) * FEW_ORIGINS


def _unseen_season(units: Array) -> Array:
    """What a season may do to the square root of units by weeks ahead, beyond what was seen of it.

    Over so many weeks a yearly wave of standard deviation s moves by s x root(2 (1 - cos)). Below a
    year of weeks none of it was seen, below two as much as is not believed of the one year seen.
    """
    unseen = UNSEEN_SEASON
    if len(units) >= 2 * SEASON:
        return np.zeros(WEEKS_AHEAD)
    if len(units) >= SEASON:
        unseen *= 1 - ONE_YEAR_DAMPING
    angle = 2 * np.pi * np.arange(1, WEEKS_AHEAD + 1) / SEASON
    level = np.sqrt(units[-WEEKS_AHEAD:].mean())
    # The square root moves by half of what the logarithm does.
    return level / 2 * unseen * np.sqrt(2 * (1 - np.cos(angle)))
