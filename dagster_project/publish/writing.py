"""Writing and verifying the files of one version, before anybody can see them."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.errors import HourglassError, counted
from dagster_project.publish.descriptions import describe, metadata_of, parquet_metadata
from dagster_project.publish.reading import opened_marts, parquet_of
from dagster_project.publish.unchanged import link
from dagster_project.publish.versions import DATABASE, RESTRICTED_DATABASE
from dagster_project.quality.dbt_results import mart_descriptions
from dagster_project.quality.fingerprint import (
    columns_of,
    fingerprint_of,
    registry_fingerprints,
)
from dagster_project.quality.results import Fingerprint, GateRecord
from dagster_project.settings import Settings
from dagster_project.warehouse import attach_file, connect_file, identifier, quoted

# The oldest format that keeps what the marts use: readers from DuckDB 0.10 to 2.0 open it (tried
# with 0.10.3, 1.0.0, 1.1.3, 1.2.2, 1.3.2, 1.4.4, 1.5.6 and 2.0.0: docs/bi.md says how).
STORAGE_VERSION = "v1.0.0"
# BI drivers mishandle every other type.
PUBLISHED_TYPES = ("BIGINT", "INTEGER", "DOUBLE", "VARCHAR", "BOOLEAN", "DATE", "TIMESTAMP")
LARGEST_DECIMAL = 18

# The report's files: content by path below report/.
Render = Callable[..., Mapping[str, str]]


def write_marts(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    marts: Mapping[str, str],
    published_at: datetime,
    unchanged: Mapping[str, Path],
    parquet_only: Set[str] = frozenset(),
) -> set[str]:
    """Write marts.duckdb and parquet/ into ``folder`` from the warehouse on ``con``.

    Gives the marts whose Parquet is that of ``unchanged`` (by mart, verified) and was not written.
    ``marts``: name to schema; restricted ones are left out. Physical tables in the default
    schema, with dbt's descriptions of tables and columns as comments; those of ``parquet_only`` are
    not copied there. Raises HourglassError for a column of a type that BI drivers mishandle.
    """
    (folder / "parquet").mkdir(parents=True)
    names = [name for name, schema in marts.items() if schema == "marts"]
    for name in names:
        _require_types(con, name)
    descriptions = mart_descriptions(con)
    with written_database(con, folder / DATABASE) as target:
        for name in names:
            if name in parquet_only:
                continue
            _copy(con, "marts", name, f"{target}.main", published_at)
            table = f"{target}.main.{identifier(name)}"
            describe(con, "TABLE", table, descriptions.get(name, {}))
    linked = set()
    # Of committed tables: what a transaction has only just written, one processor reads alone.
    attach_file(con, folder / DATABASE, "written")
    try:
        for name in names:
            said = descriptions.get(name, {})
            schema = "marts" if name in parquet_only else "written.main"
            table, path = f"{schema}.{identifier(name)}", parquet_of(folder, name)
            if write_parquet(con, table, path, said, unchanged.get(name)):
                linked.add(name)
    finally:
        con.execute("DETACH written")
    return linked


def write_parquet(
    con: duckdb.DuckDBPyConnection,
    table: str,
    path: Path,
    said: Mapping[str | None, str],
    unchanged: Path | None = None,
) -> bool:
    """Write ``table`` (as SQL names it) to ``path``, with what is ``said`` of it and its columns.

    True when it was linked instead: ``unchanged`` holds these rows, and says the same of them.
    """
    metadata = parquet_metadata(said)
    if unchanged and metadata_of(con, unchanged) == metadata and link(unchanged, path):
        return True
    pairs = ", ".join(f"{key}: {quoted(text)}" for key, text in metadata.items())
    con.execute(
        f"COPY {table} TO {quoted(str(path))} "
        f"(FORMAT parquet, COMPRESSION zstd, KV_METADATA {{{pairs}}})"
    )
    return False


def write_restricted(
    con: duckdb.DuckDBPyConnection, folder: Path, marts: Mapping[str, str], published_at: datetime
) -> None:
    """Write restricted.duckdb: restricted marts and ``build`` in the default schema, and schema
    ``identity`` with the registry that a lost warehouse is restored from.
    """
    folder.mkdir(parents=True, mode=0o700)
    folder.chmod(0o700)
    descriptions = mart_descriptions(con)
    with written_database(con, folder / RESTRICTED_DATABASE) as target:
        for name, schema in marts.items():
            if schema == "restricted" or name == "build":
                _copy(con, schema, name, f"{target}.main", published_at)
                table = f"{target}.main.{identifier(name)}"
                describe(con, "TABLE", table, descriptions.get(name, {}))
        con.execute(f"CREATE SCHEMA {target}.identity")
        for name in registry_fingerprints(con):
            _copy(con, "identity", name, f"{target}.identity", published_at)
    (folder / RESTRICTED_DATABASE).chmod(0o600)


def verify(
    settings: Settings,
    published: Path,
    restricted: Path,
    marts: Mapping[str, str],
    gate: GateRecord,
    linked: Set[str] = frozenset(),
    parquet_only: Set[str] = frozenset(),
) -> None:
    """Reopen the written files and compare every mart and the registry with what the gate checked.

    The Parquet of ``linked`` marts was not written and is not read again; that of ``parquet_only``
    is all there is. Raises HourglassError that names the first mart which differs.
    """
    with _reopened(settings, restricted / RESTRICTED_DATABASE) as con:
        if registry_fingerprints(con) != gate.registry:
            raise HourglassError(
                "The identity registry is not the one that was checked: identities were resolved "
                "again after the gate. Run the checks again. The version in force is unchanged."
            )
        for name, schema in marts.items():
            if schema == "restricted":
                _compare(name, gate, fingerprint_of(con, identifier(name), name))
    with _reopened_marts(settings, published) as con:
        for name, schema in marts.items():
            if schema == "marts":
                if name not in parquet_only:
                    _compare(name, gate, fingerprint_of(con, identifier(name), name))
                if name not in linked:
                    parquet = f"read_parquet({quoted(str(parquet_of(published, name)))})"
                    _compare(name, gate, fingerprint_of(con, parquet, name))


def write_report(
    settings: Settings,
    published: Path,
    render: Render,
    *,
    quality: Mapping[str, Any],
    manifest: Mapping[str, Any],
    ledger: Mapping[str, Any],
) -> None:
    """Write report/ from what ``render`` makes of the new marts."""
    with _reopened_marts(settings, published) as con:
        files = render(con, quality=quality, manifest=manifest, ledger=ledger)
    for name, content in files.items():
        path = published / "report" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """One JSON file that a person can read."""
    path.write_text(json.dumps(content, indent=2, default=str) + "\n", encoding="utf-8")


def described_marts(
    con: duckdb.DuckDBPyConnection,
    marts: Mapping[str, str],
    gate: GateRecord,
    parquet_only: Set[str] = frozenset(),
) -> dict[str, Any]:
    """Rows, digest, columns and place of every mart, for the manifest."""
    return {
        name: {
            "rows": gate.fingerprints[name].rows,
            "digest": gate.fingerprints[name].digest,
            "is_restricted": schema == "restricted",
            "is_parquet_only": name in parquet_only,
            "columns": columns_of(con, schema, name),
        }
        for name, schema in marts.items()
    }


def described_files(folder: Path) -> dict[str, Any]:
    """Size and SHA-256 of every file below ``folder``, by relative path."""
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        found[str(path.relative_to(folder))] = described_file(path)
    return found


def described_file(path: Path) -> dict[str, Any]:
    """Size and SHA-256 of one file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}


@contextmanager
def written_database(con: duckdb.DuckDBPyConnection, path: Path) -> Iterator[str]:
    """A new database file of a version, attached under the name that is given: one transaction,
    detached with nothing left in a log.
    """
    con.execute(f"ATTACH {quoted(str(path))} AS new_version (STORAGE_VERSION '{STORAGE_VERSION}')")
    try:
        # One transaction: each comment would otherwise wait for the disk.
        con.begin()
        try:
            yield "new_version"
        except BaseException:
            con.rollback()
            raise
        con.commit()
        con.execute("CHECKPOINT new_version")
    finally:
        con.execute("DETACH new_version")


def _reopened(settings: Settings, path: Path) -> duckdb.DuckDBPyConnection:
    return connect_file(
        path,
        read_only=True,
        memory_limit=settings.memory_limit,
        threads=settings.threads,
    )


def _reopened_marts(
    settings: Settings, folder: Path
) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
    return opened_marts(folder, memory_limit=settings.memory_limit, threads=settings.threads)


def _copy(
    con: duckdb.DuckDBPyConnection, schema: str, name: str, target: str, published_at: datetime
) -> None:
    source, new = f"{identifier(schema)}.{identifier(name)}", f"{target}.{identifier(name)}"
    columns = "*"
    if name == "build" and "published_at" in columns_of(con, schema, name):
        columns = f"* REPLACE (TIMESTAMP {quoted(published_at.isoformat(' '))} AS published_at)"
    con.execute(f"CREATE TABLE {new} AS SELECT {columns} FROM {source}")


def _compare(name: str, gate: GateRecord, found: Fingerprint) -> None:
    checked = gate.fingerprints.get(name)
    if checked is None or found != checked:
        rows = "no rows" if checked is None else counted(checked.rows, "row")
        raise HourglassError(
            f"The mart {name} is not the one that was checked ({rows} then, {found.rows:,} now, or "
            "other values in them). It was rebuilt after the gate: run the checks again. The "
            "version in force is unchanged."
        )


def _require_types(con: duckdb.DuckDBPyConnection, name: str) -> None:
    for column, declared in columns_of(con, "marts", name).items():
        precision = declared.removeprefix("DECIMAL(").partition(",")[0]
        is_decimal = declared.startswith("DECIMAL(") and int(precision) <= LARGEST_DECIMAL
        if declared not in PUBLISHED_TYPES and not is_decimal:
            raise HourglassError(
                f"{name}.{column} has the type {declared}, which BI drivers mishandle. Cast it in "
                f"the model to one of {', '.join(PUBLISHED_TYPES)}, DECIMAL(<=18,s)."
            )
