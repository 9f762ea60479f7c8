"""Market index: how much more customers bought in a stretch of days than the fitted model expects.

It carries the season and the growth of a shop's own customers, which BG/NBD knows nothing of: in
it a customer's rate never changes. New customers are no part of it.
"""

from dataclasses import dataclass
from datetime import date

import duckdb
import numpy as np

from dagster_project.predict.inputs import Customers
from dagster_project.predict.likelihood import Array
from dagster_project.predict.tables import ModelRow
from dagster_project.predict.value import bgnbd
from dagster_project.predict.value.frequency import Frequency, fit_frequency
from dagster_project.predict.value.season import Season

YEAR_DAYS = 365
# A window with few purchases says little: as if it had shown this many as expected.
PRIOR_PURCHASES = 50.0
# How much of last year's growth is believed of the next (1: all of it); growth rarely lasts.
DAMPING = 0.5
# Growth beyond this within a year is more likely a change in who the customers are.
LARGEST_GROWTH = 0.2


@dataclass(frozen=True)
class Market:
    """Repeat purchases of each day since ``first``: ``actual``, and ``expected`` by the model.

    ``even`` are those expected without the model's season.
    """

    first: date
    actual: Array
    expected: Array
    even: Array

    @property
    def days(self) -> int:
        return len(self.actual)

    def level(self, start: int, end: int, *, knows_season: bool = True) -> float:
        """Actual / expected over days ``start`` (inclusive) to ``end`` (exclusive) since first."""
        start = max(start, 0)
        model = self.expected if knows_season else self.even
        actual, expected = self.actual[start:end].sum(), model[start:end].sum()
        return float((actual + PRIOR_PURCHASES) / (expected + PRIOR_PURCHASES))

    def year_factor(
        self, learnt_days: int | None = None, *, knows_season: bool = True
    ) -> tuple[float, str]:
        """What to multiply a prediction by, so that it speaks of the next year's level.

        The last year's level / that of the last ``learnt_days``, which taught the prediction (None:
        the fitted model's own, 1), times damped growth where two years are known. Of less than a
        year the season is unknown: the window's level counts by half. ``knows_season``: whether the
        prediction runs on the model's clock. Returns the factor and the sentence that says which.
        """
        n = self.days
        window = (
            1.0
            if learnt_days is None
            else self.level(n - learnt_days, n, knows_season=knows_season)
        )
        if n < YEAR_DAYS:
            return window ** (DAMPING - 1), (
                "less than a year is known: half of the level of the days learnt from is believed"
            )
        last = self.level(n - YEAR_DAYS, n)
        if n < 2 * YEAR_DAYS:
            return last / window, "the level is the market's last year; growth is not known yet"
        growth = last / self.level(n - 2 * YEAR_DAYS, n - YEAR_DAYS)
        growth = min(max(growth, 1 - LARGEST_GROWTH), 1 + LARGEST_GROWTH)
        return last / window * growth**DAMPING, (
            f"the level is the last year's, and half of its growth of {growth - 1:+.1%} is "
            "expected to go on"
        )


def read_market(con: duckdb.DuckDBPyConnection, frequency: Frequency, as_of: date) -> Market | None:
    """The index as known at the end of ``as_of``, from ``prediction_days``; None: no purchase."""
    rows = con.execute(
        """
        SELECT day, count(*) FILTER (WHERE is_first) AS new,
               count(*) FILTER (WHERE NOT is_first) AS again
        FROM prediction_days WHERE day <= ? GROUP BY day ORDER BY day
        """,
        [as_of],
    ).fetchall()
    if not rows:
        return None
    first = rows[0][0]
    days = (as_of - first).days + 1
    new, again = np.zeros(days), np.zeros(days)
    for day, newcomers, repeats in rows:
        new[(day - first).days] = newcomers
        again[(day - first).days] = repeats
    even = _expected(frequency, new)
    return Market(first, again, even * frequency.season.of_days(days), even)


def _expected(frequency: Frequency, new: Array) -> Array:
    """Repeat purchases expected of each day's customers, summed over the days they joined."""
    nobody = np.zeros(len(new))
    up_to = bgnbd.expected_purchases(
        frequency.fit,
        nobody,
        nobody,
        nobody,
        np.arange(len(new), dtype=np.float64),
        leaves_at_first=frequency.leaves_at_first,
    )
    each_day = np.diff(up_to, prepend=0.0)
    return np.convolve(new, each_day)[: len(new)]


def fit_seasonal(
    con: duckdb.DuckDBPyConnection, customers: Customers, models: list[ModelRow]
) -> tuple[Frequency | None, Market | None]:
    """The frequency model on the clock of the season that it shows itself, and the market index.

    Fitted without a season first; what it misses from block to block is the season.
    """
    plain = fit_frequency(customers)
    market = read_market(con, plain, customers.as_of) if plain else None
    if plain is None or market is None or market.days < YEAR_DAYS:
        rows: list[ModelRow] = []
        found = fit_frequency(customers, rows)
        models += rows
        return found, market
    season = Season.measure(customers.as_of, market.actual, market.even)
    frequency = fit_frequency(customers, models, season)
    for block, weight in enumerate(season.weights):
        models.append(
            ModelRow("market_index", f"season_block_{block + 1}", float(weight), "four weeks each")
        )
    market = read_market(con, frequency, customers.as_of) if frequency else None
    return frequency, market
