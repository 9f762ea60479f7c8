"""Exchange of tables: Parquet between DuckDB, which loads and checks, and Spark, which transforms.

A source table is written under a name of its own and then renamed, so that Spark sees the old one
or the new one; of a raw table what was written before is linked, and the records of new files come
to it. A model's table stays where Spark wrote it; the warehouse gets a view over it, which the
steps that follow read as if DuckDB had built it.
"""

import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.engine.configuration import spark_folder
from dagster_project.engine.increment_states import FILES, STATE, listed, read_files, read_state
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
        try:
            _write_source(con, schema, table, folder)
        except (OSError, duckdb.IOException):
            raise HourglassError(
                f"{schema}.{table} cannot be written to {folder.parent} for Spark. Check that its "
                "disk has room and that this user may write there. The version in force is "
                "untouched."
            ) from None


def _write_source(con: duckdb.DuckDBPyConnection, schema: str, table: str, folder: Path) -> None:
    """Write a source table; of a raw table the records of files that were not there before."""
    relation = f"{identifier(schema)}.{identifier(table)}"
    files = _files(con, schema, table)
    before = read_files(folder) if (folder / WHOLE).exists() else None
    if files is not None and files == before:
        return
    goes_on = (
        files is not None
        and before is not None
        and before <= files
        # A file that is read into another target as well has rows of both.
        and {file[0] for file in before}.isdisjoint(file[0] for file in files - before)
    )
    fresh = folder.with_name(f".{table}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    rows = f"SELECT * FROM {relation}"
    parts = sorted(folder.glob("*.parquet")) if goes_on else []
    for part in parts:
        try:
            os.link(part, fresh / part.name)
        except OSError:  # A disk that has no links.
            shutil.copy2(part, fresh / part.name)
    if goes_on and before:
        known = ", ".join(quoted(str(file[0])) for file in listed(before))
        rows += f" WHERE _file_hash NOT IN ({known})"
    path = fresh / f"part-{len(parts)}.parquet"
    con.execute(f"COPY ({rows}) TO {quoted(str(path))} (FORMAT parquet, COMPRESSION zstd)")
    if files is not None:
        (fresh / FILES).write_text(json.dumps(listed(files)), encoding="utf-8")
    (fresh / WHOLE).touch()
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


def _files(con: duckdb.DuckDBPyConnection, schema: str, table: str) -> set[tuple[Any, ...]] | None:
    """Hash, delivery day, target, records and time of loading of a raw table's files; as increments
    on DuckDB keep them (dbt/macros/increment/state.sql). None of a table that has no such column.
    """
    columns = con.execute(
        "SELECT count(*) FROM information_schema.columns WHERE table_schema = ? "
        "AND table_name = ? AND column_name IN ('_file_hash', '_delivered_on', '_source')",
        [schema, table],
    ).fetchone()
    if columns != (3,):
        return None
    return set(
        con.execute(
            "SELECT r._file_hash, CAST(r._delivered_on AS VARCHAR), r._source, r.records, "
            "CAST(max(f.loaded_at) AS VARCHAR) FROM (SELECT _file_hash, _delivered_on, _source, "
            f"count(*) AS records FROM {identifier(schema)}.{identifier(table)} GROUP BY ALL) AS r "
            "LEFT JOIN ledger.files AS f ON r._file_hash = f.file_hash GROUP BY ALL"
        ).fetchall()
    )


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
        parts = _parts(folder)
        if parts is None:
            continue
        paths = ", ".join(quoted(str(part / "*.parquet")) for part in parts)
        files = f"read_parquet([{paths}], hive_partitioning = false)"
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


def rows_in(folder: Path) -> int | None:
    """Rows of the table in ``folder``, as its files say; None where it was not written whole."""
    # Only dbt on Spark asks.
    from pyarrow import parquet

    parts = _parts(folder)
    if parts is None:
        return None
    files = (file for part in parts for file in part.glob("*.parquet"))
    return sum(parquet.read_metadata(file).num_rows for file in files)


def _parts(folder: Path) -> list[Path] | None:
    """The folders of a table's files; None where it was not written whole."""
    state = read_state(folder)
    if state is not None:
        return [folder / part for part in state["rows"]]
    return [folder] if (folder / WHOLE).exists() else None


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
        if not table.name.startswith(".") and not (table / STATE).exists():
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
