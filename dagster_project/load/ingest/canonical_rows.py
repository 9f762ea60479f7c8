"""Canonical rows: a staged batch into one raw table, nulled cells and rejects into quarantine."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from dagster_project.contracts import DUCKDB_TYPES, SourceSettings, Table
from dagster_project.load.ingest.batch_staging import SourceUnit, parquet_records
from dagster_project.load.ingest.batch_validation import drop_validated, infer_batch_formats
from dagster_project.load.ingest.contact_points import split_cells
from dagster_project.load.ingest.quarantined_parts import write_quarantined_parts
from dagster_project.load.ledger.load_summary import FileOutcome
from dagster_project.load.ledger.schema import insert_rows, raw_name
from dagster_project.load.reading.file_content import texts_of_lines
from dagster_project.load.reading.header_matching import Field
from dagster_project.load.validation.record_rules import (
    RecordSchema,
    ValidatedRecords,
    code_of,
    column_list,
    extras,
    of_instance,
    sentence,
    text_of,
)
from dagster_project.warehouse import quoted


@dataclass(frozen=True)
class RejectedRecord:
    """One record that goes to quarantine; ``original`` None is looked up in the file."""

    file: int
    line: int
    column: str | None
    reason: str
    message: str
    original: str | None = None


@dataclass(frozen=True)
class LoadStamp:
    """Who loads and when: goes into every ledger row."""

    run_id: str
    at: datetime


def ingest_canonical(
    con: duckdb.DuckDBPyConnection,
    base: str,
    units: Sequence[SourceUnit],
    schema: RecordSchema,
    settings: SourceSettings,
    target: tuple[str, Table],
    stamp: LoadStamp,
) -> list[FileOutcome]:
    """Insert a canonical batch's accepted records into its raw table, the rest into quarantine.

    ``target`` is the system and the contract of its table. Runs inside the caller's transaction.
    One FileOutcome per unit.
    """
    system, table = target
    name = (system, table.name)
    register_units(con, units)
    groups, counts, bad = infer_batch_formats(con, base, units, schema, settings)
    outcomes = [FileOutcome(records=counts.get(number, 0)) for number in range(len(units))]
    rejects: list[RejectedRecord] = []
    for group in groups:
        validated = group.validated
        has_bad = any(bad.get(number) for number in group.files)
        _insert(con, validated, units, schema, name, has_bad=has_bad)
        if group.is_clean:
            continue
        for number, count in write_nulled_cells(con, validated, units, schema, stamp).items():
            outcomes[number].nulled += count
        if has_bad:
            rejects += rejected_records(con, validated, schema)
        if has_bad and table.part_of:
            rows = (
                f"(SELECT _file, _line, {_whole(validated, schema, table.part_of)} AS whole_id "
                f"FROM {validated.relation} WHERE {validated.bad})"
            )
            write_quarantined_parts(con, rows, units, f"{system}.{table.name}", outcomes)
        for number, rule, count in con.execute(
            f"SELECT _file, {validated.rule}, count(*) FROM {validated.relation} "
            f"WHERE {validated.rule} IS NOT NULL GROUP BY ALL"
        ).fetchall():
            outcomes[number].left_out[rule] = count
    for outcome, number in zip(outcomes, range(len(units)), strict=True):
        outcome.quarantined = bad.get(number, 0)
        if outcome.accepted:
            outcome.rows[name] = outcome.accepted
    split_cells(con, (system, table), outcomes)
    quarantine(con, units, rejects, stamp)
    drop_validated(con, groups)
    return outcomes


def _whole(validated: ValidatedRecords, schema: RecordSchema, part_of: str) -> str:
    """SQL: the id of the whole that a record is a part of, as the raw table has it."""
    (field,) = (field for field in schema.fields if field.name == part_of)
    return of_instance(field, validated.values, schema.instance)


def with_unit_columns(relation: str) -> str:
    """SQL: records with ``_hash``, ``_path``, ``_date`` and ``_source`` of their file."""
    return f"{relation} AS r JOIN temp.load_units AS u ON r._file = u._number"


def register_units(con: duckdb.DuckDBPyConnection, units: Sequence[SourceUnit]) -> None:
    """Put the batch's files where ``with_unit_columns`` finds them."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE load_units "
        "(_number INTEGER, _hash VARCHAR, _path VARCHAR, _date DATE, _source VARCHAR)"
    )
    insert_rows(
        con,
        "temp.load_units",
        [
            (number, unit.content.file_hash, d.name, d.delivered_on, d.target)
            for number, unit in enumerate(units)
            for d in (unit.delivery,)
        ],
    )


def _insert(
    con: duckdb.DuckDBPyConnection,
    validated: ValidatedRecords,
    units: Sequence[SourceUnit],
    schema: RecordSchema,
    target: tuple[str, str],
    *,
    has_bad: bool,
) -> None:
    values = [
        f"CAST({of_instance(field, validated.values, schema.instance)} "
        f"AS {DUCKDB_TYPES[field.type]})"
        if validated.values[field.name] != "NULL"
        else f"CAST(NULL AS {DUCKDB_TYPES[field.type]})"
        for field in schema.fields
    ]
    columns = [field.name for field in schema.fields]
    columns += ["_file_hash", "_line", "_delivered_on", "_extra", "_source"]
    values += ["_hash", "_line", "_date", extras(units[0].header_match.extras), "_source"]
    accepted = f" WHERE {validated.rule} IS NULL"
    accepted += f" AND NOT {validated.bad}" if has_bad else ""
    con.execute(
        f"INSERT INTO {raw_name(*target)} ({column_list(columns)}) "
        f"SELECT {', '.join(values)} FROM {with_unit_columns(validated.relation)}{accepted}"
    )


def write_nulled_cells(
    con: duckdb.DuckDBPyConnection,
    validated: ValidatedRecords,
    units: Sequence[SourceUnit],
    schema: RecordSchema,
    stamp: LoadStamp,
) -> dict[int, int]:
    """Write a note for each invalid cell of an accepted record; their number by file."""
    optional = {field.name: field for field in schema.fields if not field.required}
    faults = {key: flag for key, flag in validated.faults.items() if key[0] in optional}
    if not faults:
        return {}
    flags = " OR ".join(faults.values())
    some = con.execute(
        f"SELECT 1 FROM {validated.relation} WHERE {validated.rule} IS NULL "
        f"AND NOT {validated.bad} AND ({flags}) LIMIT 1"
    ).fetchone()
    if some is None:
        return {}
    counts: dict[int, int] = {}
    for (name, fault), flag in faults.items():
        code = code_of(optional[name], schema, fault)
        note = (optional[name], code, flag)
        _write_nulled_column(con, validated, units, schema, note, stamp, counts)
    return counts


def _write_nulled_column(
    con: duckdb.DuckDBPyConnection,
    validated: ValidatedRecords,
    units: Sequence[SourceUnit],
    schema: RecordSchema,
    note: tuple[Field, str, str],
    stamp: LoadStamp,
    counts: dict[int, int],
) -> None:
    """Write the notes (field, reason code, flag) of one column; add their number to ``counts``."""
    field, code, flag = note
    where = (
        f"FROM {with_unit_columns(validated.relation)} "
        f"WHERE {validated.rule} IS NULL AND NOT {validated.bad} AND {flag}"
    )
    for number, count in con.execute(f"SELECT _file, count(*) {where} GROUP BY 1").fetchall():
        counts[number] = counts.get(number, 0) + count
    con.execute(
        f"INSERT INTO ledger.quarantine SELECT left(_hash, 16) || '-' || _line || '-' || "
        f"{quoted(field.name)}, _hash, {quoted(units[0].delivery.target)}, _path, _line, 'cell', "
        f"{quoted(field.name)}, {quoted(code)}, {quoted(sentence(field, code, schema))}, "
        f"{text_of(schema, field.name)}, ?, ? {where}",
        [stamp.at, stamp.run_id],
    )


def rejected_records(
    con: duckdb.DuckDBPyConnection, validated: ValidatedRecords, schema: RecordSchema
) -> list[RejectedRecord]:
    """The records that go to quarantine, with the first reason of each, in file order."""
    own = "_original, _message" if schema.has_reasons else "NULL, NULL"
    words = [text_of(schema, f.name) for f in schema.fields if f.words and f.name in schema.sources]
    word = words[0] if words else "NULL"
    rows = con.execute(
        f"SELECT _file, _line, {validated.why}, {own}, {word} FROM {validated.relation} "
        f"WHERE {validated.bad} ORDER BY _file, _line"
    ).fetchall()
    rejects = []
    for file, line, why, original, message, word in rows:
        position, _, code = why.partition(":")
        field_ = schema.fields[int(position)] if position != "-1" else None
        rejects.append(
            RejectedRecord(
                file,
                line,
                field_.name if field_ else None,
                code,
                message or sentence(field_, code, schema, schema.one_of, word),
                original,
            )
        )
    return rejects


def quarantine(
    con: duckdb.DuckDBPyConnection,
    units: Sequence[SourceUnit],
    rejects: Sequence[RejectedRecord],
    stamp: LoadStamp,
) -> None:
    """Write records to quarantine with their original text."""
    if not rejects:
        return
    rows: list[tuple[Any, ...]] = []
    for number, unit in enumerate(units):
        own = sorted((r for r in rejects if r.file == number), key=lambda reject: reject.line)
        for reject, original in zip(own, _originals(con, unit, own), strict=True):
            file_hash = unit.content.file_hash
            rows.append(
                (
                    f"{file_hash[:16]}-{reject.line}",
                    file_hash,
                    unit.delivery.target,
                    unit.delivery.name,
                    reject.line,
                    "row",
                    reject.column,
                    reject.reason,
                    reject.message,
                    original,
                    stamp.at,
                    stamp.run_id,
                )
            )
    insert_rows(con, "ledger.quarantine", rows)


def _originals(
    con: duckdb.DuckDBPyConnection, unit: SourceUnit, rejects: Sequence[RejectedRecord]
) -> Sequence[str | None]:
    if unit.kind == "parquet":
        return parquet_records(con, unit, [reject.line for reject in rejects]) if rejects else []
    if unit.kind == "converted":
        return [reject.original for reject in rejects]
    spans = []
    for reject in rejects:
        last = reject.line
        if unit.starts is not None:
            following = unit.starts.searchsorted(reject.line, side="right")
            last = (
                int(unit.starts[following]) - 1
                if following < len(unit.starts)
                else unit.lines.lines
            )
        spans.append((reject.line, last))
    return texts_of_lines(unit.source, unit.delivery.compression, spans)
