"""Scores, segments, tiers and stages once more, as loops over each customer's sales."""

import csv
import math
from collections import Counter
from datetime import date, timedelta
from itertools import pairwise

from dagster_project.settings import PROJECT_ROOT
from dagster_project.transform.thresholds import threshold
from tests.integration.dbt_core.naive import Oracle, Order, after

Scores = tuple[int, int, int]


def names() -> dict[tuple[int, int], str]:
    """Recency score and value score to the name of the segment."""
    with (PROJECT_ROOT / "dbt" / "seeds" / "rfm_segments.csv").open(newline="") as file:
        return {
            (int(row["recency_score"]), int(row["value_score"])): row["segment"]
            for row in csv.DictReader(file)
        }


def bought(oracle: Oracle, until: date) -> dict[str, list[Order]]:
    """Sales of each known customer up to a day, oldest first."""
    found: dict[str, list[Order]] = {}
    for order in oracle.sales():
        if order.day <= until:
            found.setdefault(order.customer, []).append(order)
    return found


def scores(customers: dict[str, list[Order]]) -> dict[str, Scores]:
    """Recency, frequency and monetary score: 1 + floor(5 x share who are strictly worse)."""

    def score(own, others) -> int:
        return 1 + 5 * sum(other < own for other in others) // len(others)

    last = {name: max(order.day for order in orders) for name, orders in customers.items()}
    count = {name: len(orders) for name, orders in customers.items()}
    money = {name: sum(order.net for order in orders) for name, orders in customers.items()}
    return {
        name: (
            score(last[name], last.values()),
            score(count[name], count.values()),
            score(money[name], money.values()),
        )
        for name in customers
    }


def segments(customers: dict[str, list[Order]]) -> dict[str, str]:
    """Each customer's segment among these customers; halves of the value score round up."""
    table = names()
    return {
        name: table[recency, math.ceil((frequency + monetary) / 2)]
        for name, (recency, frequency, monetary) in scores(customers).items()
    }


def migrations(oracle: Oracle) -> dict[tuple[date, str, str], int]:
    """(month, from, to) to customers, for the last twelve complete months."""
    month = oracle.as_of.replace(day=1)
    if after(month) - timedelta(days=1) > oracle.as_of:
        month = before(month)
    moves: Counter[tuple[date, str, str]] = Counter()
    for _ in range(12):
        now = segments(bought(oracle, after(month) - timedelta(days=1)))
        then = segments(bought(oracle, month - timedelta(days=1)))
        moves.update((month, then.get(name, "(none)"), now[name]) for name in now)
        month = before(month)
    return dict(moves)


def before(month: date) -> date:
    """First day of the month before."""
    return (month - timedelta(days=1)).replace(day=1)


def tiers(customers: dict[str, list[Order]]) -> dict[str, str]:
    """A while those strictly above hold less than 80% of all value, B less than 95%, else C."""
    margins = {
        name: None if None in (known := [order.margin for order in orders]) else sum(known)
        for name, orders in customers.items()
    }
    if None in margins.values():
        margins = {name: sum(order.net for order in orders) for name, orders in customers.items()}
    total = sum(max(value, 0) for value in margins.values())
    found = {}
    for name, own in margins.items():
        above = sum(max(value, 0) for value in margins.values() if value > own)
        if own <= 0 or above * 100 >= total * 95:
            found[name] = "C"
        else:
            found[name] = "A" if above * 100 < total * 80 else "B"
    return found


def quantile(values: list[int], share: float) -> float:
    """With linear interpolation."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * share
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def stages(customers: dict[str, list[Order]], as_of: date) -> dict[str, str]:
    """Lifecycle stage of each customer with a sale."""

    def gaps_of(orders: list[Order]) -> list[int]:
        return [(later.day - earlier.day).days for earlier, later in pairwise(orders)]

    def band(orders: list[Order]) -> str:
        return "1" if len(orders) == 1 else "2-3" if len(orders) <= 3 else "4+"

    every = [gap for orders in customers.values() for gap in gaps_of(orders)]
    found = {}
    for name, orders in customers.items():
        own = [
            gap
            for others in customers.values()
            if band(others) == band(orders)
            for gap in gaps_of(others)
        ]
        measured = own if len(own) >= 30 else every
        days = (as_of - max(order.day for order in orders)).days
        last_gap = gaps_of(orders)[-1] if len(orders) > 1 else None
        if len(orders) == 1 and days <= threshold("new_customer_days"):
            found[name] = "new"
        elif measured and days > quantile(measured, 0.9):
            found[name] = "lapsed"
        elif measured and days > quantile(measured, 0.5):
            found[name] = "at_risk"
        elif measured and last_gap is not None and last_gap > quantile(measured, 0.9):
            found[name] = "reactivated"
        else:
            found[name] = "active"
    return found
