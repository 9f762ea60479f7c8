"""Moved keys: blocking keys whose bearers came, went or score otherwise; what follows for all."""

from dataclasses import dataclass

import duckdb

from dagster_project.identity.frames import Frame, make
from dagster_project.identity.incremental.previous import Previous
from dagster_project.identity.matching.blocking import (
    keys_of,
    limit_blocks,
    limits_in_order,
    profiles_of,
)
from dagster_project.identity.matching.probabilistic import Frequencies, score
from dagster_project.identity.records.changes import Changes
from dagster_project.identity.rules.linkage import Linkage
from dagster_project.identity.rules.rule_set import RuleSet
from dagster_project.settings import Settings


@dataclass(frozen=True)
class MovedKeys:
    """Blocks as they are now; ``scores``, by node: of the rescored nodes with all.

    ``seeds``: nodes that these scores or a limit passed by a key concern.
    """

    sizes: Frame
    limits: Frame
    oversized: Frame
    scores: Frame
    seeds: Frame


def score_moved_keys(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    rules: RuleSet,
    frequencies: Frequencies,
    changes: Changes,
    rescored: Frame,
    previous: Previous,
) -> MovedKeys | None:
    """None when the limits of the blocks are others than last time: that concerns everybody."""
    linkage = rules.linkage
    _count_moved_keys(con, linkage, changes, rescored)
    sizes = _block_sizes(con, linkage)
    row = con.execute("SELECT count(*) FROM resolution.nodes WHERE is_profile").fetchone()
    assert row is not None
    limits = limit_blocks(con, linkage, sizes, row[0])
    if limits_in_order(con, limits) != previous.limits:
        return None
    oversized = _oversized(con, limits)
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE id_rescored_pairs AS {_rescored_pairs(rescored, limits)}"
    )
    scores = score(
        con,
        settings,
        rules,
        frequencies,
        frame="fresh_scores",
        pairs="FROM id_rescored_pairs",
        nodes=f"""
            SELECT * FROM ({profiles_of("resolution.nodes", "node")}) WHERE rid IN (
                SELECT a FROM id_rescored_pairs UNION ALL SELECT b FROM id_rescored_pairs
            )""",
        probability=previous.probability,
    )
    seeds = make(
        con,
        "key_seeds",
        f"SELECT rid AS node FROM id_at_limit UNION ALL SELECT rid_a FROM {scores} "
        f"UNION ALL SELECT rid_b FROM {scores}",
    )
    return MovedKeys(sizes, limits, oversized, scores, seeds)


def _count_moved_keys(
    con: duckdb.DuckDBPyConnection, linkage: Linkage, changes: Changes, rescored: Frame
) -> None:
    """How many profiles bear, and bore, every key of the records that came, went or are rescored.

    ``id_key_bearers`` (rid, block, key) and ``id_key_counts`` (block, key, records, before).
    """
    again = f"(SELECT n.* FROM resolution.nodes AS n SEMI JOIN {rescored} AS r ON r.node = n.node)"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_moved_keys AS
        SELECT block, key, sum(added) AS added
        FROM (
            SELECT block, key, 1 AS added FROM ({keys_of(linkage, changes.fresh_nodes, "node")})
            UNION ALL
            SELECT block, key, -1 FROM ({keys_of(linkage, changes.gone_nodes, "node")})
            UNION ALL
            SELECT block, key, 0 FROM ({keys_of(linkage, again, "node")})
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


def _block_sizes(con: duckdb.DuckDBPyConnection, linkage: Linkage) -> Frame:
    """Sizes of blocks as they are now, from those of last time and the keys that moved."""
    top = linkage.block_limit + 1
    return make(
        con,
        "block_sizes",
        f"""
        SELECT block, records, CAST(sum(keys) AS BIGINT) AS keys
        FROM (
            FROM resolution.block_sizes
            UNION ALL
            SELECT block, least(records, {top}), 1 FROM id_key_counts WHERE records > 0
            UNION ALL
            SELECT block, least(before, {top}), -1 FROM id_key_counts WHERE before > 0
        )
        GROUP BY block, records HAVING sum(keys) <> 0
        """,
    )


def _oversized(con: duckdb.DuckDBPyConnection, limits: Frame) -> Frame:
    """The oversized keys of all; ``id_at_limit`` (rid): bearers of such as became or ceased so."""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_at_limit AS
        SELECT b.rid FROM id_key_bearers AS b
        JOIN id_key_counts AS c ON c.block = b.block AND c.key = b.key
        JOIN {limits} AS l ON l.block = b.block
        WHERE (c.records <= l.records) <> (c.before <= l.records)
        """
    )
    return make(
        con,
        "oversized_keys",
        f"""
        SELECT w.block, w.key FROM resolution.oversized_keys AS w
        ANTI JOIN id_moved_keys AS m ON m.block = w.block AND m.key = w.key
        UNION ALL
        SELECT c.block, c.key FROM id_key_counts AS c
        JOIN {limits} AS l ON l.block = c.block AND c.records > l.records
        """,
    )


def _rescored_pairs(rescored: Frame, limits: Frame) -> str:
    """Query of the pairs to score, left and right as in a resolution of everything.

    There numbers follow the order of keys.
    """
    return f"""
    WITH found AS (
        SELECT DISTINCT least(l.rid, r.rid) AS one, greatest(l.rid, r.rid) AS other
        FROM id_key_bearers AS l
        SEMI JOIN {rescored} AS p ON p.node = l.rid
        JOIN id_key_counts AS c ON c.block = l.block AND c.key = l.key
        JOIN {limits} AS m ON m.block = l.block AND c.records <= m.records
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
