"""Column rules: many rules in one dbt test, each of which the gate asks for."""

import json
from datetime import timedelta

import duckdb
import pytest

from dagster_project.quality.column_rules import TEST_NAME
from dagster_project.quality.dbt_results import dbt_results, record_dbt_results
from tests.small_warehouse import NOON, dbt_files

RULES = {
    "not_null": ["customer_id"],
    "unique": ["order_id"],
    "holds": {"ordered_after_1999": "ordered_at > TIMESTAMP '1999-12-31'"},
}
NAMES = ("not_null(customer_id)", "ordered_after_1999", "unique(order_id)")


def record(con, settings, folder, reported: dict[str, int], **given) -> None:
    """One call of dbt in which the rules of ``orders`` reported these numbers of rows."""
    status = given.pop("status", "fail" if any(reported.values()) else "pass")
    run_results, manifest = dbt_files(folder, tests={"unique_orders": status}, **given)
    content = json.loads(manifest.read_text())
    content["nodes"]["test.h.unique_orders"] |= {
        "alias": "orders_rules",
        "test_metadata": {"name": TEST_NAME, "kwargs": RULES},
    }
    manifest.write_text(json.dumps(content))
    con.execute("CREATE SCHEMA IF NOT EXISTS column_rules")
    con.execute(
        "CREATE OR REPLACE TABLE column_rules.orders_rules (rule_name VARCHAR, failing_rows BIGINT)"
    )
    for name, rows in reported.items():
        con.execute("INSERT INTO column_rules.orders_rules VALUES (?, ?)", [name, rows])
    record_dbt_results(con, settings, run_results, manifest)


def outcomes(con) -> dict[str, tuple[str, int | None]]:
    return {
        result.check: (result.outcome, result.failing_rows)
        for result in dbt_results(con, {})
        if result.mart == "orders"
    }


def test_each_rule_has_a_result_of_its_own(con, settings, tmp_path):
    """Of ten rules one fails, and the person at five in the morning learns that a test failed."""
    con.execute("UPDATE marts.orders SET customer_id = NULL WHERE order_id IN ('o1', 'o2')")
    record(con, settings, tmp_path, dict.fromkeys(NAMES, 0) | {"not_null(customer_id)": 2})
    assert outcomes(con) == {
        "not_null(customer_id)": ("failed", 2),
        "ordered_after_1999": ("passed", 0),
        "unique(order_id)": ("passed", 0),
    }
    [failed] = [result for result in dbt_results(con, {}) if result.blocks]
    path = settings.data_dir / failed.failing_rows_path
    kept = duckdb.sql(f"SELECT order_id FROM '{path}' ORDER BY 1").fetchall()
    assert kept == [("o1",), ("o2",)]
    assert path.parent.stat().st_mode & 0o077 == 0


def test_a_rule_that_did_not_report_is_missing(con, settings, tmp_path):
    """A rule that was written yesterday and never counted lets a broken mart through."""
    record(con, settings, tmp_path, {"unique(order_id)": 0, "ordered_after_1999": 0})
    assert outcomes(con)["not_null(customer_id)"] == ("missing", None)
    assert any(result.blocks for result in dbt_results(con, {}))


@pytest.mark.parametrize("status", ["error", "skipped"])
def test_rules_of_a_test_that_did_not_answer_do_not_count(con, settings, tmp_path, status):
    """Yesterday's counts stand in the warehouse, and a test that broke today passes on them."""
    record(con, settings, tmp_path, dict.fromkeys(NAMES, 0), status=status)
    assert {outcome for outcome, _ in outcomes(con).values()} == {"errored"}


def test_rules_do_not_count_for_a_table_that_was_built_later(con, settings, tmp_path):
    """A model rebuilt after its test is published on the word of the old rows."""
    record(con, settings, tmp_path, dict.fromkeys(NAMES, 0))
    later = NOON + timedelta(hours=1)
    run_results, manifest = dbt_files(
        tmp_path / "later", models={"orders": "success"}, tests={}, built_at=later
    )
    manifest.write_text((tmp_path / "manifest.json").read_text())
    record_dbt_results(con, settings, run_results, manifest)
    assert {outcome for outcome, _ in outcomes(con).values()} == {"missing"}
