"""A late touch, a merge or a refund changes the credit of the sales concerned, and no other."""

from datetime import timedelta
from decimal import Decimal

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.integration.journeys.conftest import Journeys
from tests.integration.journeys.test_attribution import (
    BUILT,
    LOOKBACK,
    OWNERS,
    START,
    company,
    events,
    messages,
    moments,
    orders,
)

# Markov's effects are a sum over all journeys; held still, so that what moves is the sale's own.
EFFECTS = [
    {"channel": channel, "removal_effect": effect}
    for channel, effect in (
        ("direct", 0.3),
        ("organic_search", 0.2),
        ("referral", 0.1),
        ("paid_search", 0.25),
        ("email", 0.15),
    )
]
few = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def credit(journeys: Journeys, tables: dict) -> dict[str, list[tuple]]:
    """Order to everything that the marts say of its credit."""
    journeys.fill(**tables, channel_removal_effects=EFFECTS)
    journeys.build(
        *BUILT, "int_attribution_credits", "int_attribution_markov", "attribution_touchpoints"
    )
    found: dict[str, list[tuple]] = {row["order_id"]: [] for row in tables["orders"]}
    for order, *rest in journeys.rows("SELECT * FROM marts.attribution_touchpoints ORDER BY ALL"):
        found[order].append(tuple(rest))
    return found


def changed(before: dict[str, list[tuple]], after: dict[str, list[tuple]]) -> set[str]:
    return {order for order in before | after if before.get(order) != after.get(order)}


def sales_reached_by(people: set[str], rows: list[dict], events: list[tuple]) -> list[dict]:
    """Sales that touches of `people` may be credited with: their own, and those of nobody known by
    a visitor who signed in as one of them, whose session may be the click of a message to them."""
    visitors = {visitor for visitor, account, *_ in events if OWNERS.get(account) in people}
    return [
        row
        for row in rows
        if row["customer_id"] in people
        or (row["customer_id"] is None and row["visitor_id"] in visitors)
    ]


NEWSLETTER = ("newsletter", "email", "c2", None)


@few
@example(  # The click is the one that opened the session of a buyer whom nobody knows.
    events=[("v1", "a1", START + timedelta(minutes=10), NEWSLETTER, "page_view")],
    orders=[(None, "v1", START + timedelta(days=1), True, Decimal(5))],
    messages=[],
    at=START,
)
@example(  # The click is the session that it opened at the same moment: nothing moves.
    events=[("v1", None, START, NEWSLETTER, "page_view")],
    orders=[("alice", "v1", START, True, Decimal(5))],
    messages=[],
    at=START,
)
@given(events=events, orders=orders, messages=messages, at=moments)
def test_a_late_touch_changes_its_persons_sales(journeys: Journeys, events, orders, messages, at):
    """A click that arrives a week late moves money between the sales of other people, or is never
    credited."""
    before = credit(journeys, company(events, orders, messages))
    tables = company(events, orders, [*messages, ("clicked", "a1", None, at)])
    moved = changed(before, credit(journeys, tables))
    theirs = sales_reached_by({"alice"}, tables["orders"], events)
    assert moved <= {row["order_id"] for row in theirs}
    # A session that began in the half hour after the click may be its visit, and stands for it.
    if not any(at <= moment <= at + timedelta(minutes=30) for _, _, moment, *_ in events):
        assert moved >= {
            row["order_id"]
            for row in theirs
            if row["customer_id"] == "alice"
            and row["is_sale"]
            and row["ordered_at"] - timedelta(days=LOOKBACK) <= at <= row["ordered_at"]
        }


@few
@given(events=events, orders=orders, messages=messages)
def test_a_merge_changes_the_sales_of_the_two(journeys: Journeys, events, orders, messages):
    """Two records prove to be one person, and a third person's purchase is credited anew; or a
    split that undoes it does not give the former credit back."""
    apart = company(events, orders, messages)
    before = credit(journeys, apart)
    merged = company(events, orders, messages)
    for table in ("orders", "assignments"):
        for row in merged[table]:
            if row["customer_id"] == "bob":
                row["customer_id"] = "alice"
    moved = changed(before, credit(journeys, merged))
    two = sales_reached_by({"alice", "bob"}, apart["orders"], events)
    assert moved <= {row["order_id"] for row in two}
    assert credit(journeys, apart) == before


@few
@given(events=events, orders=orders, messages=messages, chosen=st.integers(0, 5))
def test_a_refund_changes_its_sale(journeys: Journeys, events, orders, messages, chosen):
    """Money that went back is still credited, or is taken from another sale."""
    tables = company(events, orders, messages)
    before = credit(journeys, tables)
    refunded = tables["orders"][chosen % len(orders)]
    refunded["net_revenue"] -= 7
    after = credit(journeys, tables)
    assert changed(before, after) == ({refunded["order_id"]} if refunded["is_sale"] else set())
