"""Affected records: which part a day's changes touch, so that the rest need no second look.

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

from dataclasses import dataclass

import duckdb

from dagster_project.identity.frames import Frame, create_table, make, make_empty
from dagster_project.identity.incremental.moved_keys import MovedKeys, score_moved_keys
from dagster_project.identity.incremental.previous import Previous
from dagster_project.identity.matching.field_errors import FieldErrors, count_field_errors
from dagster_project.identity.matching.overrides import Overrides
from dagster_project.identity.matching.probabilistic import Frequencies, count_frequencies
from dagster_project.identity.records.changes import Changes, apply_changes
from dagster_project.identity.records.identifiers import borne_by
from dagster_project.identity.rules.guards import Guards
from dagster_project.identity.rules.linkage import Linkage
from dagster_project.identity.rules.rule_set import RuleSet
from dagster_project.settings import Settings


@dataclass(frozen=True)
class Affected:
    """The part that has to be resolved again, and what was counted over all records for it.

    ``rescored``: nodes that score otherwise with anybody, so are compared with all.
    """

    changes: Changes
    part: Frame
    touched_components: Frame
    rescored: Frame
    frequencies: Frequencies
    errors: FieldErrors
    high_degree: Frame
    keys: MovedKeys


def find_affected(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    rules: RuleSet,
    previous: Previous,
    overrides: Overrides,
    *,
    largest: float,
) -> Affected | None:
    """Bring ``resolution.nodes`` up to date; None when everything must be resolved.

    ``largest``: share of the records that a part may have.
    """
    guards, linkage = rules.guards, rules.linkage
    changes = apply_changes(con, guards, rules.nicknames, largest)
    if changes is None:
        return None
    errors = count_field_errors(con, rules.model)
    if str(errors) != previous.errors:
        return None
    frequencies = count_frequencies(con, rules)
    con.execute("CREATE OR REPLACE TEMP TABLE id_seeds (node BIGINT)")
    high_degree = _spread_by_values(con, guards, changes)
    rescored = make_empty(con, "rescored")
    _spread_by_domains(con, linkage, changes, rescored)
    _spread_by_frequencies(con, frequencies, rescored)
    if not _is_small(con, rescored, largest):
        return None
    con.execute(f"INSERT INTO id_seeds SELECT node FROM {rescored}")
    _spread_by_decisions(con, changes, overrides)
    weighed = errors.applied_to(rules)
    keys = score_moved_keys(con, settings, weighed, frequencies, changes, rescored, previous)
    if keys is None:
        return None
    con.execute(f"INSERT INTO id_seeds FROM {keys.seeds}")
    closed = _close(con, changes, largest)
    if closed is None:
        return None
    return Affected(changes, *closed, rescored, frequencies, errors, high_degree, keys)


def _is_small(con: duckdb.DuckDBPyConnection, table: Frame, largest: float) -> bool:
    row = con.execute(
        f"SELECT (SELECT count(*) FROM {table}), (SELECT count(*) FROM resolution.nodes)"
    ).fetchone()
    assert row is not None
    return row[0] <= largest * row[1]


def _spread_by_values(con: duckdb.DuckDBPyConnection, guards: Guards, changes: Changes) -> Frame:
    """Bearers of the moved records' values, unless these are and were too many to matter.

    Returns the high-degree values of all records.
    """
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_moved_values AS
        SELECT kind, value,
               count(DISTINCT node) FILTER (is_profile AND is_fresh)
               - count(DISTINCT node) FILTER (is_profile AND NOT is_fresh) AS added
        FROM (
            SELECT *, true AS is_fresh FROM ({borne_by(changes.fresh_nodes, "node")})
            UNION ALL
            SELECT *, false FROM ({borne_by(changes.gone_nodes, "node")})
        )
        GROUP BY kind, value
        """
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_bearing AS
        SELECT b.node, b.kind, b.value, b.is_profile
        FROM ({borne_by("resolution.nodes", "node")}) AS b
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
    return make(
        con,
        "high_degree",
        f"""
        SELECT h.* FROM resolution.high_degree AS h
        ANTI JOIN id_moved_values AS v ON v.kind = h.kind AND v.value = h.value
        UNION ALL
        SELECT kind, value, profiles FROM id_value_counts WHERE profiles > {limit}
        """,
    )


def _spread_by_domains(
    con: duckdb.DuckDBPyConnection, linkage: Linkage, changes: Changes, rescored: Frame
) -> None:
    """Add to ``rescored`` new profiles, and those whose mail domain became or ceased rare.

    Such a one scores otherwise with anybody, so it is compared with all like a new one.
    """
    con.execute(
        f"""
        INSERT INTO {rescored}
        WITH moved AS (
            SELECT split_part(email, '@', 2) AS domain,
                   count(*) FILTER (is_fresh) - count(*) FILTER (NOT is_fresh) AS added
            FROM (
                SELECT email, is_profile, true AS is_fresh FROM {changes.fresh_nodes}
                UNION ALL
                SELECT email, is_profile, false FROM {changes.gone_nodes}
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
        SELECT node FROM {changes.fresh_nodes} WHERE is_profile
        """
    )


def _spread_by_frequencies(
    con: duckdb.DuckDBPyConnection, frequencies: Frequencies, rescored: Frame
) -> None:
    """Add to ``rescored`` the bearers of a name or city whose step changed."""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_other_steps AS
        SELECT field, value
        FROM {frequencies.values} AS f
        FULL JOIN resolution.frequencies AS w USING (field, value)
        WHERE f.step IS DISTINCT FROM w.step
        """
    )
    for (field,) in con.execute("SELECT DISTINCT field FROM id_other_steps").fetchall():
        con.execute(
            f"""
            INSERT INTO {rescored}
            SELECT n.node FROM resolution.nodes AS n
            SEMI JOIN id_other_steps AS s ON s.value = n.{field} AND s.field = '{field}'
            WHERE n.is_profile AND n.node NOT IN (SELECT node FROM {rescored})
            """
        )


def _spread_by_decisions(
    con: duckdb.DuckDBPyConnection, changes: Changes, overrides: Overrides
) -> None:
    """Records of decisions that are new, were withdrawn, or wait for one of the new records."""
    changed = overrides.changed
    create_table(
        con,
        "id_changed_decisions",
        {
            "left_record": [row.left_record for row in changed] or [""],
            "right_record": [row.right_record for row in changed] or [""],
        },
    )
    con.execute(
        f"""
        INSERT INTO id_seeds
        WITH named AS (
            SELECT node, source_system || '.' || source_table || '/' || source_id AS record
            FROM resolution.nodes WHERE is_profile
        ),
        waiting AS (
            SELECT o.left_record, o.right_record
            FROM {overrides.frame} AS o
            WHERE EXISTS (
                SELECT 1 FROM {changes.fresh_nodes} AS f
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


def _close(
    con: duckdb.DuckDBPyConnection, changes: Changes, largest: float
) -> tuple[Frame, Frame] | None:
    """(part, touched components): whole components of the seeds, and of who owns an id of theirs.

    None when the part is too large.
    """
    touched = make(
        con,
        "touched_components",
        f"""
        SELECT DISTINCT component FROM resolution.places
        WHERE node IN (SELECT node FROM id_seeds UNION ALL SELECT node FROM {changes.gone})
        """,
    )
    while True:
        part = make(
            con,
            "part",
            f"""
            SELECT p.node, p.customer_id FROM resolution.places AS p
            SEMI JOIN {touched} AS t ON t.component = p.component
            WHERE p.node NOT IN (SELECT node FROM {changes.gone})
            UNION ALL
            SELECT node, NULL FROM {changes.fresh_nodes}
            """,
        )
        con.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE id_reached AS
            SELECT DISTINCT o.component
            FROM {part} AS p
            JOIN resolution.nodes AS n ON n.node = p.node
            JOIN identity.registry AS g
              ON g.source_system = n.source_system AND g.source_table = n.source_table
             AND g.source_id = n.source_id
            JOIN resolution.places AS o ON o.customer_id = g.customer_id
            WHERE p.customer_id IS NULL
              AND o.component NOT IN (SELECT component FROM {touched})
            """
        )
        if not _is_small(con, part, largest):
            return None
        if not con.execute("SELECT 1 FROM id_reached LIMIT 1").fetchone():
            return part, touched
        con.execute(f"INSERT INTO {touched} FROM id_reached")
