"""Transactions of a load: each batch, file or path goes in with its ledger entries, or not at all.

What is new is decided before (``load.planning``); how files are read, in ``file_loading``.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import duckdb

from dagster_project.load.ingest.batch_staging import SourceUnit
from dagster_project.load.ingest.canonical_rows import LoadStamp, ingest_canonical
from dagster_project.load.ingest.file_preparation import check_unchanged
from dagster_project.load.ingest.ledger_entries import (
    delete_content,
    newest_dates,
    remove_members,
    supersede_earlier,
    write_delivery_date,
    write_loaded,
    write_paths,
    write_quarantined_file,
    write_skipped_paths,
)
from dagster_project.load.ingest.mapped_rows import ingest_mapped
from dagster_project.load.ingest.phone_regions import give_country_codes
from dagster_project.load.ingest.schema_drift import write_schema_changes
from dagster_project.load.landing.discovery import Delivery, SkippedPath
from dagster_project.load.ledger.load_summary import FileOutcome
from dagster_project.load.ledger.state import LedgerState
from dagster_project.load.reading.file_content import DamagedFileError
from dagster_project.load.validation.load_targets import Target
from dagster_project.load.validation.record_rules import RecordSchema

# Gives what a content is read by: (delivery, file hash) to a definition.
Definition = Callable[[Delivery, str], str]
# Writes the rows of a batch in the transaction that is open; one outcome per unit.
Ingest = Callable[[], list[FileOutcome]]


class LoadCommitter:
    """Writes raw rows and ledger entries; every public method is one transaction."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        ledger: LedgerState,
        definition: Definition,
        stamp: LoadStamp,
    ) -> None:
        self._con = con
        self._ledger = ledger
        self._definition = definition
        self._stamp = stamp

    def batch(
        self, target: Target, units: Sequence[SourceUnit], ingest: Ingest
    ) -> tuple[list[FileOutcome], int, int]:
        """Commit a batch whose rows ``ingest`` writes.

        Gives one outcome per unit, the number of schema events, and the number of earlier
        contents that the batch replaces.
        """
        with self._transaction():
            for unit in units:
                if (unit.content.file_hash, target.name) in self._ledger.contents:
                    delete_content(self._con, unit.content.file_hash, target.name)
            outcomes = ingest()
            if target.settings.phone_region:
                give_country_codes(
                    self._con,
                    target.tables,
                    target.name,
                    [unit.content.file_hash for unit in units],
                    target.settings.phone_region,
                )
            for unit, outcome in zip(units, outcomes, strict=True):
                erased = self._ledger.erased.get((unit.content.file_hash, target.name), 0)
                outcome.records += erased
                outcome.erased = erased
            events = write_schema_changes(self._con, units, self._stamp)
            definitions = [
                self._definition(unit.delivery, unit.content.file_hash) for unit in units
            ]
            # What was read is what was hashed: a file may be replaced between the two.
            for unit in units:
                check_unchanged(unit.delivery)
            write_loaded(self._con, units, outcomes, definitions, self._stamp)
            for unit, definition in zip(units, definitions, strict=True):
                content = (unit.content.file_hash, target.name)
                self._ledger.mark_loaded(content, definition, unit.delivery.delivered_on)
            superseded = self._supersede(
                target.name,
                [unit.delivery.name for unit in units],
                [unit.content.file_hash for unit in units],
            )
        return outcomes, events, superseded

    def duplicate(self, delivery: Delivery, file_hash: str) -> None:
        """Remember a path whose content is loaded; the newest of its delivery dates counts."""
        definition = self._definition(delivery, file_hash)
        with self._transaction():
            write_paths(self._con, [(delivery, file_hash, "duplicate", definition)], self._stamp)
            self._supersede(delivery.target, [delivery.name], [file_hash])

    def archive(self, delivery: Delivery, file_hash: str, members: Sequence[str]) -> None:
        """Remember an archive of which every member is loaded; earlier members go."""
        definition = self._definition(delivery, file_hash)
        with self._transaction():
            write_paths(self._con, [(delivery, file_hash, "archive", definition)], self._stamp)
            gone = remove_members(self._con, delivery.name, members)
            if gone:
                self._supersede(delivery.target, gone)

    def quarantined_file(self, delivery: Delivery, error: DamagedFileError) -> None:
        """Quarantine a file as a whole."""
        with delivery.path.open("rb") as file:
            file_hash = hashlib.file_digest(file, "sha256").hexdigest()
        file_hash = self._ledger.delivered_hash(file_hash)
        definition = self._definition(delivery, file_hash)
        with self._transaction():
            write_quarantined_file(self._con, delivery, file_hash, definition, error, self._stamp)

    def skipped_paths(self, skipped: Sequence[SkippedPath]) -> None:
        """Replace the list of paths in landing that are not read."""
        with self._transaction():
            write_skipped_paths(self._con, skipped, self._stamp)

    def _supersede(self, target: str, paths: Sequence[str], current: Sequence[str] = ()) -> int:
        """Take away what lay under ``paths`` before the ``current`` hashes; how many contents."""
        gone, kept = supersede_earlier(self._con, target, paths)
        for file_hash in gone:
            self._ledger.mark_superseded((file_hash, target))
        before = [self._ledger.hashes[path] for path in paths if path in self._ledger.hashes]
        for file_hash, day in newest_dates(self._con, target, [*current, *kept, *before]).items():
            content = (file_hash, target)
            known = self._ledger.contents.get(content)
            if known and known.definition is not None and known.delivered_on != day:
                write_delivery_date(self._con, file_hash, target, day)
                self._ledger.mark_dated(content, day)
        self._ledger.hashes.update(dict(zip(paths, current, strict=False)))
        return len(gone)

    def ingest_staged(
        self, target: Target, units: Sequence[SourceUnit], base: str
    ) -> list[FileOutcome]:
        """Write the rows of a staged batch, which ``base`` (SQL) gives, and what was refused."""
        schema = RecordSchema(
            fields=target.fields,
            sources=units[0].header_match.sources,
            time_zone=target.time_zone,
            one_of=target.one_of,
            null_words=tuple(word.lower() for word in target.settings.null_words),
            has_reasons=units[0].kind == "converted",
            header=units[0].header,
            plausible=target.plausible(self._stamp.at.date()),
            declared_dates=target.declared_dates,
            instance=target.instance,
        )
        if target.mapping:
            return ingest_mapped(self._con, base, units, schema, target, self._stamp)
        assert target.table is not None
        system = target.name.partition(".")[0]
        return ingest_canonical(
            self._con, base, units, schema, target.settings, (system, target.table), self._stamp
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._con.execute("BEGIN TRANSACTION")
        try:
            yield
        except BaseException:
            self._con.execute("ROLLBACK")
            raise
        self._con.execute("COMMIT")
