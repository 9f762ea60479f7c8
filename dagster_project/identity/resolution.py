"""Everything from records to people; the result is written in one transaction.

A day's changes are resolved alone when the last resolution went by the same rules (``increment``),
otherwise everything is. Killed half-way it leaves yesterday's tables, and the next resolution looks
at everything; it gives the same people.
"""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import duckdb
import numpy as np

from dagster_project.errors import HourglassError
from dagster_project.identity.clustering.attachment import attach
from dagster_project.identity.clustering.connected_components import cluster, components
from dagster_project.identity.clustering.guard_events import stage_stops
from dagster_project.identity.frames import create_table
from dagster_project.identity.incremental.linking import Clock, Rules, link_all, link_part
from dagster_project.identity.incremental.state import keep, read_previous
from dagster_project.identity.inspection.summary import IdentitySummary
from dagster_project.identity.matching.overrides import LINK_BITS, load_overrides, store_overrides
from dagster_project.identity.output import stage, write
from dagster_project.identity.records.identifiers import normalise_values
from dagster_project.identity.registry import id_assignment
from dagster_project.identity.registry.published_comparison import (
    compare_with_published,
    read_published,
)
from dagster_project.identity.registry.tables import create_identity_tables
from dagster_project.identity.rules.guards import Guards, load_guards
from dagster_project.identity.rules.likeness import CONTRADICTION_BITS, CONTRADICTS, LEVELS
from dagster_project.identity.rules.linkage import load_linkage
from dagster_project.settings import Settings

# Above this a component is not compared all with all: its size alone makes the guard cut it.
_COMPARED_WHOLE = 400

# Share of the records that a part may have; with more, everything is quicker.
LARGEST_PART = 0.1


def resolve_records(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    *,
    run_id: str,
    published: Path | None = None,
    largest_part: float = LARGEST_PART,
) -> IdentitySummary:
    """Resolve ``intermediate.int_identity_*`` to customers and write ``identity.*``.

    ``published``: ``restricted.duckdb`` of the version in force, which ids are compared with.
    ``largest_part``: share of the records that may be resolved alone; 0 resolves everything.
    Raises HourglassError when the input tables are missing or DuckDB fails; values never stand in
    the message. What readers see is not changed then.
    """
    guards, linkage = load_guards(), load_linkage()
    now = datetime.now(UTC).replace(tzinfo=None)
    clock = Clock()
    create_identity_tables(con)
    changed = load_overrides(con, settings)
    version = rules_version(guards, settings)
    try:
        previous = read_previous(con, version)
        # Until this resolution has ended, what is kept of the last one cannot be trusted.
        con.execute("DELETE FROM resolution.parameters")
        # Outside the transaction, on temporary tables: DuckDB 1.5 has no statistics of tables
        # that are not committed, and joined 13,000 values for minutes instead of a second.
        normalise_values(con, guards, settings.phone_region)
        clock.lap("normalise")
        rules = Rules(guards, linkage, settings, changed)
        probability = link_part(con, rules, previous, largest_part, clock)
        is_part = probability is not None
        if probability is None:
            probability = link_all(con, rules, clock)
        cluster_profiles(con, guards)
        clock.lap("cluster")
        attach(con, guards)
        finish(con)
        clock.lap("attach")
        outcome = id_assignment.assign(con, _decided_clusters(con))
        clock.lap("assign")
        create_table(con, "id_clock", {"now_at": [now]})
        stage(con, part=is_part)
        keep(con, part=is_part)
        stage_stops(con, guards, part=is_part)
        read_published(con, published)
        con.execute("BEGIN")
        try:
            store_overrides(con)
            id_assignment.record(con, now, outcome)
            write(con, part=is_part)
            compare_with_published(con, settings)
            con.execute(
                "INSERT INTO resolution.parameters "
                "SELECT ?, ?, list(records ORDER BY block) FROM id_limits",
                [version, probability],
            )
            summary = _summary(con, now, is_part)
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


def rules_version(guards: Guards, settings: Settings) -> str:
    """Equal for two resolutions only if equal records give equal people."""
    return f"{guards.version}-{settings.phone_region}-{_code_version()}"


@lru_cache(maxsize=1)
def _code_version() -> str:
    """Of this package's code, model and thresholds, and of DuckDB, whose hashes are kept."""
    digest = hashlib.sha256(duckdb.__version__.encode())
    for path in sorted(Path(__file__).parent.rglob("*")):
        if path.suffix in {".py", ".json", ".yml", ".csv"}:
            digest.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}".encode())
    return digest.hexdigest()[:16]


def cluster_profiles(con: duckdb.DuckDBPyConnection, guards: Guards) -> None:
    """``id_members`` (rid, cluster) of all profiles; ``id_cut`` (a, b): links not followed."""
    row = con.execute("SELECT count(*) FROM id_nodes WHERE is_profile").fetchone()
    size = row[0] if row else 0
    links = con.execute(
        """
        SELECT l.a, l.b,
               CASE WHEN l.rule = 'override' THEN $decided ELSE greatest(
                   log2(l.probability / greatest(1 - l.probability, 1e-12)), coalesce(s.weight, 0)
               ) END AS bits
        FROM id_links AS l LEFT JOIN id_scored AS s ON s.a = l.a AND s.b = l.b
        ORDER BY l.a, l.b
        """,
        {"decided": LINK_BITS},
    ).fetchnumpy()
    left, right = links["a"].astype(np.int64), links["b"].astype(np.int64)
    labels = components(size, left, right)
    create_table(con, "id_component", {"rid": np.arange(size), "component": labels})
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE id_apart AS
        WITH several AS (
            SELECT component FROM id_component
            GROUP BY component HAVING count(*) BETWEEN 3 AND {_COMPARED_WHOLE}
        ),
        pairs AS (
            SELECT l.rid AS rid_a, r.rid AS rid_b
            FROM several AS s
            JOIN id_component AS l ON l.component = s.component
            JOIN id_component AS r ON r.component = s.component AND r.rid > l.rid
        ),
        compared AS (
            SELECT p.*, {LEVELS}
            FROM pairs AS p
            JOIN id_nodes AS a ON a.rid = p.rid_a
            JOIN id_nodes AS b ON b.rid = p.rid_b
        )
        SELECT c.rid_a AS a, c.rid_b AS b, {CONTRADICTION_BITS} AS bits FROM compared AS c
        WHERE {CONTRADICTS}
          AND NOT EXISTS (SELECT 1 FROM id_links AS k WHERE k.a = c.rid_a AND k.b = c.rid_b)
          AND NOT EXISTS (SELECT 1 FROM id_vouched AS v WHERE v.a = c.rid_a AND v.b = c.rid_b)
        UNION ALL
        SELECT a, b, CAST('inf' AS DOUBLE) FROM id_forbidden
        """
    )
    apart = con.execute("SELECT a, b, bits FROM id_apart ORDER BY a, b").fetchnumpy()
    found = cluster(
        size,
        left,
        right,
        links["bits"].astype(np.float64),
        apart=(
            apart["a"].astype(np.int64),
            apart["b"].astype(np.int64),
            apart["bits"].astype(np.float64),
        ),
        largest=guards.profiles_per_customer,
        labels=labels,
    )
    create_table(con, "id_members", {"rid": np.arange(size), "cluster": found.labels})
    create_table(con, "id_cut", {"a": left[found.cut], "b": right[found.cut]})


def finish(con: duckdb.DuckDBPyConnection) -> None:
    """``id_final`` (rid, cluster, method, probability): profiles and attached records together."""
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE id_final AS
        WITH held AS (
            SELECT e.rid, arg_max(e.rule, e.probability) AS rule, max(e.probability) AS probability
            FROM (
                SELECT a AS rid, b AS other, rule, probability FROM id_links
                UNION ALL
                SELECT b, a, rule, probability FROM id_links
            ) AS e
            JOIN id_members AS m ON m.rid = e.rid
            JOIN id_members AS o ON o.rid = e.other AND o.cluster = m.cluster
            GROUP BY e.rid
        )
        SELECT m.rid, m.cluster, coalesce(h.rule, 'own_record') AS method,
               coalesce(h.probability, 1.0) AS probability
        FROM id_members AS m LEFT JOIN held AS h ON h.rid = m.rid
        UNION ALL
        SELECT rid, cluster, method,
               CASE method WHEN 'email' THEN 0.97 WHEN 'phone' THEN 0.9
                   WHEN 'phone_and_name' THEN 0.95
                   WHEN 'loyalty_card' THEN 0.98 ELSE 1.0 END
        FROM id_attached
        """
    )


def _decided_clusters(con: duckdb.DuckDBPyConnection) -> set[int]:
    """Clusters that a decision which is new or was withdrawn speaks of."""
    rows = con.execute(
        "SELECT m.cluster FROM id_decided AS d JOIN id_members AS m ON m.rid IN (d.a, d.b)"
    ).fetchall()
    return {row[0] for row in rows}


def _summary(con: duckdb.DuckDBPyConnection, now: datetime, is_part: bool) -> IdentitySummary:
    row = con.execute(
        """
        SELECT (SELECT count(*) FROM resolution.nodes), (SELECT count(*) FROM identity.customers),
               (SELECT count(*) FROM resolution.nodes) - (
                   SELECT count(*) FROM identity.assignments WHERE method <> 'visitor'
               ),
               (SELECT count(*) FROM identity.registry_ids WHERE minted_at = $1),
               count(*) FILTER (kind = 'merge'), count(*) FILTER (kind = 'split'),
               (SELECT count(*) FROM identity.guard_stops), (SELECT count(*) FROM id_nodes)
        FROM identity.id_changes WHERE changed_at = $1
        """,
        [now],
    ).fetchone()
    assert row is not None
    return IdentitySummary(*row, is_increment=is_part)
