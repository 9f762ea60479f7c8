"""Columns that may be summed, and columns whose comment says that they may not.

The models say which (``meta: additive, additive_within``); here the sum of each additive column of
an aggregated mart is held against the facts.
"""

import json
from typing import Any

import pytest

from dagster_project.quality.descriptions import described
from tests.integration.conftest import Project
from tests.integration.dbt_core.busy_company import busy_company
from tests.integration.dbt_core.conftest import Warehouse
from tests.integration.dbt_core.test_random_facts import with_deals

NUMBERS = ("bigint", "integer", "double", "decimal")
SALES = "from marts.orders where is_sale"
# (mart, column): what the sum over the mart must be. Marts whose rows are records themselves
# (orders, deals, customers) are the facts, or are held against them by twins of their own.
TRUTH = {
    ("marketing_spend", "spend"): "select sum(spend) from intermediate.int_ad_spend_converted",
    ("marketing_coverage", "spend"): "select sum(spend) from intermediate.int_ad_spend_converted",
    ("channel_scorecard", "spend"): "select sum(spend) from intermediate.int_ad_spend_converted",
    ("channel_scorecard", "revenue"): f"select sum(net_revenue) {SALES}",
    ("channel_scorecard", "orders"): f"select count(*) {SALES}",
    ("channel_scorecard", "new_customers"): f"select count(*) {SALES} and order_number = 1",
    ("channel_scorecard", "sessions"): "select count(*) from intermediate.int_sessions_identified",
    ("daily_activity", "sessions"): "select count(*) from intermediate.int_sessions_identified",
    ("daily_activity", "orders"): f"select count(*) {SALES}",
    ("daily_activity", "new_customers"): f"select count(*) {SALES} and order_number = 1",
    ("daily_activity", "net_revenue"): f"select sum(net_revenue) {SALES}",
    ("deal_pipeline", "opened"): "select count(*) from marts.deals",
    ("deal_pipeline", "won"): "select count(*) from marts.deals where status = 'won'",
    ("deal_pipeline", "lost"): "select count(*) from marts.deals where status = 'lost'",
    ("deal_pipeline", "opened_amount"): "select sum(amount) from marts.deals",
    ("deal_pipeline", "won_amount"): "select sum(amount) from marts.deals where status = 'won'",
    ("retention_monthly", "new_customers"): f"select count(*) {SALES} and order_number = 1",
    ("products", "net_revenue"): "select sum(net_revenue) from marts.order_lines",
    ("customers", "net_revenue"): f"select sum(net_revenue) {SALES} and customer_id is not null",
    ("customers", "order_count"): f"select count(*) {SALES} and customer_id is not null",
    ("customers", "won_deal_amount"): (
        "select coalesce(sum(amount), 0) from marts.deals "
        "where status = 'won' and customer_id is not null"
    ),
    ("customer_value", "ltv_to_date"): (
        f"select sum(net_revenue) {SALES} and customer_id is not null"
    ),
}
# (mart, dimension, column): what the sum over the rows of each one value must be.
TRUTH_WITHIN = {
    ("attribution_channels", "model", "attributed_revenue"): f"select sum(net_revenue) {SALES}",
    ("attribution_channels", "model", "attributed_orders"): f"select count(*) {SALES}",
    ("attribution_touchpoints", "model", "attributed_revenue"): f"select sum(net_revenue) {SALES}",
    ("value_by_segment", "dimension", "net_revenue"): (
        f"select sum(net_revenue) {SALES} and customer_id is not null"
    ),
    ("cohort_retention", "period_kind", "net_revenue"): (
        f"select sum(net_revenue) {SALES} and customer_id is not null"
    ),
    ("journey_paths", "transform", "conversions"): f"select count(*) {SALES}",
}


@pytest.fixture(scope="module")
def published(project: Project) -> dict[str, dict[str, Any]]:
    """Published models by name, with their metadata and columns."""
    target = project.warehouse.parent / "target"
    nodes = json.loads((target / "manifest.json").read_text())["nodes"].values()
    return {
        node["name"]: node
        for node in nodes
        if node["resource_type"] == "model" and node["schema"] in {"marts", "restricted"}
    }


def test_every_number_says_whether_it_may_be_summed(published):
    """A BI tool sums a rate, or money that stands once per model, and nobody is told."""
    silent = [name for name, node in published.items() if "additive" not in node["config"]["meta"]]
    assert silent == []
    comments = {
        (mart, column): text for mart, column, text in described(published.values()) if column
    }
    for name, node in published.items():
        meta = node["config"]["meta"]
        within = {
            column: key
            for key, columns in meta.get("additive_within", {}).items()
            for column in columns
        }
        assert set(meta["additive"]) | set(within) <= set(node["columns"]), name
        for column, about in node["columns"].items():
            if (about["data_type"] or "").startswith(NUMBERS):
                comment = comments[name, column]
                if column in within:
                    assert f"Sum it only over rows of one {within[column]}." in comment
                else:
                    is_told = "Not additive: never sum it." in comment
                    assert is_told == (column not in meta["additive"]), (name, column)


@pytest.mark.parametrize("seed", [0, 1])
def test_sums_over_a_mart_are_the_truth(warehouse: Warehouse, published, seed: int):
    """A dashboard's grand total is nine times the truth."""
    marts = {mart for mart, *_ in (*TRUTH, *TRUTH_WITHIN)}
    company = with_deals(busy_company(seed), seed)
    warehouse.build(company, until=warehouse.project.with_ancestors(*marts))

    def one(sql: str) -> float:
        return float(warehouse.con.execute(sql).fetchone()[0] or 0)

    for (mart, column), truth in TRUTH.items():
        assert column in published[mart]["config"]["meta"]["additive"], (mart, column)
        found = one(f"select sum({column}) from marts.{mart}")
        assert found == pytest.approx(one(truth), abs=1e-6), (mart, column)
    for (mart, dimension, column), truth in TRUTH_WITHIN.items():
        assert column in published[mart]["config"]["meta"]["additive_within"][dimension]
        for value, found in warehouse.con.execute(
            f"select {dimension}, sum({column}) from marts.{mart} group by 1"
        ).fetchall():
            assert float(found) == pytest.approx(one(truth), abs=1e-6), (mart, value, column)


def test_every_channel_is_one_of_the_vocabulary(warehouse: Warehouse, published):
    """Cohorts, funnel and scorecard call one channel by three names, and joins lose money."""
    company = with_deals(busy_company(2), 2)
    warehouse.build(company, until=warehouse.project.with_ancestors(*published))
    known = {
        row[0] for row in warehouse.con.execute("select channel from seeds.channels").fetchall()
    }
    places = [
        (name, column)
        for name, node in published.items()
        for column in node["columns"]
        if column == "channel" or column == "acquisition_channel"
    ]
    assert len(places) >= 10
    for name, column in places:
        found = warehouse.con.execute(f"select distinct {column} from marts.{name}").fetchall()
        assert {row[0] for row in found} <= known, (name, column)
    for mart in ("cohort_retention_by", "satisfaction", "value_by_segment"):
        found = warehouse.con.execute(
            f"select distinct dimension_value from marts.{mart} "
            "where dimension = 'acquisition_channel' and dimension_value <> '(other)'"
        ).fetchall()
        assert {row[0] for row in found} <= known, mart
