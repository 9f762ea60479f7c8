"""A warehouse whose models were built by the other engine before."""

import json
import shutil
from pathlib import Path

import duckdb

from dagster_project.engine.tables import drop_views
from tests.integration.conftest import Project, dbt_build

# A table, one that dbt replaces rows of, a seed; and the tests of all three.
BUILT = ("stg_crm__contacts", "customer_contacts", "order_statuses")


def leave_as_spark_does(con: duckdb.DuckDBPyConnection, folder: Path) -> int:
    """Make every table that dbt wrote a view over a Parquet file of its rows; how many."""
    written = con.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE schema_name IN "
        "('seeds', 'staging', 'intermediate', 'marts', 'restricted', 'column_rules')"
    ).fetchall()
    for schema, table in written:
        path = folder / f"{schema}.{table}.parquet"
        con.execute(f"COPY (FROM {schema}.{table}) TO '{path}'")
        con.execute(f"DROP TABLE {schema}.{table}")
        con.execute(f"CREATE VIEW {schema}.{table} AS FROM read_parquet('{path}')")
    return len(written)


def test_duckdb_goes_on_where_spark_was(project: Project, tmp_path: Path):
    """Whoever tried Spark can never go back: each seed and each test fails on the view that Spark's
    table left."""
    shutil.copyfile(project.warehouse, tmp_path / "warehouse.duckdb")
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as con:
        assert leave_as_spark_does(con, tmp_path) > 150
        drop_views(con, json.loads((project.target / "manifest.json").read_text()), BUILT)
    dbt_build(tmp_path, "--select", *BUILT, "--exclude", "resource_type:unit_test")
    said = (tmp_path / "said.txt").read_text()
    results = json.loads((tmp_path / "target" / "run_results.json").read_text())["results"]
    statuses = {one["unique_id"].split(".")[2]: one["status"] for one in results}
    assert set(BUILT) < set(statuses)
    assert set(statuses.values()) <= {"success", "pass"}, (statuses, said)
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as con:
        kinds = dict(
            con.execute("SELECT table_name, table_type FROM information_schema.tables").fetchall()
        )
    assert {kinds[name] for name in BUILT} == {"BASE TABLE"}
