"""Quarantine: what is in it, and the way back: look, export, correct, replay."""

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.errors import UsageError
from dagster_project.load.landing.corrections import FOLDER, ID, META, read_corrected
from dagster_project.private_files import FOLDER_MODE, private_folder
from dagster_project.spreadsheets import rewritten, safe_cell, written


@dataclass(frozen=True)
class QuarantineGroup:
    """Entries of one file, column and reason. Level ``cell`` are values that became NULL."""

    target: str | None
    path: str
    level: str
    column: str | None
    reason: str
    count: int
    first_line: int | None
    message: str


@dataclass(frozen=True)
class QuarantineEntry:
    """One entry with its original text: personal data, for the eyes of who asked for it."""

    quarantine_id: str
    target: str | None
    path: str
    line: int | None
    level: str
    column: str | None
    reason: str
    message: str
    original: str | None


@dataclass(frozen=True)
class AcceptedCorrections:
    """Records that were corrected, and the number of cells by column that were only rewritten."""

    records: int
    rewritten: Mapping[str, int]


def list_quarantine(
    con: duckdb.DuckDBPyConnection, *, target: str | None = None
) -> list[QuarantineGroup]:
    """What is in quarantine, by file, column and reason; the worst level and most entries first."""
    rows = con.execute(
        """
        SELECT target, path, level, column_name, reason, count(*), min(line), any_value(message)
        FROM ledger.quarantine WHERE ? IS NULL OR target = ?
        GROUP BY target, path, level, column_name, reason
        ORDER BY CASE level WHEN 'file' THEN 0 WHEN 'row' THEN 1 ELSE 2 END, count(*) DESC, path
        """,
        [target, target],
    ).fetchall()
    return [QuarantineGroup(*row) for row in rows]


def show_quarantine(con: duckdb.DuckDBPyConnection, quarantine_id: str) -> QuarantineEntry:
    """One entry; UsageError when the id is not in quarantine."""
    row = con.execute(
        "SELECT quarantine_id, target, path, line, level, column_name, reason, message, original "
        "FROM ledger.quarantine WHERE quarantine_id = ?",
        [quarantine_id],
    ).fetchone()
    if row is None:
        raise UsageError(
            f"{quarantine_id} is not in quarantine. `hourglass quarantine list` shows what is."
        )
    return QuarantineEntry(*row)


def export_quarantine(
    con: duckdb.DuckDBPyConnection, folder: Path, *, target: str | None = None
) -> list[Path]:
    """Write quarantined records as CSV that can be corrected in a spreadsheet; the files' paths.

    One file per target and set of columns, since records of different shape share no header. The
    columns ``quarantine_*`` say which record it is and why it is there; the others hold its cells
    as far as it could be taken apart. Cells that a spreadsheet would take for formulas are made
    safe, and restored by a replay. The files, and the folder if it is new, are the owner's alone.
    """
    rows = con.execute(
        """
        SELECT q.target, f.reading, q.quarantine_id, q.path, q.line, q.reason, q.message,
            q.original
        FROM ledger.quarantine q JOIN ledger.files f
            ON q.file_hash = f.file_hash AND q.target = f.target
        WHERE q.level = 'row' AND (? IS NULL OR q.target = ?)
        ORDER BY q.target, q.path, q.line
        """,
        [target, target],
    ).fetchall()
    groups: dict[tuple[str, tuple[str, ...]], list[tuple[Any, ...]]] = {}
    for name, reading_text, *entry in rows:
        reading = json.loads(reading_text)
        cells = _cells(reading, entry[-1] or "")
        groups.setdefault((name, tuple(reading["header"])), []).append((*entry, *cells))
    folder.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
    paths = []
    for (name, header), records in groups.items():
        mark = hashlib.sha256("\x1f".join(header).encode()).hexdigest()[:6]
        path = folder / f"quarantine.{name}.{mark}.csv"
        with written(path, [*META, *header]) as writer:
            writer.writerows([safe_cell(cell) for cell in record] for record in records)
        paths.append(path)
    return paths


def _cells(reading: dict[str, Any], original: str) -> list[str]:
    header: list[str] = reading["header"]
    if reading["format"] == "csv":
        row = next(csv.reader([original], delimiter=reading["delimiter"]), [])
        return (row + [""] * len(header))[: len(header)]
    try:
        value = json.loads(original)
    except json.JSONDecodeError:
        return [""] * len(header)
    if isinstance(value, list):
        return [_text(cell) for cell in value][: len(header)]
    return [_text(_at(value, name)) for name in header]


def _at(value: Any, name: str) -> Any:
    if isinstance(value, dict) and name in value:
        return value[name]
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _exported(con: duckdb.DuckDBPyConnection, ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """The delivered cells by column of the quarantined records with these ids, by id."""
    rows = con.execute(
        """
        SELECT q.quarantine_id, f.reading, q.original
        FROM ledger.quarantine q JOIN ledger.files f
            ON q.file_hash = f.file_hash AND q.target = f.target
        WHERE q.level = 'row' AND q.quarantine_id IN (SELECT unnest(?::VARCHAR[]))
        """,
        [list(ids)],
    ).fetchall()
    readings = {text: json.loads(text) for text in {text for _, text, _ in rows}}
    return {
        key: dict(
            zip(readings[text]["header"], _cells(readings[text], original or ""), strict=False)
        )
        for key, text, original in rows
    }


def accept_corrections(
    con: duckdb.DuckDBPyConnection, landing: Path, path: Path
) -> AcceptedCorrections:
    """Take a corrected export into landing, so that the next load replays it.

    Cells that nobody touched, and that a spreadsheet saved in another form, stay as delivered.
    UsageError when it is no export, or names a record that is not in quarantine.
    """
    corrected = read_corrected(path)
    exported = _exported(con, [f"{key}-{line}" for key, line, _ in corrected])
    # (the corrected cells, a column of them, its delivered cell)
    delivered: list[tuple[dict[str, str], str, str]] = []
    for key, line, cells in corrected:
        original = exported.get(f"{key}-{line}")
        if original is None:
            raise UsageError(
                f"{path}: {key}-{line} is not in quarantine any more. Export again and correct "
                "what is still there."
            )
        delivered += [(cells, name, cell) for name, cell in original.items() if name in cells]
    is_rewritten = rewritten((cell, cells[name]) for cells, name, cell in delivered)
    kept_cells: Counter[str] = Counter()
    for (cells, name, cell), only_rewritten in zip(delivered, is_rewritten, strict=True):
        if only_rewritten:
            cells[name] = cell
            kept_cells[name] += 1
    mark = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    kept = landing / FOLDER
    private_folder(kept)
    # Above every other, also where somebody took one away: the later file wins.
    numbers = [path.name.partition("-")[0] for path in kept.glob("*.csv")]
    number = max((int(text) for text in numbers if text.isdecimal()), default=0) + 1
    copy = kept / f"{number:06}-{mark}.csv"
    names = list(dict.fromkeys(name for _, _, cells in corrected for name in cells))
    # In our own form, whatever the spreadsheet saved: an erasure finds the record by its id.
    with written(copy, [ID, *names]) as writer:
        for key, line, cells in corrected:
            writer.writerow([f"{key}-{line}", *(safe_cell(cells.get(name, "")) for name in names)])
    return AcceptedCorrections(len(corrected), kept_cells)
