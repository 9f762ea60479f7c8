"""Load summary: what one load did, as plain data for the command line, Dagster and tests."""

from dataclasses import dataclass, field
from typing import Literal

from dagster_project.errors import counted
from dagster_project.load.landing.discovery import SkippedPath


@dataclass(frozen=True)
class FileMessage:
    """Something to say about one path; never holds values from the file."""

    path: str
    level: Literal["info", "warning", "error"]
    reason: str
    text: str


@dataclass
class FileOutcome:
    """What became of one file's records. ``rows`` counts raw rows by (system, table).

    ``incomplete``: orders of which a line was quarantined.
    """

    records: int = 0
    quarantined: int = 0
    erased: int = 0
    nulled: int = 0
    incomplete: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    listed: dict[str, str] = field(default_factory=dict)
    rows: dict[tuple[str, str], int] = field(default_factory=dict)

    @property
    def accepted(self) -> int:
        return self.records - self.quarantined - self.erased - sum(self.left_out.values())


@dataclass
class LoadSummary:
    """Counts of one load. ``rows`` has the raw rows added, by ``system.table``.

    ``files_known`` were not opened, because size and time of change are those of the ledger.
    ``files_superseded`` counts earlier contents whose path got another content.
    ``files_empty`` were read, and none of their records was accepted. ``files_quarantined`` are
    paths that are not read; of them, ``files_refused`` are files that were opened and refused.
    ``changed`` are the targets of which files were opened.
    ``files_duplicate`` were opened and held content that was loaded before. ``nulled`` counts
    invalid cells that became NULL.
    """

    files_seen: int = 0
    files_loaded: int = 0
    files_known: int = 0
    files_duplicate: int = 0
    files_superseded: int = 0
    files_quarantined: int = 0
    files_refused: int = 0
    files_waiting: int = 0
    files_empty: int = 0
    files_opened: int = 0
    records: int = 0
    accepted: int = 0
    quarantined: int = 0
    left_out: int = 0
    erased: int = 0
    nulled: int = 0
    schema_events: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    messages: list[FileMessage] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def say(
        self, path: str, level: Literal["info", "warning", "error"], reason: str, text: str
    ) -> None:
        """Add a message about one path."""
        self.messages.append(FileMessage(path, level, reason, text))

    def add_loaded(self, path: str, outcome: FileOutcome) -> None:
        """Count a file that was loaded."""
        self.files_loaded += 1
        self.records += outcome.records
        self.accepted += outcome.accepted
        self.quarantined += outcome.quarantined
        self.left_out += sum(outcome.left_out.values())
        self.erased += outcome.erased
        self.nulled += outcome.nulled
        for (system, table), rows in outcome.rows.items():
            name = f"{system}.{table}"
            self.rows[name] = self.rows.get(name, 0) + rows
        if not outcome.accepted and outcome.records > outcome.erased:
            self.files_empty += 1
            rules = ", ".join(f"{rule} {count:,}" for rule, count in outcome.left_out.items())
            self.say(
                path,
                "error",
                "nothing_accepted",
                f"{path}: nothing of {counted(outcome.records, 'record')} was accepted; "
                f"{outcome.quarantined:,} went to quarantine"
                + (f", left out by a rule: {rules}." if rules else "."),
            )
        if outcome.quarantined:
            self.say(
                path,
                "warning",
                "rows_quarantined",
                f"{path}: {outcome.quarantined:,} of {counted(outcome.records, 'record')} went to "
                "quarantine.",
            )
        if outcome.incomplete:
            self.say(
                path,
                "warning",
                "orders_incomplete",
                f"{path}: {counted(outcome.incomplete, 'order')} without a line that went to "
                "quarantine.",
            )
        if outcome.nulled:
            self.say(
                path,
                "warning",
                "cells_nulled",
                f"{path}: {outcome.nulled} invalid values in optional columns became NULL.",
            )

    def add_duplicate(self, path: str) -> None:
        """Count a file whose content was loaded before."""
        self.files_duplicate += 1
        self.say(
            path,
            "info",
            "duplicate",
            f"{path} holds content that was loaded before; it was not loaded again.",
        )

    def add_waiting(self, path: str, reason: str, text: str) -> None:
        """Count a path that a later load may read."""
        self.files_waiting += 1
        self.say(path, "warning", reason, text)

    def add_skipped(self, path: SkippedPath) -> None:
        """Count a path in landing that is not read."""
        if path.waiting:
            self.add_waiting(path.name, path.reason, path.message)
        else:
            self.files_quarantined += 1
            self.say(path.name, "error", path.reason, path.message)

    def add_quarantined_file(self, path: str, reason: str, text: str) -> None:
        """Count a file that was quarantined as a whole: one record."""
        self.files_quarantined += 1
        self.files_refused += 1
        self.records += 1
        self.quarantined += 1
        self.say(path, "error", reason, text)

    @property
    def files_skipped(self) -> int:
        """Files whose content was loaded before."""
        return self.files_known + self.files_duplicate

    @property
    def problems(self) -> list[FileMessage]:
        """Messages that somebody must act on."""
        return [message for message in self.messages if message.level == "error"]

    def sentence(self) -> str:
        """The load in one line."""
        parts = [
            f"{self.files_loaded:,} of {self.files_seen:,} files loaded",
            f"{self.files_known:,} known and not opened",
        ]
        for count, what in (
            (self.files_duplicate, "holding content that was loaded before"),
            (self.files_superseded, "replacing what lay under their name before"),
            (self.files_quarantined, "that cannot be read"),
            (self.files_empty, "of which nothing was accepted"),
            (self.files_waiting, "not complete yet"),
        ):
            if count:
                parts.append(f"{count:,} {what}")
        return (
            f"{', '.join(parts)}: {self.records:,} records = {self.accepted:,} accepted + "
            f"{self.quarantined:,} quarantined + {self.left_out:,} left out + "
            f"{self.erased:,} erased."
        )

    def counts(self) -> dict[str, int]:
        """The numbers by name, as Dagster shows them."""
        return {
            name: getattr(self, name)
            for name in (
                "files_seen",
                "files_loaded",
                "files_known",
                "files_duplicate",
                "files_superseded",
                "files_quarantined",
                "files_refused",
                "files_waiting",
                "files_empty",
                "records",
                "accepted",
                "quarantined",
                "left_out",
                "erased",
                "nulled",
                "schema_events",
            )
        }
