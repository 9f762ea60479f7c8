"""Output: the tables that the rest of the project reads, from the frames of a resolution.

``stage`` makes what changes out of temporary tables; ``write`` moves it in one transaction, and
joins none of the tables that this has written to: DuckDB 1.5 has no statistics of rows that are not
committed, and a join with them takes minutes.

A resolution of a part replaces the rows of its records and of those that are gone: ``id_old_keys``.
"""

from dataclasses import dataclass
from datetime import datetime

import duckdb
import pyarrow as pa

from dagster_project.identity.clustering.guard_events import collect_guard_events
from dagster_project.identity.frames import Frame, create_table, make
from dagster_project.identity.incremental.linking import Matching
from dagster_project.identity.records.identifiers import (
    IS_PROFILE,
    RawValues,
    Records,
    borne_by,
)
from dagster_project.identity.registry.id_assignment import Assignment, keyed_hash
from dagster_project.identity.registry.tables import hash_key
from dagster_project.identity.rules.guards import Guards
from dagster_project.identity.rules.normalisation import KINDS

_KEY = "source_system, source_table, source_id"
# Not a reference to an account or contact.
_IS_RAW = f"kind IN {KINDS}"
# Staged rows by table.
_OUT = {
    "assignments": "id_out_assignments",
    "customers": "id_out_customers",
    "identifiers": "id_out_identifiers",
    "links": "id_out_links",
    "review": "id_out_review",
}


@dataclass(frozen=True)
class Resolved:
    """A resolution before it is written: who is whom, and by which ids. ``now``: UTC, naive."""

    now: datetime
    raw_values: RawValues
    records: Records
    matching: Matching
    members: Frame
    cut_links: Frame
    clustered: Frame
    assignment: Assignment

    @property
    def sql_now(self) -> str:
        """``now`` as a literal: a view has no parameters."""
        return f"TIMESTAMP '{self.now.isoformat(sep=' ')}'"


def stage(con: duckdb.DuckDBPyConnection, resolved: Resolved) -> Frame:
    """The new rows of every table, and what tells the old rows that they replace.

    Returns how many customers and records bear each value, but high-degree ones. Reads
    ``resolution.places`` as the last resolution left it.
    """
    _old_keys(con, resolved)
    _assignments(con, resolved)
    _customers(con, resolved)
    value_owners = _identifiers(con, resolved)
    _links(con, resolved)
    _review(con, resolved)
    return value_owners


def stage_guard_events(
    con: duckdb.DuckDBPyConnection,
    guards: Guards,
    resolved: Resolved,
    value_owners: Frame,
    places: Frame,
) -> Frame:
    """All guard events; ``places``: where each record lies, as ``resolution.places`` has it now."""
    matching = resolved.matching
    return collect_guard_events(
        con,
        guards,
        resolved.records,
        cut_links=f"WITH {_parted(resolved.cut_links, 'a AS left_rid', resolved.members)} "
        "SELECT a, b FROM parted",
        overshared=matching.overshared,
        frequencies=matching.frequencies.values,
        value_owners=value_owners,
        places=places,
        touched_components=matching.affected.touched_components if matching.affected else None,
    )


def write(con: duckdb.DuckDBPyConnection, resolved: Resolved, guard_events: Frame) -> None:
    """Replace rows of ``identity.*`` by the staged ones, then the counts."""
    affected = resolved.matching.affected
    old = f"(SELECT {_KEY} FROM id_old_keys)"
    gone = {
        "assignments": f"({_KEY}) IN {old} OR method = 'visitor'",
        "customers": "customer_id IN (SELECT customer_id FROM id_old_customers)",
        "identifiers": "(identifier_kind, raw_value) IN "
        "(SELECT identifier_kind, raw_value FROM id_old_raws)",
        "links": f"(left_system, left_table, left_id) IN {old} "
        f"OR (right_system, right_table, right_id) IN {old}",
        "review": f"""
            (left_system, left_table, left_id) IN {old}
            AND (right_system, right_table, right_id) IN {old}
            OR (left_system, left_table, left_id) IN (SELECT {_KEY} FROM id_old_scored)
            OR (right_system, right_table, right_id) IN (SELECT {_KEY} FROM id_old_scored)""",
    }
    for table, condition in gone.items():
        con.execute(f"DELETE FROM identity.{table} WHERE {condition if affected else 'true'}")
        con.execute(f"INSERT INTO identity.{table} SELECT * FROM {_OUT[table]}")
    if affected:
        con.execute(
            f"""
            UPDATE identity.customers SET resolved_at = {resolved.sql_now}
            WHERE customer_id IN (
                SELECT p.customer_id FROM resolution.places AS p
                JOIN {affected.changes.retold} AS r ON r.node = p.node
            )
            """
        )
    con.execute("DELETE FROM identity.blocks")
    con.execute(
        f"INSERT INTO identity.blocks SELECT name, pairs FROM {resolved.matching.block_limits}"
    )
    con.execute("DELETE FROM identity.guard_stops")
    con.execute(f"INSERT INTO identity.guard_stops BY NAME SELECT * FROM {guard_events}")
    _metrics(con)


def _old_keys(con: duckdb.DuckDBPyConnection, resolved: Resolved) -> None:
    affected, nodes = resolved.matching.affected, resolved.records.nodes
    if not affected:
        return
    changes = affected.changes
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE id_old_keys AS SELECT {_KEY} FROM {nodes} "
        f"UNION SELECT {_KEY} FROM {changes.gone_nodes}"
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_old_scored AS
        SELECT {_KEY} FROM {nodes} SEMI JOIN {affected.rescored} USING (node)
        UNION SELECT {_KEY} FROM {changes.gone_nodes}
        """
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_old_customers AS
        SELECT DISTINCT customer_id FROM resolution.places
        WHERE customer_id IS NOT NULL AND node IN (
            SELECT node FROM {nodes} UNION ALL SELECT node FROM {changes.gone}
        )
        """
    )


def _assignments(con: duckdb.DuckDBPyConnection, resolved: Resolved) -> None:
    assignment = resolved.assignment
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_assigned AS
        SELECT n.source_system, n.source_table, n.source_id, o.customer_id, f.method,
               f.probability,
               CASE WHEN w.source_id IS NULL THEN g.linked_at ELSE {resolved.sql_now} END
                   AS linked_at
        FROM {resolved.clustered} AS f
        JOIN {assignment.owners} AS o ON o.cluster = f.cluster
        JOIN {resolved.records.nodes} AS n ON n.rid = f.rid
        LEFT JOIN identity.registry AS g USING ({_KEY})
        LEFT JOIN {assignment.reassigned} AS w USING ({_KEY})
        """
    )
    others = (
        f"""
        UNION ALL
        SELECT {_KEY}, customer_id, linked_at FROM identity.assignments
        WHERE method <> 'visitor' AND ({_KEY}) NOT IN (SELECT {_KEY} FROM id_old_keys)
        """
        if resolved.matching.affected
        else ""
    )
    con.execute(
        f"""
        INSERT INTO id_assigned
        WITH records AS (SELECT {_KEY}, customer_id, linked_at FROM id_assigned {others})
        SELECT 'shop', 'web_events', v.visitor_id, min(r.customer_id), 'visitor', 1.0,
               min(r.linked_at)
        FROM intermediate.int_identity_visitors AS v
        JOIN records AS r
          ON r.source_system = v.reference_system AND r.source_table = v.reference_table
         AND r.source_id = v.reference_id
        GROUP BY v.visitor_id HAVING count(DISTINCT r.customer_id) = 1
        """
    )
    _hashes(con)
    con.execute(
        """
        CREATE OR REPLACE TEMP VIEW id_out_assignments AS
        SELECT a.*, coalesce(h.hashed, a.source_id)
        FROM id_assigned AS a LEFT JOIN id_hashed AS h ON h.source_id = a.source_id
        """
    )


def _hashes(con: duckdb.DuckDBPyConnection) -> None:
    """``id_hashed``: keys of records that are themselves an e-mail or a phone, hashed."""
    rows = con.execute(
        """
        SELECT DISTINCT source_id FROM id_assigned
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
            "source_id": pa.array(texts, pa.string()),
            "hashed": pa.array([f"hashed-{keyed_hash(key, text)}" for text in texts], pa.string()),
        },
    )


def _customers(con: duckdb.DuckDBPyConnection, resolved: Resolved) -> None:
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_out_customers AS
        SELECT a.customer_id, any_value(coalesce(i.minted_at, {resolved.sql_now})), count(*),
               {resolved.sql_now}
        FROM id_assigned AS a
        LEFT JOIN identity.registry_ids AS i ON i.customer_id = a.customer_id
        WHERE a.method <> 'visitor' GROUP BY a.customer_id
        """
    )


def _identifiers(con: duckdb.DuckDBPyConnection, resolved: Resolved) -> Frame:
    """Values that several customers bear, or more profiles than are looked at, have no owner.

    Returns how many customers and records bear each of the others.
    """
    records, affected = resolved.records, resolved.matching.affected
    value_owners = make(
        con,
        "value_owners",
        f"""
        SELECT b.identifier_kind, b.value, min(o.customer_id) AS customer_id,
               count(DISTINCT o.customer_id) AS customers, count(*) AS records, min(b.rid) AS rid
        FROM (SELECT kind AS identifier_kind, value, rid FROM {records.borne} WHERE {_IS_RAW}) AS b
        LEFT JOIN {resolved.clustered} AS f ON f.rid = b.rid
        LEFT JOIN {resolved.assignment.owners} AS o ON o.cluster = f.cluster
        ANTI JOIN {records.high_degree} AS h ON h.kind = b.identifier_kind AND h.value = b.value
        GROUP BY b.identifier_kind, b.value
        """,
    )
    if affected:
        gone = borne_by(affected.changes.gone_nodes, "node")
        con.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE id_old_raws AS
            SELECT n.identifier_kind, n.raw_value FROM identity.normalised AS n
            SEMI JOIN (
                SELECT kind AS identifier_kind, value FROM {records.borne} WHERE {_IS_RAW}
                UNION ALL SELECT kind, value FROM ({gone}) WHERE {_IS_RAW}
            ) AS v ON v.identifier_kind = n.identifier_kind AND v.value = n.normalised_value
            UNION FROM {resolved.raw_values.added} UNION FROM {resolved.raw_values.removed}
            """
        )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP VIEW id_out_identifiers AS
        SELECT i.identifier_kind, i.raw_value, n.normalised_value,
               n.block_reason IS NOT NULL, n.block_reason,
               CASE WHEN v.customers = 1 THEN v.customer_id END
        FROM intermediate.int_identity_values AS i
        {"SEMI JOIN id_old_raws AS o USING (identifier_kind, raw_value)" if affected else ""}
        JOIN identity.normalised AS n
          ON n.identifier_kind = i.identifier_kind AND n.raw_value = i.raw_value
        LEFT JOIN {value_owners} AS v
          ON v.identifier_kind = i.identifier_kind AND v.value = n.normalised_value
        """
    )
    return value_owners


def _links(con: duckdb.DuckDBPyConnection, resolved: Resolved) -> None:
    matching, nodes, members = resolved.matching, resolved.records.nodes, resolved.members
    con.execute(
        f"""
        CREATE OR REPLACE TEMP VIEW id_out_links AS
        SELECT a.source_system, a.source_table, a.source_id,
               b.source_system, b.source_table, b.source_id, l.rule, l.probability,
               CASE WHEN n.cluster = m.cluster THEN o.customer_id END AS customer_id, s.weight,
               s.bits_first_name, s.bits_last_name, s.bits_birth_date,
               s.bits_national_id, s.bits_email, s.bits_phone, s.bits_loyalty_card,
               s.bits_address, s.bits_gender, s.bits_patronymic
        FROM {matching.links.links} AS l
        LEFT JOIN {matching.scored} AS s ON s.a = l.a AND s.b = l.b
        JOIN {nodes} AS a ON a.rid = l.a
        JOIN {nodes} AS b ON b.rid = l.b
        JOIN {members} AS m ON m.rid = l.a
        JOIN {members} AS n ON n.rid = l.b
        LEFT JOIN {resolved.assignment.owners} AS o ON o.cluster = m.cluster
        """
    )


def _parted(pairs: Frame, columns: str, members: Frame) -> str:
    """CTE ``parted``: the pairs whose records are two customers.

    Materialised, because DuckDB 1.5 takes ``<>`` between the two clusters for a join condition
    and builds the product of all profiles (7 s for 5,000).
    """
    return f"""
        compared AS MATERIALIZED (
            SELECT e.a, e.b, e.{columns}, m.cluster = n.cluster AS is_together
            FROM {pairs} AS e
            JOIN {members} AS m ON m.rid = e.a
            JOIN {members} AS n ON n.rid = e.b
        ),
        parted AS (SELECT * FROM compared WHERE NOT is_together)"""


def _review(con: duckdb.DuckDBPyConnection, resolved: Resolved) -> None:
    """Pairs of two customers that look like one: neither linked nor safely told apart."""
    matching, nodes = resolved.matching, resolved.records.nodes
    con.execute(
        f"""
        CREATE OR REPLACE TEMP VIEW id_out_review AS
        WITH {_parted(matching.scored, "probability, e.is_vetoed", resolved.members)}
        SELECT a.source_system, a.source_table, a.source_id,
               b.source_system, b.source_table, b.source_id, s.probability,
               CASE WHEN s.is_vetoed
                       THEN 'probable, but a contradiction or a shared value stands against it'
                   WHEN l.a IS NOT NULL THEN 'linked, but cut from a larger group'
                   ELSE 'neither probable nor improbable' END
        FROM parted AS s
        JOIN {nodes} AS a ON a.rid = s.a
        JOIN {nodes} AS b ON b.rid = s.b
        LEFT JOIN {matching.links.links} AS l ON l.a = s.a AND l.b = s.b
        WHERE NOT EXISTS (
            SELECT 1 FROM {matching.links.forbidden} AS f WHERE f.a = s.a AND f.b = s.b
        )
        """
    )


def _metrics(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("DELETE FROM identity.metrics")
    con.execute(
        f"""
        INSERT INTO identity.metrics
        SELECT 'records', count(*) FROM resolution.nodes
        UNION ALL SELECT 'records_assigned', count(*) FROM identity.assignments
            WHERE method <> 'visitor'
        UNION ALL SELECT 'customers', count(*) FROM identity.customers
        UNION ALL SELECT 'largest_customer_profiles', coalesce(max(n), 0) FROM (
            SELECT count(*) AS n FROM identity.assignments
            WHERE {IS_PROFILE} GROUP BY customer_id
        )
        UNION ALL SELECT 'method:' || method, count(*) FROM identity.assignments GROUP BY method
        UNION ALL SELECT 'links:' || rule, count(*) FROM identity.links GROUP BY rule
        """
    )
