"""Seasonal clock of a shop's own customers: in a busy month more time passes than in a quiet one.

The year is cut into 13 blocks of four weeks that end on the day of the build, so that the weeks to
come bear the weights of the same weeks a year before.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np

from dagster_project.predict.likelihood import Array

BLOCK_DAYS, BLOCKS = 28, 13
SEASON_DAYS = BLOCK_DAYS * BLOCKS
# Purchases that a block is taken to have shown as expected, beside those that it did.
PRIOR_PURCHASES = 50.0


@dataclass(frozen=True)
class Season:
    """``weights`` of the blocks after ``as_of``, which are those a year before; their mean is 1."""

    as_of: date
    weights: Array

    @classmethod
    def none(cls, as_of: date) -> "Season":
        """Every day counts the same."""
        return cls(as_of, np.ones(BLOCKS))

    @classmethod
    def measure(cls, as_of: date, actual: Array, expected: Array) -> "Season":
        """From ``actual`` and ``expected`` purchases of each day, of which ``as_of`` is the last.

        Needs a year. Seen in one year only, a block's weight counts by half (its square root): it
        may have been a campaign, or growth.
        """
        years = len(actual) // SEASON_DAYS
        if not years:
            return cls.none(as_of)
        days = years * SEASON_DAYS
        bought = actual[-days:].reshape(years, BLOCKS, BLOCK_DAYS).sum(axis=2)
        modelled = expected[-days:].reshape(years, BLOCKS, BLOCK_DAYS).sum(axis=2)
        # Each year against its own level, so that growth is no season.
        level = (bought.sum(axis=1) + 1) / (modelled.sum(axis=1) + 1)
        usual = modelled * level[:, None]
        weights = (bought.sum(axis=0) + PRIOR_PURCHASES) / (usual.sum(axis=0) + PRIOR_PURCHASES)
        if years == 1:
            weights = np.sqrt(weights)
        return cls(as_of, weights / weights.mean())

    def between(self, start: date, days: Array) -> Array:
        """Time on the clock from the end of ``start`` to so many whole days later; signed."""
        offset = (start - self.as_of).days
        return self._position(offset + np.asarray(days, dtype=np.float64)) - self._position(
            np.array([float(offset)])
        )

    def of_days(self, count: int) -> Array:
        """The weight of each of the last ``count`` days up to ``as_of``, the latest last."""
        return np.diff(self._position(np.arange(-count, 1, dtype=np.float64)))

    def _position(self, offset: Array) -> Array:
        years, rest = np.divmod(offset, SEASON_DAYS)
        ends = np.concatenate([[0.0], np.cumsum(self.weights) * BLOCK_DAYS])
        return years * SEASON_DAYS + np.interp(rest, np.arange(BLOCKS + 1) * BLOCK_DAYS, ends)
