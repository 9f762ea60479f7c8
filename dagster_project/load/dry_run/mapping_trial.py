"""Mapping trial: what a mapping, finished or being written, makes of one file."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.contracts import DUCKDB_TYPES
from dagster_project.contracts.folders import MAPPINGS, definition_files
from dagster_project.contracts.mapping import Mapping, read_mapping
from dagster_project.errors import UsageError, no_such
from dagster_project.load.dry_run.check import CheckReport, read_report, throwaway_load
from dagster_project.load.landing.discovery import Discovery, delivery, is_named_as
from dagster_project.load.ledger.schema import raw_name
from dagster_project.settings import Settings
from dagster_project.warehouse import connect_file, identifier

_OF_THE_RECORD = (
    "CAST(NULL AS INTEGER) AS _file, CAST(NULL AS BIGINT) AS _row, CAST(NULL AS BIGINT) AS _line, "
    "CAST(NULL AS BIGINT) AS _number, CAST(NULL AS DATE) AS _delivered"
)


@dataclass(frozen=True)
class TableRows:
    """Rows of one canonical table: how many there are, and the first as (line, values by name)."""

    table: str
    count: int
    first: tuple[tuple[int, dict[str, Any]], ...]


def mapping_path(name_or_path: str, project_dir: Path | None = None) -> Path:
    """The file of a mapping that is known by name, or the file itself; UsageError when none is."""
    path = Path(name_or_path)
    if path.suffix in (".yml", ".yaml"):
        if not path.is_file():
            raise UsageError(f"{path} does not exist.")
        return path
    known = definition_files(MAPPINGS, project_dir)
    if name_or_path not in known:
        raise UsageError(
            f"{no_such('mapping', name_or_path, known)} One that is being written is named by the "
            "path of its .yml file."
        )
    return known[name_or_path]


def try_mapping(
    definition: Path, path: Path, settings: Settings, *, limit: int
) -> tuple[CheckReport, list[TableRows]]:
    """Load ``path`` through the mapping in the file ``definition``, into a throw-away warehouse.

    The file may lie anywhere. Gives what ``hourglass check`` would say, and of each table that the
    mapping feeds the first ``limit`` rows with personal data. Raises UsageError when the mapping is
    wrong, or the file does not exist or is not named like the mapping's files.
    """
    mapping = read_mapping(definition)
    check_expressions(mapping, definition)
    path = path.absolute()
    if not path.is_file():
        raise UsageError(f"{path} {'is no file' if path.exists() else 'does not exist'}.")
    if not is_named_as(path.name, mapping.files):
        raise UsageError(
            f"{path.name}: the mapping {mapping.mapping} reads files that are called "
            f"{' or '.join(mapping.files)}. Rename the file, or add a pattern to files."
        )
    name = f"{mapping.mapping}/{path.name}"
    found = Discovery([delivery(path, name, mapping.mapping)])
    known = {mapping.mapping: mapping}
    with throwaway_load(found, path.parent, settings, known) as con:
        return read_report(con, known), list(_rows(con, mapping, limit))


def check_expressions(mapping: Mapping, definition: Path) -> None:
    """Let DuckDB look at every expression; UsageError lists those that fit no function or type.

    ``definition`` is the mapping's file, for the message.
    """
    columns = {name: f"_c{number}" for number, name in enumerate(mapping.columns)}
    typed = [
        f"CAST(NULL AS {DUCKDB_TYPES[column.type]}) AS {columns[name]}"
        for name, column in mapping.columns.items()
    ]
    record = f"(SELECT {', '.join([_OF_THE_RECORD, *typed])})"
    problems = []
    with connect_file(":memory:") as con:
        for key, text, is_rule in _expressions(mapping):
            expression, lifted = mapping.expression(text), dict[str, str]()
            sql = expression.sql(
                lambda name: identifier(columns[name]),
                lift=_lifted_into(lifted) if expression.has_aggregate else lambda found: found,
            )
            tried = f"CASE WHEN {sql} THEN 1 END" if is_rule else sql
            below = "".join(f", {found} AS {name}" for found, name in lifted.items())
            try:
                con.execute(f"SELECT {tried} FROM (SELECT *{below} FROM {record})")
            except duckdb.Error as error:
                problems.append(f"{key}: {str(error).splitlines()[0]}")
    if problems:
        raise UsageError(f"{definition}: " + "; ".join(problems))


def _lifted_into(lifted: dict[str, str]) -> Callable[[str], str]:
    """Collects functions over records, by SQL the column that stands for each."""
    return lambda found: lifted.setdefault(found, f"_over{len(lifted)}")


def _expressions(mapping: Mapping) -> Iterator[tuple[str, str, bool]]:
    """(key in the file, expression, whether it must be true or false)."""
    for name, rule in mapping.leave_out.items():
        yield f"leave_out.{name}.when", rule.when, True
    for name, _, table in mapping.canonical():
        yield f"tables.{name}.when", table.when, True
        for column, text in table.columns.items():
            yield f"tables.{name}.columns.{column}", text, False


def _rows(con: duckdb.DuckDBPyConnection, mapping: Mapping, limit: int) -> Iterator[TableRows]:
    filled: dict[str, dict[str, None]] = {}
    for name, _, table in mapping.canonical():
        filled.setdefault(name, {}).update(dict.fromkeys(table.columns))
    for name, columns in filled.items():
        source = raw_name(*name.split("."))
        count = con.execute(f"SELECT count(*) FROM {source}").fetchall()[0][0]
        rows = con.execute(
            f"SELECT _line, {', '.join(map(identifier, columns))} FROM {source} "
            "ORDER BY _line, rowid LIMIT ?",
            [limit],
        ).fetchall()
        yield TableRows(
            name,
            count,
            tuple((line, dict(zip(columns, values, strict=True))) for line, *values in rows),
        )
