"""Cohorts of every kind and cut against loops over random small companies, to the cent."""

import random
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.dbt_core import naive_cohorts as naive
from tests.integration.dbt_core import naive_segments
from tests.integration.dbt_core.company import Company, belongs, delivered
from tests.integration.dbt_core.conftest import Warehouse
from tests.integration.dbt_core.naive import Oracle, newest
from tests.integration.dbt_core.random_company import random_company
from tests.soak import COMPANIES

MARTS = ("cohort_retention", "cohort_retention_by")
MONEY = (
    "net_revenue",
    "cumulative_net_revenue",
    "cumulative_revenue_per_customer",
    "gross_margin",
    "cumulative_known_margin",
    "acquisition_cost",
)
RATIOS = ("margin_known_share", "payback_ratio")
PLAIN = (
    "cohort_size",
    "active_customers",
    "active_or_later_customers",
    "payback_period",
    "is_complete",
)


def marketed_company(seed: int) -> Company:
    """A random shop that pays for advertising, with customers who came from somewhere."""
    draw = random.Random(seed)
    company = random_company(seed)
    for row in company["shop.orders"]:
        row["sales_channel"] = draw.choice([None, "web", "pos"])
    people = [row["customer_id"] for row in company["identity.customers"]]
    company["identity.assignments"] += [
        belongs(person, "contacts", f"k-{person}", "crm") for person in people
    ]
    company["crm.contacts"] = delivered(
        [
            {
                "contact_id": f"k-{person}",
                "lead_source": draw.choice([None, "email", "paid_search"]),
                "region": draw.choice([None, "North", "South"]),
            }
            for person in people
        ]
    )
    company["marketing.ad_spend"] = delivered(
        [
            {
                "spend_date": date(2023, 10, 20) + timedelta(days=draw.randint(0, 230)),
                "channel": draw.choice(["email", "Paid Search"]),
                "campaign_id": str(number),
                "cost": Decimal(draw.randint(0, 900)) / 100,
            }
            for number in range(draw.choice([0, 5, 20]))
        ]
    )
    return company


def spend_of(company: Company) -> naive.Spend:
    return [
        (row["spend_date"], row["channel"].lower().replace(" ", "_"), int(row["cost"] * 100))
        for row in company["marketing.ad_spend"]
    ]


def compare(rows: list[dict[str, Any]], expected: dict[tuple, dict[str, Any]]) -> None:
    found = {(row.get("dimension_value", ""), row["cohort_start"], row["period_number"]): row
             for row in rows}  # fmt: skip
    assert set(found) == set(expected)
    for key, cell in expected.items():
        row = found[key]
        for name in MONEY:
            assert (None if row[name] is None else int(row[name] * 100)) == cell[name], (key, name)
        for name in PLAIN:
            assert row[name] == cell[name], (key, name)
        for name in RATIOS:
            assert row[name] == (
                None if cell[name] is None else pytest.approx(cell[name], rel=1e-9)
            ), (key, name)
        assert row["retention_rate"] == pytest.approx(
            cell["active_customers"] / cell["cohort_size"]
        )
        assert row["retention_rate_or_later"] == pytest.approx(
            cell["active_or_later_customers"] / cell["cohort_size"]
        )


@pytest.mark.parametrize("seed", COMPANIES)
def test_cohorts_are_those_of_the_definitions(warehouse: Warehouse, seed: int):
    """Retention, a cohort's worth, or when it has paid for itself is wrong in every report."""
    company = marketed_company(seed)
    oracle = Oracle(company)
    warehouse.build(company, until=warehouse.project.with_ancestors(*MARTS))
    spend = spend_of(company)
    for kind in naive.KINDS:
        rows = warehouse.rows(f"select * from marts.cohort_retention where period_kind = '{kind}'")
        compare(rows, naive.cells(oracle, kind, spend))

    contacts = {row["contact_id"]: row for row in company["crm.contacts"]}
    channels = {
        row["order_id"]: row["sales_channel"] for row in newest(company["shop.orders"], "order_id")
    }
    first = {order.customer: order.order_id for order in oracle.sales() if order.number == 1}
    categories = naive.first_categories(oracle)
    segments = naive_segments.segments(naive_segments.bought(oracle, oracle.as_of))
    cuts = {
        "acquisition_channel": lambda name: contacts[f"k-{name}"]["lead_source"] or "unassigned",
        "first_category": lambda name: categories[name],
        "first_sales_channel": lambda name: channels[first[name]] or "(none)",
        "region": lambda name: contacts[f"k-{name}"]["region"] or "(none)",
        "segment": lambda name: segments[name],
    }
    for dimension, value_of in cuts.items():
        for kind in naive.KINDS:
            rows = warehouse.rows(
                "select * from marts.cohort_retention_by "
                f"where period_kind = '{kind}' and dimension = '{dimension}'"
            )
            expected = naive.cells(
                oracle,
                kind,
                spend,
                value_of=value_of,
                is_by_channel=dimension == "acquisition_channel",
            )
            compare(rows, expected)


def test_rare_values_stand_together(warehouse: Warehouse):
    """A region per village makes millions of rows that say nothing about anybody."""
    company = random_company(1)
    people = range(60)
    company["shop.orders"] = delivered(
        [
            {
                "order_id": f"x{number}",
                "account_id": f"x{number}",
                "ordered_at": company["control.parameters"][0]["started_at"] - timedelta(days=40),
                "status": "paid",
                "total_amount": Decimal(1),
            }
            for number in people
        ]
    )
    company["shop.order_lines"], company["shop.refunds"] = [], []
    company["identity.customers"] = [{"customer_id": f"x{number}"} for number in people]
    company["identity.assignments"] = [
        belongs(f"x{number}", table, f"x{number}", system)
        for number in people
        for table, system in (("accounts", "shop"), ("contacts", "crm"))
    ]
    company["crm.contacts"] = delivered(
        [{"contact_id": f"x{number}", "region": f"r{max(number, 1):02}"} for number in people]
    )
    warehouse.build(company, until=warehouse.project.with_ancestors(*MARTS))
    rows = warehouse.rows(
        "select dimension_value, cohort_size from marts.cohort_retention_by "
        "where dimension = 'region' and period_kind = 'month' and period_number = 0 order by 1"
    )
    sizes = {row["dimension_value"]: row["cohort_size"] for row in rows}
    assert len(sizes) == 51
    assert sizes["r01"] == 2
    assert sizes["r50"] == 1
    assert sizes["(other)"] == 9
