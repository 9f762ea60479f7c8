"""Spreadsheets: CSV that a person opens in one and gives back, and cells that none runs.

What is written for people to look at or to decide on goes through here, and what comes back of it,
with the cells that a spreadsheet rewrote by itself: ``447700900123`` is saved as ``4.47701E+11``;
the extracts of a company's systems do not (load/reading).
"""

import csv
import re
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

from dagster_project.errors import UsageError, unusable
from dagster_project.private_files import private_file

# A record may hold a text of any length; Python's own limit is 131,072 signs.
csv.field_size_limit(sys.maxsize)
# Excel takes UTF-8 for the machine's own encoding where the mark is missing.
ENCODING = "utf-8-sig"
# A spreadsheet saves with its country's list separator.
DELIMITERS = ",;\t"
# How a cell begins that a spreadsheet runs; apostrophes are counted, so that each can be undone.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
# Also a telephone number with its plus sign: no spreadsheet runs digits.
_NUMBER = re.compile(r"[+-]?\d[\d.,]*")
_PLAIN = re.compile(r"[+-]?\d+(?:\.\d+)?", re.ASCII)
_DELIVERED_NUMBER = re.compile(rf"{_PLAIN.pattern}(?:E[+-]?\d{{1,3}})?", re.ASCII | re.IGNORECASE)
_SCIENTIFIC = re.compile(r"([+-]?\d(?:[.,](\d+))?)E([+-]?\d{1,3})", re.ASCII)
# Digits that a spreadsheet keeps of a number (IEEE 754 double); the others become zeros.
_DIGITS = 15
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?: (\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?)?", re.ASCII)
_DATE = re.compile(
    r"(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})"
    r"(?:,? (\d{1,2}):(\d\d)(?::(\d\d))?(?: ?([AP])\.?M\.?)?)?",
    re.ASCII | re.IGNORECASE,
)
# What Excel shows of a time with fractions of a second: minutes, seconds and tenths.
_TENTHS = re.compile(r"(\d\d):(\d\d)[.,]\d", re.ASCII)


def safe_cell(cell: Any) -> Any:
    """A cell that no spreadsheet runs: a text that begins like a formula gets an apostrophe.

    Numbers, and telephone numbers with their plus sign, are left as they are.
    """
    if not isinstance(cell, str) or _NUMBER.fullmatch(cell) or not _FORMULA.match(cell):
        return cell
    return f"'{cell}"


def restored(cell: str) -> str:
    """A cell as it was before :func:`safe_cell`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


@contextmanager
def written(path: Path, header: Collection[str]) -> Iterator[Any]:
    """A CSV writer on ``path``, which its owner alone can read; ``header`` is written already.

    Cells are the caller's to make safe. Raises OSError.
    """
    with private_file(path, encoding=ENCODING) as file:
        writer = csv.writer(file)
        writer.writerow(header)
        yield writer


def read_back(
    path: Path, columns: Collection[str], advice: str = "", *, delimiters: str = DELIMITERS
) -> list[tuple[int, dict[str, str]]]:
    """(line, cells by column) of each record; a cell that its record lacks is an empty text.

    Raises UsageError for a file that cannot be read, is not in UTF-8, or lacks one of ``columns``;
    ``advice`` then follows.
    """
    try:
        # A script that took the mark for text, and wrote its own, left two.
        text = path.read_bytes().decode(ENCODING).lstrip("\ufeff")
    except OSError as error:
        raise unusable(path, error) from None
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path}, byte {error.start + 1:,}: not UTF-8. Save it as CSV in UTF-8; Excel calls "
            'that "CSV UTF-8".'
        ) from None
    missing = list(columns)
    for delimiter in delimiters:
        try:
            header = next(csv.reader(StringIO(text, newline=""), delimiter=delimiter), [])
            lacking = [name for name in columns if name not in header]
            if not lacking:
                return list(_records(text, delimiter))
        except csv.Error as error:
            raise UsageError(f"{path} is no CSV: {error}.") from None
        if len(lacking) < len(missing):
            missing = lacking
    found = f"Columns missing: {', '.join(missing)}."
    raise UsageError(f"{path}, line 1: {' '.join(filter(None, (found, advice)))}")


def _records(text: str, delimiter: str) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.DictReader(
        StringIO(text, newline=""), delimiter=delimiter, restval="", strict=True
    )
    for row in reader:
        # What stands beyond the last column has no name.
        yield reader.line_num, {name: cell for name, cell in row.items() if name}


def rewritten(pairs: Iterable[tuple[str, str]]) -> list[bool]:
    """Of each (cell as it was written, as it was saved): whether only a spreadsheet changed it.

    Numbers: in scientific notation, cut to 15 digits, without leading zeros, plus sign or the last
    zeros of a fraction. Dates in ISO 8601: in the form of the country, without their seconds.
    Whether the day or the month comes first is what most of the dates say, those after the 12th
    where there are any; where as many say either, no date counts as rewritten.
    """
    cells = list(pairs)
    orders = [_date_orders(*pair) if pair[0] != pair[1] else frozenset() for pair in cells]
    # Up to the 12th, a day that was put in the place of the month looks like another country's.
    late = [
        found for (cell, _), found in zip(cells, orders, strict=True) if found and cell[8:10] > "12"
    ]
    votes = Counter(order for found in late or orders for order in found)
    leading = {order for order, count in votes.items() if count == max(votes.values())}
    return [
        cell != saved and (_is_same_number(cell, saved) or (bool(leading) and found >= leading))
        for (cell, saved), found in zip(cells, orders, strict=True)
    ]


def _is_same_number(cell: str, saved: str) -> bool:
    if not _DELIVERED_NUMBER.fullmatch(cell):
        return False
    scientific = _SCIENTIFIC.fullmatch(saved)
    if scientific:
        mantissa, fraction, exponent = scientific.groups()
        rounded = f"{Decimal(cell):.{len(fraction or '')}E}"
        return Decimal(rounded) == Decimal(f"{mantissa.replace(',', '.')}E{exponent}")
    if not _PLAIN.fullmatch(saved):
        return False
    if Decimal(cell) == Decimal(saved):
        return True
    digits = cell.lstrip("+-0")
    zeros = "0" * (len(digits) - _DIGITS)
    return bool(zeros) and digits.isdigit() and saved.lstrip("-") == digits[:_DIGITS] + zeros


def _date_orders(cell: str, saved: str) -> frozenset[str]:
    """The orders of year, month and day in which ``saved`` is the date of ``cell``."""
    iso, date, tenths = _ISO.fullmatch(cell), _DATE.fullmatch(saved), _TENTHS.fullmatch(saved)
    if iso and iso[7] and tenths:
        return frozenset(("dmy", "mdy", "ymd") if iso.group(5, 6) == tenths.groups() else ())
    if not iso or not date or not _is_same_time(iso, date):
        return frozenset()
    year, month, day = (int(part) for part in iso.group(1, 2, 3))
    first, second, third = (int(part) for part in date.group(1, 3, 4))
    years = (year, year % 100)
    return frozenset(
        order
        for order, is_it in (
            ("dmy", (first, second) == (day, month) and third in years),
            ("mdy", (first, second) == (month, day) and third in years),
            ("ymd", first in years and (second, third) == (month, day)),
        )
        if is_it
    )


def _is_same_time(iso: re.Match[str], date: re.Match[str]) -> bool:
    hour, minute, second = (int(part or 0) for part in iso.group(4, 5, 6))
    if date[5] is None:
        return (hour, minute, second) == (0, 0, 0)
    shown = int(date[5])
    if date[8]:
        shown = shown % 12 + 12 * (date[8].upper() == "P")
    return (shown, int(date[6])) == (hour, minute) and date[7] in (None, f"{second:02}")
