"""What inspection needs of a warehouse, said in a sentence when it is not there."""

import duckdb

from dagster_project.errors import UsageError

# Made by the identity step and its input models; an erasure, or a run that found nothing to build
# after the warehouse was deleted, leaves raw tables and registry alone.
_NEEDED = (("intermediate", "int_identity_records"), ("resolution", "nodes"))


def require_built(con: duckdb.DuckDBPyConnection) -> None:
    """Raise UsageError when nobody was resolved in this warehouse."""
    present = con.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
    if any(table not in present for table in _NEEDED):
        raise UsageError(
            "Nothing is built in this warehouse, as after an erasure or when its file was deleted: "
            "hourglass run --full-refresh first."
        )
