"""Further values: the e-mails and telephones that a contact has beside the first.

They are identifiers like the first (``identifiers.borne_by``). A record of many is a list of other
people's, and a record without a name proves nothing by them alone.
"""

import duckdb

from dagster_project.identity.frames import Frame, make
from dagster_project.identity.rules.guards import Guards

# Kinds of which a record may bear several values, and where those beside the first stand.
FURTHER = {"email": "further_emails", "phone": "further_phones"}
_BETWEEN = " | "


def raw_values_of(kind: str, records: str = "intermediate.int_identity_records") -> str:
    """Query (source_system, source_table, source_id, raw_value): what each record bears of a kind.

    A value that a record bears twice stands there twice.
    """
    key = "source_system, source_table, source_id"
    query = f"SELECT {key}, {kind} AS raw_value FROM {records} WHERE {kind} IS NOT NULL"
    if kind in FURTHER:
        query += (
            f" UNION ALL SELECT {key}, unnest(string_split({FURTHER[kind]}, '{_BETWEEN}')) "
            f"FROM {records} WHERE {FURTHER[kind]} IS NOT NULL"
        )
    return query


def beyond_limit(guards: Guards, kind: str) -> str:
    """SQL condition: a record has more further values of a kind than one person's may be."""
    count = f"len(string_split({FURTHER[kind]}, '{_BETWEEN}'))"
    return f"coalesce({count} > {guards.further_values_per_record[kind]}, false)"


def collect_further(con: duckdb.DuckDBPyConnection, guards: Guards, records: str) -> Frame:
    """The further values of every record that has some, in one form."""
    parts = " UNION ALL ".join(
        f"SELECT source_system, source_table, source_id, '{kind}' AS kind, "
        f"unnest(string_split({column}, '{_BETWEEN}')) AS raw FROM {records} "
        f"WHERE {column} IS NOT NULL AND NOT {beyond_limit(guards, kind)}"
        for kind, column in FURTHER.items()
    )
    lists = ", ".join(
        f"list_sort(list(DISTINCT n.normalised_value) FILTER (w.kind = '{kind}')) AS {column}"
        for kind, column in FURTHER.items()
    )
    return make(
        con,
        "further",
        f"""
        SELECT w.source_system AS of_system, w.source_table AS of_table, w.source_id AS of_id,
               {lists}
        FROM ({parts}) AS w
        JOIN identity.normalised AS n ON n.identifier_kind = w.kind AND n.raw_value = w.raw
        WHERE n.normalised_value IS NOT NULL
        GROUP BY w.source_system, w.source_table, w.source_id
        """,
    )


def first_and_further(kind: str) -> str:
    """SQL of a kind's columns: without a first value a single further one is the first."""
    if kind not in FURTHER:
        return f"{kind}_n.normalised_value AS {kind}"
    column = FURTHER[kind]
    own = f"{kind}_n.normalised_value"
    first = f"coalesce({own}, CASE WHEN len(w.{column}) = 1 THEN w.{column}[1] END)"
    others = f"list_filter(w.{column}, lambda value: value IS DISTINCT FROM {first})"
    return f"{first} AS {kind}, {others} AS {column}"
