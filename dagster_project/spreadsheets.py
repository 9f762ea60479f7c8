"""Spreadsheets: CSV that a person opens in one and gives back, and cells that none runs.

What is written for people to look at or to decide on goes through here, and what comes back of it;
the extracts of a company's systems do not (load/reading).
"""

import csv
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

from dagster_project.errors import UsageError, unusable
from dagster_project.private_files import private_file

# Excel takes UTF-8 for the machine's own encoding where the mark is missing.
ENCODING = "utf-8-sig"
# A spreadsheet saves with its country's list separator.
DELIMITERS = ",;\t"
# How a cell begins that a spreadsheet runs; apostrophes are counted, so that each can be undone.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
# Also a telephone number with its plus sign: no spreadsheet runs digits.
_NUMBER = re.compile(r"[+-]?\d[\d.,]*")


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
