"""Cohorts once more: a frame of sales, and a loop over every cohort and period."""

from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pandas as pd

from tests.integration.dbt_core.naive import Oracle, after, rounded

Spend = list[tuple[date, str, int]]

KINDS = ("month", "week", "rolling_30d")


def sales_of(oracle: Oracle) -> pd.DataFrame:
    """A row per sale of a known customer: customer, first (day), day, net, margin (or None)."""
    first: dict[str, date] = {}
    rows = []
    for order in oracle.sales():
        first.setdefault(order.customer, order.day)
        rows.append((order.customer, first[order.customer], order.day, order.net, order.margin))
    return pd.DataFrame(rows, columns=["customer", "first", "day", "net", "margin"], dtype=object)


def monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def start_of(kind: str, first: date) -> date:
    return monday(first) if kind == "week" else first.replace(day=1)


def period_of(kind: str, first: date, day: date) -> int:
    if kind == "month":
        return (day.year - first.year) * 12 + day.month - first.month
    if kind == "week":
        return (monday(day) - monday(first)).days // 7
    return (day - first).days // 30


def last_day(kind: str, start: date, period: int) -> date:
    """Last day of the period for whoever came on the cohort's last day."""
    if kind == "month":
        for _ in range(period):
            start = after(start)
        return after(start) - timedelta(days=1)
    if kind == "week":
        return start + timedelta(days=7 * period + 6)
    return after(start) - timedelta(days=1) + timedelta(days=30 * period + 29)


def cells(
    oracle: Oracle,
    kind: str,
    spend: Spend,
    *,
    value_of: Callable[[str], str] | None = None,
    is_by_channel: bool = False,
) -> dict[tuple, dict[str, Any]]:
    """(value, cohort, period) to the columns of the mart; ``value_of`` cuts the customers."""
    sales = sales_of(oracle)
    sales["start"] = [start_of(kind, first) for first in sales["first"]]
    sales["period"] = [
        period_of(kind, first, day) for first, day in zip(sales["first"], sales["day"], strict=True)
    ]
    sales["value"] = [value_of(name) if value_of else "" for name in sales["customer"]]
    found: dict[tuple, dict[str, Any]] = {}
    for (value, start), own in sales.groupby(["value", "start"]):
        size = own["customer"].nunique()
        cost = sum(
            amount
            for day, channel, amount in spend
            if start_of(kind, day) == start and (not is_by_channel or channel == value)
        )
        if value_of and not is_by_channel:
            cost = 0
        keys = []
        for period in range(period_of(kind, min(own["first"]), oracle.as_of) + 1):
            here = own[own["period"] == period]
            so_far = own[own["period"] <= period]
            known = [margin for margin in so_far["margin"] if margin is not None]
            of_known = [
                net
                for net, margin in zip(so_far["net"], so_far["margin"], strict=True)
                if margin is not None
            ]
            net = sum(so_far["net"])
            margins = list(here["margin"])
            keys.append((value, start, period))
            found[value, start, period] = {
                "cohort_size": size,
                "active_customers": here["customer"].nunique(),
                "active_or_later_customers": own[own["period"] >= period]["customer"].nunique(),
                "net_revenue": sum(here["net"]),
                "cumulative_net_revenue": net,
                "cumulative_revenue_per_customer": rounded(Fraction(net, size)),
                "gross_margin": None if None in margins else sum(margins),
                "cumulative_known_margin": sum(known) if known else None,
                "margin_known_share": sum(of_known) / net if net else None,
                "acquisition_cost": rounded(Fraction(cost, size)) if cost else None,
                "payback_ratio": sum(known) / cost if cost and known else None,
                "is_complete": last_day(kind, start, period) <= oracle.as_of,
            }
        paid = [key[2] for key in keys if (found[key]["payback_ratio"] or 0) >= 1]
        for key in keys:
            found[key]["payback_period"] = min(paid, default=None)
    return found


def first_categories(oracle: Oracle) -> dict[str, str]:
    """Each customer's category of the first sale that most was charged for."""
    found = {}
    for order in oracle.sales():
        if order.number == 1:
            charged: Counter[str] = Counter()
            for line in order.lines:
                product = oracle.products.get(line.product, {})
                is_service = product.get("is_service") or line.is_gift_card
                if product.get("category") and not is_service:
                    charged[product["category"]] += line.gross
            best = max(charged.values(), default=0)
            found[order.customer] = min(
                (name for name, gross in charged.items() if gross == best), default="(none)"
            )
    return found
