"""How far ids moved since the version in force: what the gate asks before it lets a build out.

The counts go to ``identity.metrics`` beside their limits; the suite of ``customers`` compares them.
"""

from pathlib import Path

import duckdb

from dagster_project.settings import Settings
from dagster_project.warehouse import quoted


def read_published(con: duckdb.DuckDBPyConnection, restricted_db_path: Path | None) -> None:
    """``id_published`` (customer_id), ``id_published_changes`` and ``id_published_largest``.

    ``restricted_db_path``: that of the version in force, None before the first; all empty then, and
    also when that version is of a release which published none of this.
    """
    con.execute("CREATE OR REPLACE TEMP TABLE id_published (customer_id VARCHAR)")
    con.execute(
        "CREATE OR REPLACE TEMP TABLE id_published_changes "
        "AS SELECT old_customer_id, new_customer_id, changed_at FROM identity.id_changes LIMIT 0"
    )
    con.execute("CREATE OR REPLACE TEMP TABLE id_published_largest (profiles DOUBLE)")
    if restricted_db_path is None:
        return
    con.execute(f"ATTACH {quoted(str(restricted_db_path))} AS in_force (READ_ONLY)")
    try:
        con.execute("INSERT INTO id_published SELECT customer_id FROM in_force.identity.customers")
        con.execute(
            "INSERT INTO id_published_changes "
            "SELECT old_customer_id, new_customer_id, changed_at FROM in_force.identity.id_changes"
        )
        con.execute(
            "INSERT INTO id_published_largest SELECT value FROM in_force.identity.metrics "
            "WHERE metric = 'largest_customer_profiles'"
        )
    except duckdb.CatalogException:
        pass
    finally:
        con.execute("DETACH in_force")


def compare_with_published(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Add to ``identity.metrics`` how many of the version's customers have another id now.

    What a person decided is not counted. Needs :func:`read_published`, and ``identity.id_changes``
    and ``identity.metrics`` as they are after this resolution.
    """
    con.execute(
        """
        INSERT INTO identity.metrics
        WITH changed AS (
            SELECT count(DISTINCT c.old_customer_id) AS customers
            FROM identity.id_changes AS c
            SEMI JOIN id_published AS p ON p.customer_id = c.old_customer_id
            ANTI JOIN id_published_changes AS w
              ON w.old_customer_id = c.old_customer_id AND w.new_customer_id = c.new_customer_id
             AND w.changed_at = c.changed_at
            WHERE c.kind <> 'override'
        ),
        published AS (SELECT count(*) AS customers FROM id_published)
        SELECT 'changed_ids_percent', 100.0 * c.customers / p.customers
        FROM changed AS c CROSS JOIN published AS p WHERE p.customers > 0
        UNION ALL
        SELECT 'changed_ids_percent_limit', $percent
        UNION ALL
        SELECT 'largest_customer_growth', m.value - l.profiles
        FROM identity.metrics AS m CROSS JOIN id_published_largest AS l
        WHERE m.metric = 'largest_customer_profiles'
        UNION ALL
        SELECT 'largest_customer_growth_limit', $growth
        """,
        {
            "percent": settings.changed_ids_percent,
            "growth": float(settings.largest_customer_growth),
        },
    )
