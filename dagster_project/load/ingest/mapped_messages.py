"""Mapped messages: what the sender of an export is told of its refused and left out records."""

from collections.abc import Iterator, Sequence

import duckdb

from dagster_project.contracts.mapping import Mapping
from dagster_project.load.ingest.mapped_columns import BAD, Columns
from dagster_project.load.validation.record_rules import ValidatedRecords
from dagster_project.warehouse import quoted

# Values of a rule's count_by that are told, and how much of each.
LISTED = 20
LISTED_LENGTH = 40


def unread_columns(
    con: duckdb.DuckDBPyConnection, batches: Sequence[ValidatedRecords]
) -> dict[int, set[str]]:
    """By record that a table refused, the source columns whose text became no value."""
    found: dict[int, set[str]] = {}
    for validated in batches:
        for name, flag in validated.invalid.items():
            for (row,) in con.execute(
                f"SELECT j._row FROM {validated.relation} j SEMI JOIN {BAD} b ON j._row = b._row "
                f"WHERE {flag}"
            ).fetchall():
                found.setdefault(row, set()).add(name)
    return found


def listed_values(
    con: duckdb.DuckDBPyConnection, mapping: Mapping, columns: Columns
) -> Iterator[tuple[int, str, str]]:
    """(file, rule, its values with their counts) of the rules that count by an expression."""
    for name, rule in mapping.leave_out.items():
        if rule.count_by is None:
            continue
        value = columns.sql(mapping.expression(rule.count_by))
        for file, values in con.execute(
            f"""
            SELECT _file, string_agg(value || ' ' || n, ', ' ORDER BY n DESC, value)
            FROM (
                SELECT _file, left(CAST({value} AS VARCHAR), {LISTED_LENGTH}) AS value,
                    count(*) AS n,
                    row_number() OVER (PARTITION BY _file ORDER BY count(*) DESC, value) AS place
                FROM temp.load_records WHERE _rule = {quoted(name)} GROUP BY 1, 2
            ) WHERE place <= {LISTED} AND value IS NOT NULL GROUP BY 1
            """
        ).fetchall():
            if values:
                yield file, name, values
