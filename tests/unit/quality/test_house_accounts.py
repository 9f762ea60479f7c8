"""House accounts: the check of customers that tells a shop's own account from a person."""

import duckdb

from dagster_project.quality.suites import load_suite
from dagster_project.settings import PROJECT_ROOT

SUITE = PROJECT_ROOT / "expectations" / "customers.yml"


def test_an_account_that_buys_like_a_shop_is_named():
    """The account of a marketplace is the best customer of every list, and nobody hears of it."""
    check = next(item for item in load_suite(SUITE).expectations if item.name == "no_house_account")
    assert check.severity == "warning", "a dealer may buy so; the marts are right in any case"
    with duckdb.connect() as con:
        con.execute(
            "CREATE TABLE customers AS SELECT id AS customer_id, n AS order_count, "
            "DATE '2026-01-01' AS first_order_at, DATE '2026-01-01' + days AS last_order_at "
            "FROM (VALUES ('house', 600, 100), ('hours', 500, 0), ('at the bound', 500, 498), "
            "('daily', 500, 499), ('dealer', 900, 1500), ('a wedding', 499, 3), "
            "('lead', 0, NULL)) AS t(id, n, days)"
        )
        found = con.execute(check.sql.format(batch="customers") + " ORDER BY ALL").fetchall()
    assert [row[0] for row in found] == ["at the bound", "hours", "house"]
