"""Season of a propensity: what the same weeks of last year say of the level of the weeks ahead."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import lru_cache, partial

import duckdb
import numpy as np

from dagster_project.predict.inputs import Customers, read_customers
from dagster_project.predict.likelihood import Array

# Customers of a past day, and whether they bought within so many days after it.
Reader = Callable[[date, int], Customers]

# 52 weeks: the same weekdays.
YEAR_DAYS = 364
SHORTEST_HISTORY_DAYS = 90
MINIMUM_CUSTOMERS = 100


def past_reader(con: duckdb.DuckDBPyConnection) -> Reader:
    """Reads customers of past days, unnamed; what was read last is not read again."""
    return lru_cache(maxsize=1)(partial(read_customers, con, named=False))


def season_shift(
    read: Reader,
    predict: Callable[[Customers], Array],
    is_churn: bool,
    as_of: date,
    horizon_days: int,
    first: date | None,
) -> float | None:
    """What to add to the log odds of the horizon after ``as_of``; None where a year is not known.

    How far last year's same horizon lay above the prediction, less how far the horizon before it
    did, whose weeks this year taught the model: the difference is the season, and what has changed
    since last year drops out. 0 where it is within two standard errors of nothing.
    """
    ahead = as_of - timedelta(days=YEAR_DAYS)
    taught = ahead - timedelta(days=horizon_days)
    if first is None or (taught - first).days < SHORTEST_HISTORY_DAYS:
        return None
    gaps, variance = [], 0.0
    # The later day last: of the next horizon it is the earlier one, and ``read`` keeps the last.
    for day in (taught, ahead):
        found = read(day, horizon_days)
        if len(found) < MINIMUM_CUSTOMERS:
            return None
        actual = np.array([(~found.bought if is_churn else found.bought).mean()])
        predicted = np.array([predict(found.sample()).mean()])
        spread = np.clip(actual * (1 - actual), 1e-4, None)
        variance += float(1 / (len(found) * spread[0]))
        gaps.append(float((_log_odds(actual) - _log_odds(predicted))[0]))
    shift = gaps[1] - gaps[0]
    return shift if abs(shift) > 2 * np.sqrt(variance) else 0.0


def shifted(probability: Array, shift: float) -> Array:
    """Probabilities with ``shift`` added to their log odds."""
    return np.asarray(1 / (1 + np.exp(-(_log_odds(probability) + shift))))


def _log_odds(probability: Array) -> Array:
    clipped = np.clip(probability, 1e-4, 1 - 1e-4)
    return np.asarray(np.log(clipped / (1 - clipped)))
