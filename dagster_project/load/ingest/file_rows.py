"""File rows: what one delivered file gave to each table, as Parquet, when it was read elsewhere.

Only reading is done there. Whether a file is new, what it replaces and every entry of the ledger
is decided where the ledger is, in one transaction with the rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from dagster_project.errors import HourglassError
from dagster_project.load.ingest.batch_staging import SourceUnit
from dagster_project.load.ledger.load_summary import FileOutcome
from dagster_project.load.ledger.schema import raw_name
from dagster_project.load.reading.file_content import DamagedFileError, FileContent
from dagster_project.warehouse import quoted


@dataclass(frozen=True)
class FileRows:
    """A file that was read: how (``unit``), what became of its records, and the Parquet file of
    each table (SQL name) that it feeds; or ``error``, for which it is quarantined as a whole."""

    unit: SourceUnit | None
    outcome: FileOutcome | None
    tables: Mapping[str, Path]
    error: DamagedFileError | None = None

    def content(self) -> FileContent:
        """The content that was read. Raises the error for which the file is refused."""
        if self.unit is None:
            raise self.error or DamagedFileError("unreadable", "The file could not be read.")
        return self.unit.content


def insert_rows_read(
    con: duckdb.DuckDBPyConnection, files: Sequence[FileRows]
) -> list[FileOutcome]:
    """Put the rows of ``files`` into their tables, in the open transaction; an outcome each.

    Raises HourglassError when they are not what the outcomes say: the file in landing is as good
    as it was, so it is no reason to refuse it.
    """
    by_table: dict[str, list[Path]] = {}
    expected: dict[str, int] = {}
    for rows in files:
        for table, path in rows.tables.items():
            by_table.setdefault(table, []).append(path)
        for name, count in (rows.outcome.rows if rows.outcome else {}).items():
            expected[raw_name(*name)] = expected.get(raw_name(*name), 0) + count
    for table in by_table.keys() | expected.keys():
        listed = ", ".join(quoted(str(path)) for path in by_table.get(table, ()))
        try:
            row = con.execute(
                f"INSERT INTO {table} BY NAME SELECT * FROM read_parquet([{listed}])"
            ).fetchone()
        except duckdb.Error:
            row = None
        if row is None or row[0] != expected.get(table, row[0]):
            raise HourglassError(
                f"What a worker read for {table} is not whole. Nothing of it was loaded; the next "
                "run reads the files again. If it happens twice, check the disk of Spark's folder."
            )
    return [rows.outcome for rows in files if rows.outcome is not None]
