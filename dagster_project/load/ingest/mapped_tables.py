"""Mapped tables: one canonical table that a mapping feeds, from the batch's records to raw rows."""

from collections.abc import Sequence

import duckdb

from dagster_project.contracts import Table
from dagster_project.contracts.expressions import Division, Expression
from dagster_project.contracts.mapping import MappedTable, Mapping
from dagster_project.load.ingest.batch_staging import SourceUnit
from dagster_project.load.ingest.canonical_rows import LoadStamp, with_unit_columns
from dagster_project.load.ingest.mapped_columns import BAD, GOOD, Columns, canonical_value
from dagster_project.load.ledger.schema import raw_name
from dagster_project.load.reading.header_matching import table_fields
from dagster_project.load.validation.casting import can_fail, trimmed
from dagster_project.load.validation.load_targets import Words
from dagster_project.load.validation.record_rules import (
    IMPLAUSIBLE,
    IMPOSSIBLE,
    RecordSchema,
    code_of,
    column_list,
    is_implausible,
    is_impossible,
    of_instance,
    sentence,
)
from dagster_project.warehouse import quoted


class MappedTableIngest:
    """One canonical table that a mapping feeds: from the batch's records to raw rows."""

    def __init__(
        self,
        number: int,
        name: str,
        table: Table,
        mapped: MappedTable,
        mapping: Mapping,
        words: Words,
        schema: RecordSchema,
    ) -> None:
        self.schema = schema
        self.checked: set[str] = set()
        self.name = name
        self.system = name.partition(".")[0]
        self.table = table
        self.fields = table_fields(table, words)
        self.temp = f"load_table_{number}"
        self.when = mapping.expression(mapped.when)
        self.expressions: dict[str, Expression] = {
            column: mapping.expression(text) for column, text in mapped.columns.items()
        }
        self.key = mapped.key or table.key
        self.is_grouped = any(e.has_aggregate for e in self.expressions.values())
        self.one_of = table.needs_one_of
        self.by_name = {field.name: field for field in self.fields}
        self.hints = mapped.hints
        self.lifted: dict[str, str] = {}
        # Divisions whose record is refused where they give nothing, with their column.
        self.divisions: list[tuple[str, Division]] = [
            (column, division)
            for column, expression in self.expressions.items()
            if self.by_name[column].required or column in self.one_of
            for division in expression.divisions
        ]

    def _sql(self, expression: Expression, columns: Columns) -> str:
        """SQL of an expression; where rows are grouped, windows are columns below."""
        return columns.sql(expression, self.lifted if self.is_grouped else None)

    def records(self, columns: Columns) -> str:
        """The records that this table takes, with the lifted functions as columns."""
        lifted = "".join(f", {sql} AS {name}" for sql, name in self.lifted.items())
        return f"(SELECT *{lifted} FROM {GOOD} WHERE {columns.sql(self.when)})"

    def key_sql(self, columns: Columns) -> list[str]:
        return [self._sql(self.expressions[name], columns) for name in self.key]

    def build(self, con: duckdb.DuckDBPyConnection, columns: Columns) -> None:
        """Create the temporary table of this table's rows, with the reason of each bad one."""
        position = {name: number for number, name in enumerate(self.by_name)}
        raw = {
            name: f"{self._sql(expression, columns)} AS _e{position[name]}"
            for name, expression in self.expressions.items()
        }
        inner = ", ".join(
            [*raw.values(), *(self._is_zero(number, columns) for number in self._numbers)]
        )
        if self.is_grouped:
            keys = ", ".join(self.key_sql(columns))
            source = (
                f"(SELECT _file, min(_line) AS _line, min(_row) AS _row, NULL AS _extra, {inner} "
                f"FROM {self.records(columns)} GROUP BY _file, _delivered, {keys})"
            )
        else:
            where = columns.sql(self.when)
            source = f"(SELECT _file, _line, _row, _extra, {inner} FROM {GOOD} WHERE {where})"
        values, reasons, notes = [], [], []
        word = "CAST(NULL AS VARCHAR)"
        for name in self.expressions:
            field, given, value = self.by_name[name], f"_e{position[name]}", f"_v{position[name]}"
            values.append(f"{canonical_value(field, given)} AS {value}")
            invalid = f"({value} IS NULL AND {trimmed(f'CAST({given} AS VARCHAR)')} IS NOT NULL)"
            if field.words:
                word = f"CASE WHEN {invalid} THEN CAST({given} AS VARCHAR) END"
            if field.required:
                code = code_of(field, self.schema)
                reasons.append(f"WHEN {invalid} THEN '{position[name]}:{code}'")
                if field.is_event:
                    bad = is_implausible(value, self.schema.plausible)
                    reasons.append(f"WHEN {bad} THEN '{position[name]}:{IMPLAUSIBLE}'")
                reasons.append(f"WHEN {value} IS NULL THEN '{position[name]}:missing_value'")
            elif field.refuses_invalid:
                reasons.append(
                    f"WHEN {invalid} THEN '{position[name]}:{code_of(field, self.schema)}'"
                )
            elif can_fail(field):
                notes.append(f"{invalid} AS _x{position[name]}")
                if field.is_event:
                    bad = is_implausible(value, self.schema.plausible)
                    notes.append(f"{bad} AS _p{position[name]}")
                wrong = is_impossible(
                    field, {other: f"_v{position[other]}" for other in self.expressions}
                )
                if wrong:
                    notes.append(f"coalesce({wrong}, false) AS _q{position[name]}")
                    self.checked.add(name)
        if self.one_of:
            some = ", ".join(f"_v{position[n]}" for n in self.one_of if n in self.expressions)
            reasons.append(f"WHEN coalesce({some or 'NULL'}) IS NULL THEN '-1:no_identifier'")
        why = f"CASE {' '.join(reasons)} END" if reasons else "CAST(NULL AS VARCHAR)"
        zeros = " ".join(
            f"WHEN _v{position[name]} IS NULL AND _d{number} THEN {number}"
            for number, (name, _) in enumerate(self.divisions)
        )
        if zeros:
            why = f"({why} || coalesce(':' || CASE {zeros} END, ''))"
        flags = ", ".join([f"{why} AS _why", f"{word} AS _word", *notes])
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE {self.temp} AS SELECT *, {flags} "
            f"FROM (SELECT *, {', '.join(values)} FROM {source})"
        )
        self.noted = [
            self.by_name[name]
            for name in self.expressions
            if can_fail(self.by_name[name])
            and not (self.by_name[name].required or self.by_name[name].refuses_invalid)
        ]
        self.position = position

    @property
    def _numbers(self) -> range:
        return range(len(self.divisions))

    def _is_zero(self, number: int, columns: Columns) -> str:
        """SQL: whether the divisor of a division is 0, in the record or in any of the group."""
        divisor = self.divisions[number][1].divisor
        flag = f"({self._sql(divisor, columns)} = 0)"
        if self.is_grouped and not divisor.has_aggregate:
            flag = f"bool_or{flag}"
        return f"coalesce({flag}, false) AS _d{number}"

    def mark_bad(self, con: duckdb.DuckDBPyConnection, columns: Columns) -> int:
        """Put the records of this table's bad rows among the bad; how many there were."""
        if self.is_grouped:
            # Records that made a bad row: those of its file and key.
            keys = " AND ".join(
                f"{sql} IS NOT DISTINCT FROM t._e{self.position[name]}"
                for name, sql in zip(self.key, self.key_sql(columns), strict=True)
            )
            found = (
                f"SELECT g._row, '{self.temp}', t._why, t._word FROM {self.records(columns)} g "
                f"JOIN {self.temp} t ON g._file = t._file AND {keys} WHERE t._why IS NOT NULL"
            )
        else:
            found = (
                f"SELECT _row, '{self.temp}', _why, _word FROM {self.temp} WHERE _why IS NOT NULL"
            )
        row = con.execute(f"INSERT INTO {BAD} {found}").fetchone()
        return row[0] if row else 0

    def refused_parts(self, columns: Columns) -> str:
        """SQL: file, line and id of the whole of the records in quarantine that are parts of it."""
        name = self.table.part_of or ""
        made = {name: columns.sql(self.expressions[name])}
        whole = of_instance(self.by_name[name], made, self.schema.instance)
        return (
            f"(SELECT _file, _line, CAST(whole_id AS VARCHAR) AS whole_id FROM (SELECT *, "
            f"{whole} AS whole_id, {columns.sql(self.when)} AS is_taken FROM temp.load_records) r "
            f"SEMI JOIN {BAD} b ON r._row = b._row WHERE is_taken AND _rule IS NULL)"
        )

    def _value(self, name: str) -> str:
        """SQL: what goes into the raw table; NULL for an optional event at an impossible time."""
        value = f"_v{self.position[name]}"
        number = self.position[name]
        flags = []
        if self.by_name[name].is_event and not self.by_name[name].required:
            flags.append(f"_p{number}")
        if name in self.checked:
            flags.append(f"_q{number}")
        if not flags:
            return value
        return f"CASE WHEN NOT coalesce({' OR '.join(flags)}, false) THEN {value} END"

    def _accepted(self) -> str:
        if self.is_grouped:
            return self.temp
        return f"(SELECT t.* FROM {self.temp} t ANTI JOIN {BAD} b ON t._row = b._row)"

    def insert(self, con: duckdb.DuckDBPyConnection) -> dict[int, int]:
        """Insert the rows of accepted records; their number by file."""
        names = [*self.expressions, "_file_hash", "_line", "_delivered_on", "_extra", "_source"]
        made = {name: self._value(name) for name in self.expressions}
        values = [
            of_instance(self.by_name[name], made, self.schema.instance) for name in self.expressions
        ]
        values += ["_hash", "_line", "_date", "_extra", "_source"]
        rows = self._accepted()
        con.execute(
            f"INSERT INTO {raw_name(self.system, self.table.name)} ({column_list(names)}) "
            f"SELECT {', '.join(values)} FROM {with_unit_columns(rows)}"
        )
        return dict(con.execute(f"SELECT _file, count(*) FROM {rows} GROUP BY 1").fetchall())

    def note(
        self, con: duckdb.DuckDBPyConnection, units: Sequence[SourceUnit], stamp: LoadStamp
    ) -> dict[int, int]:
        """Write a note for each optional value that did not fit; their number by file."""
        counts: dict[int, int] = {}
        rows = self._accepted()
        faults = [(field, "invalid", f"_x{self.position[field.name]}") for field in self.noted]
        faults += [
            (field, IMPLAUSIBLE, f"_p{self.position[field.name]}")
            for field in self.noted
            if field.is_event
        ]
        faults += [
            (field, IMPOSSIBLE, f"_q{self.position[field.name]}")
            for field in self.noted
            if field.name in self.checked
        ]
        for field, fault, flag in faults:
            number = self.position[field.name]
            where = f"FROM {rows} WHERE {flag}"
            code = code_of(field, self.schema, fault)
            found = con.execute(f"SELECT _file, count(*) {where} GROUP BY 1").fetchall()
            if not found:
                continue
            for file, count in found:
                counts[file] = counts.get(file, 0) + count
            column = f"{self.name}.{field.name}"
            con.execute(
                f"INSERT INTO ledger.quarantine SELECT left(_hash, 16) || '-' || _line || '-' || "
                f"{quoted(column)}, _hash, {quoted(units[0].delivery.target)}, _path, _line, "
                f"'cell', {quoted(column)}, {quoted(code)}, "
                f"{quoted(sentence(field, code, self.schema))}, CAST(_e{number} AS VARCHAR), ?, ? "
                f"FROM {with_unit_columns(rows)} WHERE {flag}",
                [stamp.at, stamp.run_id],
            )
        return counts
