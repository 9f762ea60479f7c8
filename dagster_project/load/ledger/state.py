"""Ledger state: which paths and contents are known, read once at the start of a load."""

from dataclasses import dataclass, field

import duckdb

from dagster_project.load.landing.discovery import Delivery


@dataclass
class LedgerState:
    """The ledger in memory. ``contents``: (file hash, target) to the definition it was read by.

    A file that lost records to an erasure goes on being known by the hash that it was delivered
    with: ``delivered`` has it by the hash of today, ``erased`` the number of records by content.
    """

    paths: dict[str, tuple[str, int, int, str]]
    contents: dict[tuple[str, str], str]

    hashes: dict[str, str]
    delivered: dict[str, str] = field(default_factory=dict)
    erased: dict[tuple[str, str], int] = field(default_factory=dict)

    def delivered_hash(self, file_hash: str) -> str:
        """The hash that a content was delivered with, whatever was erased from it since."""
        return self.delivered.get(file_hash, file_hash)

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
    rewritten = _rewritten_files(con)
    erased: dict[tuple[str, str], int] = {}
    for delivered, _, target, records in rewritten:
        erased[delivered, target] = max(records, erased.get((delivered, target), 0))
    return LedgerState(
        {path: tuple(rest) for path, *rest, _ in paths},  # type: ignore[misc]
        {(file_hash, target): definition for file_hash, target, definition in contents},
        {path: file_hash for path, *_, file_hash in paths},
        {now: delivered for delivered, now, *_ in rewritten},
        erased,
    )


def _rewritten_files(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str, int]]:
    """(hash as delivered, hash now, target, erased records); none where nobody was ever erased."""
    try:
        return con.execute(
            "SELECT delivered_hash, rewritten_hash, target, erased FROM identity.rewritten_files"
        ).fetchall()
    except duckdb.CatalogException:
        return []
