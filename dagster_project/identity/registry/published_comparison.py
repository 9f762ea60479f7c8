"""Comparison with the published version: how far ids moved, which the gate asks about.

The counts go to ``identity.metrics`` beside their limits; the suite of ``customers`` compares them.
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from dagster_project.identity.frames import Frame, make_empty
from dagster_project.settings import Settings
from dagster_project.warehouse import quoted


@dataclass(frozen=True)
class Published:
    """Customers, id changes and the size of the largest customer of the version in force.

    All empty before the first, and when that version is of a release which published none of it.
    """

    customers: Frame
    changes: Frame
    largest: Frame


def read_published(con: duckdb.DuckDBPyConnection, restricted_db_path: Path | None) -> Published:
    """``restricted_db_path``: that of the version in force, None before the first."""
    found = Published(
        make_empty(con, "published_customers"),
        make_empty(con, "published_changes"),
        make_empty(con, "published_largest"),
    )
    if restricted_db_path is None:
        return found
    con.execute(f"ATTACH {quoted(str(restricted_db_path))} AS in_force (READ_ONLY)")
    try:
        con.execute(
            f"INSERT INTO {found.customers} SELECT customer_id FROM in_force.identity.customers"
        )
        con.execute(
            f"INSERT INTO {found.changes} "
            "SELECT old_customer_id, new_customer_id, changed_at FROM in_force.identity.id_changes"
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
    con: duckdb.DuckDBPyConnection, settings: Settings, published: Published
) -> None:
    """Add to ``identity.metrics`` how many of the version's customers have another id now.

    What a person decided is not counted. Needs ``identity.id_changes`` and
    ``identity.metrics`` as they are after this resolution.
    """
    con.execute(
        f"""
        INSERT INTO identity.metrics
        WITH changed AS (
            SELECT count(DISTINCT c.old_customer_id) AS customers
            FROM identity.id_changes AS c
            SEMI JOIN {published.customers} AS p ON p.customer_id = c.old_customer_id
            ANTI JOIN {published.changes} AS w
              ON w.old_customer_id = c.old_customer_id AND w.new_customer_id = c.new_customer_id
             AND w.changed_at = c.changed_at
            WHERE c.kind <> 'override'
        ),
        published AS (SELECT count(*) AS customers FROM {published.customers})
        SELECT 'changed_ids_percent', 100.0 * c.customers / p.customers
        FROM changed AS c CROSS JOIN published AS p WHERE p.customers > 0
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
