"""Mart files: a published mart as CSV or as an Excel workbook, with its types, for other tools.

CSV is UTF-8 with a mark that Excel recognises, a comma between cells, dates as ISO 8601 and numbers
with a point; the columns' types and descriptions lie beside it as ``<mart>.columns.json``. A
workbook has cells of the columns' types and the descriptions on a second sheet. Texts that a
spreadsheet would run are no formulas in either.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import duckdb

from dagster_project.errors import HourglassError, UsageError, no_such
from dagster_project.publish.descriptions import descriptions_in
from dagster_project.publish.reading import marts_in
from dagster_project.quality.fingerprint import columns_of
from dagster_project.spreadsheets import safe_cell
from dagster_project.warehouse import identifier

Format = Literal["csv", "xlsx"]
# Rows of a worksheet, its header included.
EXCEL_ROWS = 1_048_576
# Digits that Excel keeps of a number; longer ones are written as text.
EXCEL_DIGITS = 15
_BATCH = 20_000


def write_mart(con: duckdb.DuckDBPyConnection, mart: str, folder: Path, kind: Format) -> Path:
    """Write ``mart`` of the version on ``con`` into ``folder``; the file's path.

    Raises UsageError for an unknown mart or one that is too long for Excel, HourglassError where
    the library for workbooks is missing.
    """
    columns = _columns(con, mart)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{mart}.{kind}"
    if kind == "csv":
        _csv(con, mart, columns, path)
    else:
        _workbook(con, mart, columns, path)
    # Each row may be a person's: whoever shares the file says so.
    path.chmod(0o600)
    return path


def _columns(con: duckdb.DuckDBPyConnection, mart: str) -> list[tuple[str, str, str]]:
    """(name, type, description) of each column."""
    known = marts_in(con)
    if mart not in known:
        raise UsageError(no_such("mart", mart, known))
    said = descriptions_in(con).get(mart, {})
    columns = columns_of(con, "main", mart)
    return [(name, kind, said.get(name, "")) for name, kind in columns.items()]


def _rows(con: duckdb.DuckDBPyConnection, mart: str) -> Iterator[Sequence[Any]]:
    cursor = con.execute(f"SELECT * FROM {identifier(mart)}")
    while batch := cursor.fetchmany(_BATCH):
        yield from batch


def _csv(
    con: duckdb.DuckDBPyConnection, mart: str, columns: list[tuple[str, str, str]], path: Path
) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([name for name, *_ in columns])
        for row in _rows(con, mart):
            writer.writerow([_text(value) for value in row])
    said = [{"name": name, "type": kind, "description": text} for name, kind, text in columns]
    path.with_suffix(".columns.json").write_text(
        json.dumps({"mart": mart, "columns": said}, indent=1, ensure_ascii=False) + "\n",
        encoding="utf-8",
    )


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return safe_cell(value) if isinstance(value, str) else str(value)


def _workbook(
    con: duckdb.DuckDBPyConnection, mart: str, columns: list[tuple[str, str, str]], path: Path
) -> None:
    try:
        import xlsxwriter
    except ModuleNotFoundError:
        raise HourglassError(
            "Workbooks need a library that is not installed: pip install 'hourglass[excel]'.",
            exit_code=2,
        ) from None
    row = con.execute(f"SELECT count(*) FROM {identifier(mart)}").fetchone()
    if row and row[0] >= EXCEL_ROWS:
        raise UsageError(f"{mart} has {row[0]:,} rows, more than Excel takes. Write it as CSV.")
    with xlsxwriter.Workbook(str(path), {"constant_memory": True}) as book:
        sheet = book.add_worksheet(mart[:31])
        bold = book.add_format({"bold": True})
        formats = {
            date: book.add_format({"num_format": "yyyy-mm-dd"}),
            datetime: book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
            Decimal: book.add_format({"num_format": "#,##0.00####"}),
        }
        for place, (name, *_) in enumerate(columns):
            sheet.write_string(0, place, name, bold)
        for number, values in enumerate(_rows(con, mart), start=1):
            for place, value in enumerate(values):
                _cell(sheet, number, place, value, formats)
        sheet.freeze_panes(1, 0)
        if row and row[0]:
            sheet.autofilter(0, 0, row[0], len(columns) - 1)
        described = book.add_worksheet("columns")
        for number, line in enumerate([("column", "type", "description"), *columns]):
            for place, text in enumerate(line):
                described.write_string(number, place, text, bold if not number else None)


def _cell(sheet: Any, number: int, place: int, value: Any, formats: dict[type, Any]) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(number, place, value)
    elif isinstance(value, datetime | date) and value.year >= 1900:
        sheet.write_datetime(number, place, value, formats[type(value)])
    elif isinstance(value, int | float | Decimal) and not _is_too_long(value):
        sheet.write_number(number, place, value, formats.get(type(value)))
    else:
        # A string cell is never a formula.
        sheet.write_string(number, place, str(value))


def _is_too_long(value: float | Decimal) -> bool:
    if isinstance(value, float):
        return value != value or value in (float("inf"), float("-inf"))
    return len(str(value).lstrip("-").replace(".", "")) > EXCEL_DIGITS
