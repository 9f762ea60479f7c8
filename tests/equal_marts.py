"""Comparison of what two engines or runs built: every table, every row, every column.

Money, ids, dates and counts have to be equal, doubles to 1e-9 of their size.
"""

from collections.abc import Iterable, Mapping

import duckdb
import numpy as np

TOLERANCE = 1e-9
# They say of which build a row is, and when that was.
OF_THE_BUILD = {"build_id", "published_at", "started_at", "linked_at"}


def differences(
    one: duckdb.DuckDBPyConnection,
    other: duckdb.DuckDBPyConnection,
    schemas: Iterable[str] = ("main",),
    keys: Mapping[str, tuple[str, ...]] | None = None,
) -> dict[str, str]:
    """Table, or table.column, to what differs in it; empty when both hold the same.

    ``keys``: columns that name a row of a table; without them rows are ordered by all columns
    that are no doubles.
    """
    found: dict[str, str] = {}
    for schema in schemas:
        names = [_tables(con, schema) for con in (one, other)]
        found |= dict.fromkeys(names[0] ^ names[1], "in one of the two only")
        for name in sorted(names[0] & names[1]):
            found |= _of_table(one, other, f'"{schema}"."{name}"', name, (keys or {}).get(name, ()))
    return found


def _of_table(
    a: duckdb.DuckDBPyConnection,
    b: duckdb.DuckDBPyConnection,
    relation: str,
    name: str,
    key: tuple[str, ...],
) -> dict[str, str]:
    columns = [
        dict(con.execute(f"SELECT column_name, column_type FROM (DESCRIBE {relation})").fetchall())
        for con in (a, b)
    ]
    if columns[0] != columns[1]:
        return {name: f"columns {sorted(set(columns[0].items()) ^ set(columns[1].items()))}"}
    compared = [column for column in columns[0] if column not in OF_THE_BUILD]
    exact = [column for column in compared if columns[0][column] != "DOUBLE"]
    rest = [column for column in compared if columns[0][column] == "DOUBLE"]
    order = ", ".join(f'"{column}" NULLS FIRST' for column in [*key, *exact, *rest])
    # As text what has to be equal: NULL differs from every text.
    shown = ", ".join(
        f'"{column}"'
        if column in rest
        else f'coalesce(CAST("{column}" AS VARCHAR), chr(0)) AS "{column}"'
        for column in compared
    )
    query = f"SELECT {shown} FROM (SELECT * FROM {relation} ORDER BY {order})"
    rows = [con.execute(query).fetchnumpy() for con in (a, b)]
    counts = [len(next(iter(values.values()))) for values in rows]
    if counts[0] != counts[1]:
        return {name: f"{counts[0]} rows and {counts[1]}"}
    found = {}
    for column in compared:
        x, y = (np.ma.asarray(values[column]) for values in rows)
        if column in rest:
            x, y = (np.ma.filled(v.astype(float), np.nan) for v in (x, y))
            differ = ~np.isclose(x, y, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
        else:
            differ = np.asarray(x != y)
        if differ.any():
            place = int(np.argmax(differ))
            found[f"{name}.{column}"] = (
                f"{int(differ.sum())} of {counts[0]} rows, first {x[place]!r} and {y[place]!r}"
            )
    return found


def _tables(con: duckdb.DuckDBPyConnection, schema: str) -> set[str]:
    rows = con.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = ? "
        "AND table_catalog = current_database()",
        [schema],
    )
    return {name for (name,) in rows.fetchall()}
