"""A hand-made warehouse of a few marts, for the tests of the gate and of publishing.

Every row of every mart carries ``stamp``: a reader that sees two stamps saw two versions at once.
"""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.quality import (
    GateRecord,
    Suite,
    record_dbt_results,
    record_gate,
    run_suite,
)
from dagster_project.quality.expectations import Verdict
from dagster_project.quality.suites import Expectation
from dagster_project.settings import Settings

CUSTOMERS = 20
ORDERS = 100

SUITES = {
    "customers": """
mart: customers
key: [customer_id]
empty: {outcome: pass, why: Nobody is known.}
volume: {warn_drop_percent: 5, block_drop_percent: 30, why: People do not vanish.}
expectations:
  - name: customer_id_is_unique
    expect: column_values_to_be_unique
    with: {column: customer_id}
    severity: blocking
    why: One person has one row.
  - name: order_count_is_not_negative
    expect: column_values_to_be_between
    with: {column: order_count, min_value: 0}
    severity: blocking
    why: A count is never below zero.
  - name: mean_order_count_is_plausible
    expect: column_mean_to_be_between
    with: {column: order_count, max_value: 1000}
    severity: warning
    min_rows: 10
    why: Nobody buys a thousand times.
""",
    "orders": """
mart: orders
key: [order_id]
empty: {outcome: pass, why: Nothing was sold.}
expectations:
  - name: no_order_is_lost
    sql: |
      select s.order_id
      from staging.stg_shop__orders as s
      left join {batch} as o on s.order_id = o.order_id
      where o.order_id is null
    severity: blocking
    why: Every delivered order is here.
  - name: sales_reconcile_with_customers
    sql: |
      select c.customer_id
      from marts.customers as c
      left join (select customer_id, count(*) as n from {batch} group by customer_id) as o
          on c.customer_id = o.customer_id
      where c.order_count <> coalesce(o.n, 0)
    severity: warning
    why: Counts agree.
""",
    "customer_contacts": """
mart: customer_contacts
schema: restricted
key: [customer_id]
empty: {outcome: pass, why: Nobody is known.}
expectations: []
""",
    "build": """
mart: build
key: [build_id]
empty: {outcome: blocking, why: A version says which build it is of.}
expectations: []
""",
}


def write_suites(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for mart, text in SUITES.items():
        (folder / f"{mart}.yml").write_text(text)
    return folder


def small_settings(folder: Path, **overrides: Any) -> Settings:
    return Settings(data_dir=folder / "data", **overrides)


def fill(con: duckdb.DuckDBPyConnection, build_id: str = "b1", *, stamp: int = 1) -> None:
    """Write the marts of one build, all of one stamp."""
    con.execute(
        f"""
        CREATE OR REPLACE TABLE control.parameters AS
            SELECT '{build_id}' AS build_id, DATE '2024-06-30' AS as_of, 'in-{build_id}' AS inputs;
        CREATE SCHEMA IF NOT EXISTS staging;
        CREATE SCHEMA IF NOT EXISTS marts;
        CREATE SCHEMA IF NOT EXISTS restricted;
        CREATE OR REPLACE TABLE identity.registry_ids AS SELECT 'c' || i AS customer_id
            FROM range({CUSTOMERS}) AS r(i);
        CREATE OR REPLACE TABLE staging.stg_shop__orders AS
            SELECT 'o' || i AS order_id FROM range({ORDERS}) AS r(i);
        CREATE OR REPLACE TABLE marts.build AS
            SELECT '{build_id}' AS build_id, DATE '2024-06-30' AS as_of,
                CAST(NULL AS TIMESTAMP) AS published_at, {stamp} AS stamp;
        CREATE OR REPLACE TABLE marts.customers AS
            SELECT 'c' || i AS customer_id, CAST({ORDERS // CUSTOMERS} AS BIGINT) AS order_count,
                CAST(12.34 AS DECIMAL(18, 2)) AS net_revenue, {stamp} AS stamp
            FROM range({CUSTOMERS}) AS r(i);
        CREATE OR REPLACE TABLE marts.orders AS
            SELECT 'o' || i AS order_id, 'c' || i % {CUSTOMERS} AS customer_id,
                TIMESTAMP '2024-01-01' + INTERVAL 1 HOUR * i AS ordered_at, {stamp} AS stamp
            FROM range({ORDERS}) AS r(i);
        CREATE OR REPLACE TABLE restricted.customer_contacts AS
            SELECT 'c' || i AS customer_id, 'person' || i || '@example.org' AS email,
                {stamp} AS stamp
            FROM range({CUSTOMERS}) AS r(i);
        """
    )


MODELS = ("build", "customers", "orders", "customer_contacts")
NOON = datetime(2024, 7, 1, 12)


def dbt_files(
    folder: Path,
    *,
    models: dict[str, str] | None = None,
    tests: dict[str, str] | None = None,
    tested_at: datetime = NOON + timedelta(minutes=5),
    built_at: datetime = NOON,
    severity: str = "error",
) -> tuple[Path, Path]:
    """run_results.json and manifest.json of one call of dbt.

    ``models`` and ``tests``: name to status; a test ``unique_<model>`` depends on that model.
    ``models`` None: all succeeded. ``tests`` None: one passed per model.
    """
    models = dict.fromkeys(MODELS, "success") if models is None else models
    tests = {f"unique_{name}": "pass" for name in MODELS} if tests is None else tests
    nodes: dict[str, Any] = {
        f"model.h.{name}": {
            "unique_id": f"model.h.{name}",
            "resource_type": "model",
            "name": name,
            "schema": "restricted" if name == "customer_contacts" else "marts",
            "config": {"materialized": "table"},
            "description": f"The mart {name}.",
            "columns": {
                "stamp": {"name": "stamp", "description": "It's one per version."},
                "gone": {"name": "gone", "description": "No such column."},
            },
        }
        for name in MODELS
    }
    for name in {f"unique_{model}" for model in MODELS} | set(tests):
        model = f"model.h.{name.removeprefix('unique_')}"
        nodes[f"test.h.{name}"] = {
            "unique_id": f"test.h.{name}",
            "resource_type": "test",
            "name": name,
            "schema": "tests",
            "config": {"severity": severity},
            "depends_on": {"nodes": [model]},
            "attached_node": model,
        }
    results = [_result(f"model.h.{name}", status, built_at) for name, status in models.items()]
    results += [_result(f"test.h.{name}", status, tested_at) for name, status in tests.items()]
    folder.mkdir(parents=True, exist_ok=True)
    run_results, manifest = folder / "run_results.json", folder / "manifest.json"
    run_results.write_text(
        json.dumps({"metadata": {"generated_at": f"{tested_at.isoformat()}Z"}, "results": results})
    )
    manifest.write_text(json.dumps({"nodes": nodes, "unit_tests": {}}))
    return run_results, manifest


def record_dbt(con: duckdb.DuckDBPyConnection, folder: Path, **given: Any) -> None:
    record_dbt_results(con, small_settings(folder.parent), *dbt_files(folder, **given))


def report_page(con: duckdb.DuckDBPyConnection, **_: Any) -> dict[str, str]:
    rows = con.execute("SELECT count(*) FROM customers").fetchall()
    return {"index.html": f"<!doctype html><p>{rows[0][0]} customers</p>"}


def _result(unique_id: str, status: str, moment: datetime) -> dict[str, Any]:
    # dbt writes no timing for what it skipped.
    times = {
        "name": "execute",
        "started_at": f"{moment.isoformat()}Z",
        "completed_at": f"{(moment + timedelta(seconds=1)).isoformat()}Z",
    }
    failing = 3 if status in ("fail", "warn") else 0 if status == "pass" else None
    return {
        "unique_id": unique_id,
        "status": status,
        "failures": failing,
        "timing": [] if status == "skipped" else [times],
    }


class AllPass:
    """Stands in for Great Expectations where the verdicts are not what is tested."""

    def run(self, suite: Suite, expectations: list[Expectation]) -> dict[str, Verdict]:
        return {item.name: Verdict(passed=True, failing_rows=0) for item in expectations}


def pass_gate(
    con: duckdb.DuckDBPyConnection, settings: Settings, suites_dir: Path, dbt_dir: Path
) -> GateRecord:
    """A record of this build in which every check passed."""
    record_dbt(con, dbt_dir)
    for mart in SUITES:
        run_suite(con, settings, mart, suites_dir=suites_dir, runner=AllPass())
    record = record_gate(con, settings, suites_dir=suites_dir)
    record.require_passed()
    return record


def stamps(settings: Settings) -> set[int]:
    """The stamps of all rows of the version in force."""
    path = settings.published_dir / "current" / "marts.duckdb"
    with duckdb.connect(str(path), read_only=True) as con:
        return {
            row[0]
            for mart in ("build", "customers", "orders")
            for row in con.execute(f"SELECT DISTINCT stamp FROM {mart}").fetchall()
        }
