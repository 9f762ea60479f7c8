"""Preferences and discounts against loops, on random busy shops that give discounts."""

import random
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest

from dagster_project.transform.thresholds import threshold
from tests.integration.dbt_core import naive_channels
from tests.integration.dbt_core.busy_company import busy_company, moment
from tests.integration.dbt_core.company import AS_OF, Company, delivered
from tests.integration.dbt_core.conftest import Warehouse
from tests.integration.dbt_core.naive import Oracle, Order, cents, newest, rounded
from tests.soak import COMPANIES

MARTS = ("customer_preferences", "discount_response", "customers", "touchpoints")
REPEAT = timedelta(days=threshold("discount_repeat_days"))


def with_discounts(company: Company, seed: int) -> Company:
    """Discounts on orders, lines and by coupon; devices; what was looked at."""
    draw = random.Random(f"{seed} discounts")
    goods = [row["product_id"] for row in company["shop.products"]] or ["p00"]
    for row in company["shop.orders"]:
        row["discount_amount"] = draw.choice([None, None, Decimal(0), Decimal("3.35")])
        row["coupon_code"] = draw.choice([None, None, None, "", "spring", "Spring ", "odd"])
        row["shipping_amount"] = draw.choice([None, Decimal("0.99"), row["total_amount"]])
        row["tax_amount"] = draw.choice([None, Decimal("0.17")])
    for row in company["shop.order_lines"]:
        row["discount_amount"] = draw.choice([None, None, None, Decimal("0.21")])
    company["shop.coupon_redemptions"] = delivered(
        [
            {
                "redemption_id": f"u{number}",
                "coupon_code": draw.choice(["late", "SPRING"]),
                "order_id": draw.choice([None, f"o{draw.randint(0, 300):03}"]),
                "redeemed_at": moment(draw),
                "discount_amount": draw.choice([None, Decimal("1.05")]),
            }
            for number in range(60)
        ]
    )
    for row in company["shop.web_events"]:
        row["device"] = draw.choice([None, "Desktop", "mobile", "mobile"])
        row["product_id"] = draw.choice([None, *goods])
        if draw.random() < 0.3:
            row["event_name"] = "product_view"
    company["shop.web_events"] += delivered(_around_orders(company, draw), "f3")
    return company


def _around_orders(company: Company, draw: random.Random) -> list[dict[str, Any]]:
    """What was bought is looked at and put into the cart before, after, or both."""
    first = {row["order_id"]: row["product_id"] for row in company["shop.order_lines"]}
    events = []
    for order in company["shop.orders"]:
        age = (AS_OF - order["ordered_at"].date()).days
        if not order["account_id"] or order["order_id"] not in first or not 2 < age < 80:
            continue
        for name in ("product_view", "add_to_cart"):
            for hours in draw.choice([[], [-1], [24], [-1, 24]]):
                events.append(
                    {
                        "event_id": f"y{len(events):04}",
                        "visitor_id": order["account_id"].replace("a-", "v-"),
                        "account_id": order["account_id"],
                        "occurred_at": order["ordered_at"] + timedelta(hours=hours),
                        "event_name": name,
                        "product_id": first[order["order_id"]],
                        "device": None,
                        **dict.fromkeys(["utm_source", "utm_medium", "utm_campaign", "referrer"]),
                    }
                )
    return events


@pytest.fixture(scope="module", params=COMPANIES[:3])
def shop(request, warehouse: Warehouse) -> tuple[Warehouse, Oracle, dict[str, dict[str, Any]]]:
    company = with_discounts(busy_company(request.param), request.param)
    warehouse.build(company, until=warehouse.project.with_ancestors(*MARTS))
    oracle = Oracle(company)
    return warehouse, oracle, discounts(oracle)


def discounts(oracle: Oracle) -> dict[str, dict[str, Any]]:
    """Sale to its coupon, its discount and what that took from net revenue, in cents."""
    redeemed: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in sorted(
        oracle.company["shop.coupon_redemptions"],
        key=lambda row: (row["redeemed_at"], row["redemption_id"]),
    ):
        if row["order_id"] and oracle.day_of(row["redeemed_at"]) <= oracle.as_of:
            redeemed[row["order_id"]].append(row)
    lines = Counter()
    for row in newest(oracle.company["shop.order_lines"], "order_id", "line_number"):
        lines[row["order_id"]] += cents(row["discount_amount"])
    found = {}
    for row in newest(oracle.company["shop.orders"], "order_id"):
        order = oracle.orders.get(row["order_id"])
        if order is None or not order.is_sale:
            continue
        mine = redeemed[order.order_id]
        code = (row["coupon_code"] or "").strip() or (mine[0]["coupon_code"] if mine else "")
        given = cents(row["discount_amount"]) + lines[order.order_id]
        given = given or sum(cents(one["discount_amount"]) for one in mine)
        charged = order.total - cents(row["shipping_amount"])
        taken = rounded(Fraction(given * max(order.net, 0), charged)) if charged > 0 else given
        found[order.order_id] = {
            "coupon": code.upper() or None,
            "discount": given,
            "taken": taken if given else 0,
            "is_discounted": bool(given or code),
        }
    return found


def allowed(oracle: Oracle) -> set[str]:
    hidden = {
        row["contact_id"].removeprefix("k-")
        for row in oracle.company["crm.consents"]
        if row["effective_at"].date() <= oracle.as_of
    }
    return {row["customer_id"] for row in oracle.company["identity.customers"]} - hidden


def by_customer(oracle: Oracle) -> dict[str, list[Order]]:
    sales: dict[str, list[Order]] = defaultdict(list)
    for order in oracle.sales():
        sales[order.customer].append(order)
    return sales


def test_how_people_answer_to_discounts(shop):
    """Coupons go to those who pay the full price anyway, or a given-away margin is not seen."""
    warehouse, oracle, given = shop
    rows = {r["customer_id"]: r for r in warehouse.rows("select * from marts.customer_preferences")}
    assert set(rows) == allowed(oracle)
    sales = by_customer(oracle)
    for person, row in rows.items():
        mine = [(order, given[order.order_id]) for order in sales.get(person, ())]
        lower = [facts for _, facts in mine if facts["is_discounted"]]
        coupons = [facts["coupon"] for _, facts in mine if facts["coupon"]]
        full = sum(order.net for order, facts in mine if not facts["is_discounted"])
        assert (
            row["sales"],
            row["discounted_sales"],
            row["full_price_sales"],
            row["coupon_sales"],
            row["last_coupon_code"],
            row["discounted_share"],
        ) == (
            len(mine),
            len(lower),
            len(mine) - len(lower),
            len(coupons),
            coupons[-1] if coupons else None,
            len(lower) / len(mine) if mine else None,
        ), person
        assert [
            int(row[name] * 100)
            for name in ("discount_amount", "margin_given_away", "full_price_revenue")
        ] == [sum(f["discount"] for f in lower), sum(f["taken"] for f in lower), full], person


def interest(warehouse: Warehouse, oracle: Oracle) -> tuple[dict, dict]:
    """(person, event) to product to its moments; person to the devices of their visits."""
    touches = {
        row["touchpoint_id"]: row["customer_id"]
        for row in warehouse.rows("select * from marts.touchpoints where kind = 'session'")
    }
    edge = oracle.as_of - timedelta(days=threshold("product_interest_days"))
    seen: dict[Any, dict[str, list[datetime]]] = defaultdict(lambda: defaultdict(list))
    devices: dict[str, list[str | None]] = defaultdict(list)
    for key, visit in naive_channels.sessions(oracle).items():
        person = touches[key]
        devices[person].append((visit.events[0].get("device") or "").lower() or None)
        for event in visit.events:
            if event.get("product_id") and oracle.day_of(event["occurred_at"]) > edge:
                seen[person, event["event_name"]][event["product_id"]].append(event["occurred_at"])
    return seen, devices


def test_what_people_look_for(shop):
    """Somebody is written to about what they have bought, or what is no longer sold."""
    warehouse, oracle, _ = shop
    seen, devices = interest(warehouse, oracle)
    bought: dict[Any, datetime] = {}
    for order in oracle.sales():
        for line in order.lines:
            bought[order.customer, line.product] = order.at

    def wanted(person: str, event: str) -> list[tuple[datetime, str]]:
        found = []
        for product, moments in seen[person, event].items():
            gone = oracle.products.get(product, {}).get("discontinued_at")
            if gone and oracle.day_of(gone) <= oracle.as_of:
                continue
            if bought.get((person, product), datetime.min) < min(moments):
                found.append((max(moments), product))
        return sorted(found, key=lambda one: (-one[0].timestamp(), one[1]))

    listed = threshold("product_interest_listed")
    for row in warehouse.rows("select * from marts.customer_preferences"):
        person = row["customer_id"]
        for done, event in (("viewed", "product_view"), ("carted", "add_to_cart")):
            goods = wanted(person, event)
            names = [oracle.products.get(p, {}).get("name") or p for _, p in goods[:listed]]
            assert (
                row[f"{done}_products"],
                row[f"last_{done}_at"],
                row[f"last_{done}_product_id"],
                row[f"{done}_product_names"],
            ) == (len(goods), *(goods[0] if goods else (None, None)), ", ".join(names) or None)
        known = Counter(device for device in devices[person] if device)
        best = min(known, key=lambda device: (-known[device], device)) if known else None
        assert (row["sessions"], row["favourite_device"]) == (len(devices[person]), best)
        share = known[best] / known.total() if known else None
        assert row["favourite_device_share"] == share


def expected_response(
    oracle: Oracle, given: dict[str, dict[str, Any]], segments: dict[tuple[str, date], str]
) -> dict[tuple[str, str], dict[str, Any]]:
    """(segment, coupon) to the columns of discount_response; money in cents."""
    following = {
        one.order_id: other.day
        for orders in by_customer(oracle).values()
        for one, other in pairwise(orders)
    }
    tomorrow = oracle.as_of + timedelta(days=1)
    since = tomorrow.replace(day=1, year=tomorrow.year - 1)
    sales = []
    for order in oracle.orders.values():
        if order.is_sale and order.day >= since:
            month = order.day.replace(day=1)
            segment = segments.get((order.customer, month), "(first month)")
            segment = segment if order.customer else "(unknown)"
            is_followed = bool(order.customer) and order.day + REPEAT <= oracle.as_of
            later = following.get(order.order_id)
            is_back = later is not None and later - order.day <= REPEAT
            sales.append((order, (month, segment), is_followed, is_back, given[order.order_id]))
    cells: dict[Any, list[bool]] = defaultdict(list)
    for _, cell, is_followed, is_back, facts in sales:
        if is_followed and not facts["is_discounted"]:
            cells[cell].append(is_back)
    uses = Counter(facts["coupon"] for *_, facts in sales)
    rows: dict[Any, dict[str, Any]] = defaultdict(Counter)
    people: dict[Any, set[str]] = defaultdict(set)
    for order, cell, is_followed, is_back, facts in sales:
        if not facts["is_discounted"]:
            continue
        code = facts["coupon"]
        if code is not None and uses[code] < threshold("coupon_min_uses"):
            code = "(other coupons)"
        key = cell[1], code or "(no coupon)"
        row = rows[key]
        row["redemptions"] += 1
        row["net_revenue"] += order.net
        row["discount_amount"] += facts["discount"]
        row["margin_given_away"] += facts["taken"]
        row["costed_sales"] += order.margin is not None
        row["gross_margin"] += order.margin or 0
        row["followed_sales"] += is_followed
        row["repeated_sales"] += is_followed and is_back
        if is_followed and cell in cells:
            row["matched_sales"] += 1
            row["matched_repeated_sales"] += is_back
            row["expected_repeated_sales"] += Fraction(sum(cells[cell]), len(cells[cell]))
        people[key] |= {order.customer} - {None}
    for key, row in rows.items():
        row["customers"] = len(people[key])
    return rows


def test_what_discounts_bring(shop):
    """A coupon is repeated that brings nobody back, for good customers come back anyway."""
    warehouse, oracle, given = shop
    segments = {
        (row["customer_id"], row["month"]): row["rfm_segment"]
        for row in warehouse.rows(
            "select customer_id, cast(month + to_months(1) as date) as month, rfm_segment "
            "from intermediate.int_segments_monthly"
        )
    }
    expected = expected_response(oracle, given, segments)
    rows = {
        (row["segment"], row["coupon"]): row
        for row in warehouse.rows("select * from marts.discount_response")
    }
    assert set(rows) == set(expected)
    counts = ("redemptions", "customers", "followed_sales", "repeated_sales", "matched_sales")
    for key, row in rows.items():
        wanted = expected[key]
        for name in (*counts, "matched_repeated_sales", "costed_sales"):
            assert row[name] == wanted[name], (key, name)
        for name in ("net_revenue", "discount_amount", "margin_given_away", "gross_margin"):
            assert int(row[name] * 100) == wanted[name], (key, name)
        hoped = float(wanted["expected_repeated_sales"])
        matched = wanted["matched_sales"]
        assert row["expected_repeated_sales"] == pytest.approx(hoped)
        difference = (wanted["matched_repeated_sales"] - hoped) / matched if matched else None
        found = row["repeat_rate_difference"]
        assert found == (None if difference is None else pytest.approx(difference, abs=1e-9))
