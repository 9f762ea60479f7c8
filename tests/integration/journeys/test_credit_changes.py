"""A late touch, a merge or a refund changes the credit of the sales concerned, and no other."""

from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.journeys.conftest import Journeys
from tests.integration.journeys.test_attribution import (
    BUILT,
    LOOKBACK,
    OWNERS,
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


@few
@given(events=events, orders=orders, messages=messages, at=moments)
def test_a_late_touch_changes_its_persons_sales(journeys: Journeys, events, orders, messages, at):
    """A click that arrives a week late moves money between the sales of other people, or is never
    credited."""
    before = credit(journeys, company(events, orders, messages))
    tables = company(events, orders, [*messages, ("clicked", "a1", None, at)])
    moved = changed(before, credit(journeys, tables))
    mine = [row for row in tables["orders"] if row["customer_id"] == "alice" and row["is_sale"]]
    reached = {
        row["order_id"]
        for row in mine
        if row["ordered_at"] - timedelta(days=LOOKBACK) <= at <= row["ordered_at"]
    }
    assert reached <= moved <= {row["order_id"] for row in mine}


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
    # A session of theirs may be the click of a message that the other was sent: a sale of its
    # visitor, whom nobody knows, is credited anew, too.
    both = ("alice", "bob")
    visitors = {visitor for visitor, account, *_ in events if OWNERS.get(account) in both}
    two = {
        row["order_id"]
        for row in apart["orders"]
        if row["customer_id"] in both
        or (row["customer_id"] is None and row["visitor_id"] in visitors)
    }
    assert moved <= two
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
