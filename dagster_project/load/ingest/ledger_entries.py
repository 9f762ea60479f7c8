"""Ledger entries: what a load writes of paths, contents and what became of their records."""

import hashlib
import json
from collections.abc import Sequence
from datetime import date

import duckdb

from dagster_project.load.ingest.batch_staging import SourceUnit
from dagster_project.load.ingest.canonical_rows import LoadStamp
from dagster_project.load.landing.discovery import Delivery, SkippedPath, delivery_date
from dagster_project.load.ledger.load_summary import FileOutcome
from dagster_project.load.ledger.schema import insert_rows, raw_name
from dagster_project.load.reading.file_content import DamagedFileError
from dagster_project.warehouse import quoted


def delete_content(con: duckdb.DuckDBPyConnection, file_hash: str, target: str) -> None:
    """Remove a content's rows and its entries, so that it can be loaded again."""
    delete_rows(con, file_hash, target)
    con.execute(
        f"DELETE FROM ledger.files WHERE file_hash = {quoted(file_hash)} "
        f"AND target = {quoted(target)}"
    )


def delete_rows(con: duckdb.DuckDBPyConnection, file_hash: str, target: str) -> None:
    """Remove a content's raw rows and what is said of its records; its entry stays."""
    own = f"WHERE file_hash = {quoted(file_hash)} AND target = {quoted(target)}"
    for system, table in con.execute(
        f"SELECT DISTINCT system, table_name FROM ledger.file_tables {own}"
    ).fetchall():
        con.execute(f"DELETE FROM {raw_name(system, table)} WHERE {_rows_of(file_hash, target)}")
    for name in ("file_tables", "quarantine", "quarantined_parts", "left_out"):
        con.execute(f"DELETE FROM ledger.{name} {own}")


def _rows_of(file_hash: str, target: str) -> str:
    """SQL: which raw rows a content gave as this target's; another may hold the same content."""
    # Rows of an earlier version of this package have no source.
    source = f"coalesce(_source, {quoted(target)}) = {quoted(target)}"
    return f"_file_hash = {quoted(file_hash)} AND {source}"


def write_paths(
    con: duckdb.DuckDBPyConnection,
    deliveries: Sequence[tuple[Delivery, str, str, str]],
    stamp: LoadStamp,
) -> None:
    """Remember (delivery, file hash, state, definition): not opened again while unchanged."""
    names = ", ".join(quoted(delivery.name) for delivery, *_ in deliveries)
    con.execute(f"DELETE FROM ledger.paths WHERE path IN ({names})")
    insert_rows(
        con,
        "ledger.paths",
        [
            (d.name, d.target, d.size_bytes, d.mtime_ns, file_hash, definition, state, stamp.at)
            for d, file_hash, state, definition in deliveries
        ],
    )


def write_loaded(
    con: duckdb.DuckDBPyConnection,
    units: Sequence[SourceUnit],
    outcomes: Sequence[FileOutcome],
    definitions: Sequence[str],
    stamp: LoadStamp,
) -> None:
    """The ledger's entries of a batch that was taken in, and what each file was read by."""
    files, tables, left_out = [], [], []
    for unit, outcome, definition in zip(units, outcomes, definitions, strict=True):
        delivery, file_hash = unit.delivery, unit.content.file_hash
        left = sum(outcome.left_out.values())
        files.append(
            (
                file_hash,
                delivery.name,
                delivery.system_or_mapping,
                delivery.target,
                delivery.delivered_on,
                delivery.size_bytes,
                outcome.records,
                outcome.accepted,
                outcome.quarantined,
                left,
                outcome.erased,
                unit.header_match.fingerprint,
                definition,
                json.dumps(_reading(unit), ensure_ascii=False),
                "loaded",
                None,
                stamp.at,
                stamp.run_id,
            )
        )
        tables += [
            (file_hash, delivery.target, system, table, rows)
            for (system, table), rows in outcome.rows.items()
        ]
        left_out += [
            (file_hash, delivery.target, rule, count, outcome.listed.get(rule))
            for rule, count in outcome.left_out.items()
        ]
    insert_rows(con, "ledger.files", files)
    insert_rows(con, "ledger.file_tables", tables)
    insert_rows(con, "ledger.left_out", left_out)
    write_paths(
        con,
        [
            (unit.delivery, unit.content.file_hash, "loaded", definition)
            for unit, definition in zip(units, definitions, strict=True)
        ],
        stamp,
    )


def _reading(unit: SourceUnit) -> dict[str, object]:
    """How the file was read, for the ledger: nothing of what is in it but column names."""
    reading: dict[str, object] = {
        "as": unit.kind,
        "format": unit.delivery.format,
        "header": unit.header,
    }
    if unit.dialect:
        reading |= {
            "encoding": unit.dialect.encoding,
            "delimiter": unit.dialect.delimiter,
            "header_line": unit.dialect.header_line,
        }
        if not unit.dialect.signs.is_standard:
            signs = unit.dialect.signs
            reading |= {"quote": signs.quote, "escape": signs.escape, "pads": signs.pads}
        guess = unit.dialect.encoding_guess
        if guess:
            reading |= {
                "encoding_language": guess.language,
                "encoding_confidence": round(guess.confidence, 3),
            }
    if unit.header_match.by_alias:
        reading["aliases"] = unit.header_match.by_alias
    if unit.notes:
        reading["columns"] = unit.notes
    return reading


def write_quarantined_file(
    con: duckdb.DuckDBPyConnection,
    delivery: Delivery,
    file_hash: str,
    definition: str,
    error: DamagedFileError,
    stamp: LoadStamp,
) -> None:
    """The entries of a file that is quarantined as a whole: one record, quarantined."""
    delete_content(con, file_hash, delivery.target)
    own = (file_hash, delivery.name, delivery.system_or_mapping, delivery.target)
    counts = (1, 0, 1, 0, 0)
    facts = (delivery.delivered_on, delivery.size_bytes, *counts, None, definition, None)
    by = (stamp.at, stamp.run_id)
    insert_rows(con, "ledger.files", [(*own, *facts, "quarantined", error.message, *by)])
    what = (None, "file", error.column, error.reason, error.message, None)
    insert_rows(
        con,
        "ledger.quarantine",
        [(file_hash[:16], file_hash, delivery.target, delivery.name, *what, *by)],
    )
    write_paths(con, [(delivery, file_hash, "quarantined", definition)], stamp)


def supersede_earlier(
    con: duckdb.DuckDBPyConnection, target: str, paths: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Take away what lay under ``paths`` before; hashes of contents that went, and that stay.

    The content that arrived last under a path stands for it: rows and quarantined records of an
    earlier one go, and its entry says that it was superseded. A content that lies under another
    path too stays, and is that path's from now on.
    """
    names = ", ".join(map(quoted, paths))
    current = f"SELECT file_hash FROM ledger.paths WHERE target = {quoted(target)}"
    earlier = (
        f"target = {quoted(target)} AND path IN ({names}) AND outcome <> 'superseded' "
        f"AND file_hash NOT IN ({current} AND path IN ({names}) AND path = files.path)"
    )
    kept = [
        file_hash
        for (file_hash,) in con.execute(
            f"SELECT file_hash FROM ledger.files WHERE {earlier} AND file_hash IN ({current})"
        ).fetchall()
    ]
    con.execute(
        "UPDATE ledger.files SET path = (SELECT min(p.path) FROM ledger.paths p "
        "WHERE p.file_hash = files.file_hash AND p.target = files.target) "
        f"WHERE {earlier} AND file_hash IN ({current})"
    )
    gone = [
        file_hash
        for (file_hash,) in con.execute(
            f"SELECT file_hash FROM ledger.files WHERE {earlier} AND file_hash NOT IN ({current})"
        ).fetchall()
    ]
    for file_hash in gone:
        delete_rows(con, file_hash, target)
    con.execute(
        "UPDATE ledger.files SET outcome = 'superseded', records = 0, accepted = 0, "
        "quarantined = 0, left_out = 0, erased = 0 "
        f"WHERE {earlier} AND file_hash NOT IN ({current})"
    )
    return gone, kept


def remove_members(
    con: duckdb.DuckDBPyConnection, archive: str, members: Sequence[str]
) -> list[str]:
    """Forget the paths within an archive that it no longer holds; these paths."""
    held = ", ".join(map(quoted, ["", *members]))
    own = f"starts_with(path, {quoted(archive + '!')}) AND path NOT IN ({held})"
    gone = [p for (p,) in con.execute(f"SELECT path FROM ledger.paths WHERE {own}").fetchall()]
    con.execute(f"DELETE FROM ledger.paths WHERE {own}")
    return gone


def newest_dates(
    con: duckdb.DuckDBPyConnection, target: str, file_hashes: Sequence[str]
) -> dict[str, date | None]:
    """The delivery date of each content: the newest in the names that it lies under now."""
    dates: dict[str, date | None] = {}
    hashes = ", ".join(map(quoted, file_hashes))
    for file_hash, path in con.execute(
        f"SELECT file_hash, path FROM ledger.paths WHERE target = {quoted(target)} "
        f"AND file_hash IN ({hashes})"
    ).fetchall():
        known, found = dates.get(file_hash), delivery_date(path)
        dates[file_hash] = max(known, found) if known and found else known or found
    return dates


def write_delivery_date(
    con: duckdb.DuckDBPyConnection, file_hash: str, target: str, delivered_on: date | None
) -> None:
    """Date a content's rows and its entry."""
    own = f"file_hash = {quoted(file_hash)} AND target = {quoted(target)}"
    for system, table in con.execute(
        f"SELECT DISTINCT system, table_name FROM ledger.file_tables WHERE {own}"
    ).fetchall():
        con.execute(
            f"UPDATE {raw_name(system, table)} SET _delivered_on = ? "
            f"WHERE {_rows_of(file_hash, target)}",
            [delivered_on],
        )
    con.execute(f"UPDATE ledger.files SET delivered_on = ? WHERE {own}", [delivered_on])


def write_skipped_paths(
    con: duckdb.DuckDBPyConnection, skipped: Sequence[SkippedPath], stamp: LoadStamp
) -> None:
    """Keep what lies in landing now and is not read, in place of what lay before.

    What a later load may read waits, the rest is in quarantine.
    """
    con.execute("DELETE FROM ledger.waiting")
    insert_rows(
        con,
        "ledger.waiting",
        [(path.name, path.reason, path.message) for path in skipped if path.waiting],
    )
    con.execute("DELETE FROM ledger.quarantine WHERE level = 'file' AND file_hash IS NULL")
    insert_rows(
        con,
        "ledger.quarantine",
        [
            (
                hashlib.sha256(path.name.encode()).hexdigest()[:16],
                None,
                None,
                path.name,
                None,
                "file",
                None,
                path.reason,
                path.message,
                None,
                stamp.at,
                stamp.run_id,
            )
            for path in skipped
            if not path.waiting
        ],
    )
