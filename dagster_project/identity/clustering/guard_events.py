"""Guard events: what the guards kept from joining people, as ``identity.guard_stops``.

``resolution.guard_events`` holds them in the clear, each with the component that it stands in, so
that those of a part can be replaced; those of high-degree values, which reach over components, have
none.
"""

import duckdb
import pyarrow as pa

from dagster_project.identity.frames import Frame, make_from
from dagster_project.identity.records.further_values import FURTHER, beyond_limit, raw_values_of
from dagster_project.identity.records.identifiers import Records, borne_by
from dagster_project.identity.registry.id_assignment import keyed_hash
from dagster_project.identity.registry.tables import hash_key
from dagster_project.identity.rules.guards import Guards
from dagster_project.identity.rules.normalisation import KINDS

# Fields of which a value that many people have is a default of some form, with what readers call
# them, and from how many half doublings above the expected share it is told.
_COMMON = {"birth": "birth_date", "postal_code": "postal_code"}
_FAR_ABOVE = 8


def collect_guard_events(
    con: duckdb.DuckDBPyConnection,
    guards: Guards,
    records: Records,
    *,
    cut_links: str,
    overshared: Frame,
    frequencies: Frame,
    value_owners: Frame,
    places: Frame,
    touched_components: Frame | None,
) -> Frame:
    """Bring ``resolution.guard_events`` up to date; all of them, values hashed.

    ``cut_links``: query (a, b) of links that were not followed; ``touched_components``: whose
    events are replaced, None for all. Needs ``resolution.places`` of this resolution.
    """
    gone = f"IN (SELECT component FROM {touched_components})"
    con.execute(
        "DELETE FROM resolution.guard_events WHERE component IS NULL OR "
        + (f"component {gone}" if touched_components else "true")
    )
    con.execute(
        f"""
        INSERT INTO resolution.guard_events
        WITH stopped AS (
            SELECT rid, 'shared_value' AS guard, identifier_kind, value, records, customers,
                   'borne by several people: joins nobody' AS reason
            FROM {value_owners} WHERE customers > 1
            UNION ALL
            SELECT b.rid, 'too_many_people', v.kind, v.value, s.profiles, s.people,
                   'more people than the limit of its kind: joins nobody'
            FROM {overshared} AS s JOIN {records.shared_values} AS v ON v.vid = s.vid
            JOIN (SELECT vid, min(rid) AS rid FROM {records.bearers} GROUP BY vid) AS b
              ON b.vid = s.vid
            UNION ALL
            SELECT c.a, 'contradiction', NULL, a.source_id || chr(31) || b.source_id, 2, 2,
                   'a link that would have joined two people was not followed'
            FROM ({cut_links}) AS c
            JOIN {records.nodes} AS a ON a.rid = c.a
            JOIN {records.nodes} AS b ON b.rid = c.b
        )
        SELECT p.component, s.* EXCLUDE (rid)
        FROM stopped AS s JOIN {places} AS p ON p.rid = s.rid
        """
    )
    con.execute(
        f"""
        INSERT INTO resolution.guard_events
        SELECT NULL, 'too_many_profiles', kind, value, profiles, NULL,
               'more than {guards.profiles_per_value} profiles: not looked at'
        FROM {records.high_degree}
        """
    )
    for field, kind in _COMMON.items():
        con.execute(
            f"""
            INSERT INTO resolution.guard_events
            SELECT NULL, 'common_value', '{kind}', n.{field}, count(*), NULL,
                   'far above its expected share: weighed by its frequency'
            FROM resolution.nodes AS n
            SEMI JOIN (
                SELECT value FROM {frequencies} WHERE field = '{field}' AND step >= {_FAR_ABOVE}
            ) AS f ON f.value = n.{field}
            WHERE n.is_profile GROUP BY n.{field}
            """
        )
    con.execute(
        f"""
        INSERT INTO resolution.guard_events
        SELECT NULL, 'shared_value', b.kind, b.value, count(*), count(DISTINCT p.customer_id),
               'borne by several people: joins nobody'
        FROM ({borne_by("resolution.nodes", "node")}) AS b
        SEMI JOIN {records.high_degree} AS h ON h.kind = b.kind AND h.value = b.value
        JOIN resolution.places AS p ON p.node = b.node
        WHERE b.kind IN {KINDS} GROUP BY b.kind, b.value
        """
    )
    return _hashed(con, guards)


def _hashed(con: duckdb.DuckDBPyConnection, guards: Guards) -> Frame:
    raw = " UNION ALL ".join(
        f"SELECT '{kind}' AS kind, raw_value AS raw FROM ({raw_values_of(kind)})" for kind in KINDS
    )
    lists = "".join(
        f"""
        UNION ALL
        SELECT 'too_many_values', '{kind}', source_id, 1, NULL,
               'more than {guards.further_values_per_record[kind]} further ones: not looked at'
        FROM intermediate.int_identity_records WHERE {beyond_limit(guards, kind)}"""
        for kind in FURTHER
    )
    events = con.execute(
        f"""
        SELECT guard, identifier_kind, value, record_count, customer_count, reason
        FROM resolution.guard_events
        UNION ALL
        SELECT 'blocked_value', r.kind, r.raw, count(*), NULL, any_value(n.block_reason)
        FROM ({raw}) AS r
        JOIN (FROM identity.normalised WHERE block_reason IS NOT NULL) AS n
          ON n.identifier_kind = r.kind AND n.raw_value = r.raw
        GROUP BY r.kind, r.raw
        {lists}
        ORDER BY ALL
        """
    ).to_arrow_table()
    key = hash_key(con)
    values = [keyed_hash(key, value) for value in events.column("value").to_pylist()]
    columns = {name: events.column(name) for name in events.column_names if name != "value"}
    columns["identifier_hash"] = pa.array(values, pa.string())
    return make_from(con, "guard_events", columns)
