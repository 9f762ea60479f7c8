"""Corrections of records by a person: kept under landing/, applied whenever their file is read.

A corrected record takes the place of the delivered one, so that the file's accounting adds up and
a full refresh, a changed mapping or a lost warehouse does not undo the correction.
"""

import csv
import hashlib
import re
from pathlib import Path
from typing import Any

from dagster_project.errors import UsageError

FOLDER = "_corrections"
ID, PATH, LINE, REASON, MESSAGE, ORIGINAL = META = (
    "quarantine_id",
    "quarantine_path",
    "quarantine_line",
    "quarantine_reason",
    "quarantine_message",
    "quarantine_original",
)

# How a cell begins that a spreadsheet runs; apostrophes are counted, so that each can be undone.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?[\d.,]+")

# The cells by column, by line of the file.
Corrected = dict[int, dict[str, str]]
# By the first 16 digits of the file's hash, as quarantine ids begin.
Corrections = dict[str, Corrected]


def read_corrections(landing: Path) -> Corrections:
    """Every correction under ``landing``; the later file wins where two correct one record."""
    corrections: Corrections = {}
    for path in sorted((landing / FOLDER).glob("*.csv")):
        for key, line, cells in read_corrected(path):
            corrections.setdefault(key, {})[line] = cells
    return corrections


def read_corrected(path: Path) -> list[tuple[str, int, dict[str, str]]]:
    """(hash prefix, line, cells) of each row; UsageError when the file is no export of ours."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if ID not in (reader.fieldnames or ()):
                raise UsageError(
                    f"{path} has no column {ID}. Correct a file that `hourglass quarantine "
                    "export` wrote, and leave that column as it is."
                )
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error):
        raise UsageError(f"{path} cannot be read as CSV in UTF-8. Save it again as such.") from None
    found = []
    for number, row in enumerate(rows, start=2):
        key, _, line = (row.pop(ID) or "").partition("-")
        if len(key) != 16 or not line.isdigit():
            raise UsageError(f"{path}, record {number - 1}: {ID} is not one that was exported.")
        cells = {
            name: restored(text) for name, text in row.items() if name and name not in META and text
        }
        found.append((key, int(line), cells))
    return found


def neutralised(cell: Any) -> Any:
    """A cell that no spreadsheet runs: one that begins like a formula gets an apostrophe."""
    if not isinstance(cell, str) or _NUMBER.fullmatch(cell) or not _FORMULA.match(cell):
        return cell
    return f"'{cell}"


def restored(cell: str) -> str:
    """A cell as it was before ``neutralised``."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def correction_of(corrections: Corrections, file_hash: str) -> Corrected:
    """The corrected records of one file; empty for most."""
    return corrections.get(file_hash[:16], {})


def corrections_mark(corrections: Corrections, file_hash: str) -> str:
    """A text that changes with the corrections of a file; empty when it has none."""
    corrected = correction_of(corrections, file_hash)
    if not corrected:
        return ""
    text = repr(sorted((line, sorted(cells.items())) for line, cells in corrected.items()))
    return "+" + hashlib.sha256(text.encode()).hexdigest()[:16]
