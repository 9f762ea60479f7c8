"""Former ids: which ids the clusters of a resolution lay claim to, by the records that had them."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

import duckdb
import pyarrow as pa

from dagster_project.identity.frames import Frame, create_table, make
from dagster_project.identity.records.identifiers import IS_PROFILE


@dataclass
class Part:
    """The records of one old id that now lie in one cluster."""

    cluster: int
    profiles: int = 0
    records: int = 0
    oldest: tuple[datetime, int] = (datetime.max, 0)
    # Former ids of the records, latest first, each with the number of records that have it.
    trails: dict[tuple[str, ...], int] = field(default_factory=dict)


@dataclass(frozen=True)
class Claims:
    """Which former ids the records of a cluster had, and how many.

    ``disclaimed``: ids that a cluster with profiles has from calls and the like that came by a
    telephone alone, and that once named a profile. Numbers are shared and handed on; such an id
    waits for its own person, who may be gone for a day only.
    """

    claims: Frame
    disclaimed: Frame


def claim_former_ids(
    con: duckdb.DuckDBPyConnection, nodes: Frame, clustered: Frame, members: Frame
) -> Claims:
    """The claims of ``clustered``, compared with ``identity.registry``."""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_had AS
        SELECT f.cluster, g.customer_id, count(*) FILTER (n.is_profile) AS profiles,
               count(*) AS records, bool_and(f.method = 'phone') AS is_by_phone,
               min(coalesce(n.seen_at, TIMESTAMP '9999-01-01')) AS oldest_at, min(n.rid) AS rid
        FROM {clustered} AS f
        JOIN {nodes} AS n ON n.rid = f.rid
        JOIN identity.registry AS g
          ON g.source_system = n.source_system AND g.source_table = n.source_table
         AND g.source_id = n.source_id
        GROUP BY f.cluster, g.customer_id
        """
    )
    disclaimed = make(
        con,
        "disclaimed",
        f"""
        SELECT c.cluster, c.customer_id
        FROM id_had AS c
        WHERE c.is_by_phone
          AND c.cluster IN (SELECT cluster FROM {members})
          AND c.customer_id IN (SELECT customer_id FROM identity.registry WHERE {IS_PROFILE})
        """,
    )
    claims = make(
        con,
        "claims",
        f"SELECT c.* FROM id_had AS c ANTI JOIN {disclaimed} AS d "
        "ON d.cluster = c.cluster AND d.customer_id = c.customer_id",
    )
    return Claims(claims, disclaimed)


def contested_ids(
    con: duckdb.DuckDBPyConnection, nodes: Frame, clustered: Frame, claims: Frame
) -> tuple[dict[str, list[Part]], dict[str, int]]:
    """Ids that several clusters claim, or whose cluster claims several, for ``decide``.

    Returns the parts of each such id, with the former ids of their records, and the mint number of
    every id that these name. ``claims`` is a frame that holds contested claims alone.
    """
    parts: dict[tuple[str, int], Part] = {}
    for cluster, customer, profiles, records, oldest_at, rid in con.execute(
        f"SELECT cluster, customer_id, profiles, records, oldest_at, rid FROM {claims} ORDER BY ALL"
    ).fetchall():
        parts[customer, cluster] = Part(cluster, profiles, records, (oldest_at, rid))
    if not parts:
        return {}, {}
    trails: dict[tuple[str, int, int], list[tuple[str, str]]] = defaultdict(list)
    for customer, cluster, rid, former, became in con.execute(
        f"""
        SELECT g.customer_id, f.cluster, f.rid, t.former_customer_id, t.customer_id
        FROM {clustered} AS f
        JOIN {nodes} AS n ON n.rid = f.rid
        JOIN identity.registry AS g
          ON g.source_system = n.source_system AND g.source_table = n.source_table
         AND g.source_id = n.source_id
        LEFT JOIN identity.registry_trail AS t
          ON t.source_system = n.source_system AND t.source_table = n.source_table
         AND t.source_id = n.source_id
        WHERE g.customer_id IN (SELECT customer_id FROM {claims})
        ORDER BY f.rid, t.changed_at DESC
        """
    ).fetchall():
        trails[customer, cluster, rid].append((former, became))
    named = {customer for customer, _ in parts}
    named |= {former for steps in trails.values() for former, _ in steps if former is not None}
    create_table(con, "id_named", {"customer_id": pa.array(sorted(named), pa.string())})
    known = con.execute(
        "SELECT customer_id, mint_number, merged_into IS NULL FROM identity.registry_ids "
        "SEMI JOIN id_named USING (customer_id)"
    ).fetchall()
    in_force = {customer for customer, _, is_in_force in known if is_in_force}
    for (customer, cluster, _), steps in trails.items():
        part = parts.get((customer, cluster))
        if part is None:
            continue
        path, at = [], customer
        for former, became in steps:
            # An id that names somebody today cannot be given back to anybody else.
            if former is None or became != at or former in in_force:
                break
            path.append(former)
            at = former
        key = tuple(path)
        part.trails[key] = part.trails.get(key, 0) + 1
    claims: dict[str, list[Part]] = defaultdict(list)
    for (customer, _), part in parts.items():
        claims[customer].append(part)
    return dict(claims), {customer: number for customer, number, _ in known}
