"""What the guards kept from joining people, as a table: ``identity.guard_stops``.

``resolution.stops`` holds them in the clear, each with the component that it stands in, so that the
stops of a part can be replaced; those of heavy values, which reach over components, have none.
"""

import duckdb
import pyarrow as pa

from dagster_project.identity.frames import create_table
from dagster_project.identity.output import parted
from dagster_project.identity.registry.id_assignment import keyed_hash
from dagster_project.identity.registry.tables import hash_key
from dagster_project.identity.rules.guards import Guards
from dagster_project.identity.rules.normalisation import KINDS


def stage_stops(con: duckdb.DuckDBPyConnection, guards: Guards, *, part: bool) -> None:
    """Bring ``resolution.stops`` up to date, and ``id_out_stops``: all, hashed.

    Needs ``id_places`` and ``resolution.places`` as it is after this resolution.
    """
    con.execute(
        "DELETE FROM resolution.stops WHERE component IS NULL"
        + (" OR component IN (SELECT component FROM id_touched_components)" if part else " OR true")
    )
    con.execute(
        f"""
        INSERT INTO resolution.stops
        WITH {parted("id_cut", "a AS left_rid")},
        stopped AS (
            SELECT rid, 'shared_value' AS guard, identifier_kind, value, records, customers,
                   'borne by several people: joins nobody' AS reason
            FROM id_value_owner WHERE customers > 1
            UNION ALL
            SELECT b.rid, 'too_many_people', v.kind, v.value, s.profiles, s.people,
                   'more people than the limit of its kind: joins nobody'
            FROM id_overshared AS s JOIN id_vids AS v ON v.vid = s.vid
            JOIN (SELECT vid, min(rid) AS rid FROM id_bears GROUP BY vid) AS b ON b.vid = s.vid
            UNION ALL
            SELECT c.a, 'contradiction', NULL, a.source_id || chr(31) || b.source_id, 2, 2,
                   'a link that would have joined two people was not followed'
            FROM parted AS c
            JOIN id_nodes AS a ON a.rid = c.a
            JOIN id_nodes AS b ON b.rid = c.b
        )
        SELECT p.component, s.* EXCLUDE (rid)
        FROM stopped AS s JOIN id_places AS p ON p.rid = s.rid
        """
    )
    con.execute(
        f"""
        INSERT INTO resolution.stops
        SELECT NULL, 'too_many_profiles', kind, value, profiles, NULL,
               'more than {guards.profiles_per_value} profiles: not looked at'
        FROM id_heavy
        """
    )
    for kind in KINDS:
        con.execute(
            f"""
            INSERT INTO resolution.stops
            SELECT NULL, 'shared_value', '{kind}', n.{kind}, count(*),
                   count(DISTINCT p.customer_id), 'borne by several people: joins nobody'
            FROM resolution.nodes AS n
            SEMI JOIN id_heavy AS h ON h.kind = '{kind}' AND h.value = n.{kind}
            JOIN resolution.places AS p ON p.node = n.node
            GROUP BY n.{kind}
            """
        )
    _hashed(con)


def _hashed(con: duckdb.DuckDBPyConnection) -> None:
    raw = " UNION ALL ".join(
        f"SELECT '{kind}' AS kind, {kind} AS raw FROM intermediate.int_identity_records "
        f"WHERE {kind} IS NOT NULL"
        for kind in KINDS
    )
    stops = con.execute(
        f"""
        SELECT guard, identifier_kind, value, record_count, customer_count, reason
        FROM resolution.stops
        UNION ALL
        SELECT 'blocked_value', r.kind, r.raw, count(*), NULL, any_value(n.block_reason)
        FROM ({raw}) AS r
        JOIN (FROM identity.normalised WHERE block_reason IS NOT NULL) AS n
          ON n.identifier_kind = r.kind AND n.raw_value = r.raw
        GROUP BY r.kind, r.raw
        ORDER BY ALL
        """
    ).to_arrow_table()
    key = hash_key(con)
    values = [keyed_hash(key, value) for value in stops.column("value").to_pylist()]
    columns = {name: stops.column(name) for name in stops.column_names if name != "value"}
    columns["identifier_hash"] = pa.array(values, pa.string())
    create_table(con, "id_out_stops", columns)
