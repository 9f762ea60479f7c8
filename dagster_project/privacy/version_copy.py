"""Database of a kept version without the erased: its tables copied into a new file.

A row of a mart that names the subject is left out. Sums that were published stay as they were; what
the left-out sales come to stands in the version's own ``erased_sums``. Where an earlier version
took the subject and somebody else for one customer, rows of that customer which no order, call or
record tells apart go too.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from dagster_project.privacy.references import RECORD_KEYS, RECORDS_AND_VISITORS
from dagster_project.privacy.rows import mentions_sql, redacted_sql, use_patterns
from dagster_project.privacy.search import Patterns
from dagster_project.privacy.subject import Subject
from dagster_project.privacy.tables import TABLES
from dagster_project.privacy.warehouse_copy import CUSTOMER_COLUMNS, Memory, is_of_identity
from dagster_project.publish.descriptions import describe, descriptions_in
from dagster_project.publish.reading import (
    attach_marts,
    detach_marts,
    marts_in,
    opened_marts,
    parquet_of,
    parquet_only,
)
from dagster_project.publish.versions import DATABASE
from dagster_project.publish.writing import write_parquet, written_database
from dagster_project.warehouse import identifier, quoted

SUMS = "sale_month DATE, sale_count BIGINT, net_revenue DECIMAL(18, 2)"


@dataclass(frozen=True)
class Erased:
    """Whom to leave out, and what to remember of it."""

    subject: Subject
    patterns: Patterns
    memory: Memory
    tombstones: tuple[tuple[str, str], ...]
    files: tuple[tuple[str, str, str, int], ...] = ()


def sale_sums(folder: Path, orders: Iterable[str]) -> list[tuple[str, int, str]]:
    """(month, sales, net revenue) of these orders in the published version in ``folder``."""
    with opened_marts(folder) as con:
        if "orders" not in marts_in(con):
            return []
        con.execute("CREATE TEMP TABLE o AS SELECT unnest($1::VARCHAR[]) AS order_id", [[*orders]])
        rows = con.execute(_sums_sql("orders", "order_id IN (SELECT order_id FROM o)"))
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


def copy_restricted(con: duckdb.DuckDBPyConnection, old: Path, new: Path, erased: Erased) -> None:
    """Copy restricted.duckdb of a version, without the erased, and remember the erasure there."""
    con.execute(f"ATTACH {quoted(str(old))} AS old_version (READ_ONLY)")
    try:
        with written_database(con, new):
            _copy_tables(con, erased)
            if "identity" in {schema for schema, _ in _tables(con)}:
                _remember(con, erased)
    finally:
        con.execute("DETACH old_version")


def copy_marts(con: duckdb.DuckDBPyConnection, old: Path, new: Path, erased: Erased) -> None:
    """Copy the marts of the version in the folder ``old`` into ``new``, without the erased.

    A mart that is Parquet alone is so in the copy; the Parquet of others is not written here.
    """
    attach_marts(con, old, "old_version")
    try:
        (new / "parquet").mkdir()
        with written_database(con, new / DATABASE):
            alone = {mart: parquet_of(new, mart) for mart in parquet_only(con, "old_version")}
            _copy_tables(con, erased, alone)
            if ("main", "orders") in _tables(con):
                _add_sums(con, ("main", "erased_sums") in _tables(con))
    finally:
        detach_marts(con, "old_version")


def _tables(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """(schema, name) of what the old version has."""
    return con.execute(
        "SELECT table_schema, table_name FROM information_schema.tables "
        "WHERE table_catalog = ? ORDER BY ALL",
        ["old_version"],
    ).fetchall()


def _copy_tables(
    con: duckdb.DuckDBPyConnection, erased: Erased, files: Mapping[str, Path] | None = None
) -> None:
    """Copy every table of old_version into new_version, or into its file of ``files``."""
    use_patterns(con, erased.patterns)
    descriptions = descriptions_in(con, "old_version")
    for schema, name in _tables(con):
        said = descriptions.get(name, {}) if schema == "main" else {}
        rows = _kept_sql(con, schema, name, erased)
        if files and name in files:
            write_parquet(con, f"({rows})", files[name], said)
            continue
        target = f"new_version.{identifier(schema)}.{identifier(name)}"
        con.execute(f"CREATE SCHEMA IF NOT EXISTS new_version.{identifier(schema)}")
        con.execute(f"CREATE TABLE {target} AS {rows}")
        describe(con, "TABLE", target, said)


def _kept_sql(con: duckdb.DuckDBPyConnection, schema: str, name: str, erased: Erased) -> str:
    """SQL of a table's rows that stay, without identifiers of the erased in texts."""
    source = f"old_version.{identifier(schema)}.{identifier(name)}"
    columns = _columns(con, source)
    condition = (
        is_of_identity([*columns], erased.subject) if schema == "identity" else _is_of_mart(columns)
    )
    texts = [identifier(column) for column, kind in columns.items() if kind == "VARCHAR"]
    selected = ", ".join(
        f"CASE WHEN is_mention THEN {redacted_sql(identifier(column))} "
        f"ELSE {identifier(column)} END AS {identifier(column)}"
        if identifier(column) in texts and not erased.patterns.is_empty
        else identifier(column)
        for column in columns
    )
    mentions = mentions_sql(con, source, texts, erased.patterns)
    return (
        f"SELECT {selected} FROM (SELECT t.*, {mentions} AS is_mention "
        f"FROM {source} AS t WHERE NOT ({condition})) AS t"
    )


def _is_of_mart(columns: Collection[str]) -> str:
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
    columns = _columns(con, source)
    if not {"order_date", "is_sale", "net_revenue"} <= columns.keys():
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


def _columns(con: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    """Column name to type, in order."""
    return {row[0]: row[1] for row in con.execute(f"DESCRIBE {relation}").fetchall()}
