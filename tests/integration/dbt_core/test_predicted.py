"""The prediction step between the models, on companies from none to many customers."""

import random
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from dagster_project.predict import predict
from dagster_project.quality.suites import load_suites
from dagster_project.settings import Settings
from tests.integration.dbt_core.company import (
    Company,
    belongs,
    delivered,
    parameters,
    shop_of_one_week,
)
from tests.integration.dbt_core.conftest import Warehouse

MARTS = (
    "customers",
    "customer_value",
    "customer_segments",
    "segment_migrations",
    "demand_forecast",
    "driver_analysis",
    "model_quality",
    "attribution_removal_effects",
)
# Marts that stand on predictions or on the same sales, and may be empty after two years.
BESIDE = (
    "attribution_touchpoints",
    "product_affinities",
    "product_recommendations",
    "product_performance",
    "campaign_performance",
    "experiment_results",
    "loyalty_accounts",
)


def shop(customers: int, days: int, *, orders: int, refunded: bool = False) -> Company:
    """``orders`` sales of ``customers`` spread over the ``days`` before the day of the build."""
    draw = random.Random(customers * 1000 + days)
    people = [f"c{i:03}" for i in range(customers)]
    # Every person comes back about as often as they please.
    zeal = {person: draw.random() ** 2 + 0.05 for person in people}
    rows, lines, visits = [], [], []
    for number in range(orders):
        person = draw.choices(people, weights=list(zeal.values()))[0]
        moment = datetime(2024, 6, 12, 9) - timedelta(days=draw.randint(0, days - 1))
        total = Decimal(draw.randint(500, 9000)) / 100
        rows.append(
            {
                "order_id": f"o{number}",
                "account_id": f"a-{person}",
                "visitor_id": f"v-{person}",
                "ordered_at": moment,
                "status": "refunded" if refunded else "paid",
                "total_amount": total,
                "sales_channel": draw.choice(["web", "app"]),
            }
        )
        lines.append(
            {
                "order_id": f"o{number}",
                "line_number": 1,
                "product_id": draw.choice(["p1", "p2"]),
                "quantity": Decimal(1),
                "unit_price": total,
            }
        )
        visits.append(
            {
                "event_id": f"e{number}",
                "visitor_id": f"v-{person}",
                "account_id": f"a-{person}",
                "occurred_at": moment - timedelta(hours=draw.randint(1, 200)),
                "event_name": "page_view",
                "utm_source": draw.choice(["google", "newsletter"]),
                "utm_medium": draw.choice(["cpc", "email"]),
            }
        )
    return {
        "control.parameters": parameters(),
        "shop.accounts": delivered([{"account_id": f"a-{person}"} for person in people]),
        "shop.products": delivered(
            [
                {"product_id": "p1", "category": "Tea", "unit_cost": Decimal(1)},
                {"product_id": "p2", "category": "Cups", "unit_cost": Decimal(2)},
            ]
        ),
        "shop.orders": delivered(rows),
        "shop.order_lines": delivered(lines),
        "shop.web_events": delivered(visits),
        "identity.customers": [
            {"customer_id": person, "minted_at": datetime(2024, 6, 13), "record_count": 1}
            for person in people
        ],
        "identity.assignments": [belongs(person, "accounts", f"a-{person}") for person in people],
    }


COMPANIES = {
    "nothing delivered": lambda: {"control.parameters": parameters()},
    "accounts and no orders": lambda: shop(5, 1, orders=0),
    "a week, by hand": shop_of_one_week,
    "one customer, one order": lambda: shop(1, 1, orders=1),
    "one customer, two years": lambda: shop(1, 700, orders=60),
    "one month": lambda: shop(80, 30, orders=200),
    "one day": lambda: shop(60, 1, orders=90),
    "all refunded": lambda: shop(60, 500, orders=300, refunded=True),
    "two years": lambda: shop(300, 730, orders=1800),
}


@pytest.fixture(scope="module")
def stages(warehouse: Warehouse) -> tuple[set[str], set[str]]:
    """Models before the prediction step that the marts need, and those after it."""
    project = warehouse.project
    read = ("int_journey_transition_counts", "int_refunds_dated")
    everything = project.with_ancestors(*MARTS, *BESIDE, "build", *read)
    readers = {name for name in everything if '"predictions".' in project.models[name][1]}
    after = {name for name in everything if project.with_ancestors(name) & readers}
    return everything - after, after


def build(warehouse: Warehouse, stages: tuple[set[str], set[str]], company: Company, tmp_path):
    before, after = stages
    warehouse.build(company, until=before)
    summary = predict(warehouse.con, Settings(data_dir=tmp_path), run_id="run")
    warehouse.run_models(after)
    return summary


@pytest.mark.parametrize("make", COMPANIES.values(), ids=COMPANIES)
def test_marts_stand_whatever_can_be_predicted(warehouse: Warehouse, stages, make, tmp_path):
    """A new or odd company gets no marts at all, or a publish that its own checks refuse."""
    summary = build(warehouse, stages, make(), tmp_path)
    counts = {
        mart: warehouse.rows(f"select count(*) as n from marts.{mart}")[0]["n"] for mart in MARTS
    }
    assert counts["customer_value"] == counts["customer_segments"] == counts["customers"]
    assert counts["model_quality"] > 0
    suites = load_suites()
    refused = {}
    for mart in (*MARTS, *BESIDE):
        for item in suites[mart].expectations:
            if item.sql is not None and item.severity == "blocking":
                rows = warehouse.rows(item.sql.replace("{batch}", f"marts.{mart}"))
                if rows:
                    refused[f"{mart}.{item.name}"] = rows[:3]
        key = ", ".join(suites[mart].key)
        twice = f"select {key} from marts.{mart} group by {key} having count(*) > 1"
        assert warehouse.rows(twice) == []
    assert refused == {}
    buyers = warehouse.rows("select count(*) as n from marts.customers where order_count > 0")
    # Each empty column has its reason among the notes, which the report shows.
    if not warehouse.rows("select 1 from marts.customer_value where p_alive is not null"):
        assert any("customer_values" in note or "p_alive" in note for note in summary.notes)
    assert summary.customers == buyers[0]["n"]


def test_two_years_fill_every_mart(warehouse: Warehouse, stages, tmp_path):
    """Columns stay empty although there is enough to learn from."""
    build(warehouse, stages, COMPANIES["two years"](), tmp_path)
    for mart in MARTS:
        assert warehouse.rows(f"select 1 from marts.{mart} limit 1"), mart
    blank = warehouse.rows(
        """
        select count(*) as n from marts.customers
        where order_count > 0 and (
            persona is null or predicted_12m_value is null
            or churn_probability is null
        )
        """
    )
    assert blank == [{"n": 0}]
    marts = warehouse.rows(
        """
        select count(*) as n from marts.customers as c
        inner join marts.customer_value as v on c.customer_id = v.customer_id
        inner join predictions.customer_values as p on c.customer_id = p.customer_id
        where v.p_alive is not distinct from p.p_alive
            and c.predicted_12m_value = p.predicted_12m_value
            and v.value_method = p.value_method
            and v.next_order_late_date is not distinct from p.next_order_late_date
            and c.next_order_expected_date is not distinct from p.next_order_expected_date
        """
    )
    buyers = warehouse.rows("select count(*) as n from marts.customers where order_count > 0")
    assert marts == buyers
    ahead = warehouse.rows(
        "select min(week_start) as first, count(distinct week_start) as weeks "
        "from marts.demand_forecast where is_forecast"
    )
    # The day of the build is a Wednesday: its week is not over.
    assert ahead == [{"first": date(2024, 6, 10), "weeks": 8}]
