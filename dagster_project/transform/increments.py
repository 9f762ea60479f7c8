"""State of increments: what each table stands for, so that the next build goes on from there.

The tables are written by dbt alone, in the transaction that changes a model's table
(``dbt/macros/increment/``, docs/increments.md); here they are made, and forgotten.
"""

from importlib import metadata

import duckdb

SCHEMA = "increment"
# Changes with what the macros write there, as does every version of this package.
LAYOUT = "1"
# The share of a table's keys beyond which it is rebuilt whole, which is then cheaper.
LARGEST_SHARE = 0.3
TABLES = {
    # Of which package the rest is.
    "layout": "version VARCHAR, largest_share DOUBLE",
    # ``generation``: counted up with each change of a table; ``kept_from``: the generation back to
    # which its changes are kept; ``inputs``: JSON, the generation of each model that was read.
    # ``way``: how the table was built last (anew, whole, part, kept).
    "states": "model VARCHAR, generation BIGINT, kept_from BIGINT, fingerprint VARCHAR, "
    "as_of VARCHAR, way VARCHAR, row_count BIGINT, key_count BIGINT, inputs VARCHAR",
    # The files of raw tables that a model was built of.
    "files": "model VARCHAR, source VARCHAR, file_hash VARCHAR, delivered_on DATE, "
    "target VARCHAR, records BIGINT, loaded_at TIMESTAMP",
}


def create_increment_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Create the state, empty, where it is missing or of another version of this package."""
    version = f"{LAYOUT} {metadata.version('hourglass')}"
    con.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    con.execute(f"CREATE SEQUENCE IF NOT EXISTS {SCHEMA}.generations")
    con.execute(f"CREATE TABLE IF NOT EXISTS {SCHEMA}.layout ({TABLES['layout']})")
    if con.execute(f"SELECT version FROM {SCHEMA}.layout").fetchall() == [(version,)]:
        return
    con.begin()
    con.execute(f"DELETE FROM {SCHEMA}.layout")
    con.execute(f"INSERT INTO {SCHEMA}.layout VALUES (?, ?)", [version, LARGEST_SHARE])
    for name in ("states", "files"):
        con.execute(f"CREATE OR REPLACE TABLE {SCHEMA}.{name} ({TABLES[name]})")
    con.commit()


def forget_increments(con: duckdb.DuckDBPyConnection) -> None:
    """Have the next build make every table anew."""
    con.execute(f"DELETE FROM {SCHEMA}.states")
