"""Schema drift: changes in a source's columns, each an event that somebody can see."""

import difflib
import json
from collections.abc import Sequence

import duckdb

from dagster_project.load.ingest.batch_staging import SourceUnit
from dagster_project.load.ingest.canonical_rows import LoadStamp
from dagster_project.load.ledger.schema import insert_rows
from dagster_project.load.reading.code_pages import Guess
from dagster_project.load.reading.header_matching import normalised, safe_name


def write_schema_changes(
    con: duckdb.DuckDBPyConnection, units: Sequence[SourceUnit], stamp: LoadStamp
) -> int:
    """Write schema events for a batch of one target, before its files are in the ledger.

    ``unknown_column``: an undeclared column, kept in ``_extra``; once per name. ``alias_used``: a
    column known by another name; once per pair. ``columns_changed``: the file's columns are not
    those of the file before it. ``encoding_doubtful``: another encoding reads
    nearly as well; once per encoding. ``sheet_not_read``: a sheet of a workbook that does not fit.
    Returns the number of events.
    """
    target = units[0].delivery.target
    said = {
        (kind, column)
        for kind, column in con.execute(
            "SELECT kind, column_name FROM ledger.schema_events WHERE target = ?", [target]
        ).fetchall()
    }
    before = _last_columns(con, target)
    events: list[tuple[object, ...]] = []
    for unit in units:
        found: list[tuple[str, str | None, str]] = []
        for name, _ in unit.header_match.extras if unit.header_match.is_header else ():
            found.append(("unknown_column", name, _unknown(name, unit.header_match.missing)))
        for name, header in unit.header_match.by_alias.items():
            found.append(
                ("alias_used", f"{name} = {header}", f"{safe_name(header)} was read as {name}.")
            )
        found += [
            ("sheet_not_read", name, f"The sheet {safe_name(name)} was not read: {_DOES_NOT_FIT}")
            for name in unit.skipped_sheets
        ]
        guess = unit.dialect.encoding_guess if unit.dialect else None
        if guess and guess.is_doubtful:
            found.append(("encoding_doubtful", guess.encoding, _doubtful_encoding(guess)))
        found = [event for event in found if event[:2] not in said]
        said.update(event[:2] for event in found)
        columns = set(unit.header)
        if before is not None and columns != before and unit.header_match.is_header:
            found.append(("columns_changed", None, _difference(before, columns)))
        if not unit.header_match.is_header and unit.header_match.extras:
            found.append(("unknown_column", None, _doubtful(unit)))
        before = columns
        events += [
            (target, unit.content.file_hash, unit.delivery.name, *event, stamp.at, stamp.run_id)
            for event in found
        ]
    insert_rows(con, "ledger.schema_events", events)
    return len(events)


def _unknown(name: str, missing: Sequence[str]) -> str:
    """``missing``: the fields that the file lacks, of which this may be one, misspelt."""
    near = difflib.get_close_matches(normalised(name), missing, n=1, cutoff=0.7)
    hint = (
        f" Perhaps it is {near[0]}, which the file lacks: rename it, or add the sender's name for "
        "it to the contract's aliases."
        if near
        else ""
    )
    return f"The column {safe_name(name)} is not in the contract; it is kept.{hint}"


_DOES_NOT_FIT = "its header does not fit the table. Deliver it as a file of its own if it is data."


def _doubtful_encoding(guess: Guess) -> str:
    other = f"; {guess.next_best} reads nearly as well" if guess.next_best else ""
    return (
        f"The file was read as {guess.encoding} ({guess.language}), which is "
        f"{guess.confidence:.0%} sure{other}. Look at names with letters beyond A to Z: "
        "if they are wrong, write "
        f"encoding: {guess.next_best or 'its name'} into the source's settings, else "
        f"encoding: {guess.encoding}."
    )


def _doubtful(unit: SourceUnit) -> str:
    return (
        f"{len(unit.header_match.extras)} columns are not in the contract; they are kept. Their "
        "names are not shown: perhaps the first line is a record, and the file has no header."
    )


def _last_columns(con: duckdb.DuckDBPyConnection, target: str) -> set[str] | None:
    row = con.execute(
        "SELECT reading FROM ledger.files WHERE target = ? AND outcome = 'loaded' "
        "ORDER BY loaded_at DESC, path DESC LIMIT 1",
        [target],
    ).fetchone()
    return set(json.loads(row[0])["header"]) if row else None


def _difference(before: set[str], now: set[str]) -> str:
    added, removed = (sorted(map(safe_name, names)) for names in (now - before, before - now))
    parts = []
    if added:
        parts.append(f"new: {', '.join(added)}")
    if removed:
        parts.append(f"gone: {', '.join(removed)}")
    return f"The file's columns differ from those of the file before it ({'; '.join(parts)})."
