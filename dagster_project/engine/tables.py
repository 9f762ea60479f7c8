"""Exchange of tables: Parquet between DuckDB, which loads and checks, and Spark, which transforms.

A source table is written whole under a name of its own and then renamed, so that Spark sees the
old one or the new one. A model's table stays where Spark wrote it; the warehouse gets a view over
it, which the steps that follow read as if DuckDB had built it.
"""

import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.engine.configuration import spark_folder
from dagster_project.errors import HourglassError
from dagster_project.settings import Settings
from dagster_project.warehouse import identifier, quoted

# Spark leaves it in a folder that it wrote to its end.
WHOLE = "_SUCCESS"


def sources_read(nodes: Mapping[str, Mapping[str, Any]], models: Collection[str]) -> list[str]:
    """Unique ids of the sources that ``models`` (by name) and their tests read, in order.

    ``nodes`` of dbt's manifest.
    """
    read = {parent for key in _with_tests(nodes, models) for parent in _parents(nodes[key])}
    return sorted(parent for parent in read if parent.startswith("source."))


def hand_over(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    manifest: Mapping[str, Any],
    models: Collection[str],
) -> None:
    """Write every source that ``models`` read as Parquet, where Spark looks for it.

    Raises HourglassError when the folder cannot be written.
    """
    for key in sources_read(manifest["nodes"], models):
        source = manifest["sources"][key]
        schema, table = source["schema"], source["identifier"]
        folder = spark_folder(settings) / schema / table
        fresh = folder.with_name(f".{table}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            fresh.mkdir(parents=True)
            relation = f"{identifier(schema)}.{identifier(table)}"
            con.execute(
                f"COPY (SELECT * FROM {relation}) TO {quoted(str(fresh / 'part.parquet'))} "
                "(FORMAT parquet, COMPRESSION zstd)"
            )
            (fresh / WHOLE).touch()
            shutil.rmtree(folder, ignore_errors=True)
            fresh.rename(folder)
        except (OSError, duckdb.IOException):
            raise HourglassError(
                f"{schema}.{table} cannot be written to {folder.parent} for Spark. Check that its "
                "disk has room and that this user may write there. The version in force is "
                "untouched."
            ) from None


def take_back(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    manifest: Mapping[str, Any],
    built: Collection[str],
) -> None:
    """Make each of ``built`` (unique ids of dbt) that is a table a view of the warehouse.

    A model or seed, or the rows that a test stored. Spark's instants become the naive UTC
    timestamps that DuckDB's tables have.
    """
    for schema, table, is_of_test in _tables(manifest["nodes"], built):
        folder = spark_folder(settings) / schema / table
        if not (folder / WHOLE).exists():
            continue
        files = f"read_parquet({quoted(str(folder / '*.parquet'))})"
        described = con.execute(f"DESCRIBE SELECT * FROM {files}").fetchall()
        naive = [
            f"CAST({identifier(name)} AS TIMESTAMP) AS {identifier(name)}"
            for name, kind, *_ in described
            if kind == "TIMESTAMP WITH TIME ZONE"
        ]
        columns = f"* REPLACE ({', '.join(naive)})" if naive else "*"
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {identifier(schema)}")
        relation = f"{identifier(schema)}.{identifier(table)}"
        # DuckDB's own, when the engine was another before.
        found = con.execute(
            "SELECT table_type FROM information_schema.tables WHERE table_schema = ? "
            "AND table_name = ? AND table_catalog = current_database()",
            [schema, table],
        ).fetchone()
        if found and found[0] != "VIEW":
            con.execute(f"DROP TABLE {relation}")
        con.execute(f"CREATE OR REPLACE VIEW {relation} AS SELECT {columns} FROM {files}")
        if is_of_test:
            # No model reads it: registering a hundred of them again took each call 7 s (2026-12).
            (folder / WHOLE).unlink()


def drop_views(
    con: duckdb.DuckDBPyConnection, manifest: Mapping[str, Any], models: Collection[str]
) -> None:
    """Drop what ``take_back`` left of ``models`` (by name) and of their tests.

    DuckDB builds them next, and neither a seed nor the rows of a test may replace a view.
    """
    views = con.execute(
        "SELECT schema_name, view_name FROM duckdb_views() "
        "WHERE NOT internal AND database_name = current_database()"
    ).fetchall()
    if not views:
        return
    nodes = manifest["nodes"]
    for schema, table, _ in _tables(nodes, _with_tests(nodes, models)):
        if (schema, table) in views:
            con.execute(f"DROP VIEW {identifier(schema)}.{identifier(table)}")


def registered(folder: Path) -> Iterator[tuple[str, str, Path]]:
    """Schema, table and folder of every table below Spark's ``folder`` that was written whole."""
    for mark in sorted(folder.glob(f"*/*/{WHOLE}")):
        table = mark.parent
        if not table.name.startswith("."):
            yield table.parent.name, table.name, table


def _with_tests(nodes: Mapping[str, Mapping[str, Any]], models: Collection[str]) -> set[str]:
    """Unique ids of ``models`` (by name), and of the tests that look at any of them."""
    chosen = {key for key, node in nodes.items() if node["name"] in models}
    return chosen | {
        key
        for key, node in nodes.items()
        if node["resource_type"] == "test" and chosen & {*_parents(node)}
    }


def _parents(node: Mapping[str, Any]) -> list[str]:
    return list(node.get("depends_on", {}).get("nodes", ()))


def _tables(
    nodes: Mapping[str, Mapping[str, Any]], built: Collection[str]
) -> Iterator[tuple[str, str, bool]]:
    for key in sorted(built):
        node = nodes.get(key)
        if node is None:
            continue
        kept = node["resource_type"] == "test" and node["config"].get("store_failures")
        if node["resource_type"] in {"model", "seed"} or kept:
            yield node["schema"], node["alias"], kept
