"""Workbooks: the records of every sheet of an .xlsx file whose header fits, within limits.

A workbook is looked at before a cell is read: one cell at the far corner of a sheet, or a
megabyte that unfolds to thousands, would take the process down.
"""

import json
import re
import zipfile
from collections.abc import Iterator, Set
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from dagster_project.load.reading.file_content import CHUNK, DamagedFileError, check_expansion
from dagster_project.load.reading.header_lines import HEADER_WITHIN
from dagster_project.load.reading.header_matching import normalised
from dagster_project.load.reading.record_parsing import Record
from dagster_project.load.reading.zip_archive import member_chunks, opened_zip

_DAMAGED = "The spreadsheet is damaged or protected; save it again as .xlsx."
# A sheet is a rectangle in memory, from its first cell to its last.
MAX_CELLS = 10_000_000
MAX_UNPACKED = 256 << 20
_STRING = re.compile(rb"<si[ >/]")
_SHARED = re.compile(rb't="s"[^>]*><v>(\d{1,9})</v>')
_REFERENCE = re.compile(rb'\br="([A-Z]{1,3})([0-9]{1,7})"')


@dataclass(frozen=True)
class Workbook:
    """Header and records of the sheets that were read; ``skipped`` are the names of the others.

    Several sheets are one table: the header has every column, and rows of further sheets are
    numbered on from the last row of the sheet before. ``records`` can be gone through once.
    """

    header: tuple[str, ...]
    records: Iterator[Record]
    skipped: tuple[str, ...]


@dataclass
class _Sheet:
    name: str
    sheet: Any
    header: list[str]
    start: int
    score: int

    def rows(self) -> Iterator[list[str | None]]:
        """Every row as text: one at a time, because Python's cells take ten times the room."""
        for row in self.sheet.iter_rows():
            yield [_text(cell) for cell in row]


def read_workbook(path: Path, known: Set[str], table: str) -> Workbook:
    """Read the sheets that name columns of the table, or the first with rows when none does.

    The header of a sheet is the row, among the first 30, that names the most ``known`` columns. A
    sheet is read when it names at least half as many as the best one; where a sheet is called like
    ``table``, those that name fewer columns than it are not. Raises DamagedFileError when the file
    is damaged, empty or too large.
    """
    _check_limits(path)
    sheets = _filled_sheets(path, known)
    if not sheets:
        raise DamagedFileError("no_header", "The spreadsheet is empty: it has not even a header.")
    best = max(sheet.score for sheet in sheets)
    named = [sheet for sheet in sheets if normalised(sheet.name) == normalised(table)]
    wanted = max(named[0].score if named else 1, (best + 1) // 2, 1)
    read = [sheet for sheet in sheets if sheet.score >= wanted] or (named or sheets)[:1]
    header: dict[str, str] = {}
    for sheet in read:
        for position, name in enumerate(sheet.header):
            header.setdefault(_key(sheet, position, name), name)
    return Workbook(
        tuple(header.values()),
        _records(read, list(header)),
        tuple(sheet.name for sheet in sheets if sheet not in read),
    )


def _key(sheet: _Sheet, position: int, name: str) -> str:
    """What makes columns of two sheets one: the name, and which of several of that name it is."""
    same = sum(normalised(other) == normalised(name) for other in sheet.header[:position])
    return f"{normalised(name)}\0{same}"


def _records(sheets: list[_Sheet], keys: list[str]) -> Iterator[Record]:
    before = 0
    for sheet in sheets:
        places = [keys.index(_key(sheet, at, name)) for at, name in enumerate(sheet.header)]
        index = -1
        for index, row in enumerate(sheet.rows()):
            if index <= sheet.start or not any(row):
                continue
            cells: list[str | None] = [None] * len(keys)
            for place, cell in zip(places, row, strict=True):
                cells[place] = cell
            original = json.dumps(cells, ensure_ascii=False)
            yield Record(before + index + 1, cells, original)
        before += index + 1


def _filled_sheets(path: Path, known: Set[str]) -> list[_Sheet]:
    import python_calamine

    found = []
    try:
        book = python_calamine.CalamineWorkbook.from_path(path)
        for name in book.sheet_names:
            read = book.get_sheet_by_name(name)
            sheet = _Sheet(name, read, [], 0, 0)
            first: tuple[int, list[str | None]] | None = None
            for index, row in enumerate(sheet.rows()):
                if first is None and any(row):
                    first = (index, row)
                score = len({normalised(cell) for cell in row if cell} & known)
                if index < HEADER_WITHIN and score > sheet.score:
                    sheet.header = [cell or "" for cell in row]
                    sheet.start, sheet.score = index, score
                if index >= HEADER_WITHIN and first is not None:
                    break
            if first is None:
                continue
            if not sheet.score:
                sheet.start, sheet.header = first[0], [cell or "" for cell in first[1]]
            found.append(sheet)
    except python_calamine.CalamineError:
        raise DamagedFileError("broken_archive", _DAMAGED) from None
    return found


def _check_limits(path: Path) -> None:
    """DamagedFileError when the workbook is larger than this package reads."""
    unpacked = 0
    with opened_zip(path, _DAMAGED) as archive:
        for info in archive.infolist():
            rows = columns = 0
            rest = b""
            for data in member_chunks(archive, info, _DAMAGED):
                unpacked += len(data)
                check_expansion(info.compress_size, unpacked)
                if unpacked > MAX_UNPACKED:
                    raise _too_large(f"unpacks to more than {MAX_UNPACKED >> 20} MB")
                if "worksheets/" not in info.filename:
                    continue
                for letters, digits in _REFERENCE.findall(rest + data):
                    rows = max(rows, int(digits))
                    columns = max(columns, _column(letters))
                rest = data[-20:]
            if rows * columns > MAX_CELLS:
                raise _too_large(f"has a sheet that reaches to row {rows:,} and column {columns:,}")
        if _text_size(archive) > MAX_UNPACKED:
            raise _too_large(f"repeats its texts to more than {MAX_UNPACKED >> 20} MB")


def _text_size(archive: zipfile.ZipFile) -> int:
    """Bytes of text in all cells: a long text that thousands of cells share stands once in the
    file, and once per cell in memory."""
    starts, at, rest = [], 0, b""
    for info in archive.infolist():
        if not info.filename.endswith("sharedStrings.xml"):
            continue
        for data in member_chunks(archive, info, _DAMAGED):
            text = rest + data
            starts += [at - len(rest) + found.start() for found in _STRING.finditer(text)]
            at += len(data)
            rest = text[-3:]
    lengths = np.diff([*starts, at])
    if not len(lengths):
        return 0
    size = 0
    for info in archive.infolist():
        if "worksheets/" not in info.filename:
            continue
        rest = b""
        for data in member_chunks(archive, info, _DAMAGED):
            text = rest + data
            # A cell that is cut in two is counted with the next chunk.
            cut = max(text.rfind(b"</v>") + 4, 4)
            places = np.array(_SHARED.findall(text[:cut]), dtype=np.int64)
            size += int(lengths[places[places < len(lengths)]].sum())
            rest = text[cut:] if len(text) - cut < CHUNK else b""
    return size


def _too_large(what: str) -> DamagedFileError:
    return DamagedFileError(
        "too_large",
        f"The workbook {what}; {MAX_CELLS:,} cells are the most. Delete what stands far outside "
        "the table, or save the sheet as CSV.",
    )


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value.total_seconds())
    return None if value in (None, "") else str(value)
