"""Resolution: everything from records to people; the result is written in one transaction.

A day's changes are resolved alone when the last resolution went by the same rules, otherwise
everything is (``incremental``). Killed half-way it leaves yesterday's tables, and the next
resolution looks at everything; it gives the same people.
"""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import duckdb

from dagster_project.errors import HourglassError
from dagster_project.identity.clustering.attachment import attach
from dagster_project.identity.clustering.clusters import cluster_profiles, combine
from dagster_project.identity.frames import Frame
from dagster_project.identity.incremental.linking import Clock, link_all, link_part
from dagster_project.identity.incremental.previous import read_previous
from dagster_project.identity.incremental.state import keep
from dagster_project.identity.inspection.summary import IdentitySummary
from dagster_project.identity.matching.overrides import load_overrides, store_overrides
from dagster_project.identity.output import Resolved, stage, stage_guard_events, write
from dagster_project.identity.records.identifiers import normalise_values
from dagster_project.identity.registry.id_assignment import assign, record
from dagster_project.identity.registry.in_force import return_to_published
from dagster_project.identity.registry.published_comparison import (
    compare_with_published,
    read_published,
)
from dagster_project.identity.registry.tables import create_identity_tables
from dagster_project.identity.rules.rule_set import RuleSet, load_rules
from dagster_project.settings import Settings

# Share of the records that a part may have; with more, everything is as quick. A percent of new
# records moves the frequencies of enough names to touch a tenth.
LARGEST_PART = 0.2


def resolve_records(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    *,
    run_id: str,
    published: Path | None = None,
    largest_part: float = LARGEST_PART,
) -> IdentitySummary:
    """Resolve ``intermediate.int_identity_*`` to customers and write ``identity.*``.

    ``published``: ``restricted.duckdb`` of the version in force, whose registry holds; None: that
    of ``con``.
    ``largest_part``: share of the records that may be resolved alone; 0 resolves everything.
    Raises HourglassError when the input tables are missing or DuckDB fails; values never stand in
    the message. What readers see is not changed then.
    """
    rules = load_rules()
    guards = rules.guards
    now = datetime.now(UTC).replace(tzinfo=None)
    clock = Clock()
    create_identity_tables(con)
    if published is not None:
        return_to_published(con, published)
    overrides = load_overrides(con, settings)
    version = rules_version(rules, settings)
    try:
        previous = read_previous(con, version)
        # Until this resolution has ended, what is kept of the last one cannot be trusted.
        con.execute("DELETE FROM resolution.parameters")
        # Outside the transaction, on temporary tables: DuckDB 1.5 has no statistics of tables
        # that are not committed, and joined 13,000 values for minutes instead of a second.
        raw_values = normalise_values(con, guards, settings.phone_region)
        clock.lap("normalise")
        linked = link_part(con, settings, rules, overrides, previous, largest_part, clock)
        records, matching = linked or link_all(con, settings, rules, overrides, clock)
        links = matching.links
        members, cut_links = cluster_profiles(
            con,
            guards,
            records.nodes,
            links=links.evidence,
            scored=matching.scored,
            must=links.must,
            forbidden=links.forbidden,
            errors=matching.errors,
        )
        clock.lap("cluster")
        attached = attach(con, guards, rules.nicknames, records, members)
        clustered = combine(con, members, attached, links.links)
        clock.lap("attach")
        decided = _decided_clusters(con, links.decided, members)
        assignment = assign(con, records.nodes, clustered, members, decided)
        clock.lap("assign")
        resolved = Resolved(
            now, raw_values, records, matching, members, cut_links, clustered, assignment
        )
        value_owners = stage(con, resolved)
        places = keep(con, records, matching, clustered, assignment.owners)
        guard_events = stage_guard_events(con, guards, resolved, value_owners, places)
        in_force = read_published(con, published)
        con.execute("BEGIN")
        try:
            store_overrides(con, overrides)
            record(con, now, assignment, records.nodes, clustered)
            write(con, resolved, guard_events)
            compare_with_published(con, settings, in_force, assignment)
            con.execute(
                "INSERT INTO resolution.parameters SELECT ?, ?, list(records ORDER BY block), ? "
                f"FROM {matching.block_limits}",
                [version, matching.probability, str(matching.errors)],
            )
            summary = _summary(con, resolved)
            con.execute("COMMIT")
        except BaseException:
            con.execute("ROLLBACK")
            raise
        clock.lap("write")
    except duckdb.Error as error:
        raise HourglassError(
            f"Identity resolution failed in DuckDB ({type(error).__name__}) in run {run_id}; "
            "nothing was changed. Check that the identity input models were built and that the "
            "disk has room, then run again."
        ) from error
    return replace(summary, seconds=clock.seconds)


def rules_version(rules: RuleSet, settings: Settings) -> str:
    """Equal for two resolutions only if equal records give equal people."""
    edited = f"{rules.guards.version}-{rules.nicknames.version}"
    return f"{edited}-{settings.phone_region}-{_code_version()}"


@lru_cache(maxsize=1)
def _code_version() -> str:
    """Of this package's code, model and thresholds, and of DuckDB, whose hashes are kept."""
    digest = hashlib.sha256(duckdb.__version__.encode())
    for path in sorted(Path(__file__).parent.rglob("*")):
        if path.suffix in {".py", ".json", ".yml", ".csv"}:
            digest.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}".encode())
    return digest.hexdigest()[:16]


def _decided_clusters(con: duckdb.DuckDBPyConnection, decided: Frame, members: Frame) -> set[int]:
    """Clusters that a decision which is new or was withdrawn speaks of."""
    rows = con.execute(
        f"SELECT m.cluster FROM {decided} AS d JOIN {members} AS m ON m.rid IN (d.a, d.b)"
    ).fetchall()
    return {row[0] for row in rows}


def _summary(con: duckdb.DuckDBPyConnection, resolved: Resolved) -> IdentitySummary:
    row = con.execute(
        f"""
        SELECT (SELECT count(*) FROM resolution.nodes), (SELECT count(*) FROM identity.customers),
               (SELECT count(*) FROM resolution.nodes) - (
                   SELECT count(*) FROM identity.assignments WHERE method <> 'visitor'
               ),
               (SELECT count(*) FROM identity.registry_ids WHERE minted_at = $1),
               count(*) FILTER (kind = 'merge'), count(*) FILTER (kind = 'split'),
               (SELECT count(*) FROM identity.guard_stops),
               (SELECT count(*) FROM {resolved.records.nodes})
        FROM identity.id_changes WHERE changed_at = $1
        """,
        [resolved.now],
    ).fetchone()
    assert row is not None
    return IdentitySummary(*row, is_increment=resolved.matching.affected is not None)
