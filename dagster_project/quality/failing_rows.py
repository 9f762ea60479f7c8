"""The rows that a check found wrong: kept for the engineer, apart from everything published.

They may hold personal data, so their folder is readable by the owner only, nothing of them but
counts and keys leaves it, and folders of old builds are removed.
"""

import re
import shutil
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.errors import HourglassError
from dagster_project.quality.sql import BATCH
from dagster_project.quality.suites import Expectation, Suite
from dagster_project.settings import Settings
from dagster_project.warehouse import identifier, quoted

KEPT_BUILDS = 7
SHOWN_KEYS = 20
KEY_LENGTH = 64


def failing_rows_dir(settings: Settings, build_id: str) -> Path:
    """Where the failing rows of one build lie."""
    return settings.warehouse_dir / "failing_rows" / _file_name(build_id)


def keep_failing_rows(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    build_id: str,
    suite: Suite,
    item: Expectation,
) -> tuple[str, tuple[dict[str, str], ...]] | None:
    """Write the rows of ``suite`` that ``item`` finds wrong; path (below data_dir) and keys.

    None for an expectation over all rows, which no single row fails. Keys are the suite's key
    columns of up to 20 rows, cut to 64 characters. Raises HourglassError when the folder cannot
    be written.
    """
    query = failing_rows_sql(suite, item)
    if query is None:
        return None
    path = keep_rows(con, settings, build_id, f"{suite.mart}__{item.name}", query)
    return path, _keys(con, suite, settings.data_dir / path)


def keep_rows(
    con: duckdb.DuckDBPyConnection, settings: Settings, build_id: str, name: str, query: str
) -> str:
    """Write the rows of ``query`` as Parquet under ``name``; the path below data_dir.

    Raises HourglassError when the folder cannot be written.
    """
    folder = failing_rows_dir(settings, build_id)
    path = folder / f"{_file_name(name)}.parquet"
    try:
        for private in (folder.parent, folder):
            private.mkdir(parents=True, exist_ok=True, mode=0o700)
            private.chmod(0o700)
        con.execute(f"COPY ({query}) TO {quoted(str(path))} (FORMAT parquet, COMPRESSION zstd)")
    except (OSError, duckdb.Error):
        raise HourglassError(
            f"The rows that {name} found wrong cannot be written to {folder}. "
            "Check that its disk has room and that this user may write there."
        ) from None
    return str(path.relative_to(settings.data_dir))


def failing_rows_sql(suite: Suite, item: Expectation) -> str | None:
    """The SELECT that returns the rows which ``item`` finds wrong; None for an aggregate."""
    table = f"{identifier(suite.schema)}.{identifier(suite.mart)}"
    if item.sql is not None:
        return item.sql.replace(BATCH, table)
    condition = _condition(item)
    return None if condition is None else f"SELECT * FROM {table} {condition}"


def prune_failing_rows(settings: Settings, *, keep: int = KEPT_BUILDS) -> None:
    """Remove the folders of all but the ``keep`` newest builds that had failing rows."""
    parent = settings.warehouse_dir / "failing_rows"
    if not parent.is_dir():
        return
    folders = [folder for folder in parent.iterdir() if folder.is_dir()]
    for folder in sorted(folders, key=lambda folder: folder.stat().st_mtime_ns)[:-keep]:
        shutil.rmtree(folder)


def _file_name(text: str) -> str:
    return re.sub(r"[^\w.-]+", "_", text).strip("_")


def _condition(item: Expectation) -> str | None:
    given = item.arguments
    column = identifier(str(given.get("column")))
    match item.expect:
        case "column_values_to_not_be_null":
            return f"WHERE {column} IS NULL"
        case "column_values_to_be_unique":
            return f"WHERE {column} IS NOT NULL QUALIFY count(*) OVER (PARTITION BY {column}) > 1"
        case "compound_columns_to_be_unique":
            columns = ", ".join(identifier(name) for name in given["column_list"])
            return f"QUALIFY count(*) OVER (PARTITION BY {columns}) > 1"
        case "column_values_to_be_in_set":
            values = ", ".join(_literal(value) for value in given["value_set"])
            return f"WHERE {column} NOT IN ({values})"
        case "column_values_to_be_between":
            bounds = []
            if (low := given.get("min_value")) is not None:
                bounds.append(
                    f"{column} {'<=' if given.get('strict_min') else '<'} {_literal(low)}"
                )
            if (high := given.get("max_value")) is not None:
                sign = ">=" if given.get("strict_max") else ">"
                bounds.append(f"{column} {sign} {_literal(high)}")
            return f"WHERE {' OR '.join(bounds)}"
        case "column_pair_values_a_to_be_greater_than_b":
            sign = "<" if given.get("or_equal") else "<="
            return f"WHERE {identifier(given['column_A'])} {sign} {identifier(given['column_B'])}"
    return None


def _literal(value: Any) -> str:
    if isinstance(value, bool | int | float):
        return str(value)
    return quoted(str(value))


def _keys(con: duckdb.DuckDBPyConnection, suite: Suite, path: Path) -> tuple[dict[str, str], ...]:
    source = f"read_parquet({quoted(str(path))})"
    present = [row[0] for row in con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()]
    if not suite.key or not set(suite.key) <= set(present):
        return ()
    columns = ", ".join(
        f"left(coalesce(CAST({identifier(name)} AS VARCHAR), ''), {KEY_LENGTH})"
        for name in suite.key
    )
    rows = con.execute(f"SELECT DISTINCT {columns} FROM {source} ORDER BY ALL LIMIT {SHOWN_KEYS}")
    return tuple(dict(zip(suite.key, row, strict=True)) for row in rows.fetchall())
