"""The whole dbt project on a shop of one week, made by hand."""

import json
from datetime import date
from decimal import Decimal

import duckdb
import pytest

from dagster_project.contracts import load_contract
from dagster_project.quality import missing_rates
from dagster_project.quality.descriptions import described
from dagster_project.quality.results import CheckResult
from tests.integration.conftest import Project
from tests.integration.dbt_core.company import (
    Company,
    at,
    delivered,
    parameters,
    shop_of_one_week,
)
from tests.integration.dbt_core.conftest import Warehouse


def test_every_model_builds_and_every_test_holds(project: Project):
    """`dbt build` fails on a healthy company, so nothing is ever published."""
    bad = [
        (result["unique_id"], result["message"])
        for result in project.results
        if result["status"] not in {"success", "pass", "no-op"}
    ]
    assert bad == []


def test_staging_has_exactly_the_contracts_columns(built: duckdb.DuckDBPyConnection):
    """A column of an extract is lost, or comes out as another type, on the way to the marts."""
    for system in load_contract().values():
        for table in system.tables.values():
            found = built.execute(
                "SELECT column_name, data_type FROM duckdb_columns() "
                "WHERE schema_name = 'staging' AND table_name = ? ORDER BY column_index",
                [f"stg_{system.system}__{table.name}"],
            ).fetchall()
            assert found == [(column.name, column.duckdb_type) for column in table.columns]


def test_marts_have_only_types_that_bi_tools_read(built: duckdb.DuckDBPyConnection):
    """A BI tool shows a column as text, or not at all."""
    odd = built.execute(
        """
        SELECT table_name, column_name, data_type FROM duckdb_columns()
        WHERE schema_name IN ('marts', 'restricted')
            AND data_type NOT IN
                ('BIGINT', 'INTEGER', 'DOUBLE', 'VARCHAR', 'BOOLEAN', 'DATE', 'TIMESTAMP')
            AND NOT (data_type LIKE 'DECIMAL%' AND numeric_precision <= 18)
        """
    ).fetchall()
    assert odd == []


def test_every_mart_column_is_described(built: duckdb.DuckDBPyConnection, project: Project):
    """A reader of the published file cannot know how a number is computed."""
    nodes = json.loads((project.target / "manifest.json").read_text())["nodes"].values()
    told = {
        (mart, column)
        for mart, column, _ in described(n for n in nodes if n["resource_type"] == "model")
    }
    columns = built.execute(
        "SELECT table_name, column_name FROM duckdb_columns() "
        "WHERE schema_name IN ('marts', 'restricted')"
    ).fetchall()
    assert len(columns) > 500
    assert [column for column in columns if column not in told] == []


def test_orders(built: duckdb.DuckDBPyConnection):
    """Sales, their buyers or their revenue are wrong in every report."""
    rows = built.execute(
        "SELECT order_id, customer_id, is_sale, gross_revenue, refunded_amount, net_revenue, "
        "gross_margin, order_number, is_refund_implied FROM marts.orders ORDER BY order_id"
    ).fetchall()
    money = [Decimal(text) for text in ("24.00", "6.00", "15.00")]
    assert rows == [
        # (24 - 4 tax) x (1 - 6 / 24); two teas at 2.00, postage without a cost.
        ("o1", "ann", True, *money, Decimal("11.00"), 1, False),
        # The goods came back for 12 of the 10 that they were charged.
        ("o2", "ann", True, Decimal(10), Decimal(12), Decimal(-2), Decimal(-2), 2, False),
        # The status alone says that it was refunded.
        ("o3", "bob", True, Decimal(7), Decimal(7), Decimal(0), Decimal(0), 1, True),
        ("o4", "bob", False, Decimal(0), Decimal(0), Decimal(0), Decimal(0), None, False),
        ("o5", None, True, Decimal(5), Decimal(0), Decimal(5), None, None, False),
    ]


def test_lines_of_an_order_that_never_came_are_kept(built: duckdb.DuckDBPyConnection):
    """A reference to nothing disappears instead of being counted and joined later."""
    rows = built.execute(
        "SELECT order_id, is_order_known, is_sale, quantity, gross_revenue "
        "FROM marts.order_lines WHERE order_id IN ('ghost', 'o9')"
    ).fetchall()
    assert rows == [("ghost", False, False, Decimal(1), Decimal(0))]
    listed = built.execute(
        "SELECT is_listed FROM marts.products WHERE product_id = 'p3'"
    ).fetchall()
    assert listed == [(False,)]


@pytest.mark.parametrize(
    ("table", "key", "later"),
    [
        ("crm__contacts", "contact_id", "k9"),
        ("shop__orders", "order_id", "o9"),
        ("shop__order_lines", "order_id", "o9"),
        ("shop__refunds", "refund_id", "r9"),
        ("call_center__calls", "call_id", "c9"),
    ],
)
def test_nothing_is_dated_after_as_of(
    built: duckdb.DuckDBPyConnection, table: str, key: str, later: str
):
    """Rebuilding a past day shows what was not yet known."""
    keys = [row[0] for row in built.execute(f"SELECT {key} FROM staging.stg_{table}").fetchall()]
    assert keys
    assert later not in keys


@pytest.mark.parametrize(
    ("customer", "permissions"),
    [
        # E-mail granted again after a withdrawal; the telephone bounced; calls were never granted.
        ("ann", (True, False, False, False)),
        # Unsubscribed after the grant; the telephone is that of a deleted contact.
        ("bob", (False, False, False, True)),
        ("cy", (False, False, False, False)),
    ],
)
def test_consent_belongs_to_the_address(
    built: duckdb.DuckDBPyConnection, customer: str, permissions: tuple[bool, ...]
):
    """Somebody who said no is written to, which is against the law."""
    row = built.execute(
        "SELECT can_email, can_sms, can_call, is_profiling_withdrawn "
        "FROM marts.customers WHERE customer_id = ?",
        [customer],
    ).fetchone()
    assert row == permissions


def test_customers(built: duckdb.DuckDBPyConnection):
    """The profile that everybody works with is wrong."""
    rows = built.execute(
        "SELECT customer_id, order_count, net_revenue, average_order_value, "
        "days_since_last_order, purchase_interval_days, lifecycle_stage, acquisition_channel, "
        "call_count, open_ticket_count, last_nps_score, last_csat_score, favourite_category, "
        "favourite_channel, favourite_weekday, favourite_hour "
        "FROM marts.customers ORDER BY customer_id"
    ).fetchall()
    # The only gap between sales is 2 days, so that 7 days are past its 90th percentile.
    assert rows[0][:8] == ("ann", 2, Decimal(13), Decimal("6.50"), 7, 2.0, "lapsed", "unassigned")
    assert rows[0][8:] == (1, 1, Decimal(3), Decimal(4), "drinks", "app", 1, 9)
    assert rows[1][:8] == ("bob", 1, Decimal(0), Decimal(0), 6, None, "new", "unassigned")
    assert rows[2][:8] == ("cy", 0, Decimal(0), None, None, None, "lead", "unassigned")


def test_calls_and_feedback(built: duckdb.DuckDBPyConnection):
    """Short abandons spoil the abandon rate, or a score is counted for the wrong person."""
    calls = built.execute(
        "SELECT call_id, customer_id, is_short_abandon FROM marts.calls ORDER BY call_id"
    ).fetchall()
    assert calls == [("c1", "ann", True), ("c2", None, False)]
    feedback = built.execute(
        "SELECT feedback_id, customer_id, score_class FROM marts.feedback ORDER BY feedback_id"
    ).fetchall()
    assert feedback == [
        ("review:v1", "bob", "positive"),
        ("survey:s1", "ann", "positive"),
        ("survey:s2", "ann", "negative"),
        ("survey:s3", None, "neutral"),
        ("ticket:t2", "ann", "positive"),
    ]


def test_build_names_what_was_delivered(built: duckdb.DuckDBPyConnection):
    """An empty chart cannot say that its source was never delivered."""
    row = built.execute(
        "SELECT build_id, as_of, published_at, has_crm, has_marketing, sources FROM marts.build"
    ).fetchone()
    assert row is not None
    assert row[:5] == ("b1", date(2024, 6, 12), None, True, True)
    assert "shop.orders" in row[5]
    assert "shop.web_events" not in row[5]


def test_a_company_that_delivers_nothing_has_empty_marts(warehouse: Warehouse):
    """A company without one of the sources gets an error instead of the marts it could have."""
    warehouse.build({"control.parameters": parameters()})
    counts = {
        name: warehouse.rows(f"select count(*) as n from {schema}.{name}")[0]["n"]
        for name, (schema, _) in warehouse.project.models.items()
        if schema in {"marts", "restricted"}
    }
    assert counts.pop("build") == 1
    # Days there always are: those of the build's year and of the next.
    assert counts.pop("calendar") >= 730
    assert {name: count for name, count in counts.items() if count} == {}


def with_orders(*orders: tuple[str, str | None], **setting: str) -> Company:
    company = shop_of_one_week()
    company["control.parameters"] = parameters(**setting)
    company["shop.orders"] = [
        {**row, "currency": currency}
        for row, (_, currency) in zip(company["shop.orders"], orders, strict=False)
    ]
    return company


def test_several_currencies_without_a_setting_are_named_with_their_days(warehouse: Warehouse):
    """Pounds and euros are added up as if they were the same."""
    warehouse.build(with_orders(("o1", "EUR"), ("o2", "GBP"), ("o3", None)))
    missing = warehouse.rows("select * from intermediate.int_missing_rates order by money_date")
    assert missing == [
        {"currency": "EUR", "money_date": date(2024, 6, 3), "amounts": 1},
        {"currency": "GBP", "money_date": date(2024, 6, 5), "amounts": 1},
    ]


def test_a_missing_rate_is_named_with_its_day(warehouse: Warehouse):
    """An amount in another currency counts as nothing."""
    company = with_orders(("o1", "EUR"), ("o2", "GBP"), ("o3", None), currency="EUR")
    warehouse.build(company)
    missing = warehouse.rows("select * from intermediate.int_missing_rates")
    assert missing == [{"currency": "GBP", "money_date": date(2024, 6, 5), "amounts": 1}]


def test_amounts_that_count_in_nothing_need_no_rate(warehouse: Warehouse):
    """A cancelled order in dollars, or a lost deal, keeps a company of euros from its figures."""
    company = with_orders(("o1", "EUR"), ("o2", "USD"), ("o3", "EUR"))
    company["shop.orders"][1]["status"] = "cancelled"
    company["crm.deals"] = delivered(
        [
            {"deal_id": "d1", "contact_id": "k1", "created_at": at(2), "amount": 5}
            | {"currency": "JPY", "is_won": False, "closed_at": at(3)}
        ]
    )
    warehouse.build(company)
    assert warehouse.rows("select * from intermediate.int_missing_rates") == []
    assert warehouse.rows(
        "select order_id, order_total is null as is_unknown from marts.orders "
        "where order_id in ('o1', 'o2') order by 1"
    ) == [
        {"order_id": "o1", "is_unknown": False},
        {"order_id": "o2", "is_unknown": True},
    ]
    assert warehouse.rows("select amount from marts.deals") == [{"amount": None}]


def test_missing_rates_are_told_with_what_to_do(warehouse: Warehouse):
    """A publish stops, and nobody knows which file to send or which setting to write."""
    warehouse.build(with_orders(("o1", "EUR"), ("o2", "GBP"), ("o3", None)))
    failed = CheckResult("dbt", "no_rate_is_missing", "dbt_test", "blocking", "failed", message="")
    [told] = missing_rates.told(warehouse.con, [failed])
    assert "EUR: 1 amounts of 2024-06-03; GBP: 1 amounts of 2024-06-05" in told.message
    assert "HOURGLASS_CURRENCY" in told.message
    assert "shop/exchange_rates" in told.message


def test_files_delivered_twice_or_in_any_order_change_nothing(warehouse: Warehouse):
    """A late or repeated file doubles revenue."""
    company = shop_of_one_week()
    warehouse.build(company)
    query = "select * from marts.order_lines order by order_id, line_number"
    before = warehouse.rows(query)
    twice = {
        table: [*reversed(rows), *rows] if table.split(".")[0] in {"crm", "shop"} else rows
        for table, rows in company.items()
    }
    warehouse.build(twice)
    assert warehouse.rows(query) == before
