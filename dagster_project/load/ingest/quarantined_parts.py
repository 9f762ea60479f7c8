"""Quarantined parts: which orders lack a line that was refused."""

from collections.abc import Sequence

import duckdb

from dagster_project.load.ingest.batch_staging import SourceUnit
from dagster_project.load.ledger.load_summary import FileOutcome
from dagster_project.warehouse import quoted


def write_quarantined_parts(
    con: duckdb.DuckDBPyConnection,
    refused: str,
    units: Sequence[SourceUnit],
    table: str,
    outcomes: Sequence[FileOutcome],
) -> None:
    """Remember the wholes of a batch's refused parts, and count them in the outcomes.

    ``refused`` is SQL of a relation with ``_file``, ``_line`` and ``whole_id``; a part that does
    not name its whole is a part of none. ``table`` is the parts' own, as ``system.table``.
    """
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE load_parts AS SELECT * FROM {refused} AS p "
        "WHERE whole_id IS NOT NULL"
    )
    con.execute(
        f"INSERT INTO ledger.quarantined_parts SELECT u._hash, {quoted(units[0].delivery.target)}, "
        f"{quoted(table)}, p._line, p.whole_id "
        "FROM temp.load_parts AS p JOIN temp.load_units AS u ON p._file = u._number"
    )
    for number, wholes in con.execute(
        "SELECT _file, count(DISTINCT whole_id) FROM temp.load_parts GROUP BY 1"
    ).fetchall():
        outcomes[number].incomplete += wholes
    con.execute("DROP TABLE temp.load_parts")
