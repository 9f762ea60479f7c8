"""Descriptions of marts and their columns: as comments in a database, as metadata of Parquet.

They are dbt's (``quality.descriptions``); here they are written to a version's files and read back.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import duckdb

from dagster_project.warehouse import identifier, quoted


def describe(
    con: duckdb.DuckDBPyConnection,
    kind: Literal["TABLE", "VIEW"],
    relation: str,
    said: Mapping[str | None, str],
) -> None:
    """Comment on ``relation`` (as SQL names it; the key None) and on those columns that it has."""
    present = {row[0] for row in con.execute(f"DESCRIBE {relation}").fetchall()}
    for column, text in said.items():
        if column is None:
            con.execute(f"COMMENT ON {kind} {relation} IS {quoted(text)}")
        elif column in present:
            con.execute(f"COMMENT ON COLUMN {relation}.{identifier(column)} IS {quoted(text)}")


def descriptions_in(
    con: duckdb.DuckDBPyConnection, database: str | None = None
) -> dict[str, dict[str | None, str]]:
    """What is said in an attached ``database``, or in the one in use: by table or view of its main
    schema, then by column; the key None is the table itself. What has no description is left out.
    """
    found: dict[str, dict[str | None, str]] = {}
    for name, column, text in con.execute(
        """
        SELECT table_name, NULL, comment FROM duckdb_tables()
        WHERE database_name = coalesce($1, current_database()) AND schema_name = 'main'
        UNION ALL
        SELECT view_name, NULL, comment FROM duckdb_views()
        WHERE database_name = coalesce($1, current_database()) AND schema_name = 'main'
        UNION ALL
        SELECT table_name, column_name, comment FROM duckdb_columns()
        WHERE database_name = coalesce($1, current_database()) AND schema_name = 'main'
        """,
        [database],
    ).fetchall():
        if text:
            found.setdefault(name, {})[column] = text
    return found


def parquet_metadata(said: Mapping[str | None, str]) -> dict[str, str]:
    """A Parquet file's metadata: ``description``, of the mart (the key None), and ``columns``, a
    JSON object with that of each column. DuckDB writes none at the columns themselves.
    """
    columns = {name: text for name, text in said.items() if name is not None}
    return {"description": said.get(None, ""), "columns": json.dumps(columns, ensure_ascii=False)}


def metadata_of(con: duckdb.DuckDBPyConnection, file: Path) -> dict[str, str]:
    """The metadata of a Parquet file, as :func:`parquet_metadata` makes them."""
    rows = con.execute(
        f"SELECT decode(key), decode(value) FROM parquet_kv_metadata({quoted(str(file))})"
    ).fetchall()
    return dict(rows)


def descriptions_of(con: duckdb.DuckDBPyConnection, file: Path) -> dict[str | None, str]:
    """What a mart's Parquet file says of the mart (None) and of its columns."""
    said = metadata_of(con, file)
    return {None: said.get("description", ""), **json.loads(said.get("columns") or "{}")}
