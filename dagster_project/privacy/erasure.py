"""Erasure: people leave every file that the product keeps, and the record of it says so.

1. The plan: whose records and addresses, which rows, lines and versions. From here on it is carried
   out to its end, also by whoever comes after a killed process.
2. Files in landing/ are rewritten without the records.
3. The warehouse is copied without the rows; what is built from raw tables is left out.
4. Every kept version is copied and replaced.
5. Logs, history, exports and caches are looked through.
6. The erasure record is written and signed, and the plan, which named the people, is removed.

Each step can be done twice. The run lock is held by the caller throughout.
"""

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb

from dagster_project.activation.delivery_ledger import recipients_of, remove_customers
from dagster_project.errors import UsageError
from dagster_project.identity.registry.tables import create_identity_tables, hash_key
from dagster_project.load.ledger.schema import create_raw_tables
from dagster_project.privacy.journal import Journal, RewrittenFile, now_utc, pending_journals
from dagster_project.privacy.landing import LandingScrub
from dagster_project.privacy.leftovers import clean_leftovers
from dagster_project.privacy.references import ADDRESSES
from dagster_project.privacy.retention import (
    find_purge,
    horizons_in,
    left_out_files,
    mark_expired,
)
from dagster_project.privacy.rows import find_rows, found_keys, mentions_sql, set_keys, use_patterns
from dagster_project.privacy.search import Patterns
from dagster_project.privacy.statement import Erasure, not_read_of, statement_of, write_statement
from dagster_project.privacy.subject import Subject, erased_before, find_customers, subject_of
from dagster_project.privacy.tables import create_privacy_tables
from dagster_project.privacy.unread_files import load_unread
from dagster_project.privacy.version_copy import Erased, sale_sums
from dagster_project.privacy.versions import rewrite_versions, version_names
from dagster_project.privacy.warehouse_copy import Memory, copy_warehouse
from dagster_project.publish.versions import version_in_force
from dagster_project.settings import Settings
from dagster_project.warehouse import connect

# A key that is a mere number is looked for in quarantined texts from this length on.
NUMBER_LENGTH = 5


def forget(
    settings: Settings,
    keys: Sequence[str],
    *,
    reason: str = "asked for",
    begins: Callable[[], None] = lambda: None,
) -> list[Erasure]:
    """Erase the people behind ``keys`` (see :func:`find_customers`), and finish what was begun.

    Raises UsageError, with nothing changed, when nobody is known under one of the keys; so it does
    with what ``begins`` raises, called at the last moment at which the erasure can be left undone.
    """
    done = resume(settings)
    read_what_is_unread(settings)
    with connect(settings) as con:
        prepare_tables(con)
        customers = find_customers(con, settings, keys)
        journal = plan_erasure(con, settings, customers, reason=reason, begins=begins)
    return [*done, carry_out(settings, journal)]


@dataclass(frozen=True)
class Preview:
    """What an erasure would take: people, and records by raw table."""

    people: int
    records: dict[str, int]


def preview(settings: Settings, keys: Sequence[str]) -> Preview:
    """Count what :func:`forget` would erase, and erase nothing. Raises UsageError as it does."""
    read_what_is_unread(settings)
    with connect(settings) as con:
        prepare_tables(con)
        found = subject_of(con, settings, find_customers(con, settings, keys))
        _mark(con, found)
        rows = con.execute(
            "SELECT system || '.' || table_name, count(*) FROM erase_rows GROUP BY 1 ORDER BY 1"
        ).fetchall()
    return Preview(found.people, dict(rows))


def not_erased_yet(settings: Settings, keys: Sequence[str]) -> list[str]:
    """``keys`` without those whose person an erasure took before: asked twice, done once."""
    with connect(settings) as con:
        prepare_tables(con)
        gone = erased_before(con, settings, keys)
    return [key for key in keys if key not in gone]


def purge_expired(settings: Settings, as_of: date) -> Erasure | None:
    """Purge what sources may keep no longer on ``as_of``; None when nothing has expired."""
    with connect(settings) as con:
        prepare_tables(con)
        found = find_purge(con, settings, as_of)
    if found is None:
        return None
    now = now_utc()
    plan = {
        "begun_at": now.isoformat(),
        "reason": "retention",
        "requests": [],
        "subject": Subject((), 0).to_json(),
        "records": found.records,
        "sums": [],
        "versions": [],
        "purge": found.to_json(),
    }
    return carry_out(settings, Journal.begin(settings, _new_id(now), plan))


def resume(settings: Settings) -> list[Erasure]:
    """Carry out what a killed process began; called before anything else opens the warehouse."""
    return [carry_out(settings, journal) for journal in pending_journals(settings)]


def read_what_is_unread(settings: Settings) -> None:
    """Have every row of landing/ that an erasure left in the raw tables again."""
    with connect(settings) as con:
        prepare_tables(con)
    load_unread(settings)


def prepare_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Raw, identity and privacy tables exist, empty where nothing was loaded yet."""
    create_raw_tables(con)
    create_identity_tables(con)
    create_privacy_tables(con)


def plan_erasure(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    customers: Iterable[str],
    *,
    reason: str,
    requests: Sequence[str] = (),
    begins: Callable[[], None] = lambda: None,
) -> Journal:
    """Write down what the erasure of ``customers`` will do; nothing is erased yet.

    ``requests``: ids of the requests that asked for it. ``begins``: called before it is written.
    Raises UsageError when there is nobody.
    """
    found = subject_of(con, settings, customers)
    if not found.people:
        raise UsageError("There is nobody to erase.")
    _mark(con, found)
    # Orders, calls and tickets that the registry does not hold are theirs as well.
    records = {kind: set(keys) for kind, keys in found.records.items()}
    for kind, key in found_keys(con):
        if kind not in ADDRESSES:
            records.setdefault(kind, set()).add(key)
    subject = replace(found, records={kind: tuple(sorted(k)) for kind, k in records.items()})
    in_force = version_in_force(settings)
    sums = (
        sale_sums(in_force.published, subject.records.get("order", ()))
        if in_force and in_force.database.exists()
        else []
    )
    now = now_utc()
    row = con.execute(
        "SELECT count(*) FROM (SELECT file_hash, line FROM erase_rows UNION "
        "SELECT file_hash, line FROM erase_quarantine WHERE level = 'row')"
    ).fetchone()
    plan: dict[str, Any] = {
        "begun_at": now.isoformat(),
        "reason": reason,
        "requests": list(requests),
        "subject": subject.to_json(),
        "records": row[0] if row else 0,
        "sums": sums,
        "versions": version_names(settings),
    }
    begins()
    return Journal.begin(settings, _new_id(now), plan)


def _new_id(now: datetime) -> str:
    return f"{now:%Y%m%dT%H%M%S}Z-{secrets.token_hex(3)}"


def carry_out(settings: Settings, journal: Journal) -> Erasure:
    """Do what of ``journal`` is not done yet."""
    plan = journal.plan
    subject = journal.subject
    patterns = Patterns(subject)
    memory = Memory(
        journal.erasure_id,
        datetime.fromisoformat(plan["begun_at"]),
        subject.people,
        plan["records"],
        [(date.fromisoformat(m), n, Decimal(revenue)) for m, n, revenue in plan["sums"]],
    )
    if not journal.is_done("landing"):
        with connect(settings) as con:
            prepare_tables(con)
            _mark_plan(con, settings, plan, subject)
            emptied = left_out_files(con) if plan.get("purge") else frozenset()
            _scrub_landing(con, settings, journal, subject, patterns, emptied)
        journal.done("landing")
    if not journal.is_done("warehouse"):
        _replace_warehouse(settings, plan, subject, patterns, journal.files(), memory)
        journal.done("warehouse")
    with connect(settings) as con:
        prepare_tables(con)
        key = hash_key(con)
        rows = con.execute(
            "SELECT delivered_hash, rewritten_hash, target, erased FROM identity.rewritten_files"
        ).fetchall()
    if not plan.get("purge"):
        erased = Erased(subject, patterns, memory, tuple(subject.tombstones(key)), tuple(rows))
        rewrite_versions(settings, plan["versions"], erased)
        if not journal.notes("recipients"):
            journal.note("recipients", recipients_of(settings, subject.customer_ids))
        remove_customers(settings, subject.customer_ids)
        clean_leftovers(settings, subject, patterns)
    not_read = () if plan.get("purge") else not_read_of(journal)
    statement = write_statement(settings, key, statement_of(journal, memory))
    files = list(journal.files().values())
    done = Erasure(
        journal.erasure_id,
        subject.people,
        memory.records,
        len(files),
        len(plan["versions"]),
        statement,
        not_read,
    )
    journal.end()
    return done


def _mark_plan(
    con: duckdb.DuckDBPyConnection, settings: Settings, plan: dict[str, Any], subject: Subject
) -> None:
    """``erase_rows`` and ``erase_quarantine`` of what the plan is about: people, or old rows."""
    if plan.get("purge"):
        set_keys(con, ())
        mark_expired(con, settings, horizons_in(plan["purge"]))
    else:
        _mark(con, subject)


def _mark(con: duckdb.DuckDBPyConnection, subject: Subject) -> None:
    """``erase_rows`` and ``erase_quarantine`` of the subject."""
    set_keys(con, subject.raw_values(), customers=subject.customer_ids)
    find_rows(con)
    long_keys = {
        kind: [key for key in keys if len(key) >= NUMBER_LENGTH]
        for kind, keys in subject.records.items()
    }
    patterns = Patterns(subject).with_all_keys(long_keys)
    use_patterns(con, patterns)
    shown = mentions_sql(con, "ledger.quarantine AS q", ["q.original"], patterns)
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE erase_quarantine AS
        SELECT q.quarantine_id, q.file_hash, q.target, q.line, q.level
        FROM ledger.quarantine AS q
        WHERE q.level <> 'file' AND (
            EXISTS (SELECT 1 FROM erase_rows AS e
                    WHERE e.file_hash = q.file_hash AND e.line = q.line)
            OR (q.level = 'row' AND {shown})
        )
        """
    )


def _scrub_landing(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    journal: Journal,
    subject: Subject,
    patterns: Patterns,
    emptied: frozenset[str],
) -> None:
    lines: dict[str, set[int]] = {}
    for file_hash, line in con.execute(
        "SELECT DISTINCT file_hash, line FROM erase_rows UNION "
        "SELECT file_hash, line FROM erase_quarantine WHERE level = 'row'"
    ).fetchall():
        lines.setdefault(file_hash, set()).add(line)
    delivered = dict(
        con.execute(
            "SELECT rewritten_hash, delivered_hash FROM identity.rewritten_files"
        ).fetchall()
    )
    scrub = LandingScrub(
        settings,
        patterns,
        {kind: frozenset(keys) for kind, keys in subject.records.items()},
        lines,
        lambda file_hash: loaded_lines(con, file_hash),
        delivered,
        lambda entry: journal.note("files", asdict(entry)),
        lambda name: journal.note("not_read", {"path": name}),
        emptied,
    )
    scrub.run(journal.files())


def loaded_lines(con: duckdb.DuckDBPyConnection, file_hash: str) -> set[int]:
    """The lines of a file that some raw table or the quarantine has."""
    tables = con.execute(
        "SELECT DISTINCT system, table_name FROM ledger.file_tables WHERE file_hash = ?",
        [file_hash],
    ).fetchall()
    parts = [
        f'SELECT _line FROM "{system}"."{table}" WHERE _file_hash = $1' for system, table in tables
    ]
    parts.append("SELECT line FROM ledger.quarantine WHERE file_hash = $1 AND level = 'row'")
    return {row[0] for row in con.execute(" UNION ".join(parts), [file_hash]).fetchall()}


def _replace_warehouse(
    settings: Settings,
    plan: dict[str, Any],
    subject: Subject,
    patterns: Patterns,
    files: dict[str, RewrittenFile],
    memory: Memory,
) -> None:
    new = settings.warehouse_dir / "erased.duckdb"
    with connect(settings) as con:
        prepare_tables(con)
        if con.execute(
            "SELECT 1 FROM identity.erasures WHERE erasure_id = ?", [memory.erasure_id]
        ).fetchone():
            # Killed after the copy took the warehouse's place.
            return
        _mark_plan(con, settings, plan, subject)
        purged = plan.get("purge")
        copy_warehouse(con, settings, new, subject, patterns, files, memory, purged)
    new.replace(settings.warehouse_path)
    settings.warehouse_path.with_name(f"{settings.warehouse_path.name}.wal").unlink(missing_ok=True)
