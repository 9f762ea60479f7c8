"""One load: what is new under landing/ goes into the raw tables, accounted for in the ledger."""

import hashlib
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import duckdb

from dagster_project.contracts import load_contract
from dagster_project.contracts.mapping import Mapping, file_patterns, load_mappings
from dagster_project.errors import HourglassError
from dagster_project.load.delivery_expectations import judge_deliveries
from dagster_project.load.ingest.batch_staging import STAGE, NotPlainError, Unit, stage
from dagster_project.load.ingest.canonical_rows import Outcome, Stamp, take_in
from dagster_project.load.ingest.file_preparation import Workshop, examined
from dagster_project.load.ingest.ledger_entries import (
    forget,
    read_known,
    remember_path,
    write_loaded,
    write_quarantined_file,
    write_refusals,
)
from dagster_project.load.ingest.mapped_rows import feed
from dagster_project.load.ingest.schema_drift import note_changes
from dagster_project.load.landing.corrections import Corrections, corrections_mark, read_corrections
from dagster_project.load.landing.discovery import Delivery, Discovery, Refusal, discover
from dagster_project.load.ledger.load_summary import FileMessage, LoadSummary
from dagster_project.load.ledger.schema import create_raw_tables
from dagster_project.load.reading.file_content import DamagedFileError
from dagster_project.load.validation.load_targets import Target, load_targets, load_words
from dagster_project.load.validation.record_rules import Reading
from dagster_project.settings import Settings

Progress = Callable[[str], None]

# A batch is one transaction: large enough to spare statements, small enough to bound memory.
BATCH_FILES = 400
BATCH_BYTES = 128 << 20

# What DuckDB raises for data, as opposed to disk, memory or lock trouble, which must stop the run.
DATA_ERRORS = (
    duckdb.ConversionException,
    duckdb.OutOfRangeException,
    duckdb.InvalidInputException,
)


def load_landing(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    *,
    run_id: str,
    full_refresh: bool = False,
    progress: Progress | None = None,
    mappings: dict[str, Mapping] | None = None,
) -> LoadSummary:
    """Load every new or changed file under ``settings.landing_dir``.

    Files whose path, size and time of change the ledger knows are not opened. With
    ``full_refresh`` every file that lies in landing is loaded again. A file that cannot be read
    is quarantined, and the others go on. Raises HourglassError when there is nothing in landing
    and nothing was ever loaded.
    """
    started = time.monotonic()
    create_raw_tables(con)
    job = Load(con, settings, run_id, progress, mappings)
    found = discover(settings.landing_dir, load_contract(), file_patterns(job.mappings))
    job.corrections = read_corrections(settings.landing_dir)
    with _working_folder(settings) as folder:
        summary = job.run(found, folder, full_refresh=full_refresh)
    for verdict in judge_deliveries(con, job.targets.values(), job.stamp.at):
        if verdict.message:
            summary.messages.append(
                FileMessage(verdict.source, "warning", "late_or_odd", verdict.message)
            )
    summary.seconds = time.monotonic() - started
    return summary


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


class Load:
    """One load into the raw tables of ``con``, of whatever files were found."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        settings: Settings,
        run_id: str,
        progress: Progress | None = None,
        mappings: dict[str, Mapping] | None = None,
    ) -> None:
        self.con = con
        self.settings = settings
        self.progress = progress or (lambda text: None)
        self.corrections: Corrections = {}
        self.words = load_words()
        self.mappings = load_mappings() if mappings is None else mappings
        self.targets = load_targets(settings, self.words, self.mappings)
        self.stamp = Stamp(run_id, datetime.now(UTC).replace(tzinfo=None))
        self.summary = LoadSummary()

    def run(self, found: Discovery, folder: Path, *, full_refresh: bool = False) -> LoadSummary:
        """Load what was found; ``folder`` is for files that must be converted."""
        self.known = read_known(self.con)
        if not found.deliveries and not found.refusals and not self.known.contents:
            raise HourglassError(
                f"There is nothing to load: {self.settings.landing_dir} has no files. Put extracts "
                "there as <system>/<table>.csv (systems: crm, shop, marketing, call_center) or a "
                f"vendor's export under <mapping>/ (mappings: {', '.join(sorted(self.mappings))})."
            )
        self.workshop = Workshop(self.con, folder, self.corrections)
        if not found.deliveries and found.refusals and not self.known.contents:
            raise HourglassError(
                "There is nothing to load. "
                + "\n".join(refusal.message for refusal in found.refusals)
            )
        self.summary.files_seen = len(found.deliveries) + len(found.refusals)
        for refusal in found.refusals:
            self._refuse(refusal)
        self._in_transaction(lambda: write_refusals(self.con, found.refusals, self.stamp))
        fresh = [d for d in found.deliveries if full_refresh or not self._is_known(d)]
        self.summary.files_known = len(found.deliveries) - len(fresh)
        self.again = full_refresh
        for name, deliveries in groupby(
            sorted(fresh, key=lambda d: (d.target, d.name)), key=lambda d: d.target
        ):
            self._load_target(self.targets[name], list(deliveries))
        return self.summary

    def _is_known(self, delivery: Delivery) -> bool:
        file_hash = self.known.hash_of(delivery)
        target = self.targets[delivery.target]
        return file_hash is not None and self.known.has_path(
            delivery, self._definition(target, delivery, file_hash)
        )

    def _definition(self, target: Target, delivery: Delivery, file_hash: str) -> str:
        """What a content is read by: the target's definition, and people's corrections.

        Any correction may concern a member of an archive.
        """
        concerned = sorted(self.corrections) if delivery.format == "zip" else [file_hash]
        marks = [corrections_mark(self.corrections, key) for key in concerned]
        return target.definition + "".join(marks)

    def _say(self, path: str, level: str, reason: str, text: str) -> None:
        self.summary.messages.append(FileMessage(path, level, reason, text))  # type: ignore[arg-type]

    def _refuse(self, refusal: Refusal) -> None:
        if refusal.waiting:
            self.summary.files_waiting += 1
            self._say(refusal.name, "warning", refusal.reason, refusal.message)
        else:
            self.summary.files_quarantined += 1
            self._say(refusal.name, "error", refusal.reason, refusal.message)

    def _load_target(self, target: Target, deliveries: list[Delivery]) -> None:
        self.progress(f"{target.name}: {len(deliveries)} new file(s)")
        units: list[Unit] = []
        seen: set[str] = set()
        for delivery in self._unpacked(target, deliveries):
            unit = self._prepared(target, delivery, seen)
            if unit:
                units.append(unit)
            if sum(u.delivery.size_bytes for u in units) >= BATCH_BYTES:
                self._load_units(target, units)
                units = []
        self._load_units(target, units)

    def _unpacked(self, target: Target, deliveries: list[Delivery]) -> Iterator[Delivery]:
        for delivery in deliveries:
            if delivery.format != "zip":
                yield delivery
                continue
            try:
                file_hash = examined(delivery).file_hash
                yield from self.workshop.members(delivery)
            except DamagedFileError as error:
                self._file_problem(target, delivery, error)
                continue
            # Remembered after its members: a load that is killed before opens it again.
            self._in_transaction(
                lambda d=delivery, h=file_hash: remember_path(  # type: ignore[misc]
                    self.con,
                    [(d, h, "archive", self._definition(target, d, h))],
                    self.stamp,
                )
            )

    def _prepared(self, target: Target, delivery: Delivery, seen: set[str]) -> Unit | None:
        self.summary.files_opened += 1
        try:
            content = examined(delivery)
            known_as = self.known.contents.get((content.file_hash, target.name))
            definition = self._definition(target, delivery, content.file_hash)
            if content.file_hash in seen or (known_as == definition and not self.again):
                self._duplicate(target, delivery, content.file_hash)
                return None
            seen.add(content.file_hash)
            return self.workshop.unit(delivery, content, target)
        except DamagedFileError as error:
            self._file_problem(target, delivery, error)
        except FileNotFoundError:
            self.summary.files_waiting += 1
            self._say(delivery.name, "warning", "vanished", f"{delivery.name} went away.")
        return None

    def _duplicate(self, target: Target, delivery: Delivery, file_hash: str) -> None:
        self.summary.files_duplicate += 1
        self._say(
            delivery.name,
            "info",
            "duplicate",
            f"{delivery.name} holds content that was loaded before; it was not loaded again.",
        )
        self._in_transaction(
            lambda: remember_path(
                self.con,
                [(delivery, file_hash, "duplicate", self._definition(target, delivery, file_hash))],
                self.stamp,
            )
        )

    def _load_units(self, target: Target, units: list[Unit]) -> None:
        by_shape: dict[tuple[object, ...], list[Unit]] = {}
        for unit in units:
            by_shape.setdefault(unit.shape, []).append(unit)
        for group in by_shape.values():
            for start in range(0, len(group), BATCH_FILES):
                self._load_batch(target, group[start : start + BATCH_FILES])

    def _load_batch(self, target: Target, units: list[Unit]) -> None:
        try:
            base = stage(self.con, units)
            outcomes = self._commit(target, units, base)
        except (NotPlainError, DamagedFileError, *DATA_ERRORS) as error:
            self._one_by_one(target, units, error)
            return
        finally:
            self.con.execute(f"DROP TABLE IF EXISTS {STAGE}")
        self._count(units, outcomes)

    def _one_by_one(self, target: Target, units: list[Unit], error: Exception) -> None:
        if len(units) > 1:
            middle = len(units) // 2
            self._load_batch(target, units[:middle])
            self._load_batch(target, units[middle:])
            return
        unit = units[0]
        try:
            if unit.kind == "csv" and isinstance(error, NotPlainError):
                self._load_batch(target, [self.workshop.converted(unit, target)])
                return
            if isinstance(error, DamagedFileError):
                raise error
            raise DamagedFileError(
                "unreadable",
                "The file's values cannot be worked with: a number or date goes beyond what the "
                "warehouse can hold.",
            )
        except DamagedFileError as problem:
            self._file_problem(target, unit.delivery, problem)

    def _commit(self, target: Target, units: list[Unit], base: str) -> list[Outcome]:
        reading = Reading(
            fields=target.fields,
            sources=units[0].layout.sources,
            time_zone=target.time_zone,
            one_of=target.one_of,
            null_words=tuple(word.lower() for word in target.settings.null_words),
            has_reasons=units[0].kind == "converted",
        )
        outcomes: list[Outcome] = []

        def work() -> None:
            for unit in units:
                if (unit.content.file_hash, target.name) in self.known.contents:
                    forget(self.con, unit.content.file_hash, target.name)
            if target.mapping:
                outcomes.extend(
                    feed(self.con, base, units, reading, target, self.words, self.stamp)
                )
            else:
                system, _, table = target.name.partition(".")
                outcomes.extend(
                    take_in(
                        self.con,
                        base,
                        units,
                        reading,
                        target.settings,
                        (system, table),
                        self.stamp,
                    )
                )
            self.summary.schema_events += note_changes(self.con, units, self.stamp)
            definitions = [
                self._definition(target, unit.delivery, unit.content.file_hash) for unit in units
            ]
            write_loaded(self.con, units, outcomes, definitions, self.stamp)

        self._in_transaction(work)
        return outcomes

    def _in_transaction(self, work: Callable[[], None]) -> None:
        self.con.execute("BEGIN TRANSACTION")
        try:
            work()
        except BaseException:
            self.con.execute("ROLLBACK")
            raise
        self.con.execute("COMMIT")

    def _count(self, units: Sequence[Unit], outcomes: Sequence[Outcome]) -> None:
        summary = self.summary
        for unit, outcome in zip(units, outcomes, strict=True):
            name = unit.delivery.name
            summary.files_loaded += 1
            summary.records += outcome.records
            summary.accepted += outcome.accepted
            summary.quarantined += outcome.quarantined
            summary.left_out += sum(outcome.left_out.values())
            summary.nulled += outcome.nulled
            for (system, table), rows in outcome.rows.items():
                key = f"{system}.{table}"
                summary.rows[key] = summary.rows.get(key, 0) + rows
            if outcome.quarantined:
                self._say(
                    name,
                    "warning",
                    "rows_quarantined",
                    f"{name}: {outcome.quarantined} of {outcome.records} records went to "
                    "quarantine.",
                )
            if outcome.nulled:
                self._say(
                    name,
                    "warning",
                    "cells_nulled",
                    f"{name}: {outcome.nulled} invalid values in optional columns became NULL.",
                )

    def _file_problem(self, target: Target, delivery: Delivery, error: DamagedFileError) -> None:
        if error.reason == "changing":
            self.summary.files_waiting += 1
            self._say(delivery.name, "warning", error.reason, f"{delivery.name}: {error.message}")
            return
        self.summary.files_quarantined += 1
        self.summary.records += 1
        self.summary.quarantined += 1
        self._say(delivery.name, "error", error.reason, f"{delivery.name}: {error.message}")
        with delivery.path.open("rb") as file:
            file_hash = hashlib.file_digest(file, "sha256").hexdigest()
        self._in_transaction(
            lambda: write_quarantined_file(
                self.con,
                delivery,
                file_hash,
                self._definition(target, delivery, file_hash),
                error,
                self.stamp,
            )
        )
