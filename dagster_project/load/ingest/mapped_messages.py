"""Mapped messages: what the sender of an export is told of its refused and left out records."""

from collections.abc import Iterator, Sequence

import duckdb

from dagster_project.contracts.mapping import Mapping
from dagster_project.load.ingest.canonical_rows import RejectedRecord
from dagster_project.load.ingest.mapped_columns import BAD, Columns
from dagster_project.load.ingest.mapped_tables import MappedTableIngest
from dagster_project.load.reading.header_matching import Field
from dagster_project.load.validation.record_rules import (
    RecordSchema,
    ValidatedRecords,
    sentence,
)
from dagster_project.warehouse import identifier, quoted

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


def table_rejects(
    con: duckdb.DuckDBPyConnection,
    tables: Sequence[MappedTableIngest],
    schema: RecordSchema,
    columns: Columns,
    unread: dict[int, set[str]],
) -> list[RejectedRecord]:
    """The records that a table refused. ``unread``: by record, source columns of invalid text."""
    by_temp = {item.temp: item for item in tables}
    named = ", ".join(
        f"CASE WHEN {identifier(column)} IS NULL THEN {quoted(name)} END"
        for name, column in columns.names.items()
    )
    rejects: list[RejectedRecord] = []
    for file, line, row, original, name, why, word, empty in con.execute(
        "SELECT r._file, r._line, r._row, any_value(r._original), min(b.name), "
        "arg_min(b.why, coalesce(b.name, '')), any_value(b.word), "
        f"any_value([{named}]) "
        f"FROM {BAD} b JOIN temp.load_records r "
        "ON r._row = b._row WHERE b.why IS NOT NULL GROUP BY r._row, r._file, r._line "
        "ORDER BY 1, 2"
    ).fetchall():
        position, code, *zero = why.split(":")
        field: Field | None = None
        if code == "no_table":
            message = "No table of the mapping takes this record, and no rule leaves it out."
        else:
            item = by_temp[name]
            field = item.fields[int(position)] if position != "-1" else None
            message = f"{item.name}: {sentence(field, code, schema, item.one_of, word)}"
            failed = [field.name] if field else list(item.one_of)
            if code == "missing_value" or field is None:
                empty = set(empty) - unread.get(row, set()) - {None}
            else:
                empty = set()
            message += _made_of(item, failed, columns, unread.get(row, set()), empty)
            if zero and item.divisions[int(zero[0])][0] in failed:
                division = item.divisions[int(zero[0])][1]
                message += f" {division.divisor_text} is 0 in {division.text}."
            hint = item.hints.get(field.name) if field else None
            message += f" {hint}" if hint else ""
        column = f"{item.name}.{field.name}" if field else None
        rejects.append(RejectedRecord(file, line, column, code, message, original))
    return rejects


def _made_of(
    item: MappedTableIngest,
    failed: Sequence[str],
    columns: Columns,
    unread: set[str],
    empty: set[str],
) -> str:
    """From which columns of the sender a refused value is made, and what is wrong with them."""
    sources = sorted(
        {
            source
            for column in failed
            if column in item.expressions
            for source in item.expressions[column].columns
        }
    )
    if not sources:
        return ""
    said = f" It is made of {', '.join(sources)}."
    absent = [name for name in sources if columns.headers.get(name) is None]
    wrong = [name for name in sources if name in unread]
    if wrong:
        said += f" The text of {', '.join(wrong)} could not be read."
    for names, what in (
        ([name for name in sources if name in empty and name not in absent], "empty"),
        ([name for name in absent if name in empty], "not in the file"),
    ):
        if names:
            said += f" {', '.join(names)} {'is' if len(names) == 1 else 'are'} {what}."
    return said
