"""Goods, campaigns, experiments and points once more, as loops over the delivered rows."""

import hashlib
import math
from collections import Counter, defaultdict
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from dagster_project.transform.thresholds import threshold
from tests.integration.dbt_core.company import Company
from tests.integration.dbt_core.naive import Line, Oracle, rounded


def is_service(oracle: Oracle, product: str) -> bool:
    return bool(oracle.products.get(product, {}).get("is_service"))


def goods_sold(oracle: Oracle) -> list[Line]:
    return [
        line
        for order in oracle.orders.values()
        if order.is_sale
        for line in order.lines
        if not is_service(oracle, line.product)
    ]


def affinities(oracle: Oracle) -> dict[tuple[str, str], tuple[int, int, int, int]]:
    """(product, other) to baskets with both, the product, the other, and all."""
    baskets = defaultdict(set)
    for line in goods_sold(oracle):
        baskets[line.order.order_id].add(line.product)
    single = Counter(product for basket in baskets.values() for product in basket)
    both = Counter((a, b) for basket in baskets.values() for a in basket for b in basket if a != b)
    return {
        (a, b): (number, single[a], single[b], len(baskets))
        for (a, b), number in both.items()
        if number >= threshold("affinity_min_orders")
    }


METHODS = {
    "buy_again": ("most_bought", "habit"),
    "discover": ("popularity", "item_neighbours", "trending_neighbours"),
}


def recommended(oracle: Oracle, until: date) -> dict[str, dict[str, list[str]]]:
    """Customer to method to the five best of its list, as of the end of ``until``."""
    days: dict[str, dict[str, set[date]]] = defaultdict(lambda: defaultdict(set))
    for line in goods_sold(oracle):
        if line.order.customer and line.order.day <= until:
            days[line.order.customer][line.product].add(line.order.day)
    having: dict[str, list[set[date]]] = defaultdict(list)
    for goods in days.values():
        for product, on in goods.items():
            having[product].append(on)
    buyers = {product: len(found) for product, found in having.items()}
    recent = {p: sum((until - max(on)).days < 60 for on in having[p]) for p in having}
    repeated = {p: sum(len(on) > 1 for on in having[p]) for p in having}
    number = {
        product: place
        for place, product in enumerate(sorted(buyers, key=lambda p: (-buyers[p], p)))
    }

    def offered(product: str) -> bool:
        gone = oracle.products.get(product, {}).get("discontinued_at")
        return gone is None or oracle.day_of(gone) > until

    alike: dict[str, dict[str, int]] = defaultdict(dict)
    for a in buyers:
        for b in buyers:
            both = sum(a in goods and b in goods for goods in days.values())
            if a != b and both >= 3 and offered(b):
                alike[a][b] = round(1000000 * both / math.sqrt(buyers[a] * buyers[b]))
    popular = sorted((p for p in buyers if offered(p)), key=lambda p: number[p])[:20]
    found = {}
    for person, goods in days.items():
        weight = dict.fromkeys(popular, 0)
        latest = sorted(goods, key=lambda p: (-max(goods[p]).toordinal(), number[p]))
        for product in latest[:100]:
            nearest = sorted(alike[product].items(), key=lambda pair: (-pair[1], number[pair[0]]))
            for other, likeness in nearest[:10]:
                weight[other] = weight.get(other, 0) + likeness
        new = [p for p in weight if p not in goods]
        old = [p for p in goods if offered(p)]
        habit = {
            p: sum(round(1000000 * 0.5 ** ((until - day).days / 240)) for day in goods[p])
            * math.sqrt((recent[p] + 1) * (repeated[p] + 1) / (buyers[p] + 4))
            for p in old
        }
        trend = {p: weight[p] * math.sqrt(recent[p] + 1) for p in new}
        found[person] = {
            "habit": sorted(old, key=lambda p: (-habit[p], number[p]))[:5],
            "most_bought": sorted(
                old, key=lambda p: (-len(goods[p]), -max(goods[p]).toordinal(), number[p])
            )[:5],
            "trending_neighbours": sorted(new, key=lambda p: (-trend[p], number[p]))[:5],
            "item_neighbours": sorted(new, key=lambda p: (-weight[p], number[p]))[:5],
            "popularity": sorted(new, key=lambda p: number[p])[:5],
        }
    return found


def hit_counts(oracle: Oracle) -> tuple[int, dict[str, int]]:
    """Customers who came back in the last 90 days, of very many a part drawn by their ids' hash,
    and how many each method was right for."""
    cut = oracle.as_of - timedelta(days=threshold("recommendation_holdout_days"))
    lists = recommended(oracle, cut)
    bought = defaultdict(set)
    for line in goods_sold(oracle):
        if line.order.customer in lists and line.order.day > cut:
            bought[line.order.customer].add(line.product)
    drawn = sorted(bought, key=lambda person: hashlib.md5(person.encode()).hexdigest())
    drawn = drawn[: threshold("recommendation_test_customers")]
    return len(drawn), {
        method: sum(bool(bought[person] & set(lists[person][method])) for person in drawn)
        for methods in METHODS.values()
        for method in methods
    }


def in_force(oracle: Oracle) -> dict[str, str]:
    """List to the method that was right most often; the simplest of equals, or of a small test."""
    customers, hits = hit_counts(oracle)
    return {
        name: max(methods, key=lambda method: hits[method]) if customers >= 30 else methods[0]
        for name, methods in METHODS.items()
    }


def performance(oracle: Oracle) -> dict[str, dict[str, Any]]:
    """Product to the columns of product_performance; money in cents."""
    sold = goods_sold(oracle)
    known = set(oracle.products) | {
        line.product for order in oracle.orders.values() for line in order.lines
    }
    rows = {}
    for product in known:
        if is_service(oracle, product):
            continue
        mine = [(line, (oracle.as_of - line.order.day).days) for line in sold]
        mine = [(line, ago) for line, ago in mine if line.product == product]
        year = [line for line, ago in mine if ago < 364]
        lately = [line for line, ago in mine if ago < 91]
        margins = [line.margin for line in year]
        units = sum(line.quantity for line in year)
        returned = sum(line.returned for line in year)
        age = max((ago for _, ago in mine), default=-1) + 1
        kept = sum(line.quantity - line.returned for line in lately)
        stock = oracle.products.get(product, {}).get("stock_on_hand")
        rows[product] = {
            "order_count": len({line.order.order_id for line in year}),
            "units_sold": units,
            "units_returned": returned,
            "return_rate": float(returned / units) if units else None,
            "net_revenue": sum(line.net for line in year),
            "gross_margin": None if None in margins else sum(margins),
            "last_sold_date": max((line.order.day for line in year), default=None),
            "units_sold_91d": sum(line.quantity for line in lately),
            "units_variation": _variation(mine, min(age // 28, 13)),
            "stock_cover_days": (
                min(
                    round(max(float(stock), 0) / (float(kept) / min(age, 91)), 1),
                    threshold("stock_cover_max_days"),
                )
                if kept > 0 and stock is not None
                else None
            ),
        }
    _classify(rows)
    return rows


def _variation(mine: list[tuple[Line, int]], spans: int) -> float | None:
    units = [
        sum(float(line.quantity) for line, ago in mine if ago // 28 == n) for n in range(spans)
    ]
    if spans < 3 or not sum(units):
        return None
    mean = sum(units) / spans
    return math.sqrt(sum((u - mean) ** 2 for u in units) / spans) / mean


def _classify(rows: dict[str, dict[str, Any]]) -> None:
    def above(row: dict[str, Any], name: str) -> float:
        total = sum(max(other[name], 0) for other in rows.values())
        better = sum(max(o[name], 0) for o in rows.values() if o[name] > row[name])
        return float(better / total) if total else 0.0

    for row in rows.values():
        if row["units_sold_91d"] <= 0:
            row["movement"] = "not_moving"
        else:
            row["movement"] = "fast" if above(row, "units_sold_91d") < 0.8 else "slow"
        share = above(row, "net_revenue")
        if row["net_revenue"] <= 0:
            row["abc_class"] = "C"
        else:
            row["abc_class"] = "A" if share < 0.8 else "B" if share < 0.95 else "C"
        variation = row["units_variation"]
        if variation is None:
            row["xyz_class"] = None
        else:
            row["xyz_class"] = "X" if variation <= 0.5 else "Y" if variation <= 1 else "Z"


def owner_of(company: Company, **reference: str | None) -> str | None:
    """Whom a contact, an account, a visitor, an e-mail or a card belongs to, in this order."""
    tables = {"contact_id": "contacts", "account_id": "accounts", "visitor_id": "web_events"}
    for column, value in reference.items():
        for row in company["identity.assignments"]:
            if (row["source_table"], row["source_id"]) == (tables.get(column), value):
                return row["customer_id"]
        for row in company["identity.identifiers"]:
            if (row["identifier_kind"], row["raw_value"]) == (column, value) and row["customer_id"]:
                return row["customer_id"]
    return None


def messages(company: Company, as_of: date) -> dict[str, tuple[int, int, int, int, int, int]]:
    """Campaign to messages sent, delivered, opened, clicked, unsubscribed, and people reached."""
    columns = ("contact_id", "account_id", "email", "phone")
    events: dict[tuple[str, str], set[str]] = defaultdict(set)
    address: dict[tuple[str, str], dict[str, str]] = {}
    for row in company["marketing.messages"]:
        if row["campaign_id"] and row["occurred_at"].date() <= as_of:
            key = (row["campaign_id"], row["message_id"])
            events[key].add(row["event"])
            address[key] = {name: row[name] for name in columns if row.get(name)}
    found = {}
    for campaign in {campaign for campaign, _ in events}:
        mine = {key: value for key, value in events.items() if key[0] == campaign}
        proof = {"opened", "clicked", "unsubscribed"}
        received = [key for key, e in mine.items() if "bounced" not in e or e & proof]
        people = {
            owner_of(company, **address[key]) or next(iter(address[key].values()))
            for key in received
            if address[key]
        }
        found[campaign] = (
            len(mine),
            len(received),
            sum(bool(e & {"opened", "clicked"}) for e in mine.values()),
            sum("clicked" in e for e in mine.values()),
            sum("unsubscribed" in e for e in mine.values()),
            len(people),
        )
    return found


def observed(oracle: Oracle) -> dict[tuple[str, str], tuple[bool, int, int, int, int]]:
    """(experiment, variant) to control, subjects, observed, conversions, cents."""
    names = {"contact": "contact_id", "account": "account_id", "visitor": "visitor_id"}
    found: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for row in oracle.company["marketing.experiment_assignments"]:
        begin = row["assigned_at"]
        if begin.date() > oracle.as_of:
            continue
        sums = found[row["experiment_id"], row["variant"]]
        sums[0] += 1
        end = begin + timedelta(days=threshold("experiment_window_days"))
        if end.date() > oracle.as_of:
            continue
        sums[1] += 1
        column = names.get(row["subject_kind"], "email")
        person = owner_of(oracle.company, **{column: row["subject_id"]})
        visits = {
            order["order_id"]
            for order in oracle.company["shop.orders"]
            if column == "visitor_id" and order["visitor_id"] == row["subject_id"]
        }
        sales = [
            order.net
            for order in oracle.orders.values()
            if order.is_sale
            and begin <= order.at < end
            and (order.customer == person if person else order.order_id in visits)
        ]
        sums[2] += bool(sales)
        sums[3] += sum(sales)
    begun = {experiment for experiment, _ in found}
    for row in oracle.company["marketing.experiments"]:
        if row["experiment_id"] in begun:
            found.setdefault((row["experiment_id"], row["variant"]), [0, 0, 0, 0])
    controls = {}
    for experiment, variant in sorted(found, key=lambda k: (k[1].lower() != "control", k[1])):
        controls.setdefault(experiment, variant)
    return {key: (controls[key[0]] == key[1], *sums) for key, sums in found.items()}


def planned(oracle: Oracle, experiment: str, variants: list[str]) -> dict[str, float]:
    """Variant to the share of subjects that it was to get."""
    shares = {
        row["variant"]: float(row["planned_share"])
        for row in oracle.company["marketing.experiments"]
        if row["experiment_id"] == experiment
    }
    if min(shares.get(variant, 0) for variant in variants) > 0:
        return {variant: shares[variant] / sum(shares.values()) for variant in variants}
    return dict.fromkeys(variants, 1 / len(variants))


def points(oracle: Oracle) -> dict[str, dict[str, Any]]:
    """Member to the columns of loyalty_accounts; money in cents."""
    company, as_of = oracle.company, oracle.as_of
    ledger: dict[str, list[dict[str, Any]]] = defaultdict(list)
    is_expiring = False
    for row in company["shop.loyalty_transactions"]:
        if row["occurred_at"].date() <= as_of:
            order = oracle.orders.get(row.get("order_id"))
            person = (
                owner_of(company, account_id=row.get("account_id"))
                or (order.customer if order else None)
                or owner_of(company, loyalty_card=row.get("loyalty_card"))
            )
            is_expiring |= row["kind"] == "expire"
            if person:
                ledger[person].append(row)
    holders = {
        row["customer_id"]
        for row in company["identity.identifiers"]
        if row["identifier_kind"] == "loyalty_card" and row["customer_id"]
    }
    members = {}
    for person in holders | set(ledger):
        mine = ledger.get(person, [])
        earned = [row for row in mine if row["kind"] == "earn"]
        # Oldest first: what was taken goes off the first points.
        taken = -sum(row["points"] for row in mine if row["points"] < 0)
        old = sum(
            row["points"]
            for row in mine
            if row["points"] > 0 and (as_of - row["occurred_at"].date()).days >= 335
        )
        members[person] = {
            "transaction_count": len(mine),
            "points_balance": sum(row["points"] for row in mine),
            "points_earned": sum(row["points"] for row in earned),
            "points_earned_12m": sum(
                row["points"] for row in earned if (as_of - row["occurred_at"].date()).days < 365
            ),
            "points_expiring_30d": max(old - taken, 0) if is_expiring else None,
            "member_since": min((row["occurred_at"] for row in mine), default=None),
        }
    lately = [m["points_earned_12m"] for m in members.values() if m["points_earned_12m"] > 0]
    for member in members.values():
        own = member["points_earned_12m"]
        share = sum(other > own for other in lately) / len(lately) if lately else 0
        member["tier"] = "gold" if share < 0.1 else "silver" if share < 0.4 else "bronze"
        if own <= 0:
            member["tier"] = "dormant"
    _match(oracle, members)
    return members


def _match(oracle: Oracle, members: dict[str, dict[str, Any]]) -> None:
    index = oracle.as_of - timedelta(days=threshold("loyalty_comparison_days"))
    known: dict[str, list] = defaultdict(list)
    for order in oracle.sales():
        known[order.customer].append(order)
    known = {person: o for person, o in known.items() if min(x.day for x in o) <= index}
    prior = {
        person: sum(o.net for o in orders if index - timedelta(days=365) < o.day <= index)
        for person, orders in known.items()
    }
    later = {p: sum(o.net for o in orders if o.day > index) for p, orders in known.items()}

    def cell(person: str) -> tuple[int, str]:
        worse = sum(value < prior[person] for value in prior.values())
        age = (index - min(order.day for order in known[person])).days
        tenure = "under 3 months" if age < 90 else "3 to 12 months" if age < 365 else "over a year"
        return 1 + 5 * worse // len(prior), tenure

    for person, member in members.items():
        since = member["member_since"]
        compared = person in known and since is not None and since.date() <= index
        others = [
            later[other]
            for other in known
            if compared and other not in members and cell(other) == cell(person)
        ]
        member["cell"] = cell(person) if compared else (None, None)
        member["later"] = later[person] if compared else None
        member["matched"] = len(others) if compared else None
        member["matched_later"] = rounded(Fraction(sum(others), len(others))) if others else None
