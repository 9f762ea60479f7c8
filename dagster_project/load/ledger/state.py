"""Ledger state: which paths and contents are known, read once and kept up to date by a load."""

from collections.abc import Set
from dataclasses import dataclass, field
from datetime import date

import duckdb

from dagster_project.load.landing.discovery import Delivery

# (file hash, target)
ContentKey = tuple[str, str]


@dataclass(frozen=True)
class KnownContent:
    """A content that is in the ledger: the definition it was read by, and its delivery date.

    The definition is None when the content was superseded: its rows are gone.
    """

    definition: str | None
    delivered_on: date | None


@dataclass
class LedgerState:
    """The ledger in memory.

    ``taken`` are contents that this load reads, ``pending`` those that are not committed yet. A
    file that lost records to an erasure goes on being known by the hash that it was delivered
    with: ``delivered`` has it by the hash of today, ``erased`` the number of records by content.
    """

    paths: dict[str, tuple[str, int, int, str]]
    hashes: dict[str, str]
    contents: dict[ContentKey, KnownContent]
    delivered: dict[str, str] = field(default_factory=dict)
    erased: dict[ContentKey, int] = field(default_factory=dict)
    taken: set[ContentKey] = field(default_factory=set)
    pending: set[ContentKey] = field(default_factory=set)

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

    def has_file(self, delivery: Delivery) -> bool:
        """Whether the path was read with this size and time of change, by whatever definition."""
        known = self.paths.get(delivery.name)
        return known is not None and known[1:3] == (delivery.size_bytes, delivery.mtime_ns)

    def mark_taken(self, content: ContentKey) -> None:
        """Note that this load reads a content."""
        self.taken.add(content)
        self.pending.add(content)

    def mark_loaded(self, content: ContentKey, definition: str, delivered_on: date | None) -> None:
        """Note that a content's rows are in."""
        self.contents[content] = KnownContent(definition, delivered_on)
        self.pending.discard(content)

    def mark_dated(self, content: ContentKey, delivered_on: date | None) -> None:
        """Note the delivery date of a content whose rows are in."""
        known = self.contents[content]
        self.contents[content] = KnownContent(known.definition, delivered_on)

    def mark_superseded(self, content: ContentKey) -> None:
        """Note that the rows of a content are gone."""
        known = self.contents[content]
        self.contents[content] = KnownContent(None, known.delivered_on)
        self.taken.discard(content)


def is_ledger_empty(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether nothing was ever loaded."""
    return con.execute("SELECT 1 FROM ledger.files LIMIT 1").fetchone() is None


def read_ledger_state(con: duckdb.DuckDBPyConnection) -> LedgerState:
    """What the ledger knows of every path and content."""
    paths = con.execute(
        "SELECT path, target, size_bytes, mtime_ns, definition_hash, file_hash FROM ledger.paths"
    ).fetchall()
    contents = con.execute(
        "SELECT file_hash, target, CASE WHEN outcome <> 'superseded' THEN definition_hash END, "
        "delivered_on FROM ledger.files"
    ).fetchall()
    rewritten = _rewritten_files(con)
    erased: dict[tuple[str, str], int] = {}
    for delivered, _, target, records in rewritten:
        erased[delivered, target] = max(records, erased.get((delivered, target), 0))
    return LedgerState(
        {path: tuple(rest) for path, *rest, _ in paths},  # type: ignore[misc]
        {path: file_hash for path, *_, file_hash in paths},
        {
            (file_hash, target): KnownContent(definition, delivered_on)
            for file_hash, target, definition, delivered_on in contents
        },
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


def is_skipped_already(con: duckdb.DuckDBPyConnection, skipped: Set[tuple[str, str]]) -> bool:
    """Whether the last load skipped just these paths for these reasons, and none waited."""
    if con.execute("SELECT 1 FROM ledger.waiting LIMIT 1").fetchone():
        return False
    before = con.execute(
        "SELECT path, reason FROM ledger.quarantine WHERE level = 'file' AND file_hash IS NULL"
    ).fetchall()
    return set(before) == skipped
