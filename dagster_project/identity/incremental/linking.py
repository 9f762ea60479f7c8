"""Which pairs of profiles are linked: all of them, or those of the part that changes touch."""

import time
from dataclasses import dataclass

import duckdb

from dagster_project.identity.incremental.affected_records import find_part
from dagster_project.identity.incremental.state import Previous
from dagster_project.identity.matching.blocking import (
    PAIRS_OF_KEYS,
    block_all,
    crowd_keys,
    keys_of,
    limit_blocks,
    profiles_of,
)
from dagster_project.identity.matching.deterministic import link_by_identifiers
from dagster_project.identity.matching.overrides import Override, apply_overrides
from dagster_project.identity.matching.probabilistic import (
    count_companions,
    count_frequencies,
    create_scores,
    link_by_score,
    prior,
    score,
)
from dagster_project.identity.records.identifiers import prepare_all, prepare_part
from dagster_project.identity.rules.guards import Guards
from dagster_project.identity.rules.linkage import Linkage
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
class Rules:
    """What a resolution goes by; ``changed`` are decisions that are new or withdrawn."""

    guards: Guards
    linkage: Linkage
    settings: Settings
    changed: list[Override]


def link_all(con: duckdb.DuckDBPyConnection, rules: Rules, clock: Clock) -> float:
    """Links between all profiles; returns the prior."""
    linkage = rules.linkage
    prepare_all(con, rules.guards)
    clock.lap("prepare")
    link_by_identifiers(con, rules.guards)
    clock.lap("link")
    count_frequencies(con, linkage)
    block_all(con, linkage)
    count_companions(con)
    row = con.execute("SELECT count(*), coalesce(sum(companions), 0) FROM id_companions").fetchone()
    assert row is not None
    limit_blocks(con, linkage, row[0])
    crowd_keys(con)
    probability = prior(linkage, row[0], int(row[1]) // 2)
    create_scores(con, "id_raw_scores")
    clock.lap("block")
    score(
        con,
        rules.settings,
        linkage,
        table="id_raw_scores",
        pairs=PAIRS_OF_KEYS,
        nodes=profiles_of("id_nodes", "rid"),
        probability=probability,
    )
    con.execute("DROP TABLE id_keys")
    link_by_score(con, linkage)
    apply_overrides(con, rules.changed)
    clock.lap("score")
    return probability


def link_part(
    con: duckdb.DuckDBPyConnection,
    rules: Rules,
    previous: Previous | None,
    largest: float,
    clock: Clock,
) -> float | None:
    """Links within what the changes touch; the prior, or None when everything must be resolved."""
    linkage = rules.linkage
    if previous is None or not largest:
        return None
    is_found = find_part(
        con,
        rules.settings,
        rules.guards,
        linkage,
        previous,
        rules.changed,
        largest=largest,
    )
    clock.lap("changes")
    if not is_found:
        return None
    prepare_part(con)
    clock.lap("prepare")
    link_by_identifiers(con, rules.guards)
    clock.lap("link")
    count_companions(con)
    row = con.execute(
        """
        SELECT (SELECT count(*) FROM resolution.nodes WHERE is_profile),
               (SELECT coalesce(sum(companions), 0) FROM id_companions)
               + (SELECT coalesce(sum(companions), 0) FROM resolution.places
                  WHERE node NOT IN (SELECT node FROM id_part)
                    AND node NOT IN (SELECT node FROM id_gone))
        """
    ).fetchone()
    assert row is not None
    if prior(linkage, row[0], int(row[1]) // 2) != previous.probability:
        return None
    _score_part(con, rules, previous)
    link_by_score(con, linkage)
    apply_overrides(con, rules.changed)
    clock.lap("score")
    return previous.probability


def _score_part(con: duckdb.DuckDBPyConnection, rules: Rules, previous: Previous) -> None:
    """``id_raw_scores``: of new records with all, which are there already, and of the rest."""
    create_scores(con, "id_raw_scores")
    con.execute(
        """
        INSERT INTO id_raw_scores
        SELECT least(a.rid, b.rid), greatest(a.rid, b.rid), s.* EXCLUDE (rid_a, rid_b)
        FROM id_fresh_scores AS s
        JOIN id_nodes AS a ON a.node = s.rid_a
        JOIN id_nodes AS b ON b.node = s.rid_b
        """
    )
    # A key that is not crowded pairs, however many of its bearers are in the part.
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_keys AS
        SELECT k.rid, k.block, k.key, 2 AS records
        FROM ({keys_of(rules.linkage, "id_nodes", "rid")}) AS k
        ANTI JOIN id_crowded AS c ON c.block = k.block AND c.key = k.key
        """
    )
    rescored = "(SELECT n.rid FROM id_nodes AS n SEMI JOIN id_rescored AS r ON r.node = n.node)"
    score(
        con,
        rules.settings,
        rules.linkage,
        table="id_raw_scores",
        pairs=f"SELECT a, b FROM ({PAIRS_OF_KEYS}) "
        f"WHERE a NOT IN {rescored} AND b NOT IN {rescored}",
        nodes=profiles_of("id_nodes", "rid"),
        probability=previous.probability,
    )
