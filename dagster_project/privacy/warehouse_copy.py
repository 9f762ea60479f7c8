"""The private warehouse without the erased: a new file into which everything else is copied.

Deleting would leave the bytes in the file's pages. Copied are raw tables, ledger, identity
registry, gate results and what privacy remembers; all that is built from them (staging, people,
marts, the state of the last resolution) is left out and built again. Rows of rewritten files of
which more than loaded records changed (a text with an identifier in it, a format whose lines move
up, an archive) are left out too: the next load reads them from landing/, and accounts for them.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.identity.registry.tables import REGISTRY_TABLES, hash_key
from dagster_project.load.ledger.schema import create_raw_tables
from dagster_project.privacy.journal import RewrittenFile
from dagster_project.privacy.references import RECORDS_AND_VISITORS, contract_tables
from dagster_project.privacy.rows import (
    delete_sql,
    kept_columns,
    mentions_sql,
    redacted_sql,
    use_patterns,
)
from dagster_project.privacy.search import Patterns
from dagster_project.privacy.subject import Subject
from dagster_project.privacy.tables import TABLES, create_privacy_tables
from dagster_project.settings import Settings
from dagster_project.warehouse import identifier, quoted

NEW = "erased_copy"
# Schemas of which every table is copied with identifiers in its texts replaced.
REDACTED_SCHEMAS = ("control", "quality")
# Columns of the registry that hold a customer id, and those that hold a record as one text.
CUSTOMER_COLUMNS = frozenset(
    {
        *("customer_id", "old_customer_id", "new_customer_id", "former_customer_id"),
        *("merged_into", "entered_as"),
    }
)
RECORD_COLUMNS = frozenset({"left_record", "right_record"})
# SQL: whether a row ``f`` of ``erase_files`` is of a file that the next load reads.
READ_AGAIN = "f.rewritten_hash IS NOT NULL AND NOT f.keeps_rows"


@dataclass(frozen=True)
class Memory:
    """What the copy remembers of the erasure: no identity in it."""

    erasure_id: str
    erased_at: datetime
    people: int
    records: int
    sums: Sequence[tuple[object, int, object]] = ()


def copy_warehouse(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    new_path: Path,
    subject: Subject,
    patterns: Patterns,
    files: Mapping[str, RewrittenFile],
    memory: Memory,
    purge: Mapping[str, Any] | None = None,
) -> None:
    """Write the copy to ``new_path``; ``con`` has ``erase_rows`` and is only read.

    ``files``: the rewritten files by path. ``purge``: the plan of a purge, of which sums stay.
    """
    new_path.unlink(missing_ok=True)
    create_raw_tables(con)
    create_privacy_tables(con)
    _put_files(con, files)
    use_patterns(con, patterns)
    con.execute(f"ATTACH {quoted(str(new_path))} AS {NEW}")
    try:
        for schema in _schemas(con):
            con.execute(f"CREATE SCHEMA IF NOT EXISTS {NEW}.{identifier(schema)}")
        for system, table in contract_tables():
            _copy_raw(con, system, table.name, patterns)
        _copy_ledger(con, patterns)
        for name in _tables(con, "identity"):
            if name in REGISTRY_TABLES or name in TABLES:
                con.execute(
                    f"CREATE TABLE {NEW}.identity.{identifier(name)} AS SELECT t.* FROM "
                    f"identity.{identifier(name)} AS t WHERE NOT ({_is_of(con, name, subject)})"
                )
        for schema in REDACTED_SCHEMAS:
            for name in _tables(con, schema):
                columns = _redacted(con, schema, name, patterns)
                con.execute(
                    f"CREATE TABLE {NEW}.{schema}.{identifier(name)} AS "
                    f"SELECT {columns} FROM {schema}.{identifier(name)} AS t"
                )
        _remember(con, subject, files, memory)
        if purge:
            _remember_purge(con, memory.erasure_id, purge)
        con.execute(f"CHECKPOINT {NEW}")
    finally:
        con.execute(f"DETACH {NEW}")
    new_path.chmod(0o600)
    with new_path.open("rb") as file:
        os.fsync(file.fileno())


def _schemas(con: duckdb.DuckDBPyConnection) -> list[str]:
    return [system for system, _ in contract_tables()] + ["ledger", "identity", *REDACTED_SCHEMAS]


def _tables(con: duckdb.DuckDBPyConnection, schema: str) -> list[str]:
    rows = con.execute(
        "SELECT table_name FROM duckdb_tables() WHERE schema_name = ? "
        "AND database_name = current_database() ORDER BY 1",
        [schema],
    ).fetchall()
    return [row[0] for row in rows]


def _columns(con: duckdb.DuckDBPyConnection, schema: str, name: str) -> list[tuple[str, str]]:
    rows = con.execute(f"DESCRIBE {identifier(schema)}.{identifier(name)}").fetchall()
    return [(row[0], row[1]) for row in rows]


def _put_files(con: duckdb.DuckDBPyConnection, files: Mapping[str, RewrittenFile]) -> None:
    """``erase_files``: what is gone as a whole, what keeps its rows, what is read again.

    A content keeps its rows when each of its paths does, and the ledger has taken it in.
    """
    con.execute(
        "CREATE OR REPLACE TEMP TABLE erase_files (path VARCHAR, target VARCHAR, "
        "delivered_hash VARCHAR, rewritten_hash VARCHAR, erased BIGINT, size_bytes BIGINT, "
        "mtime_ns BIGINT, keeps_rows BOOLEAN)"
    )
    rows = [
        (
            *(f.path, f.target, f.delivered_hash, f.rewritten_hash, f.erased),
            *(f.size_bytes, f.mtime_ns, f.keeps_rows),
        )
        for f in files.values()
    ]
    if rows:
        con.executemany("INSERT INTO erase_files VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    con.execute(
        """
        UPDATE erase_files AS f SET keeps_rows = f.rewritten_hash IS NOT NULL AND EXISTS (
            SELECT 1 FROM ledger.files AS l WHERE l.file_hash = f.delivered_hash
            AND l.target = f.target AND l.outcome = 'loaded'
        ) AND NOT EXISTS (
            SELECT 1 FROM erase_files AS o WHERE o.delivered_hash = f.delivered_hash
            AND o.target = f.target AND NOT o.keeps_rows
        )
        """
    )


def _copy_raw(con: duckdb.DuckDBPyConnection, system: str, name: str, patterns: Patterns) -> None:
    columns = _columns(con, system, name)
    texts = [column for column, kind in columns if kind == "VARCHAR" and column != "_file_hash"]
    source = f"{identifier(system)}.{identifier(name)} AS t"
    mentions = mentions_sql(con, source, [f"t.{identifier(one)}" for one in texts], patterns)
    cleaned = ", ".join(
        f"CASE WHEN is_mention THEN {redacted_sql(f't.{identifier(column)}')} "
        f"ELSE t.{identifier(column)} END AS {identifier(column)}"
        if column in texts and not patterns.is_empty
        else f"t.{identifier(column)}"
        for column, _ in columns
    )
    unmentioned = ", ".join(kept_columns(system, name, columns))
    # The rows of a file that fed a table through another target stay.
    con.execute(
        f"CREATE TABLE {NEW}.{identifier(system)}.{identifier(name)} AS "
        f"SELECT {cleaned} FROM (SELECT t.*, {mentions} AS is_mention FROM "
        f"(SELECT {unmentioned} FROM ({delete_sql(system, name)}) AS t) AS t) AS t "
        "WHERE NOT EXISTS (SELECT 1 FROM erase_files AS f "
        "JOIN ledger.file_tables AS b ON b.file_hash = f.delivered_hash AND b.target = f.target "
        f"WHERE {READ_AGAIN} AND f.delivered_hash = t._file_hash "
        f"AND b.system = '{system}' AND b.table_name = '{name}')"
    )


def _copy_ledger(con: duckdb.DuckDBPyConnection, patterns: Patterns) -> None:
    """The ledger without entries of what is read again; what is gone from raw tables is erased."""
    again = (
        f"EXISTS (SELECT 1 FROM erase_files AS f WHERE {READ_AGAIN} "
        "AND f.delivered_hash = t.file_hash AND f.target = t.target)"
    )
    # Records that go of files that are not read again, or no longer lie in landing/.
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE erase_counts AS
        WITH gone AS (
            SELECT DISTINCT b.file_hash, b.target, e.line
            FROM erase_rows AS e
            JOIN ledger.file_tables AS b ON b.file_hash = e.file_hash
                AND b.system = e.system AND b.table_name = e.table_name
            UNION
            SELECT file_hash, target, line FROM erase_quarantine WHERE level = 'row'
        )
        SELECT g.file_hash, g.target, count(*) AS erased,
            count(q.quarantine_id) AS quarantined
        FROM gone AS g
        LEFT JOIN ledger.quarantine AS q ON q.level = 'row' AND q.file_hash = g.file_hash
            AND q.target = g.target AND q.line = g.line
        GROUP BY ALL
        """
    )
    con.execute(
        f"""
        CREATE TABLE {NEW}.ledger.files AS
        SELECT t.* REPLACE (
            CASE WHEN f.path IS NOT NULL THEN 0
                ELSE t.accepted - coalesce(c.erased - c.quarantined, 0) END AS accepted,
            CASE WHEN f.path IS NOT NULL THEN 0
                ELSE t.quarantined - coalesce(c.quarantined, 0) END AS quarantined,
            CASE WHEN f.path IS NOT NULL THEN 0 ELSE t.left_out END AS left_out,
            CASE WHEN f.path IS NOT NULL THEN t.records
                ELSE t.erased + coalesce(c.erased, 0) END AS erased,
            coalesce(k.size_bytes, t.size_bytes) AS size_bytes
        )
        FROM ledger.files AS t
        LEFT JOIN erase_counts AS c ON c.file_hash = t.file_hash AND c.target = t.target
        LEFT JOIN (SELECT DISTINCT ON (delivered_hash, target) * FROM erase_files
            WHERE rewritten_hash IS NULL) AS f
            ON f.delivered_hash = t.file_hash AND f.target = t.target
        LEFT JOIN erase_files AS k ON k.keeps_rows AND k.path = t.path
            AND k.delivered_hash = t.file_hash AND k.target = t.target
        WHERE NOT {again}
        """
    )
    con.execute(
        f"""
        CREATE TABLE {NEW}.ledger.file_tables AS
        SELECT t.* REPLACE (t.rows - coalesce(e.rows, 0) AS rows)
        FROM ledger.file_tables AS t
        LEFT JOIN (
            SELECT file_hash, system, table_name, count(*) AS rows FROM erase_rows GROUP BY ALL
        ) AS e ON e.file_hash = t.file_hash AND e.system = t.system AND e.table_name = t.table_name
        WHERE NOT {again}
        """
    )
    for name in _tables(con, "ledger"):
        if name in ("files", "file_tables"):
            continue
        columns = dict(_columns(con, "ledger", name))
        conditions = ["true"]
        if name in ("quarantine", "quarantined_parts", "left_out"):
            conditions.append(f"NOT {again}")
        if name == "quarantine":
            conditions.append(
                "NOT EXISTS (SELECT 1 FROM erase_quarantine AS q "
                "WHERE q.quarantine_id = t.quarantine_id AND q.file_hash = t.file_hash "
                "AND q.target = t.target)"
            )
        if name == "paths":
            conditions.append("t.path NOT IN (SELECT path FROM erase_files WHERE NOT keeps_rows)")
        selected = (
            _redacted(con, "ledger", name, patterns)
            if any(kind == "VARCHAR" for kind in columns.values())
            else "t.*"
        )
        con.execute(
            f"CREATE TABLE {NEW}.ledger.{identifier(name)} AS SELECT {selected} "
            f"FROM ledger.{identifier(name)} AS t WHERE {' AND '.join(conditions)}"
        )
    con.execute(
        f"UPDATE {NEW}.ledger.paths AS p SET size_bytes = f.size_bytes, mtime_ns = f.mtime_ns "
        "FROM erase_files AS f WHERE f.keeps_rows AND f.path = p.path "
        "AND f.delivered_hash = p.file_hash"
    )


def _redacted(con: duckdb.DuckDBPyConnection, schema: str, name: str, patterns: Patterns) -> str:
    """The columns of ``t`` with identifiers in texts replaced; hashes of files stay as they are."""
    return ", ".join(
        f"{redacted_sql(f't.{identifier(column)}')} AS {identifier(column)}"
        if kind == "VARCHAR" and not column.endswith("hash") and not patterns.is_empty
        else f"t.{identifier(column)}"
        for column, kind in _columns(con, schema, name)
    )


def _is_of(con: duckdb.DuckDBPyConnection, name: str, subject: Subject) -> str:
    """SQL: whether a row of an identity table is the subject's."""
    return is_of_identity([column for column, _ in _columns(con, "identity", name)], subject)


def is_of_identity(columns: Iterable[str], subject: Subject) -> str:
    """SQL: whether a row ``t`` of an identity table with ``columns`` names the subject."""
    present = set(columns)
    ids = _list(subject.customer_ids)
    parts = [
        f"coalesce(t.{column} IN {ids}, false)" for column in sorted(CUSTOMER_COLUMNS & present)
    ]
    records = [
        (*table, key)
        for table, kind in RECORDS_AND_VISITORS.items()
        for key in subject.records.get(kind, ())
    ]
    texts = _list(f"{system}.{table}/{key}" for system, table, key in records)
    parts += [f"t.{column} IN {texts}" for column in sorted(RECORD_COLUMNS & present)]
    for before in ("source", "left", "right"):
        names = [f"{before}_{part}" for part in ("system", "table", "id")]
        if set(names) <= present:
            whole = " || chr(31) || ".join(f"t.{name}" for name in names)
            keys = _list(chr(31).join(record) for record in records)
            parts.append(f"coalesce({whole} IN {keys}, false)")
    if {"identifier_kind", "raw_value"} <= present:
        pairs = _list(
            f"{kind}{chr(31)}{text}"
            for kind, found in subject.addresses.items()
            for pair in found
            for text in pair
        )
        for column in ("raw_value", "normalised_value"):
            if column in present:
                parts.append(
                    f"coalesce(t.identifier_kind || chr(31) || t.{column} IN {pairs}, false)"
                )
    return " OR ".join(parts) or "false"


def _list(values: Iterable[str]) -> str:
    listed = ", ".join(quoted(value) for value in values)
    return f"({listed})" if listed else "(NULL)"


def _remember(
    con: duckdb.DuckDBPyConnection,
    subject: Subject,
    files: Mapping[str, RewrittenFile],
    memory: Memory,
) -> None:
    at, erasure = memory.erased_at, memory.erasure_id
    key = hash_key(con)
    # The key may just have been drawn.
    con.execute(f"DELETE FROM {NEW}.identity.secrets")
    con.execute(f"INSERT INTO {NEW}.identity.secrets SELECT * FROM identity.secrets")
    rows = [(kind, value, erasure, at) for kind, value in subject.tombstones(key)]
    if rows:
        con.executemany(f"INSERT INTO {NEW}.identity.tombstones VALUES (?, ?, ?, ?)", rows)
    for entry in files.values():
        if entry.rewritten_hash and entry.rewritten_hash != entry.delivered_hash:
            remember_file(con, f"{NEW}.identity", entry, erasure)
    for month, count, revenue in memory.sums:
        con.execute(
            f"INSERT INTO {NEW}.identity.erased_sums VALUES (?, ?, ?, ?)",
            [erasure, month, count, revenue],
        )
    con.execute(
        f"INSERT INTO {NEW}.identity.erasures VALUES (?, ?, ?, ?)",
        [erasure, at, memory.people, memory.records],
    )


def _remember_purge(
    con: duckdb.DuckDBPyConnection, erasure_id: str, plan: Mapping[str, Any]
) -> None:
    """Add the sums of a purge (its plan in the journal) to the copy."""
    for source, month, day, records, count, revenue in plan["sums"]:
        con.execute(
            f"INSERT INTO {NEW}.identity.purged_sums VALUES (?, ?, ?, ?, ?, ?, ?)",
            [erasure_id, source, month, day, records, count, revenue],
        )


def remember_file(
    con: duckdb.DuckDBPyConnection, schema: str, entry: RewrittenFile, erasure_id: str
) -> None:
    """Note which delivered file a rewritten one is, and how many records it lost altogether.

    A content that lies in landing/ under two paths, or is delivered again, is noted once.
    """
    row = con.execute(
        f"SELECT coalesce(max(erased), 0) FROM {schema}.rewritten_files "
        "WHERE delivered_hash = ? AND target = ? AND erasure_id <> ?",
        [entry.delivered_hash, entry.target, erasure_id],
    ).fetchone()
    before = row[0] if row and not entry.is_pristine else 0
    con.execute(
        f"DELETE FROM {schema}.rewritten_files WHERE rewritten_hash = ? AND target = ?",
        [entry.rewritten_hash, entry.target],
    )
    con.execute(
        f"INSERT INTO {schema}.rewritten_files VALUES (?, ?, ?, ?, ?)",
        [
            entry.delivered_hash,
            entry.rewritten_hash,
            entry.target,
            before + entry.erased,
            erasure_id,
        ],
    )
