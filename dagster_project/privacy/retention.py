"""Retention: personal rows older than their source's ``keep_days`` leave raw tables and landing/.

Which tables hold personal rows follows from the contract's tags. A row expires by its own date
(``dated_by``, in the business time zone). A profile (a contact, an account) and a table without a
date lose the versions that a newer one replaced, by the day of their delivery: the newest version
stays until the person is erased. Lines of an order go with it.

Sums of what goes stay in ``identity.purged_sums``. Rows that come again after they were purged are
kept out of the load (``suppression``) and add to no sum.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import duckdb

from dagster_project.contracts import Table, load_contract
from dagster_project.contracts.mapping import load_mappings
from dagster_project.privacy.references import RECORDS
from dagster_project.privacy.rows import create_erase_rows
from dagster_project.privacy.version_copy import sale_sums
from dagster_project.publish.versions import version_in_force
from dagster_project.settings import Settings
from dagster_project.warehouse import identifier, quoted

# Records that are a person's profile and not an event.
PROFILES = frozenset({"contact", "account"})

# First day that is kept, by (system, table).
Horizons = Mapping[tuple[str, str], date]


@dataclass(frozen=True)
class Purge:
    """What has expired: records of landing files, and sums per source and month.

    ``sums``: (source, month, first day kept, records, sales, net revenue), the last three as they
    are added to what was purged before.
    """

    horizons: dict[tuple[str, str], date]
    records: int
    sums: list[tuple[str, str | None, str, int, int, str]]

    def to_json(self) -> dict[str, Any]:
        """Plain values for the journal: nobody is named in them."""
        kept = {".".join(table): str(day) for table, day in self.horizons.items()}
        return {"horizons": kept, "sums": self.sums}


def horizons_of(settings: Settings, as_of: date) -> dict[tuple[str, str], date]:
    """The first day that each source with ``keep_days`` keeps, counted from ``as_of``.

    A day in the future counts as today: a slip in ``--as-of`` purges nothing that is young.
    """
    day = min(as_of, settings.today)
    return {
        (system.system, table.name): day - timedelta(days=table.settings.keep_days)
        for system in load_contract(settings.project_dir).values()
        for table in system.tables.values()
        if table.settings.keep_days and table.is_personal
    }


def purged_horizons(con: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], date]:
    """The first day that each source still had after the last purge."""
    rows = con.execute(
        "SELECT source, max(kept_from) FROM identity.purged_sums GROUP BY source"
    ).fetchall()
    return {(source.split(".")[0], source.split(".")[1]): day for source, day in rows}


def find_purge(con: duckdb.DuckDBPyConnection, settings: Settings, as_of: date) -> Purge | None:
    """What has expired on ``as_of``; None when there is nothing. Leaves ``erase_rows`` filled."""
    horizons = horizons_of(settings, as_of)
    if not horizons:
        return None
    mark_expired(con, settings, horizons)
    counts = con.execute(
        "SELECT count(*) FROM (SELECT file_hash, line FROM erase_rows UNION "
        "SELECT file_hash, line FROM erase_quarantine WHERE level = 'row') "
        "UNION ALL SELECT sum(records) FROM erase_left_out"
    ).fetchall()
    records = sum(count or 0 for (count,) in counts)
    if not records:
        return None
    return Purge(horizons, int(records), _sums(con, settings, horizons))


def mark_expired(con: duckdb.DuckDBPyConnection, settings: Settings, horizons: Horizons) -> None:
    """``erase_rows``, ``erase_quarantine`` and ``erase_left_out`` of what is older than
    ``horizons``."""
    create_erase_rows(con)
    add_expired(con, settings, horizons)
    days = _days_by_target(settings, horizons)
    _mark_quarantine(con, days)
    _mark_left_out(con, days)


def left_out_files(con: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """Hashes of the old files of which nothing stays but what a mapping leaves out."""
    return frozenset(
        row[0] for row in con.execute("SELECT file_hash FROM erase_left_out").fetchall()
    )


def add_expired(con: duckdb.DuckDBPyConnection, settings: Settings, horizons: Horizons) -> None:
    """Add rows of raw tables that are older than ``horizons`` to ``erase_rows``."""
    contract = load_contract(settings.project_dir)
    for (system, name), day in horizons.items():
        table = contract[system].tables[name]
        if (sql := _expired_sql(system, table, day, settings.time_zone)) is not None:
            con.execute(f"INSERT INTO erase_rows {sql}")
        for other in contract[system].tables.values():
            if (system, name) in RECORDS and table.dated_by and _is_part(table, other):
                con.execute(f"INSERT INTO erase_rows {_parts_sql(system, table, other)}")


def _expired_sql(system: str, table: Table, day: date, zone: str) -> str | None:
    source = f"{identifier(system)}.{identifier(table.name)}"
    selected = f"SELECT DISTINCT {quoted(system)}, {quoted(table.name)}, t._file_hash, t._line"
    if table.dated_by and RECORDS.get((system, table.name)) not in PROFILES:
        return f"{selected} FROM {source} AS t WHERE {_date_sql(table, zone)} < DATE '{day}'"
    same = table.key or table.version_of
    if not same:
        return None
    updated = "updated_at DESC NULLS LAST, " if "updated_at" in table.column_names else ""
    # The order of dbt's newest_version.
    return (
        f"{selected} FROM (SELECT *, row_number() OVER (PARTITION BY "
        f"{', '.join(map(identifier, same))} ORDER BY {updated}_delivered_on DESC NULLS LAST, "
        f"_file_hash DESC NULLS LAST, _line DESC NULLS LAST) AS version_rank FROM {source}) AS t "
        "JOIN (SELECT file_hash, max(coalesce(delivered_on, CAST(loaded_at AS DATE))) AS day "
        "FROM ledger.files GROUP BY 1) AS f ON f.file_hash = t._file_hash "
        f"WHERE t.version_rank > 1 AND f.day < DATE '{day}'"
    )


def _date_sql(table: Table, zone: str) -> str:
    """SQL: the business date of a row ``t``."""
    column = f"t.{identifier(table.dated_by or '')}"
    if table.column(table.dated_by or "").type == "date":
        return column
    return f"CAST(({column} AT TIME ZONE 'UTC') AT TIME ZONE {quoted(zone)} AS DATE)"


def _is_part(table: Table, other: Table) -> bool:
    """Whether rows of ``other`` are parts of a record of ``table``, with no date of their own."""
    return not other.dated_by and table.key[0] in other.key and other.name != table.name


def _parts_sql(system: str, table: Table, other: Table) -> str:
    key = identifier(table.key[0])
    parent, part = (f"{identifier(system)}.{identifier(one.name)}" for one in (table, other))
    gone = (
        f"SELECT 1 FROM erase_rows AS e WHERE e.system = {quoted(system)} AND e.table_name = "
        f"{quoted(table.name)} AND e.file_hash = o._file_hash AND e.line = o._line"
    )
    return (
        f"SELECT DISTINCT {quoted(system)}, {quoted(other.name)}, t._file_hash, t._line "
        f"FROM {part} AS t WHERE t.{key} IN (SELECT o.{key} FROM {parent} AS o "
        f"GROUP BY o.{key} HAVING bool_and(EXISTS ({gone})))"
    )


def _days_by_target(settings: Settings, horizons: Horizons) -> dict[str, date]:
    """The first day that is kept, by what a file is loaded as: a table, or a vendor's mapping."""
    days = {".".join(table): day for table, day in horizons.items()}
    for name, mapping in load_mappings(settings.project_dir).items():
        fed = [days[table] for table in mapping.tables if table in days]
        if fed:
            days[name] = min(fed)
    return days


def _mark_left_out(con: duckdb.DuckDBPyConnection, days: Mapping[str, date]) -> None:
    """``erase_left_out``: records that a mapping leaves out have no date that anybody read. They go
    with the last record of their file that is kept, when the file itself is old."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE erase_left_out (file_hash VARCHAR, target VARCHAR, "
        "records BIGINT)"
    )
    for target, day in days.items():
        con.execute(
            f"""
            INSERT INTO erase_left_out
            SELECT f.file_hash, f.target, max(f.left_out)
            FROM ledger.files AS f
            WHERE f.target = {quoted(target)} AND f.left_out > 0
                AND coalesce(f.delivered_on, CAST(f.loaded_at AS DATE)) < DATE '{day}'
                AND (SELECT coalesce(sum(t.rows), 0) FROM ledger.file_tables AS t
                    WHERE t.file_hash = f.file_hash AND t.target = f.target)
                = (SELECT count(*) FROM erase_rows AS e WHERE e.file_hash = f.file_hash)
                AND NOT EXISTS (SELECT 1 FROM ledger.quarantine AS q
                    ANTI JOIN erase_quarantine AS e ON e.quarantine_id = q.quarantine_id
                    WHERE q.file_hash = f.file_hash AND q.target = f.target AND q.level = 'row')
            GROUP BY f.file_hash, f.target
            """
        )


def _mark_quarantine(con: duckdb.DuckDBPyConnection, days: Mapping[str, date]) -> None:
    """``erase_quarantine``: refused records and values of what goes, and of old deliveries."""
    old = " OR ".join(
        f"(q.target = {quoted(target)} AND coalesce(f.delivered_on, CAST(f.loaded_at AS DATE)) "
        f"< DATE '{day}')"
        for target, day in days.items()
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE erase_quarantine AS
        SELECT q.quarantine_id, q.file_hash, q.target, q.line, q.level
        FROM ledger.quarantine AS q
        LEFT JOIN ledger.files AS f ON f.file_hash = q.file_hash AND f.target = q.target
        WHERE q.level <> 'file' AND (
            EXISTS (SELECT 1 FROM erase_rows AS e
                    WHERE e.file_hash = q.file_hash AND e.line = q.line)
            OR (q.level = 'row' AND ({old or "false"}))
        )
        """
    )


def _sums(
    con: duckdb.DuckDBPyConnection, settings: Settings, horizons: Horizons
) -> list[tuple[str, str | None, str, int, int, str]]:
    before = purged_horizons(con)
    contract = load_contract(settings.project_dir)
    found = []
    for (system, name), day in horizons.items():
        table = contract[system].tables[name]
        dated = _date_sql(table, settings.time_zone) if table.dated_by else "CAST(NULL AS DATE)"
        earlier = before.get((system, name))
        is_new = f"coalesce({dated} >= DATE '{earlier}', true)" if earlier else "true"
        rows = con.execute(
            f"SELECT CAST(date_trunc('month', {dated}) AS DATE), count(*) "
            f"FROM {identifier(system)}.{identifier(name)} AS t SEMI JOIN erase_rows AS e "
            f"ON e.system = {quoted(system)} AND e.table_name = {quoted(name)} "
            f"AND e.file_hash = t._file_hash AND e.line = t._line WHERE {is_new} "
            "GROUP BY 1 ORDER BY 1"
        ).fetchall()
        sales = _sales(con, settings, is_new) if (system, name) == ("shop", "orders") else {}
        source = f"{system}.{name}"
        for month, records in rows or [(None, 0)]:
            count, revenue = sales.get(str(month), (0, "0"))
            text = str(month) if month else None
            found.append((source, text, str(day), records, count, revenue))
    return found


def _sales(
    con: duckdb.DuckDBPyConnection, settings: Settings, is_new: str
) -> dict[str, tuple[int, str]]:
    """Sales and net revenue per month of the orders that go, as the version in force has them."""
    version = version_in_force(settings)
    if version is None or not version.database.exists():
        return {}
    gone = [
        row[0]
        for row in con.execute(
            "SELECT DISTINCT t.order_id FROM shop.orders AS t SEMI JOIN erase_rows AS e "
            "ON e.system = 'shop' AND e.table_name = 'orders' AND e.file_hash = t._file_hash "
            f"AND e.line = t._line WHERE {is_new}"
        ).fetchall()
    ]
    return {month: (count, revenue) for month, count, revenue in sale_sums(version.published, gone)}


def horizons_in(plan: Mapping[str, Any]) -> dict[tuple[str, str], date]:
    """The horizons that a purge's plan was made with."""
    return {
        (source.split(".")[0], source.split(".")[1]): date.fromisoformat(day)
        for source, day in plan["horizons"].items()
    }
