"""Database of a kept version without the erased: its tables copied into a new file.

A row of a mart that names the subject is left out. Sums that were published stay as they were; what
the left-out sales come to stands in the version's own ``erased_sums``. Where an earlier version
took the subject and somebody else for one customer, rows of that customer which no order, call or
record tells apart go too.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from dagster_project.privacy.references import RECORD_KEYS, RECORDS_AND_VISITORS
from dagster_project.privacy.rows import mentions_sql, redacted_sql, use_patterns
from dagster_project.privacy.search import Patterns
from dagster_project.privacy.subject import Subject
from dagster_project.privacy.tables import TABLES
from dagster_project.privacy.warehouse_copy import CUSTOMER_COLUMNS, Memory, is_of_identity
from dagster_project.publish.writing import STORAGE_VERSION
from dagster_project.warehouse import connect_file, identifier, quoted

SUMS = "sale_month DATE, sale_count BIGINT, net_revenue DECIMAL(18, 2)"


@dataclass(frozen=True)
class Erased:
    """Whom to leave out, and what to remember of it."""

    subject: Subject
    patterns: Patterns
    memory: Memory
    tombstones: tuple[tuple[str, str], ...]
    files: tuple[tuple[str, str, str, int], ...] = ()


def sale_sums(database: Path, orders: Iterable[str]) -> list[tuple[str, int, str]]:
    """(month, sales, net revenue) of these orders in a published version."""
    with connect_file(database, read_only=True) as con:
        if not _columns(con, "main", "orders"):
            return []
        con.execute("CREATE TEMP TABLE o AS SELECT unnest($1::VARCHAR[]) AS order_id", [[*orders]])
        rows = con.execute(_sums_sql("main.orders", "order_id IN (SELECT order_id FROM o)"))
        return [(str(month), count, str(revenue)) for month, count, revenue in rows.fetchall()]


def _sums_sql(orders: str, condition: str) -> str:
    return (
        "SELECT CAST(date_trunc('month', order_date) AS DATE), count(*), "
        f"CAST(sum(net_revenue) AS DECIMAL(18, 2)) FROM {orders} AS t "
        f"WHERE is_sale AND ({condition}) GROUP BY 1 ORDER BY 1"
    )


def ids_then(
    con: duckdb.DuckDBPyConnection, restricted: Path, subject: Subject
) -> tuple[set[str], set[str]]:
    """Customer ids that were the subject's alone in a version, and those shared with others."""
    if not restricted.exists():
        return set(subject.customer_ids), set()
    con.execute(f"ATTACH {quoted(str(restricted))} AS then_ (READ_ONLY)")
    try:
        condition = is_of_identity(["source_system", "source_table", "source_id"], subject)
        rows = con.execute(
            f"SELECT customer_id, bool_and({condition}) FROM then_.identity.registry AS t "
            f"GROUP BY customer_id HAVING bool_or({condition})"
        ).fetchall()
    finally:
        con.execute("DETACH then_")
    pure = {customer for customer, is_pure in rows if is_pure}
    mixed = {customer for customer, is_pure in rows if not is_pure}
    return pure | (set(subject.customer_ids) - mixed), mixed


def set_subject(
    con: duckdb.DuckDBPyConnection, subject: Subject, pure: set[str], mixed: set[str]
) -> None:
    con.execute("CREATE TEMP TABLE gone_ids (id VARCHAR, is_pure BOOLEAN)")
    con.execute("CREATE TEMP TABLE gone_keys (kind VARCHAR, key VARCHAR)")
    ids = [(one, True) for one in sorted(pure)] + [(one, False) for one in sorted(mixed)]
    keys = [(kind, key) for kind, found in subject.records.items() for key in found]
    if ids:
        con.executemany("INSERT INTO gone_ids VALUES (?, ?)", ids)
    if keys:
        con.executemany("INSERT INTO gone_keys VALUES (?, ?)", keys)


def copy_database(con: duckdb.DuckDBPyConnection, old: Path, new: Path, erased: Erased) -> None:
    use_patterns(con, erased.patterns)
    con.execute(f"ATTACH {quoted(str(old))} AS old_version (READ_ONLY)")
    con.execute(f"ATTACH {quoted(str(new))} AS new_version (STORAGE_VERSION '{STORAGE_VERSION}')")
    try:
        con.begin()
        tables = con.execute(
            "SELECT schema_name, table_name, comment FROM duckdb_tables() "
            "WHERE database_name = 'old_version' ORDER BY ALL"
        ).fetchall()
        for schema, name, comment in tables:
            con.execute(f"CREATE SCHEMA IF NOT EXISTS new_version.{identifier(schema)}")
            columns = _columns(con, schema, name, "old_version")
            source = f"old_version.{identifier(schema)}.{identifier(name)}"
            target = f"new_version.{identifier(schema)}.{identifier(name)}"
            condition = (
                is_of_identity([column for column, *_ in columns], erased.subject)
                if schema == "identity"
                else _is_of_mart([column for column, *_ in columns])
            )
            texts = [identifier(column) for column, kind, _ in columns if kind == "VARCHAR"]
            selected = ", ".join(
                f"CASE WHEN is_mention THEN {redacted_sql(identifier(column))} "
                f"ELSE {identifier(column)} END AS {identifier(column)}"
                if identifier(column) in texts and not erased.patterns.is_empty
                else identifier(column)
                for column, *_ in columns
            )
            con.execute(
                f"CREATE TABLE {target} AS SELECT {selected} FROM (SELECT t.*, "
                f"{mentions_sql(con, source, texts, erased.patterns)} AS is_mention "
                f"FROM {source} AS t WHERE NOT ({condition})) AS t"
            )
            if comment:
                con.execute(f"COMMENT ON TABLE {target} IS {quoted(comment)}")
            for column, _, text in columns:
                if text:
                    con.execute(
                        f"COMMENT ON COLUMN {target}.{identifier(column)} IS {quoted(text)}"
                    )
        names = {(schema, name) for schema, name, _ in tables}
        if ("main", "orders") in names:
            _add_sums(con, ("main", "erased_sums") in names)
        if any(schema == "identity" for schema, _ in names):
            _remember(con, erased)
        con.commit()
        con.execute("CHECKPOINT new_version")
    finally:
        con.execute("DETACH new_version")
        con.execute("DETACH old_version")


def _is_of_mart(columns: list[str]) -> str:
    """SQL: whether a row ``t`` of a mart names the subject."""
    # Within a customer who was two people, the subject's rows are told by the records they name.
    keys = {column: kind for column, kind in RECORD_KEYS.items() if column in columns}
    parts = [
        f"coalesce(t.{column} IN (SELECT key FROM gone_keys WHERE kind = '{kind}'), false)"
        for column, kind in keys.items()
    ]
    if {"source_system", "source_table", "source_id"} <= set(columns):
        for (system, table), kind in RECORDS_AND_VISITORS.items():
            parts.append(
                f"(t.source_system = '{system}' AND t.source_table = '{table}' AND t.source_id "
                f"IN (SELECT key FROM gone_keys WHERE kind = '{kind}'))"
            )
    names_record = bool(parts)
    for column in sorted(CUSTOMER_COLUMNS & set(columns)):
        chosen = " WHERE is_pure" if names_record else ""
        parts.append(f"coalesce(t.{column} IN (SELECT id FROM gone_ids{chosen}), false)")
    return " OR ".join(parts) or "false"


def _add_sums(con: duckdb.DuckDBPyConnection, is_there: bool) -> None:
    source = "old_version.main.orders"
    columns = [column for column, *_ in _columns(con, "main", "orders", "old_version")]
    if not {"order_date", "is_sale", "net_revenue"} <= set(columns):
        return
    if not is_there:
        con.execute(f"CREATE TABLE new_version.main.erased_sums ({SUMS})")
    con.execute(
        "INSERT INTO new_version.main.erased_sums " + _sums_sql(source, _is_of_mart(columns))
    )
    con.execute(
        "CREATE TEMP TABLE sums AS SELECT sale_month, CAST(sum(sale_count) AS BIGINT) AS n, "
        "CAST(sum(net_revenue) AS DECIMAL(18, 2)) AS r FROM new_version.main.erased_sums GROUP BY 1"
    )
    con.execute("DELETE FROM new_version.main.erased_sums")
    con.execute("INSERT INTO new_version.main.erased_sums SELECT * FROM sums ORDER BY 1")
    con.execute("DROP TABLE sums")


def _remember(con: duckdb.DuckDBPyConnection, erased: Erased) -> None:
    memory = erased.memory
    for name, columns in TABLES.items():
        con.execute(f"CREATE TABLE IF NOT EXISTS new_version.identity.{name} ({columns})")
    rows = [(k, h, memory.erasure_id, memory.erased_at) for k, h in erased.tombstones]
    if rows:
        con.executemany("INSERT INTO new_version.identity.tombstones VALUES (?, ?, ?, ?)", rows)
    for delivered, rewritten, target, count in erased.files:
        con.execute(
            "DELETE FROM new_version.identity.rewritten_files "
            "WHERE rewritten_hash = ? AND target = ?",
            [rewritten, target],
        )
        con.execute(
            "INSERT INTO new_version.identity.rewritten_files VALUES (?, ?, ?, ?, ?)",
            [delivered, rewritten, target, count, memory.erasure_id],
        )
    for month, count, revenue in memory.sums:
        con.execute(
            "INSERT INTO new_version.identity.erased_sums VALUES (?, ?, ?, ?)",
            [memory.erasure_id, month, count, revenue],
        )
    con.execute(
        "INSERT INTO new_version.identity.erasures VALUES (?, ?, ?, ?)",
        [memory.erasure_id, memory.erased_at, memory.people, memory.records],
    )


def _columns(
    con: duckdb.DuckDBPyConnection, schema: str, name: str, database: str | None = None
) -> list[tuple[str, str, str | None]]:
    return con.execute(
        "SELECT column_name, data_type, comment FROM duckdb_columns() "
        "WHERE database_name = coalesce(?, current_database()) AND schema_name = ? "
        "AND table_name = ? ORDER BY column_index",
        [database, schema, name],
    ).fetchall()
