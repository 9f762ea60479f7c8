"""Which part of the records a day's changes touch, so that the rest need not be looked at again.

A resolution depends on one record alone, on pairs of records (shared values, scores), on records
that hang together (clusters, owners of values, ids), and on counts over all records (how many share
a value or a key, how common a name is). ``resolution.places`` keeps of the last resolution which
records hang together: a *component* is closed under shared values and links, and so are the ids
that were given to it. Whatever a new, changed or deleted record can alter lies in components that

- held or hold such a record, or a bearer of one of its values;
- a new link or doubtful pair reaches, found by comparing the new records with all;
- bear a value, key or name whose count passed one of the limits or steps that the rules know;
- a changed decision of a person speaks of;
- own an id that a record of the part had before it was gone.

Resolving these components alone, with the counts of all records, gives what resolving everything
gives. What no component bounds (prior, limits of the blocks) is compared instead: when it moved, or
when the part is large, everything is resolved.
"""

import duckdb

from dagster_project.identity.frames import create_table
from dagster_project.identity.incremental.state import Previous
from dagster_project.identity.matching.blocking import keys_of, limit_blocks, profiles_of
from dagster_project.identity.matching.overrides import Override
from dagster_project.identity.matching.probabilistic import count_frequencies, create_scores, score
from dagster_project.identity.records.changes import apply_changes, find_changes
from dagster_project.identity.records.identifiers import borne
from dagster_project.identity.rules.guards import Guards
from dagster_project.identity.rules.linkage import Linkage
from dagster_project.settings import Settings


def find_part(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    guards: Guards,
    linkage: Linkage,
    previous: Previous,
    changed: list[Override],
    *,
    largest: float,
) -> bool:
    """Bring ``resolution.nodes`` up to date and fill ``id_part`` (node); False: resolve everything.

    Also makes ``id_gone_nodes``, ``id_rescored`` (node), ``id_fresh_scores``, ``id_heavy``,
    ``id_sizes``, ``id_crowded`` and
    ``id_limits``. ``largest``: share of the records that a part may have.
    """
    if not find_changes(con, largest):
        return False
    apply_changes(con, guards)
    count_frequencies(con, linkage)
    con.execute("CREATE OR REPLACE TEMP TABLE id_seeds (node BIGINT)")
    _spread_by_values(con, guards)
    _spread_by_domains(con, linkage)
    _spread_by_frequencies(con)
    if not _is_small(con, "id_rescored", largest):
        return False
    con.execute("INSERT INTO id_seeds SELECT node FROM id_rescored")
    _spread_by_decisions(con, changed)
    if not _spread_by_keys(con, settings, linkage, previous):
        return False
    return _close(con, largest)


def _is_small(con: duckdb.DuckDBPyConnection, table: str, largest: float) -> bool:
    row = con.execute(
        f"SELECT (SELECT count(*) FROM {table}), (SELECT count(*) FROM resolution.nodes)"
    ).fetchone()
    assert row is not None
    return row[0] <= largest * row[1]


def _spread_by_values(con: duckdb.DuckDBPyConnection, guards: Guards) -> None:
    """Bearers of the moved records' values, unless these are and were too many to matter."""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_moved_values AS
        SELECT kind, value,
               count(DISTINCT node) FILTER (is_profile AND is_fresh)
               - count(DISTINCT node) FILTER (is_profile AND NOT is_fresh) AS added
        FROM (
            SELECT *, true AS is_fresh FROM ({borne("id_fresh", "node")})
            UNION ALL
            SELECT *, false FROM ({borne("id_gone_nodes", "node")})
        )
        GROUP BY kind, value
        """
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_bearing AS
        SELECT b.node, b.kind, b.value, b.is_profile
        FROM ({borne("resolution.nodes", "node")}) AS b
        SEMI JOIN id_moved_values AS v ON v.kind = b.kind AND v.value = b.value
        """
    )
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE id_value_counts AS
        SELECT v.kind, v.value, coalesce(c.profiles, 0) AS profiles,
               coalesce(c.profiles, 0) - v.added AS before
        FROM id_moved_values AS v
        LEFT JOIN (
            SELECT kind, value, count(DISTINCT node) AS profiles
            FROM id_bearing WHERE is_profile GROUP BY kind, value
        ) AS c ON c.kind = v.kind AND c.value = v.value
        """
    )
    limit = guards.profiles_per_value
    con.execute(
        f"""
        INSERT INTO id_seeds
        SELECT b.node FROM id_bearing AS b
        JOIN id_value_counts AS c ON c.kind = b.kind AND c.value = b.value
        WHERE least(c.profiles, c.before) <= {limit}
        """
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_heavy AS
        SELECT h.* FROM resolution.heavy_values AS h
        ANTI JOIN id_moved_values AS v ON v.kind = h.kind AND v.value = h.value
        UNION ALL
        SELECT kind, value, profiles FROM id_value_counts WHERE profiles > {limit}
        """
    )


def _spread_by_domains(con: duckdb.DuckDBPyConnection, linkage: Linkage) -> None:
    """``id_rescored`` (node): new profiles, and those whose mail domain became or ceased rare.

    Such a one scores otherwise with anybody, so it is compared with all like a new one.
    """
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_rescored AS
        WITH moved AS (
            SELECT split_part(email, '@', 2) AS domain,
                   count(*) FILTER (is_fresh) - count(*) FILTER (NOT is_fresh) AS added
            FROM (
                SELECT email, is_profile, true AS is_fresh FROM id_fresh
                UNION ALL
                SELECT email, is_profile, false FROM id_gone_nodes
            )
            WHERE is_profile AND email IS NOT NULL GROUP BY ALL
        ),
        bearers AS (
            SELECT n.node, m.domain, m.added
            FROM resolution.nodes AS n JOIN moved AS m ON m.domain = split_part(n.email, '@', 2)
            WHERE n.is_profile
        ),
        passed AS (
            SELECT domain FROM bearers GROUP BY domain
            HAVING (count(*) <= {linkage.block_limit})
                <> (count(*) - any_value(added) <= {linkage.block_limit})
        )
        SELECT node FROM bearers WHERE domain IN (SELECT domain FROM passed)
        UNION
        SELECT node FROM id_fresh WHERE is_profile
        """
    )


def _spread_by_frequencies(con: duckdb.DuckDBPyConnection) -> None:
    """Add to ``id_rescored`` the bearers of a name or city whose step changed."""
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE id_other_steps AS
        SELECT field, value
        FROM id_frequencies AS f
        FULL JOIN resolution.frequencies AS w USING (field, value)
        WHERE f.step IS DISTINCT FROM w.step
        """
    )
    for (field,) in con.execute("SELECT DISTINCT field FROM id_other_steps").fetchall():
        con.execute(
            f"""
            INSERT INTO id_rescored
            SELECT n.node FROM resolution.nodes AS n
            SEMI JOIN id_other_steps AS s ON s.value = n.{field} AND s.field = '{field}'
            WHERE n.is_profile AND n.node NOT IN (SELECT node FROM id_rescored)
            """
        )


def _spread_by_decisions(con: duckdb.DuckDBPyConnection, changed: list[Override]) -> None:
    """Records of decisions that are new, were withdrawn, or wait for one of the new records."""
    create_table(
        con,
        "id_changed_decisions",
        {
            "left_record": [row.left_record for row in changed] or [""],
            "right_record": [row.right_record for row in changed] or [""],
        },
    )
    con.execute(
        """
        INSERT INTO id_seeds
        WITH named AS (
            SELECT node, source_system || '.' || source_table || '/' || source_id AS record
            FROM resolution.nodes WHERE is_profile
        ),
        waiting AS (
            SELECT o.left_record, o.right_record
            FROM id_overrides AS o
            WHERE EXISTS (
                SELECT 1 FROM id_fresh AS f
                WHERE f.source_system || '.' || f.source_table || '/' || f.source_id
                    IN (o.left_record, o.right_record)
            )
            UNION ALL FROM id_changed_decisions
        )
        SELECT n.node FROM named AS n
        SEMI JOIN (
            SELECT left_record AS record FROM waiting UNION ALL SELECT right_record FROM waiting
        ) AS w ON w.record = n.record
        """
    )


def _spread_by_keys(
    con: duckdb.DuckDBPyConnection, settings: Settings, linkage: Linkage, previous: Previous
) -> bool:
    """Bearers of keys that became or ceased too common, and what new records score with anybody."""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_moved_keys AS
        SELECT block, key, sum(added) AS added
        FROM (
            SELECT block, key, 1 AS added FROM ({keys_of(linkage, "id_fresh", "node")})
            UNION ALL
            SELECT block, key, -1 FROM ({keys_of(linkage, "id_gone_nodes", "node")})
            UNION ALL
            SELECT block, key, 0 FROM ({keys_of(linkage, _RESCORED, "node")})
        )
        GROUP BY block, key
        """
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_key_bearers AS
        SELECT k.rid, k.block, k.key FROM ({keys_of(linkage, "resolution.nodes", "node")}) AS k
        SEMI JOIN id_moved_keys AS m ON m.block = k.block AND m.key = k.key
        """
    )
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE id_key_counts AS
        SELECT m.block, m.key, coalesce(c.records, 0) AS records,
               coalesce(c.records, 0) - m.added AS before
        FROM id_moved_keys AS m
        LEFT JOIN (
            SELECT block, key, count(*) AS records FROM id_key_bearers GROUP BY block, key
        ) AS c ON c.block = m.block AND c.key = m.key
        """
    )
    top = linkage.block_limit + 1
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_sizes AS
        SELECT block, records, CAST(sum(keys) AS BIGINT) AS keys
        FROM (
            FROM resolution.block_sizes
            UNION ALL
            SELECT block, least(records, {top}), 1 FROM id_key_counts WHERE records > 0
            UNION ALL
            SELECT block, least(before, {top}), -1 FROM id_key_counts WHERE before > 0
        )
        GROUP BY block, records HAVING sum(keys) <> 0
        """
    )
    row = con.execute("SELECT count(*) FROM resolution.nodes WHERE is_profile").fetchone()
    assert row is not None
    if tuple(limit_blocks(con, linkage, row[0])) != previous.limits:
        return False
    con.execute(
        """
        INSERT INTO id_seeds
        SELECT b.rid FROM id_key_bearers AS b
        JOIN id_key_counts AS c ON c.block = b.block AND c.key = b.key
        JOIN id_limits AS l ON l.block = b.block
        WHERE (c.records <= l.records) <> (c.before <= l.records)
        """
    )
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE id_crowded AS
        SELECT w.block, w.key FROM resolution.crowded_keys AS w
        ANTI JOIN id_moved_keys AS m ON m.block = w.block AND m.key = w.key
        UNION ALL
        SELECT c.block, c.key FROM id_key_counts AS c
        JOIN id_limits AS l ON l.block = c.block AND c.records > l.records
        """
    )
    create_scores(con, "id_fresh_scores")
    con.execute(f"CREATE OR REPLACE TEMP TABLE id_rescored_pairs AS {_RESCORED_PAIRS}")
    score(
        con,
        settings,
        linkage,
        table="id_fresh_scores",
        pairs="FROM id_rescored_pairs",
        nodes=f"""
            SELECT * FROM ({profiles_of("resolution.nodes", "node")}) WHERE rid IN (
                SELECT a FROM id_rescored_pairs UNION ALL SELECT b FROM id_rescored_pairs
            )""",
        probability=previous.probability,
    )
    con.execute(
        "INSERT INTO id_seeds SELECT rid_a FROM id_fresh_scores "
        "UNION ALL SELECT rid_b FROM id_fresh_scores"
    )
    return True


_RESCORED = "(SELECT n.* FROM resolution.nodes AS n SEMI JOIN id_rescored AS r ON r.node = n.node)"

# Left and right as in a resolution of everything, where numbers follow the order of keys.
_RESCORED_PAIRS = """
    WITH found AS (
        SELECT DISTINCT least(l.rid, r.rid) AS one, greatest(l.rid, r.rid) AS other
        FROM id_key_bearers AS l
        SEMI JOIN id_rescored AS p ON p.node = l.rid
        JOIN id_key_counts AS c ON c.block = l.block AND c.key = l.key
        JOIN id_limits AS m ON m.block = l.block AND c.records <= m.records
        JOIN id_key_bearers AS r ON r.block = l.block AND r.key = l.key AND r.rid <> l.rid
    )
    SELECT CASE WHEN is_ordered THEN one ELSE other END AS a,
           CASE WHEN is_ordered THEN other ELSE one END AS b
    FROM (
        SELECT f.one, f.other,
               (x.source_system, x.source_table, x.source_id)
               < (y.source_system, y.source_table, y.source_id) AS is_ordered
        FROM found AS f
        JOIN resolution.nodes AS x ON x.node = f.one
        JOIN resolution.nodes AS y ON y.node = f.other
    )
"""


def _close(con: duckdb.DuckDBPyConnection, largest: float) -> bool:
    """``id_part``: whole components of the seeds, and of who owns an id that one of them had."""
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE id_touched_components AS
        SELECT DISTINCT component FROM resolution.places
        WHERE node IN (SELECT node FROM id_seeds UNION ALL SELECT node FROM id_gone)
        """
    )
    while True:
        con.execute(
            """
            CREATE OR REPLACE TEMP TABLE id_part AS
            SELECT p.node, p.customer_id FROM resolution.places AS p
            SEMI JOIN id_touched_components AS t ON t.component = p.component
            WHERE p.node NOT IN (SELECT node FROM id_gone)
            UNION ALL
            SELECT node, NULL FROM id_fresh
            """
        )
        con.execute(
            """
            CREATE OR REPLACE TEMP TABLE id_reached AS
            SELECT DISTINCT o.component
            FROM id_part AS p
            JOIN resolution.nodes AS n ON n.node = p.node
            JOIN identity.registry AS g
              ON g.source_system = n.source_system AND g.source_table = n.source_table
             AND g.source_id = n.source_id
            JOIN resolution.places AS o ON o.customer_id = g.customer_id
            WHERE p.customer_id IS NULL
              AND o.component NOT IN (SELECT component FROM id_touched_components)
            """
        )
        if not _is_small(con, "id_part", largest):
            return False
        if not con.execute("SELECT 1 FROM id_reached LIMIT 1").fetchone():
            return True
        con.execute("INSERT INTO id_touched_components FROM id_reached")
