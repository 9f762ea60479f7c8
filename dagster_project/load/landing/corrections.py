"""Corrections of records by a person: kept under landing/, applied whenever their file is read.

A corrected record takes the place of the delivered one, so that the file's accounting adds up and
a full refresh, a changed mapping or a lost warehouse does not undo the correction.
"""

import hashlib
from pathlib import Path

from dagster_project.errors import UsageError
from dagster_project.spreadsheets import read_back, restored

FOLDER = "_corrections"
ID, PATH, LINE, REASON, MESSAGE, ORIGINAL = META = (
    "quarantine_id",
    "quarantine_path",
    "quarantine_line",
    "quarantine_reason",
    "quarantine_message",
    "quarantine_original",
)

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
    rows = read_back(
        path,
        (ID,),
        "Correct a file that `hourglass quarantine export` wrote, and leave that column as it is.",
    )
    found = []
    for number, row in rows:
        key, _, line = row.pop(ID).partition("-")
        if len(key) != 16 or not line.isdigit():
            raise UsageError(f"{path}, line {number}: {ID} is not one that was exported.")
        cells = {name: restored(text) for name, text in row.items() if name not in META and text}
        found.append((key, int(line), cells))
    return found


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
