"""Records that are new, changed or gone since the last resolution."""

import duckdb

from dagster_project.identity.records.identifiers import (
    ROW_HASH,
    TOLD_HASH,
    nodes_of,
    normalise_names,
)
from dagster_project.identity.rules.guards import Guards


def find_changes(con: duckdb.DuckDBPyConnection, largest: float) -> bool:
    """``id_changed`` (records that are new or differ) and ``id_gone`` (nodes no longer so).

    ``id_retold`` (node, told_hash): nodes that stay, of which a field changed that no link reads.
    """
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_hashes AS
        SELECT source_id, {ROW_HASH} AS row_hash, {TOLD_HASH} AS told_hash
        FROM intermediate.int_identity_records
        """
    )
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE id_differing AS
        SELECT n.node, h.* FROM resolution.nodes AS n
        FULL JOIN id_hashes AS h ON h.source_id = n.source_id AND h.row_hash = n.row_hash
        WHERE n.told_hash IS DISTINCT FROM h.told_hash
        """
    )
    for table, columns, condition in (
        ("id_retold", "node, told_hash", "node IS NOT NULL AND source_id IS NOT NULL"),
        ("id_gone", "node", "source_id IS NULL"),
        ("id_new_hashes", "source_id, row_hash", "node IS NULL"),
    ):
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE {table} AS "
            f"SELECT {columns} FROM id_differing WHERE {condition}"
        )
    counts = con.execute(
        "SELECT (SELECT count(*) FROM id_hashes), (SELECT count(*) FROM id_new_hashes), "
        "(SELECT count(*) FROM id_gone)"
    ).fetchone()
    con.execute("DROP TABLE id_hashes")
    assert counts is not None
    if max(counts[1:]) > largest * counts[0]:
        return False
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_changed AS
        SELECT r.* FROM intermediate.int_identity_records AS r
        SEMI JOIN id_new_hashes AS h ON h.source_id = r.source_id
        WHERE {ROW_HASH} IN (SELECT row_hash FROM id_new_hashes)
        """
    )
    return True


def apply_changes(con: duckdb.DuckDBPyConnection, guards: Guards) -> None:
    """``id_gone_nodes`` out of ``resolution.nodes``, ``id_fresh`` (the same columns) into it."""
    normalise_names(con, guards, "id_changed")
    con.execute(
        "CREATE OR REPLACE TEMP TABLE id_gone_nodes AS SELECT n.* FROM resolution.nodes AS n "
        "SEMI JOIN id_gone AS g ON g.node = n.node"
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_fresh AS
        SELECT row_number() OVER (ORDER BY source_system, source_table, source_id)
               + (SELECT coalesce(max(node), -1) FROM resolution.nodes) AS node, *
        FROM ({nodes_of(guards, "id_changed")})
        """
    )
    con.execute("DELETE FROM resolution.nodes WHERE node IN (SELECT node FROM id_gone)")
    con.execute(
        "UPDATE resolution.nodes AS n SET told_hash = r.told_hash FROM id_retold AS r "
        "WHERE r.node = n.node"
    )
    con.execute("INSERT INTO resolution.nodes BY NAME SELECT * FROM id_fresh")
    con.execute(
        "CREATE OR REPLACE TEMP TABLE id_moved AS FROM id_fresh UNION ALL BY NAME "
        "FROM id_gone_nodes"
    )
