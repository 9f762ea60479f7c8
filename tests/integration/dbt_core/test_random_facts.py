"""Deals, spend, days, groups, queues and carts against loops, on random busy shops."""

import random
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from statistics import median, quantiles
from typing import Any

import pytest

from dagster_project.transform.thresholds import threshold
from tests.integration.dbt_core import naive_channels
from tests.integration.dbt_core.busy_company import busy_company
from tests.integration.dbt_core.company import Company, delivered
from tests.integration.dbt_core.conftest import Warehouse
from tests.integration.dbt_core.naive import Oracle
from tests.integration.dbt_core.test_random_service import serving_company

MARTS = (
    "abandoned_carts",
    "build",
    "calendar",
    "cohort_retention",
    "customers",
    "daily_activity",
    "deal_pipeline",
    "deals",
    "marketing_coverage",
    "marketing_spend",
    "service_quality_monthly",
    "value_by_segment",
)
NONE = "(none)"


def with_deals(company: Company, seed: int) -> Company:
    draw = random.Random(seed + 500)
    contacts = [row["contact_id"] for row in company["crm.contacts"]] or ["k-none"]
    rows = []
    for number in range(draw.choice([0, 25, 40])):
        opened = datetime(2024, 1, 1) + timedelta(days=draw.randint(0, 170), hours=12)
        closed = draw.choice([None, opened + timedelta(days=draw.randint(0, 90))])
        rows.append(
            {
                "deal_id": f"d{number}",
                "contact_id": draw.choice([*contacts, "stranger"]),
                "pipeline": draw.choice([None, "retail", "business"]),
                "stage": draw.choice([None, "offer", "done"]),
                "owner_id": draw.choice([None, "u1", "u2"]),
                "amount": draw.choice([None, Decimal(draw.randint(0, 90000)) / 100]),
                "created_at": opened,
                "closed_at": closed,
                "is_won": draw.choice([True, False, None])
                if closed
                else draw.choice([None, None, True]),
                "campaign_id": draw.choice([None, "K2", "new one"]),
                "updated_at": opened + timedelta(days=2),
            }
        )
    return company | {"crm.deals": delivered(rows)}


@pytest.fixture(scope="module", params=range(4))
def shop(request, warehouse: Warehouse) -> tuple[Warehouse, Oracle, dict[str, dict[str, Any]]]:
    seed = request.param
    company = with_deals(busy_company(seed), seed)
    company["control.parameters"][0]["won_deals"] = [None, "sales", "pipeline"][seed % 3]
    if seed == 3:
        company["shop.orders"], company["shop.order_lines"] = [], []
    warehouse.build(company, until=warehouse.project.with_ancestors(*MARTS))
    oracle = Oracle(company)
    return warehouse, oracle, standing(oracle)


def standing(oracle: Oracle) -> dict[str, dict[str, Any]]:
    """Deal to how it stands at the end of as_of."""
    found = {}
    for row in oracle.company["crm.deals"]:
        if oracle.day_of(row["created_at"]) > oracle.as_of:
            continue
        ended = row["closed_at"] or (row["updated_at"] if row["is_won"] else None)
        if ended is None or oracle.day_of(ended) > oracle.as_of:
            status, ended = "open", None
        else:
            status = "won" if row["is_won"] else "lost"
        opened = oracle.day_of(row["created_at"])
        last = oracle.day_of(ended) if ended else oracle.as_of
        found[row["deal_id"]] = {
            "customer_id": oracle.owner.get(("contacts", row["contact_id"])),
            "status": status,
            "closed_at": ended,
            "amount": row["amount"],
            "age_days": (last - opened).days,
            "campaign_id": {None: None, "K2": "k2", "new one": "new one"}[row["campaign_id"]],
            "place": (row["pipeline"] or NONE, row["stage"] or NONE, row["owner_id"] or NONE),
            "opened": opened,
            "closed": last,
        }
    return found


def test_deals(shop):
    """A won deal is open, somebody else's or worth another amount."""
    warehouse, _, deals = shop
    rows = {row["deal_id"]: row for row in warehouse.rows("select * from marts.deals")}
    names = ("customer_id", "status", "closed_at", "amount", "age_days", "campaign_id")
    assert {key: {name: row[name] for name in names} for key, row in rows.items()} == {
        key: {name: deal[name] for name in names} for key, deal in deals.items()
    }
    sums: dict[str, list[Any]] = defaultdict(lambda: [0, Decimal(0), Decimal(0)])
    for deal in deals.values():
        mine = sums[deal["customer_id"]]
        mine[0] += deal["status"] == "won"
        mine[1] += (deal["amount"] or 0) if deal["status"] == "won" else 0
        mine[2] += (deal["amount"] or 0) if deal["status"] == "open" else 0
    for row in warehouse.rows("select * from marts.customers"):
        found = [row["won_deal_count"], row["won_deal_amount"], row["open_deal_amount"]]
        assert found == sums[row["customer_id"]], row["customer_id"]


def test_pipeline(shop):
    """An owner is praised for deals that another won, or in another month."""
    warehouse, _, deals = shop
    expected: dict[tuple, list[Any]] = defaultdict(lambda: [0, 0, 0, 0, 0, 0, 0])
    for deal in deals.values():
        amount = deal["amount"] or Decimal(0)
        opened = expected[deal["opened"].replace(day=1), *deal["place"]]
        opened[0] += 1
        opened[3] += amount
        if deal["status"] != "open":
            closed = expected[deal["closed"].replace(day=1), *deal["place"]]
            closed[1 if deal["status"] == "won" else 2] += 1
            closed[4 if deal["status"] == "won" else 5] += amount
            closed[6] += deal["age_days"]
    rows = warehouse.rows("select * from marts.deal_pipeline")
    found = {}
    for row in rows:
        key = (row["month"], row["pipeline"], row["stage"], row["owner_id"])
        names = ("opened", "won", "lost", "opened_amount", "won_amount", "lost_amount")
        found[key] = [*(row[name] for name in names), row["closed_days"]]
        closed = row["won"] + row["lost"]
        share = row["won"] / closed if closed else None
        assert row["win_rate"] == (None if share is None else pytest.approx(share, abs=1e-6))
    assert found == dict(expected)


def test_won_deals_are_sales_or_not(shop):
    """A deal is in revenue twice, or not at all where the company sells by deals alone; and what
    is attributed or in cohorts is not what was sold."""
    warehouse, oracle, deals = shop
    setting = oracle.company["control.parameters"][0]["won_deals"]
    are_sales = setting == "sales" or (setting is None and not oracle.company["shop.orders"])
    (build,) = warehouse.rows("select won_deals from marts.build")
    assert build["won_deals"] == ("sales" if are_sales else "pipeline")
    sold = {
        f"deal:{key}": (deal["customer_id"], deal["closed"], deal["amount"] or Decimal(0))
        for key, deal in deals.items()
        if deal["status"] == "won"
    }
    found = {
        row["order_id"]: (row["customer_id"], row["order_date"], row["net_revenue"])
        for row in warehouse.rows("select * from marts.orders where sales_channel = 'deal'")
    }
    assert found == (sold if are_sales else {})
    (sums,) = warehouse.rows(
        "select (select coalesce(sum(net_revenue), 0) from marts.orders) as sold, "
        "(select coalesce(sum(net_revenue), 0) from marts.orders where customer_id is null) "
        "as nobody, "
        "(select coalesce(sum(net_revenue), 0) from marts.daily_activity) as of_days, "
        "(select coalesce(sum(net_revenue), 0) from marts.cohort_retention "
        "where period_kind = 'month') as of_cohorts"
    )
    own = sum(order.net for order in oracle.orders.values() if order.is_sale)
    deals_net = sum(amount for _, _, amount in sold.values()) if are_sales else 0
    assert sums["sold"] == Decimal(own) / 100 + deals_net
    assert sums["of_days"] == sums["sold"] == sums["of_cohorts"] + sums["nobody"]


def test_spend(shop):
    """Spend is summed twice, or meets visits that it did not bring."""
    warehouse, oracle, _ = shop
    spent = naive_channels.spent(oracle)
    rows = warehouse.rows("select * from marts.marketing_spend")
    assert {
        (row["month"], row["channel"], row["campaign_id"]): (
            int(row["spend"] * 100),
            row["impressions"],
            row["clicks"],
        )
        for row in rows
    } == spent
    sessions = warehouse.rows("select * from marts.touchpoints where kind = 'session'")
    visited = {row["campaign_id"] for row in sessions} - {None}
    costly = {key[2] for key, figures in spent.items() if figures[0] > 0} - {NONE}
    expected: dict[tuple, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for (month, channel, campaign), (cost, _, _) in spent.items():
        expected[month, channel][0] += cost
        expected[month, channel][1] += 0 if campaign in visited else cost
    for row in sessions:
        if row["channel"] in ("paid_search", "paid_social", "display"):
            place = expected[oracle.day_of(row["touched_at"]).replace(day=1), row["channel"]]
            place[2] += 1
            place[3] += row["campaign_id"] not in costly
    assert {
        (row["month"], row["channel"]): [
            int(row["spend"] * 100),
            int(row["spend_without_visits"] * 100),
            row["paid_visits"],
            row["visits_without_spend"],
        ]
        for row in warehouse.rows("select * from marts.marketing_coverage")
    } == dict(expected)


def test_days(shop):
    """Active people by day are counted twice, or a day's sales stand on another day."""
    warehouse, oracle, _ = shop
    touches = warehouse.rows("select * from marts.touchpoints")
    orders = warehouse.rows("select * from marts.orders where is_sale")
    people: dict[date, set[str]] = defaultdict(set)
    visitors: dict[date, set[str]] = defaultdict(set)
    counted: dict[date, Counter[str]] = defaultdict(Counter)
    by_channel: Counter[tuple[date, str]] = Counter()
    for touch in touches:
        day = oracle.day_of(touch["touched_at"])
        if touch["customer_id"]:
            people[day].add(touch["customer_id"])
        if touch["kind"] == "session":
            visitors[day].add(touch["visitor_id"])
            counted[day]["sessions"] += 1
            by_channel[day, touch["channel"]] += 1
    for order in orders:
        counted[order["order_date"]]["orders"] += 1
        counted[order["order_date"]]["new"] += order["order_number"] == 1
        if order["customer_id"]:
            people[order["order_date"]].add(order["customer_id"])
    found: dict[date, Counter[str]] = defaultdict(Counter)
    for row in warehouse.rows("select * from marts.daily_activity"):
        day = row["activity_date"]
        assert row["sessions"] == by_channel[day, row["channel"]]
        for name in ("sessions", "visitors", "people", "orders", "new_customers"):
            found[day][name] += row[name]
    days = set(people) | set(visitors) | set(counted)
    assert set(found) == days
    for day in days:
        assert found[day] == {
            "sessions": counted[day]["sessions"],
            "visitors": len(visitors[day]),
            "people": len(people[day]),
            "orders": counted[day]["orders"],
            "new_customers": counted[day]["new"],
        }, day


def test_value_of_groups(shop):
    """A budget is set by what customers of another group were worth, or come back after."""
    warehouse, _, _ = shop
    sales: dict[str, list[dict]] = defaultdict(list)
    for row in warehouse.rows(
        "select * from marts.orders where is_sale and customer_id is not null order by order_number"
    ):
        sales[row["customer_id"]].append(row)
    customers = {row["customer_id"]: row for row in warehouse.rows("select * from marts.customers")}
    rows = warehouse.rows("select * from marts.value_by_segment")
    for dimension in ("all", "acquisition_channel", "region", "rfm_segment", "value_tier"):
        groups: dict[str, list[str]] = defaultdict(list)
        for person in sales:
            value = "all" if dimension == "all" else customers[person][dimension]
            groups[value or NONE].append(person)
        mine = {r["dimension_value"]: r for r in rows if r["dimension"] == dimension}
        assert set(mine) == set(groups)
        for value, people in groups.items():
            row = mine[value]
            money = sum(order["net_revenue"] for person in people for order in sales[person])
            months = sum(
                len({order["order_date"].replace(day=1) for order in sales[p]}) for p in people
            )
            gaps = [
                (sales[p][1]["order_date"] - sales[p][0]["order_date"]).days
                for p in people
                if len(sales[p]) > 1
            ]
            orders = sum(len(sales[p]) for p in people)
            assert (row["customers"], row["orders"]) == (len(people), orders)
            assert (row["net_revenue"], row["active_months"]) == (money, months)
            assert row["is_total"] == (dimension == "all")
            assert row["returned_customers"] == len(gaps)
            assert row["ltv_simple"] == pytest.approx(float(money) / len(people), abs=1e-4)
            assert row["average_order_value"] == pytest.approx(float(money) / orders, abs=1e-5)
            half = median(gaps) if gaps else None
            most = quantiles(gaps, n=10, method="inclusive")[8] if len(gaps) > 1 else half
            for name, wanted in (("half", half), ("nine_tenths", most)):
                found = row[f"repurchase_days_{name}"]
                assert found == (None if wanted is None else pytest.approx(wanted, abs=0.051))


def test_open_carts(shop):
    """Somebody who has bought is reminded to buy, or who has not is forgotten."""
    warehouse, oracle, _ = shop
    touches = {
        row["touchpoint_id"]: row
        for row in warehouse.rows("select * from marts.touchpoints where kind = 'session'")
    }
    orders = warehouse.rows("select * from marts.orders")
    last: dict[str, datetime] = {}
    for order in orders:
        for name in (order["customer_id"], order["visitor_id"]):
            if name:
                last[name] = max(last.get(name, order["ordered_at"]), order["ordered_at"])
    carts: dict[str, list[tuple[datetime, str | None]]] = defaultdict(list)
    edge = oracle.as_of - timedelta(days=threshold("product_interest_days"))
    for key, visit in naive_channels.sessions(oracle).items():
        person = touches[key]["customer_id"] or touches[key]["visitor_id"]
        for event in visit.events:
            at = event["occurred_at"]
            is_open = person not in last or at > last[person]
            if event["event_name"] == "add_to_cart" and oracle.day_of(at) > edge and is_open:
                carts[person].append((at, event.get("product_id")))
    rows = warehouse.rows("select * from marts.abandoned_carts")
    assert {
        row["customer_id"] or row["visitor_id"]: (
            row["opened_at"],
            row["last_added_at"],
            row["age_days"],
            row["product_count"],
        )
        for row in rows
    } == {
        person: (
            min(at for at, _ in added),
            max(at for at, _ in added),
            (oracle.as_of - oracle.day_of(max(at for at, _ in added))).days,
            len({product for _, product in added if product}),
        )
        for person, added in carts.items()
    }


def test_every_day_is_in_the_calendar(shop):
    """A day on which nothing was sold is missing from a chart, or Christmas is a working day."""
    warehouse, oracle, _ = shop
    rows = {row["date_day"]: row for row in warehouse.rows("select * from marts.calendar")}
    first, last = min(rows), max(rows)
    assert (first.month, first.day) == (1, 1)
    assert last == date(oracle.as_of.year + 1, 12, 31)
    assert len(rows) == (last - first).days + 1
    for day, row in rows.items():
        year, week, weekday = day.isocalendar()
        assert (row["iso_year"], row["iso_week"], row["weekday_number"]) == (year, week, weekday)
        assert row["is_past"] == (day <= oracle.as_of)
    assert rows[date(2024, 12, 25)]["holiday"] == "Christmas Day"
    assert not rows[date(2024, 12, 24)]["is_holiday"]


@pytest.mark.parametrize("seed", range(3))
def test_queues_month_by_month(warehouse: Warehouse, seed: int):
    """The mean of the rates of single calls passes for the rate of the month."""
    warehouse.build(
        serving_company(seed), until=warehouse.project.with_ancestors("service_quality_monthly")
    )
    names = ("offered", "answered", "answered_timed", "answered_in_time", "abandoned")
    more = ("abandoned_short", "wait_seconds", "handled", "handle_seconds", "fcr_calls")
    sums: dict[tuple[date, str], Counter[str]] = defaultdict(Counter)
    for row in warehouse.rows("select * from marts.service_quality"):
        for queue in (row["queue"], "(all)"):
            for name in (*names, *more, "fcr_resolved"):
                sums[row["call_date"].replace(day=1), queue][name] += row[name]

    def ratio(part: int, whole: int) -> Any:
        return pytest.approx(part / whole) if whole else None

    rows = warehouse.rows("select * from marts.service_quality_monthly")
    assert {(row["month"], row["queue"]) for row in rows} == set(sums)
    for row in rows:
        own = sums[row["month"], row["queue"]]
        known = own["offered"] - own["answered"] + own["answered_timed"]
        counted = own["offered"] - own["abandoned_short"]
        assert row["is_total"] == (row["queue"] == "(all)")
        assert (row["offered"], row["answered"]) == (own["offered"], own["answered"])
        assert row["service_level"] == ratio(own["answered_in_time"], known)
        assert row["abandon_rate"] == ratio(own["abandoned"] - own["abandoned_short"], counted)
        assert row["asa"] == ratio(own["wait_seconds"], own["answered_timed"])
        assert row["aht"] == ratio(own["handle_seconds"], own["handled"])
        assert row["fcr"] == ratio(own["fcr_resolved"], own["fcr_calls"])
