"""Who is who: records of every system become people with ids that last.

``normalise`` brings identifiers and names to one form, ``guards`` says which of them prove
nothing, ``link`` finds the pairs of records that are one person, ``cluster`` joins pairs into people
without contradictions, ``registry`` gives each person an id and keeps it. ``resolve`` runs them.

Input: ``intermediate.int_identity_records``, ``int_identity_values``, ``int_identity_visitors``.
Output: the tables in ``identity.*`` (see ``tables``).
"""

from dagster_project.identity.tables import (
    REGISTRY_TABLES,
    create_identity_tables,
    is_registry_empty,
    restore_registry,
)

__all__ = [
    "REGISTRY_TABLES",
    "create_identity_tables",
    "is_registry_empty",
    "restore_registry",
]
