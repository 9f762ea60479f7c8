"""Where customers come from, how far they get, and what each channel brings, as loops.

Sessions are formed as ``journeys.naive`` forms them; whose they are is read from the touchpoints,
which have a twin of their own there.
"""

import csv
from collections import Counter, defaultdict
from datetime import UTC, date, datetime
from typing import Any

from dagster_project.settings import PROJECT_ROOT
from dagster_project.transform.thresholds import threshold
from tests.integration.dbt_core import naive_segments
from tests.integration.dbt_core.naive import Oracle, Order
from tests.integration.dbt_core.naive_growth import goods_sold, is_service, owner_of
from tests.integration.journeys import naive as journeys

Rows = list[dict[str, Any]]
KEY_EVENTS = {"order_placed", "sign_up", "form_submitted"}
STAGES = ("reach", "capture", "warm", "sale", "upsell", "loyalty", "advocacy")


def sessions(oracle: Oracle) -> dict[str, journeys.Session]:
    """Touchpoint to session, of the events up to as_of."""
    events = [
        row
        for row in oracle.company["shop.web_events"]
        if oracle.day_of(row["occurred_at"]) <= oracle.as_of
    ]
    return {
        f"session:{visit.events[0]['event_id']}": visit
        for visits in journeys.sessions_of(events).values()
        for visit in visits
    }


def visited(oracle: Oracle, touches: Rows) -> dict[tuple[date, str], dict[str, Any]]:
    """(month, channel) to the columns of channel_scorecard that sessions fill."""
    channel_of = {touch["touchpoint_id"]: touch["channel"] for touch in touches}
    groups: dict[tuple[date, str], list[journeys.Session]] = defaultdict(list)
    for key, visit in sessions(oracle).items():
        month = oracle.day_of(visit.events[0]["occurred_at"]).replace(day=1)
        groups[month, channel_of[key]].append(visit)
    rows = {}
    for key, visits in groups.items():
        names = [[event["event_name"] for event in visit.events] for visit in visits]
        seconds = [
            (visit.events[-1]["occurred_at"] - visit.events[0]["occurred_at"]).total_seconds()
            for visit in visits
        ]
        bounced = [
            time <= threshold("engaged_session_seconds")
            and not KEY_EVENTS & set(mine)
            and mine.count("page_view") + mine.count("product_view") < 2
            for time, mine in zip(seconds, names, strict=True)
        ]
        carts = [mine for mine in names if "add_to_cart" in mine]
        left = [mine for mine in carts if "order_placed" not in mine]
        rows[key] = {
            "sessions": len(visits),
            "average_time_on_site": sum(seconds) / len(visits),
            "bounce_rate": sum(bounced) / len(visits),
            "conversion_rate": sum("order_placed" in mine for mine in names) / len(visits),
            "cart_abandonment_rate": len(left) / len(carts) if carts else None,
        }
    return rows


def top_products(oracle: Oracle, touched: Rows) -> dict[tuple[date, str], str]:
    """(month, channel) to the name of the product that brought most in the sales credited."""
    sums: dict[tuple[date, str], Counter[str]] = defaultdict(Counter)
    for row in touched:
        if row["model"] == "last_non_direct":
            order = oracle.orders[row["order_id"]]
            for line in order.lines:
                if not is_service(oracle, line.product):
                    sums[order.day.replace(day=1), row["channel"]][line.product] += line.net
    best = {
        key: min(goods, key=lambda product, goods=goods: (-goods[product], product))
        for key, goods in sums.items()
    }
    return {
        key: oracle.products.get(product, {}).get("name") or product
        for key, product in best.items()
    }


def channels(oracle: Oracle, touched: Rows) -> dict[tuple, dict[str, Any]]:
    """(month, channel, campaign, kind of sale, model) to the columns of attribution_channels."""
    sums: dict[tuple, list[float]] = defaultdict(lambda: [0.0, 0, 0])
    for row in touched:
        order = oracle.orders[row["order_id"]]
        kind = "first" if order.number == 1 else "repeat"
        campaign = row["campaign_id"] or "(none)"
        key = (order.day.replace(day=1), row["channel"], campaign, kind, row["model"])
        sums[key][0] += row["credit"]
        sums[key][1] += int(row["attributed_revenue"] * 100)
    for spent in oracle.company["marketing.ad_spend"]:
        if spent["spend_date"] <= oracle.as_of:
            place = (spent["spend_date"].replace(day=1), spent["channel"])
            for model in {row["model"] for row in touched} or journeys_models():
                key = (*place, spent["campaign_id"] or "(none)", "first", model)
                sums[key][2] += int(spent["cost"] * 100)
    rows = {}
    for key, (orders, money, spend) in sums.items():
        other = sums.get((*key[:3], "repeat", key[4]), (0, 0, 0))[1] if key[3] == "first" else 0
        new = orders if key[3] == "first" else 0
        rows[key] = {
            "attributed_orders": orders,
            "attributed_revenue": money / 100,
            "new_customers": new,
            "roas": (money + other) / spend if spend else None,
            "cac": spend / 100 / new if spend and new else None,
        }
    return rows


def spent(oracle: Oracle) -> dict[tuple[date, str, str], tuple[int, int, int]]:
    """(month, channel, campaign) to cents, impressions and clicks."""
    found: dict[tuple[date, str, str], tuple[int, int, int]] = defaultdict(lambda: (0, 0, 0))
    for row in oracle.company["marketing.ad_spend"]:
        if row["spend_date"] <= oracle.as_of:
            key = (
                row["spend_date"].replace(day=1),
                row["channel"],
                row["campaign_id"] or "(none)",
            )
            cents, shown, clicks = found[key]
            found[key] = (
                cents + int(row["cost"] * 100),
                shown + (row["impressions"] or 0),
                clicks + (row["clicks"] or 0),
            )
    return dict(found)


def journeys_models() -> set[str]:
    touch = journeys.Touch("t", datetime(2024, 1, 1), "direct")
    return set(journeys.credits_of([touch], True, 7.0, {"direct": 1.0}))


def _records(oracle: Oracle) -> dict[str, list[tuple[datetime | None, str, str | None, int]]]:
    """Customer to their records: when, key, channel as recorded, and 0 for the CRM's, else 1."""
    kinds = (
        ("crm.contacts", "contacts", "contact_id", "created_at", "lead_source", 0),
        ("shop.accounts", "accounts", "account_id", "registered_at", "registration_channel", 1),
        ("call_center.calls", "calls", "call_id", "started_at", None, 1),
    )
    found = defaultdict(list)
    for table, source, key, moment, channel, place in kinds:
        for row in oracle.company[table]:
            person = oracle.owner.get((source, row[key]))
            if person:
                word = row[channel] if channel else None
                found[person].append((row[moment], row[key], word, place))
    return found


def words() -> dict[str, str]:
    """Word to channel, as the seeds of the vocabulary say."""
    folder = PROJECT_ROOT / "dbt" / "seeds" / "journeys"
    with (folder / "channels.csv").open(encoding="utf-8") as file:
        found = {row["channel"]: row["channel"] for row in csv.DictReader(file)}
    with (folder / "channel_words.csv").open(encoding="utf-8") as file:
        return found | {row["word"]: row["channel"] for row in csv.DictReader(file)}


def came(oracle: Oracle, touches: Rows) -> dict[str, tuple[datetime | None, str, str | None]]:
    """Customer to when they were first seen, through which channel, and the source's own word."""
    meant = words()
    records = _records(oracle)
    found = {}
    for row in oracle.company["identity.customers"]:
        person = row["customer_id"]
        mine = sorted(
            (touch["touched_at"], touch["touchpoint_id"], touch["channel"])
            for touch in touches
            if touch["customer_id"] == person
        )
        orders = [order for order in oracle.orders.values() if order.customer == person]
        first_sale = min((order.at for order in orders if order.is_sale), default=datetime.min)
        seen = [order.at for order in orders] + [at for at, *_ in mine]
        seen += [at for at, *_ in records[person] if at]
        recorded = sorted(
            (place, at is None, at or datetime.min, key, word)
            for at, key, word, place in records[person]
            if word
        )
        before = [touch for touch in mine if touch[0] <= first_sale]
        if mine:
            channel = before[-1][2] if before else mine[0][2]
        else:
            channel = meant.get(recorded[0][-1], "unassigned") if recorded else "unassigned"
        source = recorded[0][-1] if recorded else None
        found[person] = (min(seen, default=None), channel, source)
    return found


def _local(oracle: Oracle, moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC).astimezone(oracle.zone)


def favourites(oracle: Oracle) -> dict[str, tuple[str | None, str | None, int, int]]:
    """Customer to the category, channel, weekday and hour that they mostly buy in."""
    channel_of = {row["order_id"]: row["sales_channel"] for row in oracle.company["shop.orders"]}
    sold: dict[str, list[Order]] = defaultdict(list)
    for order in oracle.sales():
        sold[order.customer].append(order)
    money: dict[str, Counter[str]] = defaultdict(Counter)
    for line in goods_sold(oracle):
        category = oracle.products.get(line.product, {}).get("category")
        if line.order.customer and category:
            money[line.order.customer][category] += line.net

    def most(counted: Counter) -> Any:
        return min(counted, key=lambda value: (-counted[value], value), default=None)

    return {
        person: (
            most(money[person]),
            most(Counter(c for order in orders if (c := channel_of[order.order_id]))),
            most(Counter(order.day.isoweekday() for order in orders)),
            most(
                Counter(
                    order.at.replace(tzinfo=UTC).astimezone(oracle.zone).hour for order in orders
                )
            ),
        )
        for person, orders in sold.items()
    }


def funnel(oracle: Oracle, touches: Rows) -> dict[tuple[date, str, str], list[int]]:
    """(month, channel, segment) to the number at each of STAGES."""
    company = oracle.company
    visits = sessions(oracle)
    segment = naive_segments.segments(naive_segments.bought(oracle, oracle.as_of))
    sales = Counter(order.customer for order in oracle.sales())
    goods: dict[str | None, set[str]] = defaultdict(set)
    for line in goods_sold(oracle):
        category = oracle.products.get(line.product, {}).get("category")
        goods[line.order.customer] |= {category} if category else set()
    visit_count: Counter[str] = Counter()
    warm, members, advocates = set(), set(), set()
    for touch in touches:
        person = touch["customer_id"]
        if touch["kind"] == "session":
            visit_count[person] += 1
            names = {event["event_name"] for event in visits[touch["touchpoint_id"]].events}
            warm |= {person} if "add_to_cart" in names else set()
        if touch["kind"] in ("message", "call") or touch["message_id"]:
            warm.add(person)
    warm |= {person for person, number in visit_count.items() if number >= 2}
    for row in company["identity.identifiers"]:
        if row["identifier_kind"] == "loyalty_card":
            members.add(row["customer_id"])
    for row in company["shop.loyalty_transactions"]:
        if oracle.day_of(row["occurred_at"]) <= oracle.as_of and row.get("account_id"):
            members.add(oracle.owner.get(("accounts", row["account_id"])))
    for table, source, key in (
        ("crm.contacts", "contacts", "contact_id"),
        ("shop.accounts", "accounts", "account_id"),
    ):
        for row in company[table]:
            referrer = oracle.owner.get((source, row[f"referred_by_{key}"]))
            if referrer != oracle.owner.get((source, row[key])):
                advocates.add(referrer)
    for row in company["crm.surveys"]:
        if row["kind"] == "nps" and row["score"] >= 9:
            advocates.add(owner_of(company, contact_id=row["contact_id"]))
    for row in company["shop.reviews"]:
        if row["rating"] >= 5:
            advocates.add(oracle.owner.get(("accounts", row["account_id"])))

    counts: dict[tuple[date, str, str], list[int]] = defaultdict(lambda: [0] * len(STAGES))

    def count(seen: datetime | None, channel: str | None, name: str | None, *stages: bool) -> None:
        month = oracle.day_of(seen or datetime(1970, 1, 1)).replace(day=1)
        row = counts[month, channel or "(none)", name or "(none)"]
        for index, reached in enumerate((True, *stages)):
            row[index] += reached

    for person, (seen, channel, _) in came(oracle, touches).items():
        n = sales[person]
        count(
            seen,
            channel,
            segment.get(person),
            True,
            person in warm or n >= 1,
            n >= 1,
            n >= 2 or (n >= 1 and len(goods[person]) >= 2),
            n >= 4 or (n >= 2 and person in members),
            person in advocates,
        )
    strangers: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for touch in touches:
        if touch["kind"] == "session":
            strangers[touch["visitor_id"]].append(touch)
    for mine in strangers.values():
        if all(touch["customer_id"] is None for touch in mine):
            first = min(mine, key=lambda touch: touch["touched_at"])
            count(first["touched_at"], first["channel"], None)
    return counts
