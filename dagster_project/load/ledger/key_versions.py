"""Key versions: records that another of the same key supersedes, and keys that contradict.

Two records of one key in one file, with other content and equal ``updated_at``, are a conflict:
nothing says which of them is right, and the last one holds. Only numbers and lines are kept: a key
may be a person's.
"""

from collections.abc import Callable, Iterable, Sequence

import duckdb

from dagster_project.contracts import Table
from dagster_project.load.ledger.schema import insert_rows, raw_name
from dagster_project.warehouse import identifier

SHOWN_LINES = 5


def write_key_versions(
    con: duckdb.DuckDBPyConnection,
    tables: Iterable[tuple[str, Table]],
    block_above: Callable[[str], float | None],
) -> None:
    """Count anew the older versions and conflicts in ``tables``, (system, table) each.

    ``block_above`` gives for a source the share of a file's records that may be in conflict before
    the publish is blocked; it is asked of every source, whose setting may have changed. Rewrites
    these tables' rows of ``ledger.key_versions``.
    """
    for system, table in tables:
        con.execute(
            "DELETE FROM ledger.key_versions WHERE system = ? AND table_name = ?",
            [system, table.name],
        )
        if not table.key:
            continue
        found = _versions(con, system, table)
        rows = []
        for source, path, file_hash, accepted, older, conflicts, records, lines in found:
            rows.append(
                (
                    source,
                    path,
                    file_hash,
                    system,
                    table.name,
                    accepted,
                    older,
                    conflicts,
                    records,
                    False,
                    _sentence(path, f"{system}.{table.name}", table.key, conflicts, lines),
                )
            )
        insert_rows(con, "ledger.key_versions", rows)
    con.execute("UPDATE ledger.key_versions SET is_blocking = false WHERE is_blocking")
    for (source,) in con.execute(
        "SELECT DISTINCT source FROM ledger.key_versions WHERE conflicts > 0"
    ).fetchall():
        limit = block_above(source)
        if limit is not None:
            con.execute(
                "UPDATE ledger.key_versions SET is_blocking = true "
                "WHERE source = ? AND conflicting > ? * rows",
                [source, limit],
            )


def conflicting_keys(
    con: duckdb.DuckDBPyConnection, system: str, table: Table, path: str, limit: int
) -> list[str]:
    """Keys in conflict of one file, the first by line; none where a key is a direct identifier.

    For a person who looks at a file of their own: nothing that is kept names a key.
    """
    if any(table.column(name).personal == "direct identifier" for name in table.key):
        return []
    keys = ", ".join(f"CAST({identifier(name)} AS VARCHAR)" for name in table.key)
    _find_twice(con, system, table)
    rows = con.execute(
        f"SELECT concat_ws(', ', {keys}) FROM ({_conflicts(system, table)}) v "
        "JOIN ledger.files f ON f.file_hash = v._file_hash AND f.target = v._source "
        "WHERE f.path = ? ORDER BY lines[1] LIMIT ?",
        [path, limit],
    ).fetchall()
    # A key that is an address or a telephone is a person's.
    return [key for (key,) in rows if "@" not in key and not key.startswith("+")]


def _versions(
    con: duckdb.DuckDBPyConnection, system: str, table: Table
) -> list[tuple[str, str, str, int, int, int, int, Sequence[int]]]:
    raw = raw_name(system, table.name)
    keys = ", ".join(map(identifier, table.key))
    if not _find_twice(con, system, table):
        return []
    newest = "updated_at DESC NULLS LAST, " if "updated_at" in table.column_names else ""
    return con.execute(
        f"""
        WITH versions AS (
            SELECT _source, _file_hash, row_number() OVER (
                PARTITION BY {keys} ORDER BY {newest}_delivered_on DESC NULLS LAST,
                _file_hash DESC NULLS LAST, _line DESC NULLS LAST
            ) AS place
            FROM {raw} WHERE hash({keys}) IN (SELECT h FROM temp.load_twice)
        ),
        older AS (
            SELECT _source, _file_hash, count(*) AS older FROM versions WHERE place > 1 GROUP BY ALL
        ),
        conflicts AS (
            SELECT _source, _file_hash, count(*) AS conflicts, sum(len(lines)) AS records,
                list_sort(flatten(list(lines)))[1:{SHOWN_LINES}] AS lines
            FROM ({_conflicts(system, table)}) GROUP BY ALL
        )
        SELECT f.target, f.path, f.file_hash, t.rows, coalesce(o.older, 0),
            coalesce(c.conflicts, 0), CAST(coalesce(c.records, 0) AS BIGINT), c.lines
        FROM older o FULL JOIN conflicts c USING (_source, _file_hash)
        JOIN ledger.files f ON f.target = _source AND f.file_hash = _file_hash
        JOIN ledger.file_tables t ON t.target = f.target AND t.file_hash = f.file_hash
            AND t.system = ? AND t.table_name = ?
        ORDER BY ALL
        """,
        [system, table.name],
    ).fetchall()


def _find_twice(con: duckdb.DuckDBPyConnection, system: str, table: Table) -> bool:
    """Make ``temp.load_twice``, the hashes of keys that several rows have; whether there are any.

    Most tables hold each key once: told by hashes alone, of which millions fit into memory.
    """
    keys = ", ".join(map(identifier, table.key))
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE load_twice AS SELECT hash({keys}) AS h "
        f"FROM {raw_name(system, table.name)} GROUP BY h HAVING count(*) > 1"
    )
    return con.execute("SELECT 1 FROM temp.load_twice LIMIT 1").fetchone() is not None


def _conflicts(system: str, table: Table) -> str:
    """SQL: each key of a file that stands there on several lines with several contents."""
    keys = ", ".join(map(identifier, table.key))
    same = ", ".join(
        ["_source", "_file_hash", keys, *(("updated_at",) if _has_time(table) else ())]
    )
    content = ", ".join(map(identifier, table.column_names))
    return (
        f"SELECT {same}, list_sort(list(DISTINCT _line)) AS lines "
        f"FROM {raw_name(system, table.name)} "
        f"WHERE hash({keys}) IN (SELECT h FROM temp.load_twice) GROUP BY {same} "
        f"HAVING count(DISTINCT _line) > 1 AND count(DISTINCT hash({content})) > 1"
    )


def _has_time(table: Table) -> bool:
    return "updated_at" in table.column_names


def _sentence(
    path: str, table: str, key: Sequence[str], conflicts: int, lines: Sequence[int] | None
) -> str:
    if not conflicts:
        return ""
    which = "key stands" if conflicts == 1 else "keys stand"
    more = " ..." if lines and len(lines) == SHOWN_LINES else ""
    return (
        f"{path}: {conflicts:,} {which} several times with other content in {table} "
        f"({' + '.join(key)}; lines {', '.join(map(str, lines or ()))}{more}). The last of them "
        "holds, the others are left out of every figure. Deliver one record per key, or one that "
        "says updated_at."
    )
