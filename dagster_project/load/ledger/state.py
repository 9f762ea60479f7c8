"""Ledger state: which paths and contents are known, read once at the start of a load."""

from dataclasses import dataclass

import duckdb

from dagster_project.load.landing.discovery import Delivery


@dataclass
class LedgerState:
    """The ledger in memory. ``contents``: (file hash, target) to the definition it was read by."""

    paths: dict[str, tuple[str, int, int, str]]
    contents: dict[tuple[str, str], str]

    hashes: dict[str, str]

    def hash_of(self, delivery: Delivery) -> str | None:
        """The hash of what lay under the path when it was last looked at."""
        return self.hashes.get(delivery.name)

    def has_path(self, delivery: Delivery, definition: str) -> bool:
        """Whether the path's content is known without opening it."""
        return self.paths.get(delivery.name) == (
            delivery.target,
            delivery.size_bytes,
            delivery.mtime_ns,
            definition,
        )


def is_ledger_empty(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether nothing was ever loaded."""
    return con.execute("SELECT 1 FROM ledger.files LIMIT 1").fetchone() is None


def read_ledger_state(con: duckdb.DuckDBPyConnection) -> LedgerState:
    paths = con.execute(
        "SELECT path, target, size_bytes, mtime_ns, definition_hash, file_hash FROM ledger.paths"
    ).fetchall()
    contents = con.execute("SELECT file_hash, target, definition_hash FROM ledger.files").fetchall()
    return LedgerState(
        {path: tuple(rest) for path, *rest, _ in paths},  # type: ignore[misc]
        {(file_hash, target): definition for file_hash, target, definition in contents},
        {path: file_hash for path, *_, file_hash in paths},
    )
