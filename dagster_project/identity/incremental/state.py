"""What a resolution leaves for the next one, in schema ``resolution``."""

from dataclasses import dataclass

import duckdb
import numpy as np

from dagster_project.identity.clustering.connected_components import components
from dagster_project.identity.frames import create_table


@dataclass(frozen=True)
class Previous:
    """What the last resolution went by, besides its rules: the prior and the limits of blocks."""

    probability: float
    limits: tuple[int, ...]


def read_previous(con: duckdb.DuckDBPyConnection, version: str) -> Previous | None:
    """None when there was no resolution under these rules, it did not end, or lost its tables."""
    row = con.execute(
        "SELECT probability, limits FROM resolution.parameters WHERE version = ?", [version]
    ).fetchone()
    if row is None:
        return None
    counts = con.execute(
        """
        SELECT (SELECT count(customer_id) FROM resolution.places),
               (SELECT count(*) FROM identity.assignments WHERE method <> 'visitor'),
               (SELECT count(*) FROM resolution.places),
               (SELECT count(*) FROM resolution.nodes)
        """
    ).fetchone()
    assert counts is not None
    is_whole = counts[0] == counts[1] and counts[2] == counts[3]
    return Previous(row[0], tuple(row[1])) if is_whole else None


def keep(con: duckdb.DuckDBPyConnection, *, part: bool) -> None:
    """``id_places``, and the tables that the next resolution compares with."""
    row = con.execute("SELECT count(*) FROM id_nodes").fetchone()
    size = row[0] if row else 0
    edges = con.execute(
        """
        SELECT b.rid AS l, min(b.rid) OVER (PARTITION BY b.vid) AS r
        FROM id_bears AS b JOIN id_vids AS v ON v.vid = b.vid
        WHERE v.heavy_profiles IS NULL
        UNION ALL
        SELECT a, b FROM id_links
        """
    ).fetchnumpy()
    labels = components(size, edges["l"].astype(np.int64), edges["r"].astype(np.int64))
    create_table(con, "id_labels", {"rid": np.arange(size), "label": labels})
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE id_places AS
        SELECT n.node, c.node AS component, coalesce(s.companions, 0) AS companions,
               o.customer_id, n.rid
        FROM id_nodes AS n
        JOIN id_labels AS l ON l.rid = n.rid
        JOIN id_nodes AS c ON c.rid = l.label
        LEFT JOIN id_companions AS s ON s.rid = n.rid
        LEFT JOIN id_final AS f ON f.rid = n.rid
        LEFT JOIN id_owner AS o ON o.cluster = f.cluster
        """
    )
    con.execute(
        "DELETE FROM resolution.places"
        + (
            " WHERE node IN (SELECT node FROM id_part) OR node IN (SELECT node FROM id_gone)"
            if part
            else ""
        )
    )
    con.execute(
        "INSERT INTO resolution.places "
        "SELECT node, component, companions, customer_id FROM id_places"
    )
    for kept, made in (
        ("frequencies", "id_frequencies"),
        ("block_sizes", "id_sizes"),
        ("crowded_keys", "id_crowded"),
        ("heavy_values", "id_heavy"),
    ):
        con.execute(f"DELETE FROM resolution.{kept}")
        con.execute(f"INSERT INTO resolution.{kept} SELECT * FROM {made}")
