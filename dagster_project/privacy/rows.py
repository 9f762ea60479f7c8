"""A subject's rows in raw tables: which they are, and what other people's rows say of the subject.

Works on any connection that has the raw tables: the warehouse, or the scratch database that new
files are looked through in. The rows are those that name one of the subject's keys or addresses,
and what belongs to the orders, calls and tickets among them. A record that the registry gave to
somebody else is theirs, whatever it mentions.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import duckdb
import numpy as np

# DuckDB imports it at the first call of a function of ours, and drops a Ctrl-C that comes meanwhile
# (3 of 60 in a test of 2026-12-03).
import pandas  # noqa: F401
import pyarrow as pa

from dagster_project.privacy.references import (
    PEOPLE,
    RECORDS,
    TABLE_OF,
    Reference,
    contract_tables,
    references_of,
)
from dagster_project.privacy.search import Patterns
from dagster_project.warehouse import identifier

# Functions of a connection, see :func:`use_patterns`.
_MENTIONS = "holds_identifier"
_REDACTED = "without_identifiers"
# Rows from which a table's columns are looked at one by one, and how many different texts in so
# many rows are few. Of 2.8 million events eleven of fifteen columns have few (2026-12-01).
_MANY_ROWS = 20_000
_FEW_TEXTS = 500


def set_keys(
    con: duckdb.DuckDBPyConnection,
    values: Iterable[tuple[str, str]],
    others: Iterable[tuple[str, str, str]] | None = None,
    customers: Sequence[str] = (),
) -> None:
    """Say whose rows are meant: ``erase_keys`` (kind, value) as rows write them.

    ``others``: records (system, table, key) that are somebody else's; None takes those that the
    registry on ``con`` gives to customers other than ``customers``.
    """
    pairs = sorted(set(values))
    _put(con, "erase_keys", ("kind", "value"), pairs)
    if others is not None:
        _put(con, "erase_others", ("source_system", "source_table", "source_id"), sorted(others))
    else:
        _put(con, "erase_customers", ("customer_id",), [(one,) for one in customers])
        con.execute(
            "CREATE OR REPLACE TEMP TABLE erase_others AS "
            "SELECT source_system, source_table, source_id FROM identity.registry AS g "
            "ANTI JOIN erase_customers AS c ON c.customer_id = g.customer_id"
        )


def create_erase_rows(con: duckdb.DuckDBPyConnection) -> None:
    """``erase_rows``, empty: the rows of raw tables that go."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE erase_rows "
        "(system VARCHAR, table_name VARCHAR, file_hash VARCHAR, line BIGINT)"
    )


def find_rows(con: duckdb.DuckDBPyConnection) -> None:
    """Make ``erase_rows`` (system, table_name, file_hash, line) of the keys that were set.

    The keys grow by the orders, calls and tickets that are found.
    """
    create_erase_rows(con)
    tables = contract_tables()
    # What an order, call or ticket is about is known before its lines and surveys are.
    first = [item for item in tables if (item[0], item[1].name) in RECORDS]
    for system, table in [*first, *(item for item in tables if item not in first)]:
        columns = [r for r in references_of(system, table) if not r.is_mention]
        kind = RECORDS.get((system, table.name))
        if not columns:
            continue
        own = table.key[0] if kind else ""
        condition = f"({' OR '.join(_names(r) for r in columns)})"
        if kind:
            condition += f" AND NOT {_is_others(system, table.name, own)}"
        else:
            condition += _unless_others(columns)
        source = f"{identifier(system)}.{identifier(table.name)} AS t"
        con.execute(
            f"INSERT INTO erase_rows SELECT DISTINCT '{system}', '{table.name}', t._file_hash, "
            f"t._line FROM {source} WHERE {condition}"
        )
        if kind:
            con.execute(
                f"INSERT INTO erase_keys SELECT DISTINCT '{kind}', t.{identifier(own)} "
                f"FROM {source} WHERE {condition} AND t.{identifier(own)} IS NOT NULL "
                f"AND NOT EXISTS (SELECT 1 FROM erase_keys AS k WHERE k.kind = '{kind}' "
                f"AND k.value = t.{identifier(own)})"
            )


def _is_others(system: str, table: str, column: str) -> str:
    """SQL: whether a column names a record of somebody else."""
    return (
        f"EXISTS (SELECT 1 FROM erase_others AS o WHERE o.source_system = '{system}' "
        f"AND o.source_table = '{table}' AND o.source_id = t.{identifier(column)})"
    )


def _unless_others(columns: Sequence[Reference]) -> str:
    """SQL, to be added: unless a row without a key of its own is about somebody else.

    A survey of another contact about the subject's order is the other's, as in the marts: the row
    stays, and what it says of the subject goes.
    """
    people = [r for r in columns if r.kind in PEOPLE]
    if not people:
        return ""
    own = " OR ".join(_names(r) for r in people)
    others = " OR ".join(_is_others(*TABLE_OF[str(r.kind)], r.column) for r in people)
    return f" AND (({own}) OR NOT ({others}))"


def found_keys(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """The keys after :func:`find_rows`."""
    return con.execute("SELECT DISTINCT kind, value FROM erase_keys ORDER BY ALL").fetchall()


def delete_sql(system: str, table: str) -> str:
    """SQL of a raw table's rows that stay."""
    return (
        f"SELECT t.* FROM {identifier(system)}.{identifier(table)} AS t ANTI JOIN erase_rows AS e "
        f"ON e.system = '{system}' AND e.table_name = '{table}' AND e.file_hash = t._file_hash "
        "AND e.line = t._line"
    )


def kept_columns(system: str, table_name: str, columns: Sequence[tuple[str, str]]) -> list[str]:
    """For a row that stays: each (name, type) as SQL over ``t``, without mentions of the subject.

    A reference to an erased record becomes NULL.
    """
    named: dict[str, Reference] = {}
    for system_, table in contract_tables():
        if (system_, table.name) == (system, table_name):
            required = {c.name for c in table.columns if c.key}
            named = {r.column: r for r in references_of(system, table) if r.column not in required}
    return [
        f"CASE WHEN {_names(named[name])} THEN NULL ELSE t.{identifier(name)} END "
        f"AS {identifier(name)}"
        if name in named
        else f"t.{identifier(name)}"
        for name, _ in columns
    ]


def use_patterns(con: duckdb.DuckDBPyConnection, patterns: Patterns) -> None:
    """Have ``con`` look for these patterns: see :func:`redacted_sql` and :func:`mentions_sql`."""
    functions: tuple[tuple[str, Callable[[pa.ChunkedArray], pa.Array], str], ...] = (
        (_MENTIONS, lambda texts: _mentions(texts, patterns), "BOOLEAN"),
        (_REDACTED, lambda texts: patterns.replaced_in(_whole(texts)), "VARCHAR"),
    )
    for name, function, kind in functions:
        with suppress(duckdb.InvalidInputException):
            con.remove_function(name)
        con.create_function(
            name, function, ["VARCHAR"], kind, type="arrow", null_handling="special"
        )


def _whole(texts: pa.ChunkedArray) -> pa.Array:
    found = texts.combine_chunks().cast(pa.large_string())
    return pa.concat_arrays(found.chunks) if isinstance(found, pa.ChunkedArray) else found


def _mentions(texts: pa.ChunkedArray, patterns: Patterns) -> pa.Array:
    is_hit = np.zeros(len(texts), dtype=bool)
    is_hit[patterns.rows_in(_whole(texts))] = True
    return pa.array(is_hit)


def redacted_sql(column: str) -> str:
    """SQL: a text column with every identifier in it replaced; needs :func:`use_patterns`."""
    return f"{_REDACTED}({column})"


def mentions_sql(
    con: duckdb.DuckDBPyConnection, source: str, columns: Sequence[str], patterns: Patterns
) -> str:
    """SQL: whether any of a row's text columns holds an identifier; one look at all of them.

    ``source``: the relation, as SQL, whose text columns these are. Needs :func:`use_patterns`.
    """
    looked_at = _columns_to_look_at(con, source, columns, patterns)
    if not looked_at:
        return "false"
    return f"{_MENTIONS}(concat_ws(chr(31), {', '.join(looked_at)}))"


def _columns_to_look_at(
    con: duckdb.DuckDBPyConnection, source: str, columns: Sequence[str], patterns: Patterns
) -> list[str]:
    """Those of the columns that may hold an identifier in some row.

    Of a column with few different texts (events, channels, countries: most of a large table) each
    text is looked at once.
    """
    if patterns.is_empty or not columns:
        return []
    row = con.execute(f"SELECT count(*) FROM {source}").fetchone()
    rows = row[0] if row else 0
    if rows < _MANY_ROWS:
        return list(columns)
    first = ", ".join(f"{column} AS c{at}" for at, column in enumerate(columns))
    about = ", ".join(f"count(DISTINCT c{at})" for at in range(len(columns)))
    counts = con.execute(
        f"SELECT {about} FROM (SELECT {first} FROM {source} LIMIT {_MANY_ROWS})"
    ).fetchone()
    found = []
    for column, count in zip(columns, counts or (), strict=True):
        if count < _FEW_TEXTS:
            # Not in SQL: DuckDB looks at every row before it makes them distinct.
            texts = con.execute(f"SELECT DISTINCT {column} FROM {source}").to_arrow_table()
            if not len(patterns.rows_in(_whole(texts.column(0)))):
                continue
        found.append(column)
    return found


def _names(reference: Reference) -> str:
    return (
        f"(t.{identifier(reference.column)} IN (SELECT k.value FROM erase_keys AS k "
        f"WHERE k.kind = '{reference.kind}'))"
        if reference.kind
        else f"EXISTS (SELECT 1 FROM erase_keys AS k WHERE k.kind = {reference.kind_sql()} "
        f"AND k.value = t.{identifier(reference.column)})"
    )


def _put(
    con: duckdb.DuckDBPyConnection,
    name: str,
    columns: Sequence[str],
    rows: Sequence[tuple[str, ...]],
) -> None:
    table = pa.table(
        {
            column: pa.array([row[at] for row in rows], pa.string())
            for at, column in enumerate(columns)
        }
    )
    con.register("erase_rows_in", table)
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM erase_rows_in")
    con.unregister("erase_rows_in")
