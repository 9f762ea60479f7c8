"""State between resolutions: what one leaves for the next, in schema ``resolution``."""

import duckdb
import numpy as np

from dagster_project.identity.clustering.connected_components import components
from dagster_project.identity.frames import Frame, create_table, make
from dagster_project.identity.incremental.linking import Matching
from dagster_project.identity.records.identifiers import Records


def keep(
    con: duckdb.DuckDBPyConnection,
    records: Records,
    matching: Matching,
    clustered: Frame,
    owners: Frame,
) -> Frame:
    """Where each node lies, and the tables that the next resolution compares with."""
    row = con.execute(f"SELECT count(*) FROM {records.nodes}").fetchone()
    size = row[0] if row else 0
    edges = con.execute(
        f"""
        SELECT b.rid AS l, min(b.rid) OVER (PARTITION BY b.vid) AS r
        FROM {records.bearers} AS b JOIN {records.shared_values} AS v ON v.vid = b.vid
        WHERE v.degree IS NULL
        UNION ALL
        SELECT a, b FROM {matching.links.links}
        """
    ).fetchnumpy()
    labels = components(size, edges["l"].astype(np.int64), edges["r"].astype(np.int64))
    create_table(con, "id_labels", {"rid": np.arange(size), "label": labels})
    places = make(
        con,
        "places",
        f"""
        SELECT n.node, c.node AS component, coalesce(s.companions, 0) AS companions,
               o.customer_id, n.rid
        FROM {records.nodes} AS n
        JOIN id_labels AS l ON l.rid = n.rid
        JOIN {records.nodes} AS c ON c.rid = l.label
        LEFT JOIN {matching.companions} AS s ON s.rid = n.rid
        LEFT JOIN {clustered} AS f ON f.rid = n.rid
        LEFT JOIN {owners} AS o ON o.cluster = f.cluster
        """,
    )
    part = matching.affected
    con.execute(
        "DELETE FROM resolution.places"
        + (
            f" WHERE node IN (SELECT node FROM {part.part})"
            f" OR node IN (SELECT node FROM {part.changes.gone})"
            if part
            else ""
        )
    )
    con.execute(
        "INSERT INTO resolution.places "
        f"SELECT node, component, companions, customer_id FROM {places}"
    )
    for kept, made in (
        ("frequencies", matching.frequencies.values),
        ("block_sizes", matching.block_sizes),
        ("oversized_keys", matching.oversized_keys),
        ("high_degree", records.high_degree),
    ):
        con.execute(f"DELETE FROM resolution.{kept}")
        con.execute(f"INSERT INTO resolution.{kept} SELECT * FROM {made}")
    return places
