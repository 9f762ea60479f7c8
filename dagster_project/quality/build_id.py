"""Build id: which build the warehouse holds, so that no check counts for another."""

import duckdb

from dagster_project.errors import HourglassError
from dagster_project.quality.fingerprint import columns_of


def current_build_id(con: duckdb.DuckDBPyConnection) -> str:
    """The build that the warehouse holds. Raises HourglassError when it holds none."""
    row = None
    if columns_of(con, "control", "parameters"):
        row = con.execute("SELECT build_id FROM control.parameters").fetchone()
    if row is None:
        raise HourglassError(
            "The warehouse holds no build: control.parameters is empty. Run hourglass run first."
        )
    return str(row[0])
