"""Random companies on hard days: clocks that change, two zones, a rate that is missing."""

import random
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.integration.dbt_core.company import Company
from tests.integration.dbt_core.conftest import Warehouse
from tests.integration.dbt_core.naive import SALES, Oracle, cents, newest
from tests.integration.dbt_core.random_company import random_company
from tests.integration.dbt_core.test_random_companies import MARTS, in_cents

# A day on which clocks change, and the business time zone: spring, autumn, a midnight that does not
# exist (Cairo), one that comes twice (Havana). In Tokyo it is often tomorrow already.
CHANGES = (
    ("Europe/Berlin", date(2024, 3, 31)),
    ("Europe/Berlin", date(2023, 10, 29)),
    ("America/New_York", date(2024, 3, 10)),
    ("America/New_York", date(2023, 11, 5)),
    ("Africa/Cairo", date(2024, 4, 26)),
    ("America/Havana", date(2023, 11, 5)),
)
ELSEWHERE = "Asia/Tokyo"


def on_odd_days(seed: int, zone: str, change: date) -> Company:
    """A random company all of whose orders and refunds lie within two hours of a local midnight
    around the change of the clocks; ``as_of`` is one of those days, by turns."""
    draw = random.Random(seed)
    company = random_company(seed)
    midnights = [
        datetime.combine(change + timedelta(days=days), time(), ZoneInfo(zone))
        .astimezone(UTC)
        .replace(tzinfo=None)
        for days in (-1, 0, 1, 2)
    ]

    def moment() -> datetime:
        edge = draw.choice([-1, 0, 0, 1, 3600])
        return draw.choice(midnights) + timedelta(
            seconds=draw.choice([edge, draw.randint(-7200, 7200)])
        )

    moved: dict[str, datetime] = {}
    for order in company["shop.orders"]:
        order["ordered_at"] = moved.setdefault(order["order_id"], moment())
    for refund in company["shop.refunds"]:
        refund["refunded_at"] = moment()
    as_of = change + timedelta(days=(-1, 0, 1, 30)[seed % 4])
    company["control.parameters"][0] |= {"as_of": as_of, "time_zone": zone}
    return company


def dated(warehouse: Warehouse) -> dict[str, tuple[Any, ...]]:
    return {
        row["order_id"]: (row["order_date"], in_cents(row["net_revenue"]), row["order_number"])
        for row in warehouse.rows("select * from marts.orders")
    }


@pytest.mark.parametrize(("zone", "change"), CHANGES)
@pytest.mark.parametrize("seed", range(200, 202))
def test_the_day_is_the_local_one_when_clocks_change(
    warehouse: Warehouse, seed: int, zone: str, change: date
):
    """A sale at midnight stands in the wrong day's and month's revenue, or after as_of."""
    company = on_odd_days(seed, zone, change)
    for place in (zone, ELSEWHERE):
        company["control.parameters"][0]["time_zone"] = place
        oracle = Oracle(company)
        warehouse.build(company, until=warehouse.project.with_ancestors(*MARTS))
        assert dated(warehouse) == {
            order.order_id: (order.day, order.net, order.number) for order in oracle.orders.values()
        }
        unallocated = {
            row["refund_id"]: in_cents(row["amount"])
            for row in warehouse.rows("select * from marts.unallocated_refunds")
        }
        assert unallocated == oracle.unallocated
        months = {
            row["month"]: (row["customers_at_end"], row["new_customers"])
            for row in warehouse.rows("select * from marts.retention_monthly")
        }
        assert months == {month: row[1:3] for month, row in oracle.retention().items()}


def with_a_hole_in_the_rates(seed: int) -> Company | None:
    """A random company in euros and dollars without the rates of one sale's week, or None."""
    company = random_company(seed)
    oracle = Oracle(company)
    days = [
        oracle.day_of(order["ordered_at"])
        for order in newest(company["shop.orders"], "order_id")
        if order["currency"] == "USD"
        and order["status"] in SALES
        and (order["total_amount"] or 0) >= 0
        and oracle.day_of(order["ordered_at"]) <= oracle.as_of
    ]
    if not days or oracle.reporting in (None, "USD"):
        return None
    hole = random.Random(seed).choice(sorted(days))
    company["shop.exchange_rates"] = [
        rate
        for rate in company["shop.exchange_rates"]
        if not hole - timedelta(days=7) <= rate["rate_date"] <= hole
    ]
    return company


HOLES = {seed: found for seed in range(300, 330) if (found := with_a_hole_in_the_rates(seed))}


@pytest.mark.parametrize("seed", sorted(HOLES)[:5])
def test_days_without_a_rate_are_named_and_their_orders_have_no_amount(
    warehouse: Warehouse, seed: int
):
    """Dollars are added up as euros, or an order counts as nothing and nobody is told."""
    company = HOLES[seed]
    oracle = Oracle({**company, "shop.orders": [], "shop.refunds": []})
    totals: dict[str, int | None] = {}
    missing = set()
    for row in newest(company["shop.orders"], "order_id"):
        day = oracle.day_of(row["ordered_at"])
        if day > oracle.as_of:
            continue
        try:
            totals[row["order_id"]] = cents(
                oracle.charged(row), oracle.rate_on(row["currency"], day)
            )
        except LookupError:
            totals[row["order_id"]] = None
            # What brings no revenue needs no rate.
            if row["status"] in SALES and (row["total_amount"] or 0) >= 0:
                missing.add((row["currency"], day))
    assert missing

    warehouse.build(company, until=warehouse.project.with_ancestors(*MARTS))
    found = warehouse.rows("select * from intermediate.int_missing_rates")
    assert {(row["currency"], row["money_date"]) for row in found} == missing
    assert len(found) == len(missing)
    assert {
        row["order_id"]: in_cents(row["order_total"])
        for row in warehouse.rows("select order_id, order_total from marts.orders")
    } == totals
