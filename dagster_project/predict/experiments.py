"""Experiments: what each variant changed against the control, with its uncertainty.

Works on the counts and sums of ``intermediate.int_experiments_observed``, so that a test of a
million subjects costs what a test of ten does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Any

import duckdb

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Variant:
    """One variant's sums: ``revenue`` and ``squares`` add up each observed subject's net revenue
    and its square, ``subjects`` counts all who were assigned; planned shares add up to 1.
    """

    experiment_id: str
    variant: str
    is_control: bool
    planned_share: float
    subjects: int
    observed: int
    conversions: int
    revenue: float
    squares: float


def read_variants(con: duckdb.DuckDBPyConnection) -> list[Variant]:
    """All variants, sorted by experiment and name."""
    rows = con.execute(
        """
        SELECT experiment_id, variant, is_control, planned_share, subjects, observed_subjects,
               conversions, revenue_cents / 100, squared_cents / 10000
        FROM intermediate.int_experiments_observed ORDER BY experiment_id, variant
        """
    ).fetchall()
    return [Variant(*row) for row in rows]


def compare_variants(variants: Sequence[Variant]) -> list[dict[str, Any]]:
    """One row per variant, in the columns of ``predictions.experiment_tests``.

    A figure that its data do not determine (no control, too few subjects, no variation) is NaN.
    """
    experiments: dict[str, list[Variant]] = {}
    for variant in variants:
        experiments.setdefault(variant.experiment_id, []).append(variant)
    rows = []
    for members in experiments.values():
        control = next(variant for variant in members if variant.is_control)
        split = split_mismatch(
            [variant.subjects for variant in members],
            [variant.planned_share for variant in members],
        )
        rows += [
            {
                "experiment_id": variant.experiment_id,
                "variant": variant.variant,
                **_against(variant, None if variant.is_control else control),
                "split_chi_square": split[0],
                "split_p_value": split[1],
            }
            for variant in members
        ]
    return rows


def _against(variant: Variant, control: Variant | None) -> dict[str, float]:
    nan = float("nan")
    rate = revenue = (nan,) * 5
    if control is not None and variant.observed and control.observed:
        counts = (variant.conversions, variant.observed, control.conversions, control.observed)
        z, p_value = two_proportions(*counts)
        difference = variant.conversions / variant.observed - control.conversions / control.observed
        rate = (difference, *newcombe(*counts), z, p_value)
        revenue = welch(
            (variant.observed, variant.revenue, variant.squares),
            (control.observed, control.revenue, control.squares),
        )
    names = ("difference", "ci_low", "ci_high")
    return {
        **{
            f"rate_{name}": value
            for name, value in zip((*names, "z", "p_value"), rate, strict=True)
        },
        **{
            f"revenue_{name}": value
            for name, value in zip((*names, "t", "p_value"), revenue, strict=True)
        },
    }


def two_proportions(wins: int, size: int, wins_0: int, size_0: int) -> tuple[float, float]:
    """z and two-sided p-value of rate minus rate_0, with the pooled variance; NaN when nobody or
    everybody converted.
    """
    from scipy.special import ndtr

    pooled = (wins + wins_0) / (size + size_0)
    error = sqrt(pooled * (1 - pooled) * (1 / size + 1 / size_0))
    if not error:
        return float("nan"), float("nan")
    z = (wins / size - wins_0 / size_0) / error
    return z, float(2 * ndtr(-abs(z)))


def newcombe(wins: int, size: int, wins_0: int, size_0: int) -> tuple[float, float]:
    """Interval of rate minus rate_0 from the Wilson intervals of both: method 10 of Newcombe,
    Statistics in Medicine 17 (1998), 873-890. It holds for small counts and rates near 0.
    """
    low, high = _wilson(wins, size)
    low_0, high_0 = _wilson(wins_0, size_0)
    rate, rate_0 = wins / size, wins_0 / size_0
    difference = rate - rate_0
    return (
        difference - sqrt((rate - low) ** 2 + (high_0 - rate_0) ** 2),
        difference + sqrt((high - rate) ** 2 + (rate_0 - low_0) ** 2),
    )


def _wilson(wins: int, size: int) -> tuple[float, float]:
    from scipy.special import ndtri

    z = float(ndtri(0.5 + CONFIDENCE / 2))
    rate = wins / size
    middle = rate + z * z / (2 * size)
    half = z * sqrt(rate * (1 - rate) / size + z * z / (4 * size * size))
    whole = 1 + z * z / size
    return (middle - half) / whole, (middle + half) / whole


def welch(
    sums: tuple[int, float, float], sums_0: tuple[int, float, float]
) -> tuple[float, float, float, float, float]:
    """Difference of means, its interval, t and two-sided p-value, for unequal variances (Welch
    1947), from (count, sum, sum of squares) of each side. NaN where there is no variation.
    """
    from scipy.special import stdtr, stdtrit

    nan = float("nan")
    means, errors, freedom = [], [], []
    for size, total, squares in (sums, sums_0):
        mean = total / size
        variance = max(squares - size * mean * mean, 0.0) / (size - 1) if size > 1 else nan
        means.append(mean)
        errors.append(variance / size)
        freedom.append(size - 1)
    difference = means[0] - means[1]
    error = sqrt(sum(errors)) if isfinite(sum(errors)) else nan
    if not error > 0:
        return difference, nan, nan, nan, nan
    degrees = sum(errors) ** 2 / sum(e * e / f for e, f in zip(errors, freedom, strict=True))
    t = difference / error
    half = float(stdtrit(degrees, 0.5 + CONFIDENCE / 2)) * error
    return difference, difference - half, difference + half, t, float(2 * stdtr(degrees, -abs(t)))


def split_mismatch(subjects: Sequence[int], shares: Sequence[float]) -> tuple[float, float]:
    """Chi-square against the planned shares, which add up to 1, and its p-value; NaN with a single
    variant."""
    from scipy.special import chdtrc

    if len(subjects) < 2:
        return float("nan"), float("nan")
    planned = [share * sum(subjects) for share in shares]
    chi_square = sum(
        (size - share) ** 2 / share for size, share in zip(subjects, planned, strict=True)
    )
    return chi_square, float(chdtrc(len(subjects) - 1, chi_square))
