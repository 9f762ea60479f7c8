"""Reading of a version: its marts by name, wherever their rows lie.

A mart is a table of marts.duckdb and a Parquet file; a large one may be its Parquet alone
(``HOURGLASS_PARQUET_ONLY_ROWS``), and is then a view over the file here. Direct identifiers, which
lie apart, are read elsewhere (``versions.restricted_database``).
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb

from dagster_project.errors import HourglassError
from dagster_project.publish.descriptions import describe, descriptions_in, descriptions_of
from dagster_project.publish.versions import DATABASE
from dagster_project.warehouse import attach_file, connect_file, identifier, quoted

# The name of a version's marts on a connection of its own, as DuckDB calls a file marts.duckdb.
_MARTS = "marts"
# Of the views over Parquet and over the tables beside them, the file that has the tables.
_TABLES = "_tables"


def parquet_of(folder: Path, mart: str) -> Path:
    """The Parquet file of a mart in a version's folder."""
    return folder / "parquet" / f"{mart}.parquet"


@contextmanager
def opened_marts(
    folder: Path,
    *,
    allowed_dirs: Iterable[Path] = (),
    memory_limit: str | None = None,
    threads: int | None = None,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection on which the version in ``folder`` has its marts by name, to be read only.

    Raises HourglassError when marts.duckdb, or a file that is all of a mart, is damaged.
    """
    with connect_file(
        ":memory:",
        allowed_dirs=(folder, *allowed_dirs),
        memory_limit=memory_limit,
        threads=threads,
    ) as con:
        attach_marts(con, folder, _MARTS)
        con.execute(f"USE {_MARTS}")
        yield con


def attach_marts(con: duckdb.DuckDBPyConnection, folder: Path, name: str) -> None:
    """Attach the marts of the version in ``folder`` as ``name``.main, to be read only.

    Raises HourglassError when marts.duckdb, or a file that is all of a mart, is damaged.
    """
    path = folder / DATABASE
    attach_file(con, path, name)
    files = {file.stem for file in (folder / "parquet").glob("*.parquet")}
    alone = sorted(files.difference(marts_in(con, name)))
    if not alone:
        return
    # A file that is only read takes no views: they stand in a database of their own.
    con.execute(f"DETACH {name}")
    attach_file(con, path, f"{name}{_TABLES}")
    con.execute(f"ATTACH ':memory:' AS {name}")
    said = descriptions_in(con, f"{name}{_TABLES}")
    for mart in marts_in(con, f"{name}{_TABLES}"):
        _view(con, name, mart, f"{name}{_TABLES}.main.{identifier(mart)}", said.get(mart, {}))
    for mart in alone:
        file = parquet_of(folder, mart)
        try:
            _view(con, name, mart, f"read_parquet({quoted(str(file))})", descriptions_of(con, file))
        except (duckdb.IOException, duckdb.InvalidInputException):
            raise HourglassError(
                f"{file} cannot be read, or it is damaged, and {mart} lies nowhere else in this "
                "version. hourglass versions lists others, hourglass rollback puts one in force."
            ) from None


def detach_marts(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """Undo :func:`attach_marts`."""
    con.execute(f"DETACH {name}")
    con.execute(f"DETACH DATABASE IF EXISTS {name}{_TABLES}")


def marts_in(con: duckdb.DuckDBPyConnection, name: str | None = None) -> list[str]:
    """The marts of the version attached as ``name``, or of that which is in use; in order."""
    rows = con.execute(
        "SELECT table_name FROM information_schema.tables "
        "WHERE table_catalog = coalesce(?, current_database()) AND table_schema = 'main' "
        "ORDER BY table_name",
        [name],
    ).fetchall()
    return [mart for (mart,) in rows]


def parquet_only(con: duckdb.DuckDBPyConnection, name: str = _MARTS) -> list[str]:
    """Marts of the version attached as ``name``, or opened, that are Parquet alone."""
    tables = f"{name}{_TABLES}"
    present = {database for (database,) in con.execute("SHOW DATABASES").fetchall()}
    if tables not in present:
        return []
    return sorted({*marts_in(con, name)}.difference(marts_in(con, tables)))


def _view(
    con: duckdb.DuckDBPyConnection,
    name: str,
    mart: str,
    source: str,
    said: Mapping[str | None, str],
) -> None:
    view = f"{name}.main.{identifier(mart)}"
    con.execute(f"CREATE VIEW {view} AS SELECT * FROM {source}")
    describe(con, "VIEW", view, said)
