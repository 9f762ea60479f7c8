"""Changes: records that are new, changed or gone since the last resolution."""

from dataclasses import dataclass

import duckdb

from dagster_project.identity.frames import Frame, make
from dagster_project.identity.records.identifiers import ROW_HASH, TOLD_HASH, nodes_of
from dagster_project.identity.rules.guards import Guards
from dagster_project.identity.rules.nicknames import Nicknames


@dataclass(frozen=True)
class Changes:
    """Nodes that are new or gone (numbers, and rows), and such as stay but are told otherwise.

    ``retold``: a field changed that no link reads.
    """

    fresh_nodes: Frame
    gone: Frame
    gone_nodes: Frame
    retold: Frame


def apply_changes(
    con: duckdb.DuckDBPyConnection, guards: Guards, nicknames: Nicknames, largest: float
) -> Changes | None:
    """Bring ``resolution.nodes`` up to date; None, with nothing changed, when too much changed.

    ``largest``: share of the records that may have come or gone.
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
    retold = make(
        con,
        "retold",
        "SELECT node, told_hash FROM id_differing WHERE node IS NOT NULL AND source_id IS NOT NULL",
    )
    gone = make(con, "gone", "SELECT node FROM id_differing WHERE source_id IS NULL")
    con.execute(
        "CREATE OR REPLACE TEMP TABLE id_new_hashes AS "
        "SELECT source_id, row_hash FROM id_differing WHERE node IS NULL"
    )
    counts = con.execute(
        "SELECT (SELECT count(*) FROM id_hashes), (SELECT count(*) FROM id_new_hashes), "
        f"(SELECT count(*) FROM {gone})"
    ).fetchone()
    con.execute("DROP TABLE id_hashes")
    assert counts is not None
    if max(counts[1:]) > largest * counts[0]:
        return None
    # By key first: the hashes of all records were worked out once already.
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE id_changed AS
        SELECT r.* FROM intermediate.int_identity_records AS r
        SEMI JOIN id_new_hashes AS h ON h.source_id = r.source_id
        """
    )
    con.execute(
        f"DELETE FROM id_changed WHERE {ROW_HASH} NOT IN (SELECT row_hash FROM id_new_hashes)"
    )
    gone_nodes = make(
        con,
        "gone_nodes",
        f"SELECT n.* FROM resolution.nodes AS n SEMI JOIN {gone} AS g ON g.node = n.node",
    )
    fresh_nodes = make(
        con,
        "fresh_nodes",
        f"""
        SELECT row_number() OVER (ORDER BY source_system, source_table, source_id)
               + (SELECT coalesce(max(node), -1) FROM resolution.nodes) AS node, *
        FROM ({nodes_of(con, guards, nicknames, "id_changed")})
        """,
    )
    con.execute(f"DELETE FROM resolution.nodes WHERE node IN (SELECT node FROM {gone})")
    con.execute(
        f"UPDATE resolution.nodes AS n SET told_hash = r.told_hash FROM {retold} AS r "
        "WHERE r.node = n.node"
    )
    con.execute(f"INSERT INTO resolution.nodes BY NAME SELECT * FROM {fresh_nodes}")
    return Changes(fresh_nodes, gone, gone_nodes, retold)
