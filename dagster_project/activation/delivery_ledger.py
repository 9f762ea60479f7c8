"""Delivery ledger: what each endpoint accepted, and what was under way when a process died.

One SQLite file, ``exports/deliveries.sqlite`` (0600). A batch is written, with the very bytes that
are sent, before it is sent, and its changes count as accepted in the same transaction that says so:
a killed delivery sends the same bytes under the same key again, so that the endpoint can tell.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dagster_project.settings import Settings

FILE_NAME = "deliveries.sqlite"
# Stands for what an endpoint has when nobody knows whether it took a batch.
UNKNOWN = "unknown"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS accepted (
    endpoint TEXT, audience TEXT, customer_id TEXT, content_hash TEXT,
    PRIMARY KEY (endpoint, audience, customer_id)
);
CREATE TABLE IF NOT EXISTS batches (
    batch_key TEXT PRIMARY KEY, endpoint TEXT, audience TEXT, state TEXT, created_at TEXT,
    settled_at TEXT, changes INTEGER, body BLOB
);
CREATE TABLE IF NOT EXISTS batch_changes (
    batch_key TEXT, customer_id TEXT, operation TEXT, content_hash TEXT
);
"""


@dataclass(frozen=True)
class Change:
    """``operation``: upsert or remove. ``content_hash`` of what is sent; empty for a removal."""

    customer_id: str
    operation: str
    content_hash: str


@dataclass(frozen=True)
class Batch:
    """Changes that are sent together: ``batch_key`` is the idempotency key, ``body`` the bytes."""

    batch_key: str
    body: bytes
    changes: tuple[Change, ...]


class DeliveryLedger:
    """The ledger of one audience at one endpoint."""

    def __init__(self, con: sqlite3.Connection, endpoint: str, audience: str) -> None:
        self._con = con
        self._own = (endpoint, audience)

    def accepted(self) -> dict[str, str]:
        """Content hash by customer of what the endpoint has."""
        rows = self._con.execute(
            "SELECT customer_id, content_hash FROM accepted WHERE endpoint = ? AND audience = ?",
            self._own,
        )
        return dict(rows.fetchall())

    def pending(self) -> list[Batch]:
        """Batches that were begun and not settled, oldest first."""
        found = []
        for key, body in self._con.execute(
            "SELECT batch_key, body FROM batches WHERE endpoint = ? AND audience = ? "
            "AND state = 'pending' ORDER BY rowid",
            self._own,
        ).fetchall():
            changes = self._con.execute(
                "SELECT customer_id, operation, content_hash FROM batch_changes "
                "WHERE batch_key = ? ORDER BY rowid",
                [key],
            ).fetchall()
            found.append(Batch(key, body, tuple(Change(*row) for row in changes)))
        return found

    def begin(self, batch: Batch) -> None:
        """Write a batch down before it is sent."""
        with self._con:
            self._con.execute(
                "INSERT INTO batches VALUES (?, ?, ?, 'pending', ?, NULL, ?, ?)",
                [batch.batch_key, *self._own, _now(), len(batch.changes), batch.body],
            )
            self._con.executemany(
                "INSERT INTO batch_changes VALUES (?, ?, ?, ?)",
                [
                    (batch.batch_key, c.customer_id, c.operation, c.content_hash)
                    for c in batch.changes
                ],
            )

    def settle(self, batch: Batch, state: str) -> None:
        """``accepted``: the endpoint has the changes. ``refused``: it has none of them.
        ``abandoned``: nobody knows, so that each of them is sent again or taken back."""
        with self._con:
            if state == "abandoned":
                rows = [(*self._own, c.customer_id, UNKNOWN) for c in batch.changes]
                self._con.executemany("INSERT OR REPLACE INTO accepted VALUES (?, ?, ?, ?)", rows)
            elif state == "accepted":
                for change in batch.changes:
                    if change.operation == "remove":
                        self._con.execute(
                            "DELETE FROM accepted WHERE endpoint = ? AND audience = ? "
                            "AND customer_id = ?",
                            [*self._own, change.customer_id],
                        )
                    else:
                        self._con.execute(
                            "INSERT OR REPLACE INTO accepted VALUES (?, ?, ?, ?)",
                            [*self._own, change.customer_id, change.content_hash],
                        )
            self._con.execute(
                "UPDATE batches SET state = ?, settled_at = ?, body = NULL WHERE batch_key = ?",
                [state, _now(), batch.batch_key],
            )
            self._con.execute("DELETE FROM batch_changes WHERE batch_key = ?", [batch.batch_key])


@contextmanager
def opened_ledger(settings: Settings, endpoint: str, audience: str) -> Iterator[DeliveryLedger]:
    """The ledger, made when it is missing; readable by its owner only."""
    path = ledger_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.parent.chmod(0o700)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    con = _connected(path)
    try:
        yield DeliveryLedger(con, endpoint, audience)
    finally:
        con.close()


def ledger_path(settings: Settings) -> Path:
    """Where the ledger lies."""
    return settings.exports_dir / FILE_NAME


def recipients_of(settings: Settings, customers: Iterable[str]) -> dict[str, int]:
    """How many of these customers each endpoint has, or may have: it must be told of an erasure."""
    path = ledger_path(settings)
    if not path.exists():
        return {}
    con = _connected(path)
    try:
        _set_gone(con, customers)
        rows = con.execute(
            """
            SELECT endpoint, count(DISTINCT customer_id) FROM (
                SELECT endpoint, customer_id FROM accepted
                UNION ALL
                SELECT b.endpoint, c.customer_id
                FROM batch_changes AS c JOIN batches AS b ON b.batch_key = c.batch_key
            ) WHERE customer_id IN (SELECT customer_id FROM gone) GROUP BY 1 ORDER BY 1
            """
        ).fetchall()
    finally:
        con.close()
    return dict(rows)


def remove_customers(settings: Settings, customers: Iterable[str]) -> None:
    """Forget erased customers.

    Batches under way are given up: their bytes may hold an erased person's address.
    """
    path = ledger_path(settings)
    if not path.exists():
        return
    con = _connected(path)
    try:
        _set_gone(con, customers)
        with con:
            con.execute(
                "INSERT OR REPLACE INTO accepted SELECT b.endpoint, b.audience, c.customer_id, ? "
                "FROM batch_changes AS c JOIN batches AS b ON b.batch_key = c.batch_key "
                "WHERE b.state = 'pending'",
                [UNKNOWN],
            )
            con.execute("DELETE FROM batch_changes")
            con.execute("UPDATE batches SET state = 'abandoned' WHERE state = 'pending'")
            con.execute("UPDATE batches SET body = NULL")
            con.execute("DELETE FROM accepted WHERE customer_id IN (SELECT customer_id FROM gone)")
        con.execute("VACUUM")
    finally:
        con.close()


def _set_gone(con: sqlite3.Connection, customers: Iterable[str]) -> None:
    con.execute("PRAGMA temp_store = MEMORY")
    con.execute("CREATE TEMP TABLE gone (customer_id TEXT PRIMARY KEY)")
    con.executemany("INSERT INTO gone VALUES (?)", [(one,) for one in sorted(set(customers))])
    con.commit()


def _connected(path: Path) -> sqlite3.Connection:
    con = sqlite3.connect(path, timeout=60)
    con.execute("PRAGMA synchronous = FULL")
    con.execute("PRAGMA secure_delete = ON")
    con.executescript(_SCHEMA)
    return con


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
