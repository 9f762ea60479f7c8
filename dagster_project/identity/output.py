"""The tables that the rest of the project reads, from the temporary ones of a resolution."""

import duckdb

from dagster_project.identity.arrays import create_table
from dagster_project.identity.guards import Guards
from dagster_project.identity.normalise import KINDS
from dagster_project.identity.registry import keyed_hash
from dagster_project.identity.tables import hash_key


def write_tables(con: duckdb.DuckDBPyConnection, guards: Guards) -> None:
    """Rewrite assignments, identifiers, customers, links, guard_stops and metrics."""
    _assignments(con)
    _identifiers(con)
    _replace(
        con,
        "customers",
        """
        SELECT a.customer_id, any_value(i.minted_at), count(*)
        FROM identity.assignments AS a
        JOIN identity.registry_ids AS i ON i.customer_id = a.customer_id
        WHERE a.method <> 'visitor' GROUP BY a.customer_id
        """,
    )
    _replace(
        con,
        "links",
        """
        SELECT a.source_system, a.source_table, a.source_id,
               b.source_system, b.source_table, b.source_id, l.rule, l.probability, o.customer_id,
               s.weight, s.bits_first_name, s.bits_last_name, s.bits_birth_date,
               s.bits_national_id, s.bits_email, s.bits_phone, s.bits_loyalty_card,
               s.bits_address, s.bits_gender
        FROM id_links AS l
        LEFT JOIN id_scored AS s ON s.a = l.a AND s.b = l.b
        JOIN id_nodes AS a ON a.rid = l.a
        JOIN id_nodes AS b ON b.rid = l.b
        JOIN id_members AS m ON m.rid = l.a
        JOIN id_members AS n ON n.rid = l.b
        LEFT JOIN id_owner AS o ON o.cluster = m.cluster AND n.cluster = m.cluster
        """,
    )
    _replace(con, "blocks", "SELECT block, pairs FROM id_blocks")
    _review(con)
    _guard_stops(con, guards)
    _metrics(con)


def _replace(con: duckdb.DuckDBPyConnection, table: str, query: str) -> None:
    con.execute(f"DELETE FROM identity.{table}")
    con.execute(f"INSERT INTO identity.{table} {query}")


def _assignments(con: duckdb.DuckDBPyConnection) -> None:
    _hashes(con)
    _replace(
        con,
        "assignments",
        """
        WITH records AS (
            SELECT n.source_system, n.source_table, n.source_id, o.customer_id, f.method,
                   f.probability, g.linked_at
            FROM id_final AS f
            JOIN id_owner AS o ON o.cluster = f.cluster
            JOIN id_nodes AS n ON n.rid = f.rid
            JOIN identity.registry AS g
              ON g.source_system = n.source_system AND g.source_table = n.source_table
             AND g.source_id = n.source_id
        ),
        seen AS (
            SELECT v.visitor_id, min(r.customer_id) AS customer_id, min(r.linked_at) AS linked_at
            FROM intermediate.int_identity_visitors AS v
            JOIN records AS r
              ON r.source_system = v.reference_system AND r.source_table = v.reference_table
             AND r.source_id = v.reference_id
            GROUP BY v.visitor_id HAVING count(DISTINCT r.customer_id) = 1
        ),
        assigned AS (
            SELECT * FROM records
            UNION ALL
            SELECT 'shop', 'web_events', visitor_id, customer_id, 'visitor', 1.0, linked_at
            FROM seen
        )
        SELECT a.*, coalesce(h.hashed, a.source_id)
        FROM assigned AS a LEFT JOIN id_hashed AS h ON h.source_id = a.source_id
        """,
    )


def _hashes(con: duckdb.DuckDBPyConnection) -> None:
    """``id_hashed``: keys of records that are themselves an e-mail or a phone, hashed."""
    rows = con.execute(
        """
        SELECT DISTINCT source_id FROM (
            SELECT source_id FROM id_nodes
            UNION ALL SELECT visitor_id FROM intermediate.int_identity_visitors
        )
        WHERE contains(source_id, '@') OR source_id LIKE '+%'
           OR source_id IN (
               SELECT raw_value FROM identity.normalised
               WHERE identifier_kind = 'phone' AND normalised_value IS NOT NULL
           )
        """
    ).fetchall()
    key = hash_key(con)
    texts = [row[0] for row in rows]
    create_table(
        con,
        "id_hashed",
        {
            "source_id": _strings(texts),
            "hashed": _strings([f"hashed-{keyed_hash(key, text)}" for text in texts]),
        },
    )


def _strings(values: list[str]) -> object:
    import pyarrow as pa

    return pa.array(values, pa.string())


def _identifiers(con: duckdb.DuckDBPyConnection) -> None:
    columns = " UNION ALL ".join(
        f"SELECT '{kind}' AS identifier_kind, {kind} AS value, rid FROM id_nodes "
        f"WHERE {kind} IS NOT NULL"
        for kind in KINDS
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_value_owner AS
        SELECT b.identifier_kind, b.value, min(o.customer_id) AS customer_id,
               count(DISTINCT o.customer_id) AS customers, count(*) AS records
        FROM ({columns}) AS b
        LEFT JOIN id_final AS f ON f.rid = b.rid
        LEFT JOIN id_owner AS o ON o.cluster = f.cluster
        GROUP BY b.identifier_kind, b.value
        """
    )
    _replace(
        con,
        "identifiers",
        """
        SELECT i.identifier_kind, i.raw_value, n.normalised_value,
               n.block_reason IS NOT NULL, n.block_reason,
               CASE WHEN v.customers = 1 THEN v.customer_id END
        FROM intermediate.int_identity_values AS i
        JOIN identity.normalised AS n
          ON n.identifier_kind = i.identifier_kind AND n.raw_value = i.raw_value
        LEFT JOIN id_value_owner AS v
          ON v.identifier_kind = i.identifier_kind AND v.value = n.normalised_value
        """,
    )


def _parted(pairs: str, columns: str) -> str:
    """CTE ``parted``: the pairs whose records are two customers.

    Materialised, because DuckDB 1.5 takes ``<>`` between the two clusters for a join condition
    and builds the product of all profiles (7 s for 5,000).
    """
    return f"""
        compared AS MATERIALIZED (
            SELECT e.a, e.b, e.{columns}, m.cluster = n.cluster AS is_together
            FROM {pairs} AS e
            JOIN id_members AS m ON m.rid = e.a
            JOIN id_members AS n ON n.rid = e.b
        ),
        parted AS (SELECT * FROM compared WHERE NOT is_together)"""


def _review(con: duckdb.DuckDBPyConnection) -> None:
    """Pairs of two customers that look like one: neither linked nor safely told apart."""
    _replace(
        con,
        "review",
        f"""
        WITH {_parted("id_scored", "probability, e.is_vetoed")}
        SELECT a.source_system, a.source_table, a.source_id,
               b.source_system, b.source_table, b.source_id, s.probability,
               CASE WHEN s.is_vetoed THEN 'probable, but a contradiction stands against it'
                   WHEN l.a IS NOT NULL THEN 'linked, but cut from a larger group'
                   ELSE 'neither probable nor improbable' END
        FROM parted AS s
        JOIN id_nodes AS a ON a.rid = s.a
        JOIN id_nodes AS b ON b.rid = s.b
        LEFT JOIN id_links AS l ON l.a = s.a AND l.b = s.b
        WHERE NOT EXISTS (SELECT 1 FROM id_forbidden AS f WHERE f.a = s.a AND f.b = s.b)
        """,
    )


def _guard_stops(con: duckdb.DuckDBPyConnection, guards: Guards) -> None:
    raw = " UNION ALL ".join(
        f"SELECT '{kind}' AS kind, {kind} AS raw FROM intermediate.int_identity_records "
        f"WHERE {kind} IS NOT NULL"
        for kind in KINDS
    )
    stops = con.execute(
        f"""
        WITH {_parted("id_cut", "a AS left_rid")}
        SELECT 'blocked_value', r.kind, r.raw, count(*), NULL, any_value(n.block_reason)
        FROM ({raw}) AS r
        JOIN identity.normalised AS n ON n.identifier_kind = r.kind AND n.raw_value = r.raw
        WHERE n.block_reason IS NOT NULL GROUP BY r.kind, r.raw
        UNION ALL
        SELECT 'shared_value', identifier_kind, value, records, customers,
               'borne by several people: joins nobody'
        FROM id_value_owner WHERE customers > 1
        UNION ALL
        SELECT 'too_many_profiles', v.kind, v.value, p.profiles, NULL,
               'more than {guards.profiles_per_value} profiles: not looked at'
        FROM id_profile_values AS p JOIN id_vids AS v ON v.vid = p.vid
        WHERE p.profiles > {guards.profiles_per_value}
        UNION ALL
        SELECT 'too_many_people', v.kind, v.value, s.profiles, s.people,
               'more people than the limit of its kind: joins nobody'
        FROM id_overshared AS s JOIN id_vids AS v ON v.vid = s.vid
        UNION ALL
        SELECT 'contradiction', NULL, a.source_id || chr(31) || b.source_id, 2, 2,
               'a link that would have joined two people was not followed'
        FROM parted AS c
        JOIN id_nodes AS a ON a.rid = c.a
        JOIN id_nodes AS b ON b.rid = c.b
        ORDER BY ALL
        """
    ).fetchall()
    con.execute("DELETE FROM identity.guard_stops")
    if not stops:
        return
    key = hash_key(con)
    names = (
        "guard",
        "identifier_kind",
        "identifier_hash",
        "record_count",
        "customer_count",
        "reason",
    )
    columns = dict(zip(names, map(list, zip(*stops, strict=True)), strict=True))
    columns["identifier_hash"] = [keyed_hash(key, value) for value in columns["identifier_hash"]]
    create_table(con, "id_stops", columns)
    con.execute("INSERT INTO identity.guard_stops BY NAME SELECT * FROM id_stops")


def _metrics(con: duckdb.DuckDBPyConnection) -> None:
    _replace(
        con,
        "metrics",
        """
        SELECT 'records', count(*) FROM id_nodes
        UNION ALL SELECT 'records_assigned', count(*) FROM id_final
        UNION ALL SELECT 'customers', count(*) FROM identity.customers
        UNION ALL SELECT 'largest_customer_profiles', coalesce(max(n), 0)
            FROM (SELECT count(*) AS n FROM id_members GROUP BY cluster)
        UNION ALL SELECT 'method:' || method, count(*) FROM identity.assignments GROUP BY method
        UNION ALL SELECT 'links:' || rule, count(*) FROM identity.links GROUP BY rule
        """,
    )
