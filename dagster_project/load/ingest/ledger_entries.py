"""Ledger entries: what a load writes of paths, contents and what became of their records."""

import hashlib
import json
from collections.abc import Sequence

import duckdb

from dagster_project.load.ingest.batch_staging import SourceUnit
from dagster_project.load.ingest.canonical_rows import LoadStamp
from dagster_project.load.landing.discovery import Delivery, SkippedPath
from dagster_project.load.ledger.load_summary import FileOutcome
from dagster_project.load.ledger.schema import insert_rows, raw_name
from dagster_project.load.reading.file_content import DamagedFileError
from dagster_project.warehouse import quoted


def delete_content(con: duckdb.DuckDBPyConnection, file_hash: str, target: str) -> None:
    """Remove a file's rows and its entries, so that it can be loaded again."""
    own = f"WHERE file_hash = {quoted(file_hash)} AND target = {quoted(target)}"
    for system, table in con.execute(
        f"SELECT DISTINCT system, table_name FROM ledger.file_tables {own}"
    ).fetchall():
        con.execute(f"DELETE FROM {raw_name(system, table)} WHERE _file_hash = {quoted(file_hash)}")
    for name in ("files", "file_tables", "quarantine", "left_out"):
        con.execute(f"DELETE FROM ledger.{name} {own}")


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
    close_superseded(con, [unit.delivery for unit in units])
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
            (file_hash, delivery.target, rule, count) for rule, count in outcome.left_out.items()
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
    close_superseded(con, [delivery])
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


def close_superseded(con: duckdb.DuckDBPyConnection, deliveries: Sequence[Delivery]) -> None:
    """Close the entries of contents that were quarantined whole and delivered again.

    A file that was cut off, or still being written, and then came complete under its name is no
    longer in quarantine; the ledger keeps that it was there.
    """
    names = ", ".join(quoted(delivery.name) for delivery in deliveries)
    gone = f"path IN ({names}) AND target = {quoted(deliveries[0].target)}"
    hashes = f"SELECT file_hash FROM ledger.files WHERE {gone} AND outcome = 'quarantined'"
    con.execute(
        f"DELETE FROM ledger.quarantine WHERE level = 'file' AND {gone} AND file_hash IN ({hashes})"
    )
    con.execute(
        "UPDATE ledger.files SET outcome = 'superseded', records = 0, quarantined = 0 "
        f"WHERE {gone} AND outcome = 'quarantined'"
    )


def write_skipped_paths(
    con: duckdb.DuckDBPyConnection, skipped: Sequence[SkippedPath], stamp: LoadStamp
) -> None:
    """Keep in quarantine what lies in landing now and is not read, in place of what lay before."""
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
