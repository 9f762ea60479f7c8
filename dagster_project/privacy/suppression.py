"""Suppression list: a new file that brings erased people back is rewritten before it is loaded.

Only when somebody was ever erased, or rows were purged by their age. The new files are loaded into
a scratch database by the same loader, so that every format and mapping is understood, and what is
in it is compared with the tombstones and the first day that each source keeps. A record that the
registry knows as a living person's is theirs, also when it now bears an address that an erased
person had.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from dagster_project.contracts import load_contract
from dagster_project.contracts.mapping import file_patterns, load_mappings
from dagster_project.identity.registry.tables import hash_key
from dagster_project.identity.rules.guards import load_guards
from dagster_project.identity.rules.normalisation import normaliser
from dagster_project.load.ingest.canonical_rows import LoadStamp
from dagster_project.load.landing.corrections import read_corrections
from dagster_project.load.landing.discovery import Delivery, Discovery, discover
from dagster_project.load.ledger.schema import create_raw_tables
from dagster_project.load.ledger.state import read_ledger_state
from dagster_project.load.run import load_files
from dagster_project.load.validation.load_targets import load_targets, load_words
from dagster_project.privacy.erasure import loaded_lines
from dagster_project.privacy.journal import RewrittenFile
from dagster_project.privacy.landing import LandingScrub
from dagster_project.privacy.references import ADDRESSES, KINDS, references
from dagster_project.privacy.retention import Horizons, add_expired, purged_horizons
from dagster_project.privacy.rows import find_rows, found_keys, set_keys
from dagster_project.privacy.search import Patterns
from dagster_project.privacy.subject import Subject, raw_texts, tombstone
from dagster_project.privacy.tables import create_privacy_tables
from dagster_project.privacy.warehouse_copy import remember_file
from dagster_project.settings import Settings
from dagster_project.warehouse import connect_file

_TOKEN = re.compile(r"[^\s,;|\"'{}\[\]<>()]+")
_PHONE = re.compile(r"\+?\d[\d ().\-]{5,18}\d")


def suppress_erased(
    con: duckdb.DuckDBPyConnection, settings: Settings, *, full_refresh: bool = False
) -> int:
    """Rewrite new files in landing/ without records of erased people; how many records went.

    ``con`` is the warehouse, with raw, identity and privacy tables. Records and addresses that
    come with an erased person's (a new order of the account) get tombstones of their own.
    """
    create_privacy_tables(con)
    stones = set(
        con.execute("SELECT DISTINCT kind, value_hash FROM identity.tombstones").fetchall()
    )
    horizons = purged_horizons(con)
    if not stones and not horizons:
        return 0
    mappings = load_mappings(settings.project_dir)
    found = discover(settings.landing_dir, load_contract(), file_patterns(mappings))
    known = read_ledger_state(con).paths
    new = [d for d in found.deliveries if full_refresh or not _is_known(known, d)]
    if not new:
        return 0
    targets = load_targets(settings, load_words(settings.project_dir), mappings)
    with _scratch(settings, con) as (scratch, folder):
        load_files(
            scratch,
            Discovery(new, []),
            targets,
            LoadStamp("suppression", datetime.now(UTC).replace(tzinfo=None)),
            folder,
            corrections=read_corrections(settings.landing_dir),
        )
        regions = {
            name: target.settings.phone_region or settings.phone_region
            for name, target in targets.items()
        }
        return _take_out(
            con,
            scratch,
            settings,
            stones,
            horizons,
            {delivery.name for delivery in new},
            regions,
        )


def _is_known(known: dict[str, tuple[str, int, int, str]], delivery: Delivery) -> bool:
    entry = known.get(delivery.name)
    return entry is not None and entry[1:3] == (delivery.size_bytes, delivery.mtime_ns)


@contextmanager
def _scratch(
    settings: Settings, warehouse: duckdb.DuckDBPyConnection
) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    folder = settings.warehouse_dir / "suppression_work"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    try:
        con = connect_file(
            folder / "new_files.duckdb",
            allowed_dirs=(settings.data_dir,),
            memory_limit=settings.memory_limit,
            threads=settings.threads,
            keep_order=True,
        )
        try:
            create_raw_tables(con)
            create_privacy_tables(con)
            rewritten = warehouse.execute("SELECT * FROM identity.rewritten_files")
            con.register("rewritten_in", rewritten.to_arrow_table())
            con.execute("INSERT INTO identity.rewritten_files SELECT * FROM rewritten_in")
            con.unregister("rewritten_in")
            (folder / "files").mkdir()
            yield con, folder / "files"
        finally:
            con.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _take_out(
    con: duckdb.DuckDBPyConnection,
    scratch: duckdb.DuckDBPyConnection,
    settings: Settings,
    stones: set[tuple[str, str]],
    horizons: Horizons,
    names: set[str],
    regions: dict[str, str],
) -> int:
    key = hash_key(con)
    guards = load_guards()
    records: dict[str, list[str]] = {}
    addresses: dict[str, list[tuple[str, str]]] = {}

    def is_erased(kind: str, value: str | None) -> bool:
        return value is not None and (kind, tombstone(key, kind, value)) in stones

    for kind in KINDS:
        texts = raw_texts(scratch, references(), kind)
        if kind in ADDRESSES:
            normalise = normaliser(kind, guards, settings.phone_region)
            pairs = [(raw, normalise(raw)[0]) for raw in texts]
            addresses[kind] = [(raw, value) for raw, value in pairs if is_erased(kind, value)]
        else:
            records[kind] = [raw for raw in texts if is_erased(kind, raw)]
    subject = Subject((), 0, _tuples(records), _tuples(addresses))
    registry = con.execute(
        "SELECT source_system, source_table, source_id FROM identity.registry"
    ).to_arrow_table()
    set_keys(scratch, subject.raw_values(), others=())
    scratch.register("registry_in", registry)
    scratch.execute("CREATE OR REPLACE TEMP TABLE erase_others AS SELECT * FROM registry_in")
    scratch.unregister("registry_in")
    find_rows(scratch)
    add_expired(scratch, settings, horizons)
    lines = _lines(scratch, regions, is_erased)
    if not lines:
        return 0
    erased: dict[str, int] = {}

    def note(entry: RewrittenFile) -> None:
        erased[entry.path] = entry.erased
        if entry.rewritten_hash and entry.erased:
            remember_file(con, "identity", entry, f"suppression {entry.rewritten_hash[:12]}")

    more = [
        (kind, tombstone(key, kind, value))
        for kind, value in found_keys(scratch)
        if kind not in ADDRESSES
    ]
    fresh = sorted(set(more) - stones)
    if fresh:
        con.executemany(
            "INSERT INTO identity.tombstones VALUES (?, ?, 'suppression', now()::TIMESTAMP)", fresh
        )
    keys: dict[str, list[str]] = {}
    for kind, value in found_keys(scratch):
        if kind not in ADDRESSES:
            keys.setdefault(kind, []).append(value)
    LandingScrub(
        settings,
        Patterns(Subject((), 0, _tuples(keys), subject.addresses)),
        {kind: frozenset(found) for kind, found in keys.items()},
        lines,
        lambda file_hash: loaded_lines(scratch, file_hash),
        dict(
            con.execute(
                "SELECT rewritten_hash, delivered_hash FROM identity.rewritten_files"
            ).fetchall()
        ),
        note,
        # A file that cannot be read is not loaded either.
        lambda name: None,
    ).run({}, only=names)
    return sum(erased.values())


def _lines(
    scratch: duckdb.DuckDBPyConnection, regions: dict[str, str], is_erased: object
) -> dict[str, set[int]]:
    """Lines by file hash: of the rows that were found, and of quarantined texts that tell."""
    lines: dict[str, set[int]] = {}
    for file_hash, line in scratch.execute(
        "SELECT DISTINCT file_hash, line FROM erase_rows"
    ).fetchall():
        lines.setdefault(file_hash, set()).add(line)
    guards = load_guards()
    for file_hash, line, original, target in scratch.execute(
        "SELECT file_hash, line, original, target FROM ledger.quarantine WHERE level = 'row'"
    ).fetchall():
        # A telephone is read as its source writes it.
        forms = {kind: normaliser(kind, guards, regions[target]) for kind in ADDRESSES}
        words = set(_TOKEN.findall(original or "")) | set(_PHONE.findall(original or ""))
        if any(
            is_erased(kind, forms[kind](word)[0] if kind in forms else word)  # type: ignore[operator]
            for word in words
            for kind in KINDS
        ):
            lines.setdefault(file_hash, set()).add(line)
    return lines


def _tuples(found: dict[str, list]) -> dict[str, tuple]:
    return {kind: tuple(items) for kind, items in found.items() if items}
