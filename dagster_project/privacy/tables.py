"""What privacy must remember: tombstones, rewritten files, sums of the erased. No identity in any.

The tables lie in schema ``identity``, all of which is part of every published version (restricted),
so that they survive a lost warehouse as the registry does.
"""

from pathlib import Path

import duckdb

from dagster_project.warehouse import quoted

TABLES = {
    # One row per identifier or record key of an erased person: a keyed hash, never the value.
    "tombstones": "kind VARCHAR, value_hash VARCHAR, erasure_id VARCHAR, erased_at TIMESTAMP",
    # A file in landing/ that lost records: the hash it was delivered with, by which the ledger and
    # the raw tables know it, the one that it has now, and how many of its records are gone.
    "rewritten_files": """
        delivered_hash VARCHAR, rewritten_hash VARCHAR, target VARCHAR, erased BIGINT,
        erasure_id VARCHAR""",
    # What the sales of erased people add up to, so that published sums stay explained.
    "erased_sums": """
        erasure_id VARCHAR, sale_month DATE, sale_count BIGINT, net_revenue DECIMAL(18, 2)""",
    # What retention purged, per month of the rows' own dates: ``kept_from`` is the first day whose
    # rows the source still has.
    "purged_sums": """
        erasure_id VARCHAR, source VARCHAR, month DATE, kept_from DATE, records BIGINT,
        sale_count BIGINT, net_revenue DECIMAL(18, 2)""",
    "erasures": "erasure_id VARCHAR, erased_at TIMESTAMP, people BIGINT, records BIGINT",
    # Requests that name nobody who is known, or an address of several: looked at in every run.
    "unmatched_requests": "request_id VARCHAR, noted_at TIMESTAMP",
}


def create_privacy_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Create each of :data:`TABLES` that is missing, empty."""
    con.execute("CREATE SCHEMA IF NOT EXISTS identity")
    for name, columns in TABLES.items():
        con.execute(f"CREATE TABLE IF NOT EXISTS identity.{name} ({columns})")


def restore_privacy_tables(con: duckdb.DuckDBPyConnection, restricted_db: Path) -> None:
    """Bring the tables back from a published ``restricted.duckdb``, in place of what ``con`` has.

    A version from before the first erasure may lack them; they are then empty.
    """
    create_privacy_tables(con)
    con.execute(f"ATTACH {quoted(str(restricted_db))} AS published_privacy (READ_ONLY)")
    try:
        present = {
            row[0]
            for row in con.execute(
                "SELECT table_name FROM duckdb_tables() "
                "WHERE database_name = 'published_privacy' AND schema_name = 'identity'"
            ).fetchall()
        }
        con.execute("BEGIN")
        for name in TABLES:
            con.execute(f"DELETE FROM identity.{name}")
            if name in present:
                con.execute(
                    f"INSERT INTO identity.{name} BY NAME "
                    f"SELECT * FROM published_privacy.identity.{name}"
                )
        con.execute("COMMIT")
    finally:
        con.execute("DETACH published_privacy")
