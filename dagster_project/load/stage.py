"""Files of one shape into one temporary table of text, with the line of every record."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np

from dagster_project.load.cells import Choice
from dagster_project.load.content import Content, record_lines
from dagster_project.load.dialect import Dialect
from dagster_project.load.discover import Delivery
from dagster_project.load.layout import Layout
from dagster_project.load.ledger import insert_rows
from dagster_project.warehouse import identifier, quoted

STAGE = "temp.load_stage"
MAX_LINE_BYTES = 32 << 20


class NotPlainError(Exception):
    """DuckDB's reader stumbled over a file of the batch, or counted other records than we did."""


@dataclass
class Unit:
    """One delivered file on its way in.

    ``kind`` says how its records are read: ``csv`` straight from the delivered file, ``parquet``
    likewise, ``converted`` from the Parquet file at ``source`` that was written for it.
    ``choices`` and ``notes`` say how its columns turned out to be written; ``starts`` holds the
    line of each record where records are not one line each.
    """

    delivery: Delivery
    content: Content
    kind: str
    source: Path
    header: tuple[str, ...]
    layout: Layout
    dialect: Dialect | None = None
    choices: dict[str, Choice] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    starts: np.ndarray | None = None

    @property
    def shape(self) -> tuple[object, ...]:
        """Units of equal shape can be read by one statement."""
        dialect = self.dialect
        reading = (
            (dialect.delimiter, dialect.header_line)
            if dialect and self.kind == "csv"
            else (self.kind,)
        )
        return (self.delivery.target, self.kind, self.delivery.compression, self.header, reading)


def stage(con: duckdb.DuckDBPyConnection, units: Sequence[Unit]) -> str:
    """Read units of one shape into a temporary table; SQL of a relation over it.

    The relation has ``c0`` to ``cN`` (text), ``_file`` (position in ``units``), ``_line``,
    ``_row`` and, for converted units, ``_original``, ``_reason`` and ``_message``. Raises
    NotPlainError when DuckDB's reader does not take a CSV file, or DuckDB's count of records is
    not that of the file's line ends.
    """
    con.execute(f"DROP TABLE IF EXISTS {STAGE}")
    try:
        con.execute(f"CREATE TEMP TABLE load_stage AS {_reader(units)}")
    except (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.IOException) as error:
        raise NotPlainError(type(error).__name__) from None
    if units[0].kind != "csv":
        con.execute("CREATE OR REPLACE TEMP TABLE load_files (_file INTEGER, filename VARCHAR)")
        insert_rows(
            con,
            "temp.load_files",
            [(number, str(unit.source)) for number, unit in enumerate(units)],
        )
        return (
            "(SELECT s.*, s.rowid AS _row, f._file FROM temp.load_stage s "
            "JOIN temp.load_files f USING (filename))"
        )
    return _with_lines(con, units)


def _reader(units: Sequence[Unit]) -> str:
    paths = "[" + ", ".join(quoted(str(unit.source)) for unit in units) + "]"
    first = units[0]
    if first.kind == "parquet":
        columns = "".join(
            f"{_parquet_text(name)} AS c{position}, " for position, name in enumerate(first.header)
        )
        return (
            f"SELECT {columns} file_row_number + 1 AS _line, filename, "
            f"CAST(to_json(struct_pack({_packed(first.header)})) AS VARCHAR) AS _original "
            f"FROM read_parquet({paths}, filename = true, file_row_number = true)"
        )
    if first.kind == "converted":
        return f"SELECT * FROM read_parquet({paths}, filename = true)"
    assert first.dialect is not None
    columns = ", ".join(f"'c{position}': 'VARCHAR'" for position in range(len(first.header)))
    return (
        f"SELECT * FROM read_csv({paths}, auto_detect = false, header = false, "
        f"skip = {first.dialect.header_line}, delim = {quoted(first.dialect.delimiter)}, "
        "quote = '\"', escape = '\"', nullstr = '', strict_mode = true, null_padding = false, "
        f"max_line_size = {MAX_LINE_BYTES}, filename = {len(units) > 1}, "
        f"columns = {{{columns}}})"
    )


def _parquet_text(name: str) -> str:
    column = identifier(name)
    # pandas writes "no value" in a column of floats as NaN.
    return f"CASE WHEN lower(CAST({column} AS VARCHAR)) <> 'nan' THEN CAST({column} AS VARCHAR) END"


def _packed(header: Sequence[str]) -> str:
    return ", ".join(f"{identifier(name)} := {identifier(name)}" for name in header)


def _with_lines(con: duckdb.DuckDBPyConnection, units: Sequence[Unit]) -> str:
    counts = _records_per_file(con, units)
    assert units[0].dialect is not None
    after_header = units[0].dialect.header_line + 1
    firsts = np.concatenate(([0], np.cumsum(counts)))[:-1]
    if all(
        _one_line_each(unit, count, after_header) for unit, count in zip(units, counts, strict=True)
    ):
        if len(units) == 1:
            return (
                f"(SELECT s.*, s.rowid AS _row, 0 AS _file, s.rowid + {after_header} AS _line "
                "FROM temp.load_stage s)"
            )
        con.execute(
            "CREATE OR REPLACE TEMP TABLE load_files "
            "(_file INTEGER, filename VARCHAR, first_row BIGINT)"
        )
        insert_rows(
            con,
            "temp.load_files",
            [
                (number, str(unit.source), int(first))
                for number, (unit, first) in enumerate(zip(units, firsts, strict=True))
            ],
        )
        return (
            f"(SELECT s.*, s.rowid AS _row, f._file, s.rowid - f.first_row + {after_header} "
            "AS _line FROM temp.load_stage s JOIN temp.load_files f USING (filename))"
        )
    lines = []
    for unit, count in zip(units, counts, strict=True):
        starts = record_lines(unit.source, unit.delivery.compression, after_header - 1)
        if len(starts) != count:
            raise NotPlainError(unit.delivery.name)
        unit.starts = starts
        lines.append(starts)
    import pyarrow as pa

    con.register(
        "load_lines_in",
        pa.table(
            {
                "_row": np.arange(sum(counts), dtype=np.int64),
                "_file": np.repeat(np.arange(len(units), dtype=np.int32), counts),
                "_line": np.concatenate(lines).astype(np.int64),
            }
        ),
    )
    con.execute("CREATE OR REPLACE TEMP TABLE load_lines AS SELECT * FROM load_lines_in")
    con.unregister("load_lines_in")
    return (
        "(SELECT s.*, l._row, l._file, l._line FROM temp.load_stage s "
        "JOIN temp.load_lines l ON l._row = s.rowid)"
    )


def _records_per_file(con: duckdb.DuckDBPyConnection, units: Sequence[Unit]) -> list[int]:
    """Records of each unit in order; NotPlainError when the rows are not in the files' order."""
    if len(units) == 1:
        row = con.execute("SELECT count(*) FROM temp.load_stage").fetchone()
        return [row[0] if row else 0]
    found = {
        name: (count, first, last)
        for name, count, first, last in con.execute(
            "SELECT filename, count(*), min(rowid), max(rowid) FROM temp.load_stage GROUP BY 1"
        ).fetchall()
    }
    counts, next_row = [], 0
    for unit in units:
        count, first, last = found.get(str(unit.source), (0, next_row, next_row - 1))
        if first != next_row or last != next_row + count - 1:
            raise NotPlainError(unit.delivery.name)
        counts.append(count)
        next_row += count
    return counts


def _one_line_each(unit: Unit, count: int, after_header: int) -> bool:
    """Whether every record is one line and no line is blank: then there are as many of each."""
    return unit.content.lines - (after_header - 1) == count
