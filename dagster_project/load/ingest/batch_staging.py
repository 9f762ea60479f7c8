"""Batch staging: files of one shape as one relation of text, with the line of every record."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np

from dagster_project.load.landing.corrections import Corrected
from dagster_project.load.landing.discovery import Delivery
from dagster_project.load.ledger.schema import insert_rows
from dagster_project.load.reading.csv_dialect import CsvDialect
from dagster_project.load.reading.file_content import (
    FileContent,
    LineCount,
    count_lines,
    record_lines,
)
from dagster_project.load.reading.header_matching import HeaderMatch
from dagster_project.load.reading.record_fields import OTHER_QUOTES
from dagster_project.load.validation.casting import ColumnFormat
from dagster_project.warehouse import identifier, quoted

STAGE = "temp.load_stage"
MAX_LINE_BYTES = 32 << 20


# Path of a field, from the column inwards, and its DuckDB type.
ParquetColumn = tuple[tuple[str, ...], str]


class EngineReadError(Exception):
    """DuckDB's reader stumbled over a file of the batch, or counted other records than we did."""


@dataclass
class SourceUnit:
    """One delivered file on its way in.

    ``kind`` says how its records are read: ``csv`` straight from the delivered file, ``parquet``
    likewise, ``converted`` from the Parquet file at ``source`` that was written for it.
    ``column_formats`` and ``notes`` say how its columns turned out to be written; ``starts`` holds
    the line of each record where records are not one line each. ``lines`` is None until counted.
    ``columns`` are a Parquet file's; records within it are taken apart into their fields, called
    by dotted names as in JSON. ``skipped_sheets`` are those of a workbook that do not fit.
    """

    delivery: Delivery
    content: FileContent
    kind: str
    source: Path
    header: tuple[str, ...]
    header_match: HeaderMatch
    dialect: CsvDialect | None = None
    column_formats: dict[str, ColumnFormat] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    starts: np.ndarray | None = None
    lines: LineCount | None = None
    columns: tuple[ParquetColumn, ...] = ()
    skipped_sheets: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[object, ...]:
        """Units of equal shape can be read by one statement."""
        dialect = self.dialect
        read_by = (
            (dialect.delimiter, dialect.header_line)
            if dialect and self.kind == "csv"
            else (self.columns,)
        )
        return (self.delivery.target, self.kind, self.delivery.compression, self.header, read_by)


def stage(con: duckdb.DuckDBPyConnection, units: Sequence[SourceUnit]) -> str:
    """Make units of one shape readable by SQL; gives SQL of a relation.

    The relation has ``c0`` to ``cN`` (text), ``_file`` (position in ``units``), ``_line``,
    ``_row`` and, for converted units, ``_original``, ``_reason`` and ``_message``. Text files are
    read once into a temporary table; Parquet, which is quick to read again, stays where it is.
    Raises EngineReadError when DuckDB's reader does not take a CSV file, or DuckDB's count of
    records is not that of the file's line ends; DamagedFileError when an archive is broken.
    """
    if units[0].kind != "csv":
        return _parquet(con, units)
    con.execute(f"DROP TABLE IF EXISTS {STAGE}")
    with ThreadPoolExecutor(1) as pool:
        # Large archives are unpacked a second time for their line ends, beside DuckDB's reading.
        counting = [(unit, pool.submit(_counted, unit)) for unit in units if unit.lines is None]
        try:
            con.execute(f"CREATE TEMP TABLE load_stage AS {_csv(units)}")
        except (
            duckdb.InvalidInputException,
            duckdb.ConversionException,
            duckdb.IOException,
        ) as error:
            raise EngineReadError(type(error).__name__) from None
        finally:
            for unit, future in counting:
                unit.lines = future.result()
    return _with_lines(con, units)


def _counted(unit: SourceUnit) -> LineCount:
    return count_lines(unit.delivery.path, unit.delivery.compression)


def _parquet(con: duckdb.DuckDBPyConnection, units: Sequence[SourceUnit]) -> str:
    con.execute("CREATE OR REPLACE TEMP TABLE load_files (_file INTEGER, filename VARCHAR)")
    insert_rows(
        con,
        "temp.load_files",
        [(number, str(unit.source)) for number, unit in enumerate(units)],
    )
    first = units[0]
    columns = "s.* EXCLUDE (filename, file_row_number)"
    if first.kind == "parquet":
        texts = ", ".join(
            f"{_parquet_text(path, kind)} AS c{position}"
            for position, (path, kind) in enumerate(first.columns)
        )
        columns = f"{texts}, s.file_row_number + 1 AS _line"
    source = (
        f"read_parquet([{_paths(units)}], filename = true, file_row_number = true) AS s "
        "JOIN temp.load_files AS f ON s.filename = f.filename"
    )
    # Rows of all files numbered apart; no file has 2^40 of them.
    row = "CAST(f._file AS BIGINT) * 1099511627776 + s.file_row_number AS _row"
    return f"(SELECT {columns}, {row}, f._file FROM {source})"


def _paths(units: Sequence[SourceUnit]) -> str:
    return ", ".join(quoted(str(unit.source)) for unit in units)


def parquet_records(
    con: duckdb.DuckDBPyConnection, unit: SourceUnit, lines: Sequence[int]
) -> list[str]:
    """Records of a Parquet file as JSON objects, by their line (1-based, ascending)."""
    wanted = ", ".join(str(line - 1) for line in lines)
    rows = con.execute(
        f"SELECT {_original(unit)} "
        f"FROM read_parquet({quoted(str(unit.source))}, file_row_number = true) AS s "
        f"WHERE file_row_number IN ({wanted}) ORDER BY file_row_number"
    ).fetchall()
    return [row[0] for row in rows]


def write_corrected(
    con: duckdb.DuckDBPyConnection, unit: SourceUnit, corrected: Corrected, out: Path
) -> None:
    """Write a Parquet file's records to ``out`` as a converted file, the corrected ones in place
    of the delivered."""
    corrections = [
        (line, *(cells.get(name) for name in unit.header)) for line, cells in corrected.items()
    ]
    names = [f"c{position}" for position in range(len(unit.header))]
    con.execute(
        "CREATE OR REPLACE TEMP TABLE load_corrected (line BIGINT, "
        + ", ".join(f"{name} VARCHAR" for name in names)
        + ")"
    )
    con.executemany(
        f"INSERT INTO temp.load_corrected VALUES ({', '.join('?' * (len(names) + 1))})", corrections
    )
    texts = ", ".join(
        f"CASE WHEN k.line IS NULL THEN {_parquet_text(path, kind)} ELSE k.{name} END AS {name}"
        for name, (path, kind) in zip(names, unit.columns, strict=True)
    )
    con.execute(
        f"COPY (SELECT {texts}, s.file_row_number + 1 AS _line, {_original(unit)} AS _original, "
        "CAST(NULL AS VARCHAR) AS _reason, CAST(NULL AS VARCHAR) AS _message "
        f"FROM read_parquet({quoted(str(unit.source))}, file_row_number = true) AS s "
        "LEFT JOIN temp.load_corrected AS k ON k.line = s.file_row_number + 1 "
        f"ORDER BY s.file_row_number) TO {quoted(str(out))} (FORMAT parquet)"
    )
    con.execute("DROP TABLE temp.load_corrected")


def _original(unit: SourceUnit) -> str:
    """SQL of a Parquet record ``s`` as a JSON object."""
    names = dict.fromkeys(identifier(path[0]) for path, _ in unit.columns)
    members = ", ".join(f"{name} := s.{name}" for name in names)
    return f"CAST(to_json(struct_pack({members})) AS VARCHAR)"


def _csv(units: Sequence[SourceUnit]) -> str:
    first = units[0]
    assert first.dialect is not None
    columns = ", ".join(f"'c{position}': 'VARCHAR'" for position in range(len(first.header)))
    paths = _paths(units)
    # The path is one for thousands of rows: its number is worked out once for all of them.
    file = f"CAST(enum_code(CAST(filename AS ENUM({paths}))) AS INTEGER)"
    return (
        f"SELECT * EXCLUDE (filename), {file} AS _file "
        f"FROM read_csv([{paths}], auto_detect = false, header = false, "
        f"skip = {first.dialect.header_line}, delim = {quoted(first.dialect.delimiter)}, "
        "quote = '\"', escape = '\"', nullstr = '', strict_mode = true, null_padding = false, "
        f"max_line_size = {MAX_LINE_BYTES}, filename = true, "
        f"columns = {{{columns}}})"
    )


def _parquet_text(path: tuple[str, ...], kind: str) -> str:
    column = ".".join(["s", *map(identifier, path)])
    if kind == "VARCHAR":
        return column
    if kind in ("FLOAT", "DOUBLE"):
        # pandas writes "no value" in a column of floats as NaN.
        return f"CASE WHEN NOT isnan({column}) THEN CAST({column} AS VARCHAR) END"
    if kind.startswith("MAP") or kind.endswith("]"):
        return f"CAST(to_json({column}) AS VARCHAR)"
    return f"CAST({column} AS VARCHAR)"


def _with_lines(con: duckdb.DuckDBPyConnection, units: Sequence[SourceUnit]) -> str:
    counts = _records_per_file(con, units)
    _refuse_surplus_fields(con, units)
    _refuse_other_quotes(con, units)
    assert units[0].dialect is not None
    after_header = units[0].dialect.header_line + 1
    firsts = np.concatenate(([0], np.cumsum(counts)))[:-1]
    if all(
        _one_line_each(unit, count, after_header) for unit, count in zip(units, counts, strict=True)
    ):
        con.execute("CREATE OR REPLACE TEMP TABLE load_files (_file INTEGER, first_row BIGINT)")
        insert_rows(
            con, "temp.load_files", [(number, int(first)) for number, first in enumerate(firsts)]
        )
        return (
            f"(SELECT s.*, s.rowid AS _row, s.rowid - f.first_row + {after_header} AS _line "
            "FROM temp.load_stage s JOIN temp.load_files f USING (_file))"
        )
    lines = []
    for unit, count in zip(units, counts, strict=True):
        starts = record_lines(unit.source, unit.delivery.compression, after_header - 1)
        if len(starts) != count:
            raise EngineReadError(unit.delivery.name)
        unit.starts = starts
        lines.append(starts)
    import pyarrow as pa

    con.register(
        "load_lines_in",
        pa.table(
            {
                "_row": np.arange(sum(counts), dtype=np.int64),
                "_line": np.concatenate(lines).astype(np.int64),
            }
        ),
    )
    con.execute("CREATE OR REPLACE TEMP TABLE load_lines AS SELECT * FROM load_lines_in")
    con.unregister("load_lines_in")
    return (
        "(SELECT s.*, l._row, l._line FROM temp.load_stage s "
        "JOIN temp.load_lines l ON l._row = s.rowid)"
    )


def _records_per_file(con: duckdb.DuckDBPyConnection, units: Sequence[SourceUnit]) -> list[int]:
    """Records of each unit in order; EngineReadError when the rows are not in the files' order."""
    found = {
        file: (count, first, last)
        for file, count, first, last in con.execute(
            "SELECT _file, count(*), min(rowid), max(rowid) FROM temp.load_stage GROUP BY 1"
        ).fetchall()
    }
    counts, next_row = [], 0
    for number, unit in enumerate(units):
        count, first, last = found.get(number, (0, next_row, next_row - 1))
        if first != next_row or last != next_row + count - 1:
            raise EngineReadError(unit.delivery.name)
        counts.append(count)
        next_row += count
    return counts


def _refuse_surplus_fields(con: duckdb.DuckDBPyConnection, units: Sequence[SourceUnit]) -> None:
    """EngineReadError where a record may have a field too many.

    DuckDB's reader tolerates one delimiter behind the last field: ``1299,90,`` would be two
    fields. Then the lines have more empty fields at their ends than the records have.
    """
    width = len(units[0].header)
    cases = " ".join(
        f"WHEN c{width - 1 - empty} IS NOT NULL THEN {empty}" for empty in range(width)
    )
    # Of a record whose last field is not empty none is.
    row = con.execute(
        f"SELECT coalesce(sum(CASE {cases} ELSE {width - 1} END), 0) FROM temp.load_stage "
        f"WHERE c{width - 1} IS NULL"
    ).fetchone()
    ends = 0
    for unit in units:
        assert unit.lines is not None
        assert unit.dialect is not None
        counted = unit.lines.empty_ends.get(unit.dialect.delimiter)
        if counted is None:
            # A delimiter of the settings: such files are read record by record.
            raise EngineReadError("unusual delimiter")
        ends += counted - unit.dialect.empty_ends
    if row and ends != row[0]:
        raise EngineReadError("surplus fields")


def _refuse_other_quotes(con: duckdb.DuckDBPyConnection, units: Sequence[SourceUnit]) -> None:
    """EngineReadError where a record may be written with other quotes than the file's."""
    first = f"coalesce({', '.join(f'c{position}' for position in range(len(units[0].header)))})"

    def opened(text: str) -> str:
        return " OR ".join(f"starts_with({text}, {quoted(sign)})" for sign in OTHER_QUOTES)

    row = con.execute(
        f"SELECT 1 FROM temp.load_stage WHERE (c0 IS NULL OR {opened('c0')}) AND ({opened(first)}) "
        f"AND right({first}, 1) = left({first}, 1) AND length({first}) > 1 LIMIT 1"
    ).fetchone()
    if row:
        raise EngineReadError("other quotes")


def _one_line_each(unit: SourceUnit, count: int, after_header: int) -> bool:
    """Whether every record is one line and no line is blank: then there are as many of each."""
    assert unit.lines is not None
    return unit.lines.lines - (after_header - 1) == count
