"""Clusters: linked profiles as people, without contradicting pairs, and all records together."""

import duckdb
import numpy as np

from dagster_project.identity.clustering.connected_components import (
    cluster,
    components,
    join_clusters,
    spread_cannot_links,
)
from dagster_project.identity.frames import Frame, create_table, make, make_from
from dagster_project.identity.matching.field_errors import FieldErrors
from dagster_project.identity.rules.guards import Guards
from dagster_project.identity.rules.likeness import CONTRADICTION_BITS, compared, contradicts

# Components of these sizes are compared all with all: two are a link, and the size alone of a
# larger one makes the guard cut it.
_COMPARED_FROM, _COMPARED_WHOLE = 3, 400


def cluster_profiles(
    con: duckdb.DuckDBPyConnection,
    guards: Guards,
    nodes: Frame,
    *,
    links: Frame,
    scored: Frame,
    must: Frame,
    forbidden: Frame,
    errors: FieldErrors,
) -> tuple[Frame, Frame]:
    """(members, cut links): the cluster of each profile, and links that were not followed.

    ``links`` prove or suggest; ``must`` are those that a person decided. They join the two whole
    clusters that the evidence gave, so what contradicts between these no longer counts.
    """
    row = con.execute(f"SELECT count(*) FROM {nodes} WHERE is_profile").fetchone()
    size = row[0] if row else 0
    edges = con.execute(
        f"""
        SELECT l.a, l.b,
               greatest(
                   log2(l.probability / greatest(1 - l.probability, 1e-12)), coalesce(s.weight, 0)
               ) AS bits
        FROM {links} AS l LEFT JOIN {scored} AS s ON s.a = l.a AND s.b = l.b
        ORDER BY l.a, l.b
        """
    ).fetchnumpy()
    left, right = edges["a"].astype(np.int64), edges["b"].astype(np.int64)
    labels = components(size, left, right)
    create_table(con, "id_component", {"rid": np.arange(size), "component": labels})
    decided = con.execute(f"SELECT a, b FROM {must} ORDER BY a, b").fetchall()
    cannot = spread_cannot_links(
        decided, con.execute(f"SELECT a, b FROM {forbidden} ORDER BY a, b").fetchall()
    )
    pairs = np.array(sorted(cannot), np.int64).reshape(-1, 2)
    create_table(con, "id_cannot", {"a": pairs[:, 0], "b": pairs[:, 1]})
    sizes = np.bincount(labels, minlength=1)
    # Planning the comparison takes longer than a small company takes otherwise.
    several = ((sizes >= _COMPARED_FROM) & (sizes <= _COMPARED_WHOLE)).any()
    apart = con.execute(
        (f"{_contradicting(con, nodes, links, errors)} UNION ALL " if several else "")
        + "SELECT a, b, CAST('inf' AS DOUBLE) AS bits FROM id_cannot ORDER BY a, b"
    ).fetchnumpy()
    found = cluster(
        size,
        left,
        right,
        edges["bits"].astype(np.float64),
        apart=(
            apart["a"].astype(np.int64),
            apart["b"].astype(np.int64),
            apart["bits"].astype(np.float64),
        ),
        largest=guards.profiles_per_customer,
        labels=labels,
    )
    joined = join_clusters(found.labels, decided, cannot)
    members = make_from(con, "members", {"rid": np.arange(size), "cluster": joined})
    cut = make_from(con, "cut_links", {"a": left[found.cut], "b": right[found.cut]})
    return members, cut


def _contradicting(
    con: duckdb.DuckDBPyConnection, nodes: Frame, links: Frame, errors: FieldErrors
) -> str:
    """Query (a, b, bits) of the pairs within a component of ``id_component`` that contradict."""
    pairs = f"""
        (
            SELECT l.rid AS rid_a, r.rid AS rid_b
            FROM (
                SELECT component FROM id_component GROUP BY component
                HAVING count(*) BETWEEN {_COMPARED_FROM} AND {_COMPARED_WHOLE}
            ) AS s
            JOIN id_component AS l ON l.component = s.component
            JOIN id_component AS r ON r.component = s.component AND r.rid > l.rid
        )"""
    con.execute(f"CREATE OR REPLACE TEMP TABLE id_within AS {compared(pairs, nodes)}")
    return f"""
        SELECT c.rid_a AS a, c.rid_b AS b, {CONTRADICTION_BITS} AS bits FROM id_within AS c
        WHERE {contradicts(errors.explained)}
          AND NOT EXISTS (SELECT 1 FROM {links} AS k WHERE k.a = c.rid_a AND k.b = c.rid_b)"""


def combine(con: duckdb.DuckDBPyConnection, members: Frame, attached: Frame, links: Frame) -> Frame:
    """Profiles and attached records together, each with what ties it and how surely."""
    return make(
        con,
        "clustered",
        f"""
        WITH held AS (
            SELECT e.rid, arg_max(e.rule, e.probability) AS rule, max(e.probability) AS probability
            FROM (
                SELECT a AS rid, b AS other, rule, probability FROM {links}
                UNION ALL
                SELECT b, a, rule, probability FROM {links}
            ) AS e
            JOIN {members} AS m ON m.rid = e.rid
            JOIN {members} AS o ON o.rid = e.other AND o.cluster = m.cluster
            GROUP BY e.rid
        )
        SELECT m.rid, m.cluster, coalesce(h.rule, 'own_record') AS method,
               coalesce(h.probability, 1.0) AS probability
        FROM {members} AS m LEFT JOIN held AS h ON h.rid = m.rid
        UNION ALL
        SELECT rid, cluster, method,
               CASE method WHEN 'email' THEN 0.97 WHEN 'phone' THEN 0.9
                   WHEN 'phone_and_name' THEN 0.95
                   WHEN 'loyalty_card' THEN 0.98 ELSE 1.0 END
        FROM {attached}
        """,
    )
