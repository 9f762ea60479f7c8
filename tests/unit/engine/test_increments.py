"""Increments on Spark, their files: states, raw tables that go on, and what DuckDB reads."""

import json
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from dagster_project.engine.configuration import spark_folder
from dagster_project.engine.increment_states import (
    STATE,
    forget_states,
    layout,
    raw_records,
    read_state,
)
from dagster_project.engine.increments import SparkIncrements
from dagster_project.engine.tables import hand_over, registered, take_back
from dagster_project.settings import Settings, load_settings
from dagster_project.warehouse import connect

NODE = {"resource_type": "model", "schema": "staging", "config": {}}
MANIFEST: dict[str, Any] = {
    "sources": {"source.h.shop.orders": {"schema": "shop", "identifier": "orders"}},
    "nodes": {
        "model.h.stg": {
            **NODE,
            "name": "stg",
            "alias": "stg",
            "depends_on": {"nodes": ["source.h.shop.orders"]},
        }
    },
}


class NoSpark:
    """A session that only takes statements."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def sql(self, statement: str) -> "NoSpark":
        self.said.append(statement)
        return self

    def collect(self) -> list[Any]:
        return []


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(data_dir=tmp_path, engine="spark")


def write_state(settings: Settings, rows: Sequence[str], **more: Any) -> Path:
    table = spark_folder(settings) / "staging" / "stg"
    table.mkdir(parents=True, exist_ok=True)
    state = {"layout": layout(), "rows": rows, "changes": {}, **more}
    (table / STATE).write_text(json.dumps(state))
    return table


def deliver(settings: Settings, *files: tuple[str, Sequence[str]], day: int = 1) -> None:
    """Have the raw table hold the orders of ``files``, and hand it over."""
    with connect(settings) as con:
        con.execute(
            "CREATE OR REPLACE TABLE shop.orders "
            "(order_id VARCHAR, _file_hash VARCHAR, _delivered_on DATE, _source VARCHAR)"
        )
        con.execute("CREATE SCHEMA IF NOT EXISTS ledger")
        con.execute("CREATE OR REPLACE TABLE ledger.files (file_hash VARCHAR, loaded_at TIMESTAMP)")
        for name, orders in files:
            con.execute("INSERT INTO ledger.files VALUES (?, ?)", [name, datetime(2026, 1, 1)])
            for order in orders:
                con.execute(
                    "INSERT INTO shop.orders VALUES (?, ?, ?, 'shop.orders')",
                    [order, name, date(2026, 1, day)],
                )
        hand_over(con, settings, MANIFEST, {"stg"})


def handed(settings: Settings) -> tuple[list[str], int]:
    """The orders that Spark sees, and of how many files."""
    folder = spark_folder(settings) / "shop" / "orders"
    with connect(settings) as con:
        rows = con.execute(f"SELECT order_id FROM '{folder}/*.parquet' ORDER BY 1").fetchall()
    return [order for (order,) in rows], len(list(folder.glob("*.parquet")))


def test_a_raw_table_goes_on_with_its_new_files(settings: Settings):
    """Each day copies all days, or records are there twice, or those of a file that went stay."""
    deliver(settings, ("one", ["1", "2"]))
    assert handed(settings) == (["1", "2"], 1)
    deliver(settings, ("one", ["1", "2"]), ("two", ["3"]))
    assert handed(settings) == (["1", "2", "3"], 2)
    deliver(settings, ("one", ["1", "2"]), ("two", ["3"]))
    assert handed(settings) == (["1", "2", "3"], 2)
    assert raw_records(spark_folder(settings)) == 3
    # A file that went, and one that is dated otherwise: the table is written whole.
    deliver(settings, ("two", ["3"]), ("three", ["4"]))
    assert handed(settings) == (["3", "4"], 1)
    deliver(settings, ("two", ["3"]), ("three", ["4"]), day=2)
    assert handed(settings) == (["3", "4"], 1)


def test_new_files_are_those_since_the_model_was_built(settings: Settings):
    """A model misses the orders of a file, or keeps those of one that was taken back."""
    deliver(settings, ("one", ["1"]), ("two", ["2"]))
    before = [["one", "2026-01-01", "shop.orders", 1, "2026-01-01 00:00:00"]]
    (write_state(settings, ["rows-1"], files={"shop.orders": before}) / "rows-1").mkdir()

    def new(state: Any) -> Any:
        write_state(settings, ["rows-1"], files={"shop.orders": state})
        increments = SparkIncrements(
            NoSpark(), spark_folder(settings), least_rows=0, buckets=2, largest_share=0.3
        )
        increments.register()
        return increments.new_files("stg", ["shop.orders"])

    assert new(before) == {"shop.orders": ["two"]}
    assert new([[*before[0][:3], 2, before[0][4]]]) is None
    assert new([["gone", *before[0][1:]]]) is None
    assert new([]) == {"shop.orders": ["one", "two"]}


def test_a_state_is_believed_only_with_all_its_folders(settings: Settings):
    """Somebody removes a folder, and the marts lack its customers: Spark reads what is left."""
    table = write_state(settings, ["rows-1/_bucket=0", "rows-2/_bucket=1"])
    (table / "rows-1" / "_bucket=0").mkdir(parents=True)
    assert read_state(table) is None
    (table / "rows-2" / "_bucket=1").mkdir(parents=True)
    assert read_state(table) is not None
    write_state(settings, ["rows-1/_bucket=0"], changes={"7": 1})
    assert read_state(table) is None
    write_state(settings, ["rows-1/_bucket=0"], layout="0 another version")
    assert read_state(table) is None


def test_a_full_refresh_forgets_every_state(settings: Settings):
    """--full-refresh leaves the tables that it is asked to replace."""
    deliver(settings, ("one", ["1"]))
    table = write_state(settings, ["rows-1"])
    (table / "rows-1").mkdir()
    forget_states(spark_folder(settings))
    assert read_state(table) is None
    assert raw_records(spark_folder(settings)) == 0


def test_the_warehouse_shows_the_buckets_of_a_table(settings: Settings):
    """What Spark built by its keys is missing, old, or has a column more on DuckDB."""
    table = write_state(settings, ["rows-1/_bucket=0", "rows-2/_bucket=1"])
    with connect(settings) as con:
        for folder, key in (
            ("rows-1/_bucket=0", "a"),
            ("rows-1/_bucket=1", "old"),
            ("rows-2/_bucket=1", "b"),
        ):
            (table / folder).mkdir(parents=True)
            con.execute(f"COPY (SELECT '{key}' AS k) TO '{table / folder}/part-0.parquet'")
        take_back(con, settings, MANIFEST, {"model.h.stg"})
        assert con.execute("SELECT * FROM staging.stg ORDER BY k").fetchall() == [("a",), ("b",)]
        described = con.execute("DESCRIBE staging.stg").fetchall()
    assert [column[0] for column in described] == ["k"]
    # Spark's catalog gets it from the state.
    assert list(registered(spark_folder(settings))) == []
