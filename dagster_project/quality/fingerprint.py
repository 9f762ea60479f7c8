"""What a table holds, as one short value: equal for equal rows, whatever their order."""

import hashlib
from collections.abc import Iterable, Mapping

import duckdb

from dagster_project.errors import HourglassError
from dagster_project.quality.results import Fingerprint
from dagster_project.warehouse import PUBLISHED_SCHEMAS, identifier

# Set while publishing, so they differ between the warehouse and the copy.
VOLATILE_COLUMNS: Mapping[str, frozenset[str]] = {"build": frozenset({"published_at"})}
# A cache of work that the next run repeats; the fewer copies of direct identifiers, the better.
NOT_COPIED = frozenset({"normalised"})


def fingerprint(con: duckdb.DuckDBPyConnection, schema: str, table: str) -> Fingerprint:
    """The fingerprint of one table. Raises HourglassError when there is no such table."""
    if not columns_of(con, schema, table):
        raise HourglassError(
            f"The mart {table} does not exist: dbt has not built {schema}.{table}."
        )
    return fingerprint_of(con, f"{identifier(schema)}.{identifier(table)}", table)


def fingerprint_of(con: duckdb.DuckDBPyConnection, relation: str, mart: str) -> Fingerprint:
    """Row count and digest of all columns of ``relation`` (SQL), their names and types included.

    The digest is a SHA-256 over the columns and the sum of DuckDB's 64-bit row hashes: a sum and
    not an exclusive or, in which two equal rows cancel out. Comparable within one DuckDB version.
    ``mart`` says which columns are left out because publishing sets them.
    """
    described = con.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    left_out = VOLATILE_COLUMNS.get(mart, frozenset())
    columns = [(row[0], row[1]) for row in described if row[0] not in left_out]
    values = ", ".join(identifier(name) for name, _ in columns)
    row = con.execute(
        f"SELECT count(*), coalesce(sum(CAST(hash({values}) AS HUGEINT)), 0) FROM {relation}"
    ).fetchone()
    rows, total = row if row else (0, 0)
    text = ";".join(f"{name} {declared}" for name, declared in columns)
    digest = hashlib.sha256(f"{text}|{rows}|{total}".encode()).hexdigest()
    return Fingerprint(rows=rows, digest=digest)


class Fingerprints:
    """Fingerprints of the marts on one connection, each computed once: as they were when asked for
    first. For as long as nothing writes to them.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con
        self._known: dict[tuple[str, str], Fingerprint] = {}

    def of(self, schema: str, table: str) -> Fingerprint:
        key = (schema, table)
        if key not in self._known:
            self._known[key] = fingerprint(self._con, schema, table)
        return self._known[key]

    def of_marts(self, tables: Iterable[str]) -> Mapping[str, str]:
        """Digest by table of those that are marts and exist; other schemas belong to the build."""
        found = {}
        for table in sorted(tables):
            schema, _, name = table.partition(".")
            if schema in PUBLISHED_SCHEMAS and columns_of(self._con, schema, name):
                found[table] = self.of(schema, name).digest
        return found


def registry_fingerprints(con: duckdb.DuckDBPyConnection) -> dict[str, Fingerprint]:
    """Fingerprint by name of the tables of schema ``identity`` that belong to a version."""
    rows = con.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'identity' "
        "AND table_catalog = current_database() ORDER BY table_name"
    ).fetchall()
    names = [name for (name,) in rows if name not in NOT_COPIED]
    return {name: fingerprint(con, "identity", name) for name in names}


def columns_of(con: duckdb.DuckDBPyConnection, schema: str, table: str) -> dict[str, str]:
    """Column name to DuckDB type, in order; empty when there is no such table."""
    # duckdb_columns() lists every column of every table before it filters: 10 ms a call, 2.6 s a
    # run in November 2026.
    try:
        rows = con.execute(f"DESCRIBE {identifier(schema)}.{identifier(table)}").fetchall()
    except duckdb.CatalogException:
        return {}
    return {row[0]: row[1] for row in rows}
