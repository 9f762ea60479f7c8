"""Comparison with the published version: how far ids moved, which the gate asks about.

The counts go to ``identity.metrics`` beside their limits; the suite of ``customers`` compares them.
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from dagster_project.identity.frames import Frame, create_table, make_empty
from dagster_project.identity.registry.id_assignment import Assignment
from dagster_project.settings import Settings
from dagster_project.warehouse import quoted


@dataclass(frozen=True)
class Published:
    """Number of records with a customer, and size of the largest customer, of the version in force.

    Empty before the first, and when that version is of a release which published none of it.
    """

    records: Frame
    largest: Frame


def read_published(con: duckdb.DuckDBPyConnection, restricted_db_path: Path | None) -> Published:
    """``restricted_db_path``: that of the version in force, None before the first."""
    found = Published(make_empty(con, "published_records"), make_empty(con, "published_largest"))
    if restricted_db_path is None:
        return found
    con.execute(f"ATTACH {quoted(str(restricted_db_path))} AS in_force (READ_ONLY)")
    try:
        con.execute(
            f"INSERT INTO {found.records} SELECT count(*) FROM in_force.identity.assignments "
            "WHERE method <> 'visitor'"
        )
        con.execute(
            f"INSERT INTO {found.largest} SELECT value FROM in_force.identity.metrics "
            "WHERE metric = 'largest_customer_profiles'"
        )
    except duckdb.CatalogException:
        pass
    finally:
        con.execute("DETACH in_force")
    return found


def compare_with_published(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    published: Published,
    assignment: Assignment,
) -> None:
    """Add to ``identity.metrics`` how many of the version's records have another id now.

    ``assignment`` started from that version's registry. Records whose id gave way to a person's
    decision are not counted. Needs ``identity.metrics`` as it is after this resolution.
    """
    decided = sorted({old for old, _, kind, _ in assignment.changes if kind == "override"})
    create_table(con, "id_given_way", {"customer_id": pa.array(decided, pa.string())})
    con.execute(
        f"""
        INSERT INTO identity.metrics
        WITH changed AS (
            SELECT count(*) AS records FROM {assignment.reassigned}
            WHERE former_customer_id IS NOT NULL
              AND former_customer_id NOT IN (SELECT customer_id FROM id_given_way)
        )
        SELECT 'changed_ids_percent', 100.0 * c.records / p.records
        FROM changed AS c CROSS JOIN {published.records} AS p WHERE p.records > 0
        UNION ALL
        SELECT 'changed_ids_percent_limit', $percent
        UNION ALL
        SELECT 'largest_customer_growth', m.value - l.profiles
        FROM identity.metrics AS m CROSS JOIN {published.largest} AS l
        WHERE m.metric = 'largest_customer_profiles'
        UNION ALL
        SELECT 'largest_customer_growth_limit', $growth
        """,
        {
            "percent": settings.changed_ids_percent,
            "growth": float(settings.largest_customer_growth),
        },
    )
