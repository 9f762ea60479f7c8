"""File loading: a target's new files are opened, grouped into batches, staged and committed.

A batch that fails is halved until the file at fault is alone: it is then read record by record,
or quarantined as a whole.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import duckdb

from dagster_project.load.ingest.batch_staging import STAGE, EngineReadError, SourceUnit, stage
from dagster_project.load.ingest.commit import Ingest, LoadCommitter
from dagster_project.load.ingest.file_preparation import FilePreparation, hash_delivery
from dagster_project.load.ingest.file_rows import FileRows, insert_rows_read
from dagster_project.load.landing.discovery import Delivery, no_permission
from dagster_project.load.ledger.load_summary import LoadSummary
from dagster_project.load.planning import LoadPlanner
from dagster_project.load.reading.file_content import DamagedFileError, FileContent
from dagster_project.load.validation.load_targets import Target

# A batch is one transaction: large enough to spare statements, small enough to bound memory.
BATCH_FILES = 400
BATCH_BYTES = 128 << 20

# What DuckDB raises for data, as opposed to disk, memory or lock trouble, which must stop the run.
DATA_ERRORS = (
    duckdb.ConversionException,
    duckdb.OutOfRangeException,
    duckdb.InvalidInputException,
)


class FileLoader:
    """Loads files target by target; what became of them goes into ``summary``."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        planner: LoadPlanner,
        committer: LoadCommitter,
        preparation: FilePreparation,
        summary: LoadSummary,
        read_before: Mapping[str, FileRows] | None = None,
    ) -> None:
        """``read_before``: files that somebody read already, by their name in landing."""
        self._con = con
        self._read_before = read_before or {}
        self._planner = planner
        self._committer = committer
        self._preparation = preparation
        self._summary = summary

    def load(self, target: Target, deliveries: Sequence[Delivery]) -> None:
        """Load the new files of one target."""
        units: list[SourceUnit] = []
        for delivery in self._unpacked(deliveries):
            content = self._hashed(delivery)
            if content is None:
                continue
            if self._planner.is_pending(delivery, content.file_hash):
                # What its date is to be can only be said of rows that are there.
                self._load_units(target, units)
                units = []
            unit = self._prepared(target, delivery, content)
            if unit:
                units.append(unit)
            if sum(u.delivery.unpacked_bytes for u in units) >= BATCH_BYTES:
                self._load_units(target, units)
                units = []
        self._load_units(target, units)

    def _unpacked(self, deliveries: Sequence[Delivery]) -> Iterator[Delivery]:
        for delivery in deliveries:
            if delivery.format != "zip":
                yield delivery
                continue
            members = []
            try:
                file_hash = hash_delivery(delivery).file_hash
                for member in self._preparation.members(delivery):
                    members.append(member.name)
                    yield member
            except DamagedFileError as error:
                self._set_aside(delivery, error)
                continue
            # Remembered after its members: a load that is killed before opens it again.
            self._committer.archive(delivery, file_hash, members)

    def _hashed(self, delivery: Delivery) -> FileContent | None:
        self._summary.files_opened += 1
        ready = self._read_before.get(delivery.name)
        try:
            if ready is not None:
                return self._planner.as_delivered(ready.content())
            return self._planner.as_delivered(hash_delivery(delivery))
        except DamagedFileError as error:
            self._set_aside(delivery, error)
        except FileNotFoundError:
            self._summary.add_waiting(delivery.name, "vanished", f"{delivery.name} went away.")
        except PermissionError:
            self._summary.add_skipped(no_permission(delivery.name))
        return None

    def _prepared(
        self, target: Target, delivery: Delivery, content: FileContent
    ) -> SourceUnit | None:
        try:
            if self._planner.take(delivery, content.file_hash):
                ready = self._read_before.get(delivery.name)
                if ready is not None:
                    return ready.unit
                return self._preparation.unit(delivery, content, target)
            self._committer.duplicate(delivery, content.file_hash)
            self._summary.add_duplicate(delivery.name)
        except DamagedFileError as error:
            self._set_aside(delivery, error)
        except FileNotFoundError:
            self._summary.add_waiting(delivery.name, "vanished", f"{delivery.name} went away.")
        return None

    def _load_units(self, target: Target, units: list[SourceUnit]) -> None:
        by_shape: dict[tuple[object, ...], list[SourceUnit]] = {}
        for unit in units:
            shape = (unit.delivery.name in self._read_before, *unit.shape)
            by_shape.setdefault(shape, []).append(unit)
        for group in by_shape.values():
            for start in range(0, len(group), BATCH_FILES):
                self._load_batch(target, group[start : start + BATCH_FILES])

    def _load_batch(self, target: Target, units: list[SourceUnit]) -> None:
        try:
            ingest = self._ingest(target, units)
            outcomes, events, superseded = self._committer.batch(target, units, ingest)
        except (EngineReadError, DamagedFileError, *DATA_ERRORS) as error:
            self._load_halves(target, units, error)
            return
        finally:
            self._con.execute(f"DROP TABLE IF EXISTS {STAGE}")
        self._summary.schema_events += events
        self._summary.files_superseded += superseded
        for unit, outcome in zip(units, outcomes, strict=True):
            self._summary.add_loaded(unit.delivery.name, outcome)

    def _ingest(self, target: Target, units: list[SourceUnit]) -> Ingest:
        ready = [self._read_before.get(unit.delivery.name) for unit in units]
        found = [rows for rows in ready if rows is not None]
        if found:
            return partial(insert_rows_read, self._con, found)
        return partial(self._committer.ingest_staged, target, units, stage(self._con, units))

    def _load_halves(self, target: Target, units: list[SourceUnit], error: Exception) -> None:
        if len(units) > 1:
            middle = len(units) // 2
            self._load_batch(target, units[:middle])
            self._load_batch(target, units[middle:])
            return
        unit = units[0]
        try:
            if unit.kind == "csv" and isinstance(error, EngineReadError):
                self._load_batch(target, [self._preparation.converted(unit, target)])
                return
            if isinstance(error, DamagedFileError):
                raise error
            raise DamagedFileError(
                "unreadable",
                "The file's values cannot be worked with: a number or date goes beyond what the "
                "warehouse can hold.",
            )
        except DamagedFileError as problem:
            self._set_aside(unit.delivery, problem)

    def _set_aside(self, delivery: Delivery, error: DamagedFileError) -> None:
        """Quarantine a file as a whole, or let one that is still being written wait."""
        text = f"{delivery.name}: {error.message}"
        if error.reason == "changing":
            self._summary.add_waiting(delivery.name, error.reason, text)
            return
        self._committer.quarantined_file(delivery, error)
        self._summary.add_quarantined_file(delivery.name, error.reason, text)
