"""Reading apart: one delivered file read as a load would, in a database of its own in memory.

For a worker that has neither the warehouse nor the ledger. What the file gave is written as
Parquet, which the load then commits (``ingest.file_rows``).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from dagster_project.load.ingest.batch_staging import SourceUnit
from dagster_project.load.ingest.canonical_rows import LoadStamp
from dagster_project.load.ingest.commit import LoadCommitter
from dagster_project.load.ingest.file_loading import FileLoader
from dagster_project.load.ingest.file_preparation import FilePreparation
from dagster_project.load.ingest.file_rows import FileRows
from dagster_project.load.landing.corrections import Corrections
from dagster_project.load.landing.discovery import Delivery
from dagster_project.load.ledger.load_summary import FileOutcome, LoadSummary
from dagster_project.load.ledger.schema import create_raw_tables, raw_name
from dagster_project.load.ledger.state import LedgerState
from dagster_project.load.planning import LoadPlanner
from dagster_project.load.reading.file_content import DamagedFileError
from dagster_project.load.validation.load_targets import Target
from dagster_project.warehouse import connect_file, quoted

QUARANTINE = "ledger.quarantine"


class _Recorder(LoadCommitter):
    """A committer that remembers how the one file was taken in, or why it was not."""

    taken: tuple[SourceUnit, FileOutcome] | None = None
    error: DamagedFileError | None = None

    def batch(
        self,
        target: Target,
        units: Sequence[SourceUnit],
        ingest: Callable[[], list[FileOutcome]],
    ) -> tuple[list[FileOutcome], int, int]:
        outcomes, events, superseded = super().batch(target, units, ingest)
        self.taken = (units[0], outcomes[0])
        return outcomes, events, superseded

    def quarantined_file(self, delivery: Delivery, error: DamagedFileError) -> None:
        self.error = error


def read_apart(
    delivery: Delivery,
    target: Target,
    stamp: LoadStamp,
    corrections: Corrections,
    delivered: Mapping[str, str],
    folder: Path,
    *,
    memory_limit: str | None = None,
) -> FileRows | None:
    """Read ``delivery`` and write its rows below ``folder``; None when the load has to look itself.

    ``delivered``: the hash that a content was delivered with by its hash of today. That is the
    load's to say of archives, and of files that went away or are still being written.
    """
    if delivery.format == "zip":
        return None
    folder.mkdir(parents=True, exist_ok=True)
    con = connect_file(
        ":memory:",
        allowed_dirs=(delivery.path.parent, folder),
        memory_limit=memory_limit,
        threads=1,
        keep_order=True,
    )
    try:
        create_raw_tables(con)
        ledger = LedgerState({}, {}, {}, dict(delivered))
        planner = LoadPlanner(ledger, {target.name: target}, corrections)
        recorder = _Recorder(con, ledger, planner.definition, stamp)
        preparation = FilePreparation(con, folder, corrections)
        FileLoader(con, planner, recorder, preparation, LoadSummary()).load(target, [delivery])
        if recorder.error is not None:
            return FileRows(None, None, {}, recorder.error)
        if recorder.taken is None:
            return None
        unit, outcome = recorder.taken
        written = _written(con, [raw_name(*table) for table in outcome.rows], folder)
    finally:
        con.close()
    # What only the reading needed is large, and its converted file is no longer there.
    return FileRows(replace(unit, starts=None, lines=None), outcome, written)


def _written(
    con: duckdb.DuckDBPyConnection, tables: Sequence[str], folder: Path
) -> dict[str, Path]:
    found = {}
    for number, table in enumerate([*tables, QUARANTINE]):
        row = con.execute(f"SELECT count(*) FROM {table}").fetchone()
        if row and row[0]:
            path = folder / f"rows_{number}.parquet"
            con.execute(f"COPY {table} TO {quoted(str(path))} (FORMAT parquet, COMPRESSION zstd)")
            found[table] = path
    return found
