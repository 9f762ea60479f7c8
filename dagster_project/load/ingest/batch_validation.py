"""Batch validation: a staged batch's columns understood, and its records validated by that.

Files of one batch may write dates and numbers in different ways; each way is a group. What is
done with the records then stands in ``canonical_rows`` and ``mapped_rows``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from dagster_project.contracts import SourceSettings
from dagster_project.load.ingest.batch_staging import SourceUnit
from dagster_project.load.validation.format_inference import (
    declared_formats,
    infer_formats,
    narrowed_formats,
)
from dagster_project.load.validation.record_rules import (
    RecordSchema,
    ValidatedRecords,
    validate_records,
)

# Bytes of unpacked files from which on a batch's records cost more than the planning of SQL.
LARGE_BATCH = 16 << 20


@dataclass(frozen=True)
class FormatGroup:
    """Files of a batch whose columns are written alike: positions, and their records validated.

    ``is_clean``: every row is a record, and every cell of it was taken.
    """

    files: tuple[int, ...]
    validated: ValidatedRecords
    is_clean: bool


@dataclass(frozen=True)
class _Probe:
    """Records and bad records by file, the files in which a field has invalid texts, and whether
    anything at all is to be noted of the rows."""

    records: dict[int, int]
    bad: dict[int, int]
    unparsed: dict[str, set[int]]
    is_clean: bool


def infer_batch_formats(
    con: duckdb.DuckDBPyConnection,
    base: str,
    units: Sequence[SourceUnit],
    schema: RecordSchema,
    settings: SourceSettings,
) -> tuple[list[FormatGroup], dict[int, int], dict[int, int]]:
    """Decide how each file's columns are written, and validate the records by that.

    Returns the groups of files that are written alike, the number of records by file, and the
    number of bad ones. Formats and their reasons are kept on the units. The validated records may
    lie in temporary tables until ``drop_validated``.
    """
    is_large = sum(unit.delivery.unpacked_bytes for unit in units) > LARGE_BATCH
    column_formats = narrowed_formats(con, base, schema, declared_formats(schema, settings))
    validated, probe = _probed(
        con, validate_records(base, schema, column_formats), "load_validated", is_large=is_large
    )
    chosen = (
        infer_formats(con, validated, schema, settings, probe.unparsed) if probe.unparsed else {}
    )
    groups: dict[tuple[Any, ...], list[int]] = {}
    for number, unit in enumerate(units):
        found = chosen.get(number, {})
        unit.column_formats = column_formats | {
            name: column_format for name, (column_format, _) in found.items()
        }
        unit.notes = {name: how for name, (_, how) in found.items()}
        groups.setdefault(tuple(sorted(unit.column_formats.items(), key=str)), []).append(number)
    if not chosen:
        group = FormatGroup(tuple(range(len(units))), validated, probe.is_clean)
        return [group], probe.records, probe.bad
    _drop(con, validated)
    counts, bad = probe.records, probe.bad
    format_groups = []
    for place, (key, files) in enumerate(groups.items()):
        own = base
        if len(groups) > 1:
            own = f"(SELECT * FROM {base} WHERE _file IN ({', '.join(map(str, files))}))"
        again, own_probe = _probed(
            con,
            validate_records(own, schema, dict(key)),
            f"load_validated_{place}",
            is_large=is_large,
        )
        counts |= own_probe.records
        bad |= {number: own_probe.bad.get(number, 0) for number in files}
        format_groups.append(FormatGroup(tuple(files), again, own_probe.is_clean))
    return format_groups, counts, bad


def _probed(
    con: duckdb.DuckDBPyConnection, validated: ValidatedRecords, name: str, *, is_large: bool
) -> tuple[ValidatedRecords, _Probe]:
    """The validated records, as a temporary table where that is cheaper, and what they are like.

    Of a small batch the planning of these expressions costs more than its records, and half a
    dozen statements read records of which something is to be noted: both are computed once. The
    records of a large batch that is clean are read twice, here and when they are inserted: to
    write them beside their texts takes longer (5 s of 20 for two million events).
    """
    if not is_large:
        validated = _computed(con, validated, name)
    probe = _probe(con, validated)
    if is_large and not probe.is_clean:
        validated = _computed(con, validated, name)
    return validated, probe


def _computed(
    con: duckdb.DuckDBPyConnection, validated: ValidatedRecords, name: str
) -> ValidatedRecords:
    """The validated records as a temporary table."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM {validated.relation}")
    return replace(validated, relation=f"temp.{name}")


def drop_validated(con: duckdb.DuckDBPyConnection, groups: Sequence[FormatGroup]) -> None:
    """Free the records of a batch that was taken in."""
    for group in groups:
        _drop(con, group.validated)


def _drop(con: duckdb.DuckDBPyConnection, validated: ValidatedRecords) -> None:
    if validated.relation.startswith("temp."):
        con.execute(f"DROP TABLE {validated.relation}")


def _probe(con: duckdb.DuckDBPyConnection, validated: ValidatedRecords) -> _Probe:
    others = [flag for (_, fault), flag in validated.faults.items() if fault != "invalid"]
    noted = " OR ".join([f"{validated.rule} IS NOT NULL", *others])
    flags = "".join(f", count_if({flag})" for flag in validated.invalid.values())
    rows = con.execute(
        f"SELECT _file, count(*), count_if({validated.bad}), count_if({noted}){flags} "
        f"FROM {validated.relation} GROUP BY 1"
    ).fetchall()
    unparsed: dict[str, set[int]] = {}
    for file, _, _, _, *found in rows:
        for name, count in zip(validated.invalid, found, strict=True):
            if count:
                unparsed.setdefault(name, set()).add(file)
    return _Probe(
        {row[0]: row[1] for row in rows},
        {row[0]: row[2] for row in rows if row[2]},
        unparsed,
        is_clean=not any(count for row in rows for count in row[2:]),
    )
