"""A staged batch into one raw table: accepted rows, nulled cells, quarantined records."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb

from dagster_project.contracts import DUCKDB_TYPES, SourceSettings
from dagster_project.load.ingest.batch_staging import Unit, parquet_records
from dagster_project.load.ledger.schema import insert_rows, raw_name
from dagster_project.load.reading.file_content import texts_of_lines
from dagster_project.load.reading.header_matching import Field
from dagster_project.load.validation.casting import Choice
from dagster_project.load.validation.format_inference import choose, declared_choices
from dagster_project.load.validation.record_rules import (
    Judged,
    Reading,
    code_of,
    column_list,
    extras,
    judge,
    sentence,
    text_of,
)
from dagster_project.warehouse import quoted


@dataclass(frozen=True)
class Reject:
    """One record that goes to quarantine; ``original`` None is looked up in the file."""

    file: int
    line: int
    column: str | None
    reason: str
    message: str
    original: str | None = None


@dataclass
class Outcome:
    """What became of one file's records. ``rows`` counts raw rows by (system, table)."""

    records: int = 0
    quarantined: int = 0
    nulled: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    rows: dict[tuple[str, str], int] = field(default_factory=dict)

    @property
    def accepted(self) -> int:
        return self.records - self.quarantined - sum(self.left_out.values())


@dataclass(frozen=True)
class Stamp:
    """Who loads and when: goes into every ledger row."""

    run_id: str
    at: datetime


@dataclass(frozen=True)
class Group:
    """Files of a batch whose columns are written alike: positions, and the choices they share."""

    files: tuple[int, ...]
    choices: dict[str, Choice]

    def of(self, base: str, total: int) -> str:
        """SQL: the records of these files within ``base``."""
        if len(self.files) == total:
            return base
        return f"(SELECT * FROM {base} WHERE _file IN ({', '.join(map(str, self.files))}))"


def settle(
    con: duckdb.DuckDBPyConnection,
    base: str,
    units: Sequence[Unit],
    reading: Reading,
    settings: SourceSettings,
) -> tuple[list[Group], dict[int, int], dict[int, int]]:
    """Decide how each file's columns are written.

    Returns the groups of files that are written alike, the number of records by file, and the
    number of bad ones. Choices and their reasons are kept on the units.
    """
    choices = declared_choices(reading, settings)
    judged = judge(base, reading, choices)
    counts, bad, doubtful = _probe(con, judged)
    chosen = choose(con, judged, reading, settings, doubtful) if doubtful else {}
    groups: dict[tuple[Any, ...], list[int]] = {}
    for number, unit in enumerate(units):
        found = chosen.get(number, {})
        unit.choices = choices | {name: choice for name, (choice, _) in found.items()}
        unit.notes = {name: how for name, (_, how) in found.items()}
        groups.setdefault(tuple(sorted(unit.choices.items(), key=str)), []).append(number)
    settled = [Group(tuple(files), dict(key)) for key, files in groups.items()]
    if chosen:
        for group in settled:
            again = judge(group.of(base, len(units)), reading, group.choices)
            group_counts, group_bad, _ = _probe(con, again)
            counts |= group_counts
            bad |= {number: group_bad.get(number, 0) for number in group.files}
    return settled, counts, bad


def _probe(
    con: duckdb.DuckDBPyConnection, judged: Judged
) -> tuple[dict[int, int], dict[int, int], dict[str, set[int]]]:
    """Records and bad records by file, and the files in which a field has invalid texts."""
    flags = "".join(f", count_if({flag})" for flag in judged.invalid.values())
    rows = con.execute(
        f"SELECT _file, count(*), count_if({judged.bad}){flags} FROM {judged.relation} GROUP BY 1"
    ).fetchall()
    doubtful: dict[str, set[int]] = {}
    for file, _, _, *found in rows:
        for name, count in zip(judged.invalid, found, strict=True):
            if count:
                doubtful.setdefault(name, set()).add(file)
    return (
        {row[0]: row[1] for row in rows},
        {row[0]: row[2] for row in rows if row[2]},
        doubtful,
    )


def take_in(
    con: duckdb.DuckDBPyConnection,
    base: str,
    units: Sequence[Unit],
    reading: Reading,
    settings: SourceSettings,
    target: tuple[str, str],
    stamp: Stamp,
) -> list[Outcome]:
    """Insert a canonical batch's accepted records into its raw table, the rest into quarantine.

    ``target`` is (system, table). Runs inside the caller's transaction. One Outcome per unit.
    """
    list_files(con, units)
    groups, counts, bad = settle(con, base, units, reading, settings)
    outcomes = [Outcome(records=counts.get(number, 0)) for number in range(len(units))]
    rejects: list[Reject] = []
    for group in groups:
        judged = judge(group.of(base, len(units)), reading, group.choices)
        has_bad = any(bad.get(number) for number in group.files)
        _insert(con, judged, units, reading, target, has_bad=has_bad)
        for number, count in note_cells(con, judged, units, reading, stamp).items():
            outcomes[number].nulled += count
        if has_bad:
            rejects += bad_records(con, judged, reading)
    for outcome, number in zip(outcomes, range(len(units)), strict=True):
        outcome.quarantined = bad.get(number, 0)
        if outcome.accepted:
            outcome.rows[target] = outcome.accepted
    quarantine(con, units, rejects, stamp)
    return outcomes


def with_files(relation: str) -> str:
    """SQL: a relation's records with ``_hash``, ``_path`` and ``_date`` of their file."""
    return f"{relation} AS r JOIN temp.load_units AS u ON r._file = u._number"


def list_files(con: duckdb.DuckDBPyConnection, units: Sequence[Unit]) -> None:
    """Put the batch's files where ``with_files`` finds them."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE load_units "
        "(_number INTEGER, _hash VARCHAR, _path VARCHAR, _date DATE)"
    )
    insert_rows(
        con,
        "temp.load_units",
        [
            (number, unit.content.file_hash, unit.delivery.name, unit.delivery.delivered_on)
            for number, unit in enumerate(units)
        ],
    )


def _insert(
    con: duckdb.DuckDBPyConnection,
    judged: Judged,
    units: Sequence[Unit],
    reading: Reading,
    target: tuple[str, str],
    *,
    has_bad: bool,
) -> None:
    values = [
        f"CAST({judged.values[field.name]} AS {DUCKDB_TYPES[field.type]})"
        for field in reading.fields
    ]
    columns = [field.name for field in reading.fields]
    columns += ["_file_hash", "_line", "_delivered_on", "_extra"]
    values += ["_hash", "_line", "_date", extras(units[0].layout.extras)]
    accepted = f" WHERE NOT {judged.bad}" if has_bad else ""
    con.execute(
        f"INSERT INTO {raw_name(*target)} ({column_list(columns)}) "
        f"SELECT {', '.join(values)} FROM {with_files(judged.relation)}{accepted}"
    )


def note_cells(
    con: duckdb.DuckDBPyConnection,
    judged: Judged,
    units: Sequence[Unit],
    reading: Reading,
    stamp: Stamp,
) -> dict[int, int]:
    """Write a note for each invalid cell of an accepted record; their number by file."""
    optional = [f for f in reading.fields if f.name in judged.invalid and not f.required]
    if not optional:
        return {}
    flags = " OR ".join(judged.invalid[field.name] for field in optional)
    some = con.execute(
        f"SELECT 1 FROM {judged.relation} WHERE NOT {judged.bad} AND ({flags}) LIMIT 1"
    ).fetchone()
    if some is None:
        return {}
    counts: dict[int, int] = {}
    for field_ in optional:
        note_column(con, judged, units, reading, field_, stamp, counts)
    return counts


def note_column(
    con: duckdb.DuckDBPyConnection,
    judged: Judged,
    units: Sequence[Unit],
    reading: Reading,
    field: Field,
    stamp: Stamp,
    counts: dict[int, int],
) -> None:
    """Write the notes of one column and add their number to ``counts``."""
    where = (
        f"FROM {with_files(judged.relation)} "
        f"WHERE NOT {judged.bad} AND {judged.invalid[field.name]}"
    )
    for number, count in con.execute(f"SELECT _file, count(*) {where} GROUP BY 1").fetchall():
        counts[number] = counts.get(number, 0) + count
    con.execute(
        f"INSERT INTO ledger.quarantine SELECT left(_hash, 16) || '-' || _line || '-' || "
        f"{quoted(field.name)}, _hash, {quoted(units[0].delivery.target)}, _path, _line, 'cell', "
        f"{quoted(field.name)}, {quoted(code_of(field))}, "
        f"{quoted(sentence(field, code_of(field)))}, {text_of(reading, field.name)}, ?, ? {where}",
        [stamp.at, stamp.run_id],
    )


def bad_records(con: duckdb.DuckDBPyConnection, judged: Judged, reading: Reading) -> list[Reject]:
    """The records that go to quarantine, with the first reason of each, in file order."""
    own = "_original, _message" if reading.has_reasons else "NULL, NULL"
    rows = con.execute(
        f"SELECT _file, _line, {judged.why}, {own} FROM {judged.relation} "
        f"WHERE {judged.bad} ORDER BY _file, _line"
    ).fetchall()
    rejects = []
    for file, line, why, original, message in rows:
        position, _, code = why.partition(":")
        field_ = reading.fields[int(position)] if position != "-1" else None
        rejects.append(
            Reject(
                file,
                line,
                field_.name if field_ else None,
                code,
                message or sentence(field_, code, reading.one_of),
                original,
            )
        )
    return rejects


def quarantine(
    con: duckdb.DuckDBPyConnection,
    units: Sequence[Unit],
    rejects: Sequence[Reject],
    stamp: Stamp,
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
    con: duckdb.DuckDBPyConnection, unit: Unit, rejects: Sequence[Reject]
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
            last = int(unit.starts[following]) - 1 if following < len(unit.starts) else unit.lines
        spans.append((reject.line, last))
    return texts_of_lines(unit.source, unit.delivery.compression, spans)
