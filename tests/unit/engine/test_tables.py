"""Tables between DuckDB and Spark: whole or not there, and read as if DuckDB had built them."""

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dagster_project.engine.configuration import spark_folder
from dagster_project.engine.increment_states import STATE, layout
from dagster_project.engine.tables import (
    WHOLE,
    hand_over,
    registered,
    rows_in,
    sources_read,
    take_back,
)
from dagster_project.settings import Settings, load_settings
from dagster_project.warehouse import connect

MANIFEST: dict[str, Any] = {
    "sources": {
        f"source.h.shop.{name}": {"schema": "shop", "identifier": name}
        for name in ("orders", "order_lines")
    },
    "nodes": {
        "model.h.stg": {
            "name": "stg",
            "resource_type": "model",
            "schema": "staging",
            "alias": "stg",
            "config": {},
            "depends_on": {"nodes": ["source.h.shop.orders"]},
        },
        "test.h.rule": {
            "name": "rule",
            "resource_type": "test",
            "schema": "column_rules",
            "alias": "rule",
            "config": {"store_failures": True},
            "depends_on": {"nodes": ["model.h.stg", "source.h.shop.order_lines"]},
        },
        "model.h.mart": {
            "name": "mart",
            "resource_type": "model",
            "schema": "marts",
            "alias": "mart",
            "config": {},
            "depends_on": {"nodes": ["model.h.stg", "source.h.identity.people"]},
        },
    },
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(data_dir=tmp_path, engine="spark")


def test_a_table_s_files_say_how_many_rows_it_has(tmp_path: Path):
    """Dagster shows rows that a killed run left, or those of two states of a table."""
    folder = tmp_path / "marts" / "orders"

    def written(part: str, rows: int) -> None:
        path = folder / part / f"part-{rows}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        with duckdb.connect() as con:
            con.execute(f"COPY (SELECT * FROM range({rows})) TO '{path}' (FORMAT parquet)")

    assert rows_in(folder) is None
    written(".", 3)
    written(".", 4)
    assert rows_in(folder) is None
    (folder / WHOLE).touch()
    assert rows_in(folder) == 7
    for part, rows in (("rows-1/_bucket=0", 5), ("rows-2/_bucket=0", 6), ("rows-1/_bucket=1", 0)):
        written(part, rows)
    state = {"layout": layout(), "rows": ["rows-2/_bucket=0", "rows-1/_bucket=1"]}
    (folder / STATE).write_text(json.dumps(state))
    assert rows_in(folder) == 6


def test_a_model_is_handed_what_it_and_its_tests_read():
    """Spark finds no table, or half the warehouse is written out for one model."""
    assert sources_read(MANIFEST["nodes"], {"stg"}) == [
        "source.h.shop.order_lines",
        "source.h.shop.orders",
    ]
    assert sources_read(MANIFEST["nodes"], {"mart"}) == ["source.h.identity.people"]


def test_tables_travel_there_and_back(settings: Settings):
    """Money, times or missing values change on the way between the engines."""
    row = ("1", Decimal("12.34"), datetime(2026, 3, 1, 23, 59, 59, 123456), None)
    with connect(settings) as con:
        con.execute(
            "CREATE TABLE shop.orders (id VARCHAR, amount DECIMAL(18,2), paid TIMESTAMP, x BOOLEAN)"
        )
        con.execute("CREATE TABLE shop.order_lines (id VARCHAR)")
        con.execute("INSERT INTO shop.orders VALUES (?, ?, ?, ?)", row)
        hand_over(con, settings, MANIFEST, {"stg"})
        source = spark_folder(settings) / "shop" / "orders"
        assert (source / WHOLE).exists()
        # As Spark writes: an instant and not a naive timestamp, in files of its own names.
        model = spark_folder(settings) / "staging" / "stg"
        model.mkdir(parents=True)
        con.execute(
            "COPY (SELECT id, amount, paid::TIMESTAMPTZ AS paid, x "
            f"FROM '{source}/part-0.parquet') "
            f"TO '{model}/part-0.zstd.parquet'"
        )
        (model / WHOLE).touch()
        con.execute("CREATE SCHEMA staging")
        con.execute("CREATE TABLE staging.stg AS SELECT 1 AS left_by_duckdb")
        for _ in range(2):
            take_back(con, settings, MANIFEST, ["model.h.stg", "source.h.shop.orders"])
            assert con.execute("SELECT * FROM staging.stg").fetchall() == [row]


def test_what_a_killed_run_left_is_no_table(settings: Settings):
    """Half a table of a killed run is read as a whole one."""
    whole = spark_folder(settings) / "marts" / "orders"
    for folder in (whole, whole.with_name(".orders.new"), whole.with_name("torn")):
        folder.mkdir(parents=True)
    (whole / WHOLE).touch()
    (whole.with_name(".orders.new") / WHOLE).touch()
    assert list(registered(spark_folder(settings))) == [("marts", "orders", whole)]


def test_rows_that_a_test_stored_are_shown_and_not_registered_again(settings: Settings):
    """Every call on Spark registers a hundred tables that no model reads, or a rule's rows go."""
    folder = spark_folder(settings) / "column_rules" / "rule"
    folder.mkdir(parents=True)
    with connect(settings) as con:
        con.execute(f"COPY (SELECT 3 AS failing) TO '{folder}/part-0.zstd.parquet'")
        (folder / WHOLE).touch()
        for _ in range(2):
            take_back(con, settings, MANIFEST, ["test.h.rule"])
            assert con.execute("SELECT * FROM column_rules.rule").fetchall() == [(3,)]
            assert list(registered(spark_folder(settings))) == []
