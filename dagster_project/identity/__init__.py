"""Who is who: records of every system become people with ids that last.

``rules`` holds what may be changed without changing code, ``records`` brings records to profiles
and identifiers, ``matching`` finds the pairs that are one person, ``clustering`` joins pairs into
people without contradictions, ``registry`` gives each person an id and keeps it, ``incremental``
leaves untouched what no new record reaches, ``inspection`` shows it to people; ``resolution`` runs
them in this order.

Input: ``intermediate.int_identity_records``, ``int_identity_values``, ``int_identity_visitors``.
Output: the tables in ``identity.*`` (see ``registry.tables``).
"""

from pathlib import Path

import duckdb

from dagster_project.identity.inspection.summary import IdentitySummary
from dagster_project.identity.registry.in_force import (
    forget_unpublished,
    restore_registry,
    return_to_published,
)
from dagster_project.identity.registry.tables import (
    IDENTITY_TABLES,
    REGISTRY_TABLES,
    create_identity_tables,
    forget_resolution,
    is_registry_empty,
)
from dagster_project.settings import Settings

__all__ = [
    "IDENTITY_INPUTS",
    "IDENTITY_TABLES",
    "REGISTRY_TABLES",
    "IdentitySummary",
    "create_identity_tables",
    "forget_resolution",
    "forget_unpublished",
    "is_registry_empty",
    "resolve",
    "restore_registry",
    "return_to_published",
]

# Models of schema intermediate that a resolution reads.
IDENTITY_INPUTS = ("int_identity_records", "int_identity_values", "int_identity_visitors")


def resolve(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    *,
    run_id: str,
    published: Path | None = None,
) -> IdentitySummary:
    """Resolve ``intermediate.int_identity_*`` to customers and write ``identity.*``.

    ``published``: ``restricted.duckdb`` of the version in force, whose ids are those that hold:
    what an unpublished run gave is forgotten. None: those of ``con``. One transaction. Raises
    HourglassError when the input tables are missing or DuckDB fails.
    """
    # scipy and phonenumbers take half a second to import, and reading definitions needs neither.
    from dagster_project.identity.resolution import resolve_records

    return resolve_records(con, settings, run_id=run_id, published=published)
