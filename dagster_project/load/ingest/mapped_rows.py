"""Mapped rows: a staged batch of a vendor's export into the tables that its mapping feeds.

A record is accepted when each table that it feeds accepts it, otherwise quarantined whole. Where
several records make one row, a row that its table does not accept takes all of them with it.
"""

from collections.abc import Sequence
from dataclasses import replace

import duckdb

from dagster_project.contracts import DUCKDB_TYPES
from dagster_project.contracts.mapping import Mapping
from dagster_project.load.ingest.batch_staging import SourceUnit
from dagster_project.load.ingest.batch_validation import drop_validated, infer_batch_formats
from dagster_project.load.ingest.canonical_rows import (
    LoadStamp,
    RejectedRecord,
    quarantine,
    register_units,
    rejected_records,
    with_unit_columns,
    write_nulled_cells,
)
from dagster_project.load.ingest.contact_points import split_cells
from dagster_project.load.ingest.mapped_columns import (
    BAD,
    GOOD,
    Columns,
    header_name,
)
from dagster_project.load.ingest.mapped_messages import (
    listed_values,
    table_rejects,
    unread_columns,
)
from dagster_project.load.ingest.mapped_tables import MappedTableIngest
from dagster_project.load.ingest.quarantined_parts import write_quarantined_parts
from dagster_project.load.ledger.load_summary import FileOutcome
from dagster_project.load.validation.load_targets import Target
from dagster_project.load.validation.record_rules import (
    RecordSchema,
    ValidatedRecords,
    extras,
)
from dagster_project.warehouse import quoted


def ingest_mapped(
    con: duckdb.DuckDBPyConnection,
    base: str,
    units: Sequence[SourceUnit],
    schema: RecordSchema,
    target: Target,
    stamp: LoadStamp,
) -> list[FileOutcome]:
    """Insert a mapped batch's accepted records, the rest into quarantine or under their rule.

    Runs inside the caller's transaction. One FileOutcome per unit.
    """
    mapping = target.mapping
    assert mapping is not None
    register_units(con, units)
    groups, counts, bad = infer_batch_formats(con, base, units, schema, target.settings)
    outcomes = [FileOutcome(records=counts.get(number, 0)) for number in range(len(units))]
    columns = Columns(
        {f.name: f"_c{number}" for number, f in enumerate(schema.fields)},
        {f.name: header_name(units[0], f.name) for f in schema.fields},
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE load_bad "
        "(_row BIGINT, name VARCHAR, why VARCHAR, word VARCHAR)"
    )
    rejects: list[RejectedRecord] = []
    noted: list[ValidatedRecords] = []
    for number, group in enumerate(groups):
        validated = group.validated
        if not group.is_clean:
            noted.append(validated)
        _records(con, validated, schema, units, mapping, columns, is_first=number == 0)
        if any(bad.get(file) for file in group.files):
            rejects += rejected_records(con, validated, schema)
    con.execute(
        f"INSERT INTO {BAD} SELECT _row, NULL, NULL, NULL FROM temp.load_records WHERE _bad"
    )
    tables = [
        MappedTableIngest(number, name, table, mapped, mapping, target.words, schema)
        for number, (name, table, mapped) in enumerate(mapping.canonical())
    ]
    _reject_untaken(con, tables, columns)
    # A record that one table refuses is missing from the rows of the others: they are built anew
    # until no table refuses any more.
    while True:
        found = 0
        for item in tables:
            item.build(con, columns)
            found += item.mark_bad(con, columns)
        if not found:
            break
    for item in tables:
        for file, count in item.insert(con).items():
            rows, name = outcomes[file].rows, (item.system, item.table.name)
            rows[name] = rows.get(name, 0) + count
        for file, count in item.note(con, units, stamp).items():
            outcomes[file].nulled += count
        split_cells(con, (item.system, item.table), outcomes)
    for validated in noted:
        kept = replace(
            validated,
            relation=f"(SELECT j.* FROM {validated.relation} j SEMI JOIN {GOOD} g "
            "ON j._row = g._row)",
        )
        for file, count in write_nulled_cells(con, kept, units, schema, stamp).items():
            outcomes[file].nulled += count
    for item in tables:
        if item.table.part_of:
            write_quarantined_parts(con, item.refused_parts(columns), units, item.name, outcomes)
    rejects += table_rejects(con, tables, schema, columns, unread_columns(con, noted))
    for reject in rejects:
        outcomes[reject.file].quarantined += 1
    for file, rule, count in con.execute(
        "SELECT _file, _rule, count(*) FROM temp.load_records WHERE _rule IS NOT NULL GROUP BY ALL"
    ).fetchall():
        outcomes[file].left_out[rule] = count
    for file, rule, listed in listed_values(con, mapping, columns):
        outcomes[file].listed[rule] = listed
    quarantine(con, units, rejects, stamp)
    drop_validated(con, groups)
    return outcomes


def _records(
    con: duckdb.DuckDBPyConnection,
    validated: ValidatedRecords,
    schema: RecordSchema,
    units: Sequence[SourceUnit],
    mapping: Mapping,
    columns: Columns,
    *,
    is_first: bool,
) -> None:
    values = ", ".join(
        f"CAST({validated.values[f.name]} AS {DUCKDB_TYPES[f.type]}) AS {columns.names[f.name]}"
        for f in schema.fields
    )
    own = "_original" if schema.has_reasons else "CAST(NULL AS VARCHAR) AS _original"
    typed = (
        f"SELECT _file, _row, _line, _date AS _delivered, row_number() OVER (PARTITION BY _file "
        f"ORDER BY _row) AS _number, {own}, {extras(units[0].header_match.extras)} AS _extra, "
        f"{validated.bad} AS _bad, {validated.rule} AS _row_rule{', ' if values else ''}{values} "
        f"FROM {with_unit_columns(validated.relation)}"
    )
    rules = " ".join(
        f"WHEN {columns.sql(mapping.expression(rule.when))} THEN {quoted(name)}"
        for name, rule in mapping.leave_out.items()
    )
    # A mapping may have its own word for a line of totals.
    own = f"CASE WHEN _bad OR _row_rule <> 'total_row' THEN NULL {rules} END"
    rule = f"coalesce({own}, _row_rule)" if rules else "_row_rule"
    verb = (
        "CREATE OR REPLACE TEMP TABLE load_records AS"
        if is_first
        else ("INSERT INTO temp.load_records")
    )
    con.execute(f"{verb} SELECT *, CAST({rule} AS VARCHAR) AS _rule FROM ({typed})")


def _reject_untaken(
    con: duckdb.DuckDBPyConnection, tables: Sequence[MappedTableIngest], columns: Columns
) -> None:
    taken = " OR ".join(f"coalesce({columns.sql(item.when)}, false)" for item in tables)
    con.execute(
        f"INSERT INTO {BAD} SELECT _row, NULL, '-2:no_table', NULL FROM {GOOD} WHERE NOT ({taken})"
    )
