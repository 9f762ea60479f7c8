"""What the ledger knows, and the entries that a load writes into it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from dagster_project.load.discover import Delivery
from dagster_project.load.ledger import insert_rows, raw_name
from dagster_project.load.stage import Unit
from dagster_project.load.take_in import Outcome, Stamp
from dagster_project.load.targets import Target
from dagster_project.warehouse import quoted


@dataclass
class Known:
    """The ledger in memory. ``contents``: (file hash, target) to the definition it was read by."""

    paths: dict[str, tuple[str, int, int, str]]
    contents: dict[tuple[str, str], str]

    def has_path(self, delivery: Delivery, definition: str) -> bool:
        """Whether the path's content is known without opening it."""
        return self.paths.get(delivery.name) == (
            delivery.target,
            delivery.size_bytes,
            delivery.mtime_ns,
            definition,
        )


def read_known(con: duckdb.DuckDBPyConnection) -> Known:
    paths = con.execute(
        "SELECT path, target, size_bytes, mtime_ns, definition_hash FROM ledger.paths"
    ).fetchall()
    contents = con.execute("SELECT file_hash, target, definition_hash FROM ledger.files").fetchall()
    return Known(
        {path: tuple(rest) for path, *rest in paths},  # type: ignore[misc]
        {(file_hash, target): definition for file_hash, target, definition in contents},
    )


def forget(con: duckdb.DuckDBPyConnection, file_hash: str, target: str) -> None:
    """Remove a file's rows and its entries, so that it can be loaded again."""
    own = f"WHERE file_hash = {quoted(file_hash)} AND target = {quoted(target)}"
    for system, table in con.execute(
        f"SELECT DISTINCT system, table_name FROM ledger.file_tables {own}"
    ).fetchall():
        con.execute(f"DELETE FROM {raw_name(system, table)} WHERE _file_hash = {quoted(file_hash)}")
    for name in ("files", "file_tables", "quarantine", "left_out"):
        con.execute(f"DELETE FROM ledger.{name} {own}")


def remember_path(
    con: duckdb.DuckDBPyConnection,
    deliveries: Sequence[tuple[Delivery, str, str]],
    definition: str,
    stamp: Stamp,
) -> None:
    """Remember (delivery, file hash, state): such a path is not opened again while unchanged."""
    names = ", ".join(quoted(delivery.name) for delivery, _, _ in deliveries)
    con.execute(f"DELETE FROM ledger.paths WHERE path IN ({names})")
    insert_rows(
        con,
        "ledger.paths",
        [
            (d.name, d.target, d.size_bytes, d.mtime_ns, file_hash, definition, state, stamp.at)
            for d, file_hash, state in deliveries
        ],
    )


def write_loaded(
    con: duckdb.DuckDBPyConnection,
    units: Sequence[Unit],
    outcomes: Sequence[Outcome],
    target: Target,
    stamp: Stamp,
) -> None:
    """The ledger's entries of a batch that was taken in."""
    files, tables, left_out = [], [], []
    for unit, outcome in zip(units, outcomes, strict=True):
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
                0,
                unit.layout.fingerprint,
                target.definition,
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
    _append(con, "files", files)
    _append(con, "file_tables", tables)
    _append(con, "left_out", left_out)
    remember_path(
        con,
        [(unit.delivery, unit.content.file_hash, "loaded") for unit in units],
        target.definition,
        stamp,
    )


def _append(con: duckdb.DuckDBPyConnection, table: str, rows: Sequence[tuple]) -> None:
    insert_rows(con, f"ledger.{table}", rows)


def _reading(unit: Unit) -> dict[str, object]:
    """How the file was read, for the ledger: nothing of what is in it but column names."""
    reading: dict[str, object] = {"as": unit.kind, "format": unit.delivery.format}
    if unit.dialect:
        reading |= {
            "encoding": unit.dialect.encoding,
            "delimiter": unit.dialect.delimiter,
            "header_line": unit.dialect.header_line,
        }
    if unit.layout.by_alias:
        reading["aliases"] = unit.layout.by_alias
    if unit.notes:
        reading["columns"] = unit.notes
    extra = [name for name, _ in unit.layout.extras]
    if extra:
        reading["extra_columns"] = extra
    return reading


def write_quarantined_file(
    con: duckdb.DuckDBPyConnection,
    delivery: Delivery,
    file_hash: str,
    definition: str,
    reason: str,
    message: str,
    stamp: Stamp,
) -> None:
    """The entries of a file that is quarantined as a whole: one record, quarantined."""
    forget(con, file_hash, delivery.target)
    common = (file_hash, delivery.name, delivery.system_or_mapping, delivery.target)
    insert_rows(
        con,
        "ledger.files",
        [
            (
                *common,
                delivery.delivered_on,
                delivery.size_bytes,
                1,
                0,
                1,
                0,
                0,
                None,
                definition,
                None,
                "quarantined",
                message,
                stamp.at,
                stamp.run_id,
            )
        ],
    )
    insert_rows(
        con,
        "ledger.quarantine",
        [
            (
                file_hash[:16],
                file_hash,
                delivery.target,
                delivery.name,
                None,
                "file",
                None,
                reason,
                message,
                None,
                stamp.at,
                stamp.run_id,
            )
        ],
    )
    remember_path(con, [(delivery, file_hash, "quarantined")], definition, stamp)
