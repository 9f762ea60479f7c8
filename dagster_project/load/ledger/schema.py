"""Ledger schema: the tables of what was delivered and what became of it, and empty raw tables.

The ledger lies in the same database as the raw tables, so that a file's rows and its entry commit
in one transaction. Raw tables are append-only: they hold every version that was ever delivered.
"""

from collections.abc import Sequence
from typing import Any

import duckdb

from dagster_project.contracts import META_COLUMNS, Table, load_contract
from dagster_project.warehouse import identifier

LEDGER_TABLES: dict[str, str] = {
    # One row per content that was taken in. A file that is quarantined as a whole counts as one
    # record, because nothing inside it was read as records.
    "files": """
        file_hash VARCHAR, path VARCHAR, system_or_mapping VARCHAR, target VARCHAR,
        delivered_on DATE, size_bytes BIGINT, records BIGINT, accepted BIGINT,
        quarantined BIGINT, left_out BIGINT, erased BIGINT, schema_fingerprint VARCHAR,
        definition_hash VARCHAR, reading VARCHAR, outcome VARCHAR, message VARCHAR,
        loaded_at TIMESTAMP, run_id VARCHAR
    """,
    "file_tables": "file_hash VARCHAR, target VARCHAR, system VARCHAR, table_name VARCHAR, "
    "rows BIGINT",
    "quarantine": """
        quarantine_id VARCHAR, file_hash VARCHAR, target VARCHAR, path VARCHAR, line BIGINT,
        level VARCHAR, column_name VARCHAR, reason VARCHAR, message VARCHAR, original VARCHAR,
        quarantined_at TIMESTAMP, run_id VARCHAR
    """,
    # ``listed``: the values of the rule's count_by, the most frequent first, with their counts.
    "left_out": "file_hash VARCHAR, target VARCHAR, rule VARCHAR, records BIGINT, listed VARCHAR",
    # Parts (lines of an order) that stand in quarantine, with the id of the whole that lacks them.
    "quarantined_parts": "file_hash VARCHAR, target VARCHAR, table_name VARCHAR, line BIGINT, "
    "whole_id VARCHAR",
    # Every path with the size and time of change under which its content is known: a file that
    # still has both is not opened again.
    "paths": """
        path VARCHAR, target VARCHAR, size_bytes BIGINT, mtime_ns BIGINT, file_hash VARCHAR,
        definition_hash VARCHAR, state VARCHAR, seen_at TIMESTAMP
    """,
    "schema_events": """
        target VARCHAR, file_hash VARCHAR, path VARCHAR, kind VARCHAR, column_name VARCHAR,
        message VARCHAR, happened_at TIMESTAMP, run_id VARCHAR
    """,
    # Per file and table, records that a newer one of their key supersedes, keys that stand in the
    # file with several contents, and the records of these.
    "key_versions": """
        source VARCHAR, path VARCHAR, file_hash VARCHAR, system VARCHAR, table_name VARCHAR,
        rows BIGINT, older BIGINT, conflicts BIGINT, conflicting BIGINT, is_blocking BOOLEAN,
        message VARCHAR
    """,
    # Per reference of the contract, how many of its rows name no record of the parent.
    "missing_parents": """
        reference VARCHAR, parent VARCHAR, rows BIGINT, missing BIGINT, is_odd BOOLEAN,
        message VARCHAR
    """,
    # Files in landing that may still be written, rewritten by every load.
    "waiting": "path VARCHAR, reason VARCHAR, message VARCHAR",
    # How each source with an expectation stands, rewritten by every load.
    "deliveries": """
        source VARCHAR, late_or_odd VARCHAR, due_at TIMESTAMP, last_file_at TIMESTAMP,
        is_late BOOLEAN, newest_day DATE, records BIGINT, usual_records DOUBLE, is_odd BOOLEAN,
        message VARCHAR
    """,
}

# So few rows are handed over as parameters, in a sixth of the time that reading Arrow takes.
_FEW = 20


def raw_name(system: str, table: str) -> str:
    """The raw table as a quoted SQL name."""
    return f"{identifier(system)}.{identifier(table)}"


def raw_columns(table: Table) -> dict[str, str]:
    """Name to DuckDB type: the contract's columns, then the meta columns."""
    return {column.name: column.duckdb_type for column in table.columns} | META_COLUMNS


def create_raw_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Create the raw table of every contract table, and the ledger, where they are missing.

    A column that the contract has gained since is added, with no value in the rows that are there.
    """
    known: dict[tuple[str, str], set[str]] = {}
    for schema, table_name, column in con.execute(
        "SELECT schema_name, table_name, column_name FROM duckdb_columns() "
        "WHERE database_name = current_database()"
    ).fetchall():
        known.setdefault((schema, table_name), set()).add(column)
    missing = []
    for schema, tables in _tables().items():
        missing.append(f"CREATE SCHEMA IF NOT EXISTS {identifier(schema)}")
        for table_name, columns in tables.items():
            table = raw_name(schema, table_name)
            found = known.get((schema, table_name))
            if found is None:
                listed = (f"{identifier(column)} {kind}" for column, kind in columns.items())
                missing.append(f"CREATE TABLE {table} ({', '.join(listed)})")
                continue
            missing += (
                f"ALTER TABLE {table} ADD COLUMN {identifier(column)} {columns[column]}"
                for column in columns.keys() - found
            )
    # All together: by itself each waits for the disk.
    con.begin()
    try:
        for statement in missing:
            con.execute(statement)
        con.commit()
    except BaseException:
        con.rollback()
        raise


def _tables() -> dict[str, dict[str, dict[str, str]]]:
    """Columns and their types, by schema and table: raw tables and ledger."""
    found = {
        name: {table.name: raw_columns(table) for table in system.tables.values()}
        for name, system in load_contract().items()
    }
    split = {
        name: [part.split(maxsplit=1) for part in columns.split(",")]
        for name, columns in LEDGER_TABLES.items()
    }
    found["ledger"] = {
        name: {column: kind.strip() for column, kind in parts} for name, parts in split.items()
    }
    return found


def insert_rows(
    con: duckdb.DuckDBPyConnection, table: str, rows: Sequence[tuple[Any, ...]]
) -> None:
    """Append Python rows to a table by position; one statement, however many rows."""
    if not rows:
        return
    if len(rows) <= _FEW:
        marks = ", ".join([f"({', '.join('?' * len(rows[0]))})"] * len(rows))
        con.execute(f"INSERT INTO {table} VALUES {marks}", [cell for row in rows for cell in row])
        return
    import pyarrow as pa

    columns = [pa.array(list(column)) for column in zip(*rows, strict=True)]
    con.register(
        "load_rows_in", pa.table(columns, names=[f"c{number}" for number in range(len(columns))])
    )
    con.execute(f"INSERT INTO {table} SELECT * FROM load_rows_in")
    con.unregister("load_rows_in")
