"""Load run: everything new under landing/ goes into the raw tables, accounted for in the ledger."""

import shutil
import time
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from dagster_project.contracts import load_contract
from dagster_project.contracts.mapping import Mapping, file_patterns, load_mappings
from dagster_project.contracts.references import parent_references
from dagster_project.errors import HourglassError, counted
from dagster_project.load.delivery_expectations import assess_deliveries
from dagster_project.load.ingest.canonical_rows import LoadStamp
from dagster_project.load.ingest.commit import LoadCommitter
from dagster_project.load.ingest.file_loading import FileLoader
from dagster_project.load.ingest.file_preparation import FilePreparation
from dagster_project.load.ingest.file_rows import FileRows
from dagster_project.load.landing.corrections import Corrections, read_corrections
from dagster_project.load.landing.discovery import Delivery, Discovery, discover, split_instance
from dagster_project.load.ledger.key_versions import write_key_versions
from dagster_project.load.ledger.load_summary import FileMessage, LoadSummary
from dagster_project.load.ledger.missing_parents import write_missing_parents
from dagster_project.load.ledger.schema import create_raw_tables
from dagster_project.load.ledger.state import (
    is_ledger_empty,
    is_skipped_already,
    read_ledger_state,
)
from dagster_project.load.planning import LoadPlanner
from dagster_project.load.settling import hold_unsettled
from dagster_project.load.validation.load_targets import Target, load_targets, load_words
from dagster_project.settings import Settings

Progress = Callable[[str], None]
# Reads new files elsewhere: by target, with the load's stamp, people's corrections, and the hash
# that a content was delivered with by that of today. Gives rows by name; the rest is read here.
Spread = Callable[
    [Sequence[tuple[Target, Sequence[Delivery]]], LoadStamp, Corrections, dict[str, str]],
    dict[str, FileRows],
]

# Paths that are named when none of them can be loaded.
SHOWN_SKIPPED = 5


def load_landing(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    *,
    run_id: str,
    full_refresh: bool = False,
    take_now: bool = False,
    progress: Progress | None = None,
    mappings: dict[str, Mapping] | None = None,
    spread: Spread | None = None,
) -> LoadSummary:
    """Load every new or changed file under ``settings.landing_dir``.

    Files whose path, size and time of change the ledger knows are not opened. With
    ``full_refresh`` every file that lies in landing is loaded again. A file that cannot be read
    is quarantined, and the others go on. A file that may still be written waits, unless
    ``take_now`` says that all are whole. ``spread`` reads files elsewhere, before they are
    committed here. Raises HourglassError when there is nothing in landing
    and nothing was ever loaded.
    """
    started = time.monotonic()
    create_raw_tables(con)
    known = load_mappings(settings.project_dir) if mappings is None else mappings
    targets = load_targets(settings, load_words(settings.project_dir), known)
    stamp = LoadStamp(run_id, datetime.now(UTC).replace(tzinfo=None))
    found = discover(settings.landing_dir, load_contract(), file_patterns(known))
    if not take_now:
        found = _settled(con, found, settings)
    if not found.deliveries and is_ledger_empty(con):
        raise HourglassError(_nothing_to_load(settings.landing_dir, found, known))
    with _working_folder(settings) as folder:
        summary = load_files(
            con,
            found,
            targets,
            stamp,
            folder,
            corrections=read_corrections(settings.landing_dir),
            full_refresh=full_refresh,
            progress=progress,
            spread=spread,
        )
    count_keys_and_references(con, targets, summary)
    for status in assess_deliveries(con, targets, stamp.at):
        if status.message:
            summary.messages.append(
                FileMessage(status.source, "warning", "late_or_odd", status.message)
            )
    summary.seconds = time.monotonic() - started
    return summary


def load_named(
    con: duckdb.DuckDBPyConnection, settings: Settings, *, run_id: str, names: Container[str]
) -> LoadSummary:
    """Load the new or changed ones of the files under ``settings.landing_dir`` with these names.

    An archive is named by itself. The others stay for :func:`load_landing`.
    """
    mappings = load_mappings(settings.project_dir)
    targets = load_targets(settings, load_words(settings.project_dir), mappings)
    found = discover(settings.landing_dir, load_contract(), file_patterns(mappings))
    chosen = Discovery([file for file in found.deliveries if file.name in names], found.skipped)
    with _working_folder(settings) as folder:
        summary = load_files(
            con,
            chosen,
            targets,
            LoadStamp(run_id, datetime.now(UTC).replace(tzinfo=None)),
            folder,
            corrections=read_corrections(settings.landing_dir),
        )
    count_keys_and_references(con, targets, summary)
    return summary


def has_new_files(con: duckdb.DuckDBPyConnection, settings: Settings) -> bool:
    """Whether :func:`load_landing` would find anything to do: a new or changed file, one that
    waits, or another file that is not read than before.

    ``con`` is a warehouse that was loaded before. No file is opened, nothing is written.
    """
    mappings = load_mappings(settings.project_dir)
    found = discover(settings.landing_dir, load_contract(), file_patterns(mappings))
    found = _settled(con, found, settings)
    if any(path.waiting for path in found.skipped) or not is_skipped_already(
        con, {(path.name, path.reason) for path in found.skipped}
    ):
        return True
    planner = LoadPlanner(
        read_ledger_state(con),
        load_targets(settings, load_words(settings.project_dir), mappings),
        read_corrections(settings.landing_dir),
    )
    return any(True for _ in planner.new_deliveries(found.deliveries))


def assess_sources(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Assess lateness and volume as of now, as every load does at its end."""
    targets = load_targets(
        settings, load_words(settings.project_dir), load_mappings(settings.project_dir)
    )
    assess_deliveries(con, targets, datetime.now(UTC).replace(tzinfo=None))


def count_keys_and_references(
    con: duckdb.DuckDBPyConnection, targets: dict[str, Target], summary: LoadSummary
) -> None:
    """Count older versions, conflicts and missing parents of the tables that a load changed."""
    touched = {(s, t) for name in summary.changed for s, t in _fed(targets[name])}
    contract = load_contract()
    write_key_versions(
        con,
        [(system, contract[system].tables[table]) for system, table in sorted(touched)],
        lambda source: _conflicts_block_above(targets, source),
    )
    write_missing_parents(
        con,
        [
            reference
            for reference in parent_references(contract)
            if {
                (reference.system, reference.table),
                (reference.parent_system, reference.parent_table),
            }
            & touched
        ],
    )
    for path, table, older, message in con.execute(
        "SELECT path, system || '.' || table_name, older, message FROM ledger.key_versions "
        "WHERE list_contains(?, source) ORDER BY ALL",
        [summary.changed],
    ).fetchall():
        if older:
            text = f"{path}: {counted(older, 'older version')} in {table}."
            summary.say(path, "info", "older_versions", text)
        if message:
            summary.say(path, "warning", "conflicting_keys", message)
    for reference, message in con.execute(
        "SELECT reference, message FROM ledger.missing_parents WHERE is_odd ORDER BY ALL"
    ).fetchall():
        summary.say(reference, "warning", "missing_parents", message)


def _conflicts_block_above(targets: dict[str, Target], source: str) -> float | None:
    # What a mapping loaded that is not there any more stays in the ledger.
    is_known = split_instance(source)[0] in targets
    return targets[source].settings.conflicts_block_above if is_known else None


def _fed(target: Target) -> set[tuple[str, str]]:
    return {(system, table.name) for system, table in target.tables}


def _settled(con: duckdb.DuckDBPyConnection, found: Discovery, settings: Settings) -> Discovery:
    """What was found without files that may still be written."""
    ledger = read_ledger_state(con)
    is_known = [ledger.has_file(delivery) for delivery in found.deliveries]
    return hold_unsettled(found, is_known, settings.settle_seconds, time.time())


def load_files(
    con: duckdb.DuckDBPyConnection,
    found: Discovery,
    targets: dict[str, Target],
    stamp: LoadStamp,
    folder: Path,
    *,
    corrections: Corrections | None = None,
    full_refresh: bool = False,
    progress: Progress | None = None,
    spread: Spread | None = None,
) -> LoadSummary:
    """Load what was ``found``; ``folder`` is for files that must be converted."""
    ledger = read_ledger_state(con)
    corrections = corrections or {}
    planner = LoadPlanner(ledger, targets, corrections, full_refresh=full_refresh)
    committer = LoadCommitter(con, ledger, planner.definition, stamp)
    summary = LoadSummary(files_seen=len(found.deliveries) + len(found.skipped))
    committer.skipped_paths(found.skipped)
    for path in found.skipped:
        summary.add_skipped(path)
    preparation = FilePreparation(con, folder, corrections)
    summary.files_known = len(found.deliveries)
    new = list(planner.new_deliveries(found.deliveries))
    read_before = spread(new, stamp, corrections, ledger.delivered) if spread and new else {}
    loader = FileLoader(con, planner, committer, preparation, summary, read_before)
    for target, deliveries in new:
        if progress:
            progress(f"{target.name}: {counted(len(deliveries), 'new file')}")
        summary.files_known -= len(deliveries)
        summary.changed.append(target.name)
        loader.load(target, deliveries)
    return summary


def _nothing_to_load(landing: Path, found: Discovery, mappings: dict[str, Mapping]) -> str:
    if found.skipped:
        shown = [path.message for path in found.skipped[:SHOWN_SKIPPED]]
        if len(found.skipped) > len(shown):
            shown.append(f"And {len(found.skipped) - len(shown):,} more paths.")
        return "There is nothing to load. " + "\n".join(shown)
    return (
        f"There is nothing to load: {landing} has no files. Put extracts there as "
        f"<system>/<table>.csv (systems: {', '.join(load_contract())}) or a vendor's export under "
        f"<mapping>/: hourglass mappings lists the {len(mappings)} that are known."
    )


@contextmanager
def _working_folder(settings: Settings) -> Iterator[Path]:
    folder = settings.warehouse_dir / "load_work"
    # What a killed load left behind holds people's data.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
