"""Registry in force: the ids of the published version, which the warehouse's have to follow.

A run gives ids before its build is checked. When it is not published nobody has seen them, so the
next resolution starts from the version in force: what such a run minted, merged and split is gone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from dagster_project.errors import HourglassError
from dagster_project.identity.frames import column_names
from dagster_project.identity.registry.tables import (
    ID_TABLES,
    REGISTRY_TABLES,
    TABLES,
    create_identity_tables,
)
from dagster_project.warehouse import quoted


def restore_registry(con: duckdb.DuckDBPyConnection, restricted_db_path: Path) -> int:
    """Bring the registry back from a published ``restricted.duckdb``; returns the number of ids.

    Looks for the tables in schema ``identity`` of that file. Replaces what ``con`` has, so the
    caller asks ``is_registry_empty`` first. Raises HourglassError when the file has no registry:
    going on would mint every customer anew.
    """
    with _attached(con, restricted_db_path):
        missing = [name for name in REGISTRY_TABLES if name not in _present(con)]
        if missing:
            raise HourglassError(
                f"{restricted_db_path} has no identity registry (missing: {', '.join(missing)}). "
                "Restore an older restricted version, or remove restricted/current to start with "
                "new customer ids."
            )
        create_identity_tables(con)
        _take(con, REGISTRY_TABLES)
    row = con.execute("SELECT count(*) FROM identity.registry_ids").fetchone()
    return row[0] if row else 0


def return_to_published(con: duckdb.DuckDBPyConnection, restricted_db_path: Path) -> bool:
    """Make the registry that of ``restricted_db_path``; whether it was another.

    It is another after a run that was not published, a rollback, and a build of a past day. The
    next resolution looks at every record then. A version of a release without a registry changes
    nothing. Raises HourglassError when the file cannot be read.
    """
    with _attached(con, restricted_db_path):
        if not _present(con).issuperset(REGISTRY_TABLES):
            return False
        if all(_digest(con, "identity", t) == _digest(con, "in_force", t) for t in ID_TABLES):
            return False
        _take(con, ID_TABLES)
    return True


def forget_unpublished(con: duckdb.DuckDBPyConnection) -> None:
    """Empty the registry of a warehouse of which no version was ever published."""
    for name in ID_TABLES:
        con.execute(f"DELETE FROM identity.{name}")
    con.execute("DELETE FROM resolution.overrides")
    con.execute("DELETE FROM resolution.parameters")


@contextmanager
def _attached(con: duckdb.DuckDBPyConnection, path: Path) -> Iterator[None]:
    con.execute(f"ATTACH {quoted(str(path))} AS in_force (READ_ONLY)")
    try:
        yield
    except duckdb.Error as error:
        raise HourglassError(
            f"The identity registry in {path} cannot be read ({type(error).__name__}). Restore "
            "another version of that file."
        ) from None
    finally:
        con.execute("DETACH in_force")


def _present(con: duckdb.DuckDBPyConnection) -> set[str]:
    rows = con.execute(
        "SELECT table_name FROM duckdb_tables() "
        "WHERE database_name = 'in_force' AND schema_name = 'identity'"
    ).fetchall()
    return {row[0] for row in rows}


def _digest(con: duckdb.DuckDBPyConnection, where: str, table: str) -> tuple:
    """Number of rows and a sum of their hashes, in which no two rows cancel out."""
    schema = "identity" if where == "identity" else f"{where}.identity"
    columns = ", ".join(column_names(" ".join(TABLES[table].split())))
    row = con.execute(
        f"SELECT count(*), sum(CAST(hash({columns}) AS HUGEINT)) FROM {schema}.{table}"
    ).fetchone()
    assert row is not None
    return row


def _take(con: duckdb.DuckDBPyConnection, tables: tuple[str, ...]) -> None:
    """Replace ``tables`` by the attached version's, and what was kept of another registry."""
    con.execute("BEGIN")
    try:
        for name in tables:
            con.execute(f"DELETE FROM identity.{name}")
            con.execute(f"INSERT INTO identity.{name} BY NAME FROM in_force.identity.{name}")
        # What was decided since that version is new to it.
        con.execute("DELETE FROM resolution.overrides")
        con.execute("INSERT INTO resolution.overrides BY NAME FROM in_force.identity.overrides")
        con.execute("DELETE FROM resolution.parameters")
        con.execute("COMMIT")
    except BaseException:
        con.execute("ROLLBACK")
        raise
