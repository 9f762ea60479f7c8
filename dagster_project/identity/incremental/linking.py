"""Linking: all profiles, or those that changes touch, through the stages of matching."""

import time
from dataclasses import dataclass

import duckdb

from dagster_project.identity.frames import Frame, make
from dagster_project.identity.incremental.affected_records import Affected, find_affected
from dagster_project.identity.incremental.previous import Previous
from dagster_project.identity.matching.blocking import block_all, keys_of, pairs_of, profiles_of
from dagster_project.identity.matching.deterministic import link_by_identifiers
from dagster_project.identity.matching.field_errors import FieldErrors, count_field_errors
from dagster_project.identity.matching.overrides import Links, Overrides, apply_overrides
from dagster_project.identity.matching.probabilistic import (
    BEARS_IDENTIFIER,
    Frequencies,
    count_companions,
    count_frequencies,
    link_by_score,
    prior,
    score,
)
from dagster_project.identity.records.identifiers import Records, prepare_all, prepare_part
from dagster_project.identity.rules.rule_set import RuleSet
from dagster_project.settings import Settings


class Clock:
    """Seconds per stage; a stage may come twice."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage] = round(self.seconds.get(stage, 0) + now - self._since, 3)
        self._since = now


@dataclass(frozen=True)
class Matching:
    """What matching hands on: links, and the counts that the next resolution compares with.

    ``affected``: the part that was resolved, None when everything was.
    """

    links: Links
    scored: Frame
    overshared: Frame
    companions: Frame
    frequencies: Frequencies
    block_sizes: Frame
    block_limits: Frame
    oversized_keys: Frame
    probability: float
    errors: FieldErrors
    affected: Affected | None = None


def link_all(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    rules: RuleSet,
    overrides: Overrides,
    clock: Clock,
) -> tuple[Records, Matching]:
    """All records, and the links between all profiles."""
    linkage = rules.linkage
    records = prepare_all(con, rules.guards, rules.nicknames)
    clock.lap("prepare")
    proven = link_by_identifiers(con, rules.guards, records)
    clock.lap("link")
    frequencies = count_frequencies(con, rules)
    errors = count_field_errors(con, rules.model)
    companions = count_companions(con, records.nodes, proven.links)
    profiles, bearers = _count_profiles(con)
    row = con.execute(f"SELECT coalesce(sum(companions), 0) FROM {companions}").fetchone()
    assert row is not None
    blocks = block_all(con, linkage, records.nodes, profiles)
    probability = prior(linkage, profiles, bearers, int(row[0]) // 2)
    clock.lap("block")
    scores = score(
        con,
        settings,
        errors.applied_to(rules),
        frequencies,
        frame="scores",
        pairs=pairs_of(blocks.keys, blocks.limits),
        nodes=profiles_of(records.nodes, "rid"),
        probability=probability,
    )
    con.execute(f"DROP TABLE {blocks.keys}")
    probable = link_by_score(con, linkage, records, proven, scores, errors)
    links = apply_overrides(con, overrides, records.nodes, proven.links, probable.links)
    clock.lap("score")
    return records, Matching(
        links,
        probable.scored,
        proven.overshared,
        companions,
        frequencies,
        blocks.sizes,
        blocks.limits,
        blocks.oversized,
        probability,
        errors,
    )


def link_part(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    rules: RuleSet,
    overrides: Overrides,
    previous: Previous | None,
    largest: float,
    clock: Clock,
) -> tuple[Records, Matching] | None:
    """The records that changes touch, and the links within; None: everything must be resolved."""
    linkage = rules.linkage
    if previous is None or not largest:
        return None
    affected = find_affected(con, settings, rules, previous, overrides, largest=largest)
    clock.lap("changes")
    if affected is None:
        return None
    records = prepare_part(con, affected.part, affected.high_degree)
    clock.lap("prepare")
    proven = link_by_identifiers(con, rules.guards, records)
    clock.lap("link")
    companions = count_companions(con, records.nodes, proven.links)
    row = con.execute(
        f"""
        SELECT (SELECT coalesce(sum(companions), 0) FROM {companions})
               + (SELECT coalesce(sum(companions), 0) FROM resolution.places
                  WHERE node NOT IN (SELECT node FROM {affected.part})
                    AND node NOT IN (SELECT node FROM {affected.changes.gone}))
        """
    ).fetchone()
    assert row is not None
    if prior(linkage, *_count_profiles(con), int(row[0]) // 2) != previous.probability:
        return None
    weighed = affected.errors.applied_to(rules)
    scores = _score_part(con, settings, weighed, records.nodes, affected, previous.probability)
    probable = link_by_score(con, linkage, records, proven, scores, affected.errors)
    links = apply_overrides(con, overrides, records.nodes, proven.links, probable.links)
    clock.lap("score")
    return records, Matching(
        links,
        probable.scored,
        proven.overshared,
        companions,
        affected.frequencies,
        affected.keys.sizes,
        affected.keys.limits,
        affected.keys.oversized,
        previous.probability,
        affected.errors,
        affected,
    )


def _count_profiles(con: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """(profiles, those of them that bear an identifier) among all records."""
    row = con.execute(
        f"SELECT count(*), count(*) FILTER ({BEARS_IDENTIFIER}) FROM resolution.nodes "
        "WHERE is_profile"
    ).fetchone()
    assert row is not None
    return row[0], row[1]


def _score_part(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    rules: RuleSet,
    nodes: Frame,
    affected: Affected,
    probability: float,
) -> Frame:
    """Scores of new records with all, which are there already, and of the rest of the part."""
    # A key that is not oversized pairs, however many of its bearers are in the part.
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_keys AS
        SELECT k.rid, k.block, k.key, 2 AS records
        FROM ({keys_of(rules.linkage, nodes, "rid")}) AS k
        ANTI JOIN {affected.keys.oversized} AS c ON c.block = k.block AND c.key = k.key
        """
    )
    rescored = f"(SELECT n.rid FROM {nodes} AS n SEMI JOIN {affected.rescored} AS r USING (node))"
    others = score(
        con,
        settings,
        rules,
        affected.frequencies,
        frame="other_scores",
        pairs=f"SELECT a, b FROM ({pairs_of('id_keys', affected.keys.limits)}) "
        f"WHERE a NOT IN {rescored} AND b NOT IN {rescored}",
        nodes=profiles_of(nodes, "rid"),
        probability=probability,
    )
    return make(
        con,
        "scores",
        f"""
        SELECT least(a.rid, b.rid) AS rid_a, greatest(a.rid, b.rid) AS rid_b,
               s.* EXCLUDE (rid_a, rid_b)
        FROM {affected.keys.scores} AS s
        JOIN {nodes} AS a ON a.node = s.rid_a
        JOIN {nodes} AS b ON b.node = s.rid_b
        UNION ALL
        FROM {others}
        """,
    )
