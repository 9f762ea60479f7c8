"""Demand from past weeks beside the seasonal naive rule and statsmodels' exponential smoothing."""

import warnings
from collections.abc import Iterable
from datetime import date

import duckdb
import numpy as np
from statsmodels.tsa.holtwinters import ExponentialSmoothing, SimpleExpSmoothing

from dagster_project.predict.demand.forecast import TOTAL, forecast_demand, read_weeks
from dagster_project.predict.demand.methods import mase, seasonal_naive
from dagster_project.predict.likelihood import Array

WEEKS = 8
MONDAY = date(2011, 1, 3)


def online_retail(con: duckdb.DuckDBPyConnection) -> Iterable[tuple[str, str, str, str, str]]:
    """All goods at four ends, and the 40 products sold most as a category each."""
    _, weeks = read_weeks(con, date(2011, 12, 9), 1)
    ends = (28, 32, 36, 40)
    for end in ends:
        yield _row([weeks[TOTAL]], (end,), f"Online Retail, all goods, from week {end}")
    con.execute("UPDATE marts.order_lines SET category = product_id")
    _, weeks = read_weeks(con, date(2011, 12, 9), 40)
    series = [units for name, units in weeks.items() if name != TOTAL]
    yield _row(series, ends, "Online Retail, 40 products, from the same weeks")


def drawn() -> Iterable[tuple[str, str, str, str, str]]:
    """Series with and without season and growth, of three years."""
    for name, season, growth in (
        ("even", 0.0, 0.0),
        ("season", 0.4, 0.0),
        ("season and growth", 0.4, 0.2),
    ):
        series = [_draw(165, season, growth, seed) for seed in range(12)]
        yield _row(series, (70, 100, 130, 157), f"12 drawn series, {name}, at four ends")


def _draw(weeks: int, season: float, growth: float, seed: int) -> Array:
    rng = np.random.default_rng(seed)
    t = np.arange(weeks)
    level = 200 * np.exp(np.cumsum(rng.normal(0, 0.03, weeks))) * (1 + growth) ** (t / 52)
    wave = np.exp(season * np.cos(2 * np.pi * (t - 50) / 52))
    return rng.poisson(level * wave * rng.lognormal(0, 0.15, weeks)).astype(float)


def _row(series: list[Array], ends: tuple[int, ...], where: str) -> tuple[str, str, str, str, str]:
    errors: dict[str, list[float]] = {name: [] for name in ("ours", "rule", "holt", "simple")}
    inside: list[bool] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for units in series:
            for end in ends:
                past, then = units[:end], units[end : end + WEEKS]
                if len(then) < WEEKS:
                    continue
                rows = forecast_demand(MONDAY, {"x": past}).rows
                if not rows:
                    continue
                found = {
                    "ours": np.array([row["forecast"] for row in rows]),
                    "rule": seasonal_naive(past, WEEKS),
                    "holt": ExponentialSmoothing(
                        past, trend="add", damped_trend=True, initialization_method="estimated"
                    )
                    .fit()
                    .forecast(WEEKS),
                    "simple": SimpleExpSmoothing(past, initialization_method="estimated")
                    .fit()
                    .forecast(WEEKS),
                }
                for name, expected in found.items():
                    errors[name].append(mase(then, np.maximum(expected, 0), past))
                inside += [
                    row["lower"] <= sold <= row["upper"]
                    for row, sold in zip(rows, then, strict=True)
                ]
    mean = {name: float(np.nanmean(values)) for name, values in errors.items()}
    return (
        "Demand",
        where,
        f"MASE {mean['ours']:.3f}, interval held {np.mean(inside):.3f}",
        f"MASE {mean['rule']:.3f} (seasonal naive)",
        f"MASE {mean['simple']:.3f} simple, {mean['holt']:.3f} Holt (statsmodels)",
    )
