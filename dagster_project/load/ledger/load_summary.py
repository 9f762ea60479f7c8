"""What one load did, as plain data for the command line, Dagster and tests."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class FileMessage:
    """Something to say about one path; never holds values from the file."""

    path: str
    level: Literal["info", "warning", "error"]
    reason: str
    text: str


@dataclass
class LoadSummary:
    """Counts of one load. ``rows`` has the raw rows added, by ``system.table``.

    ``files_known`` were not opened, because size and time of change are those of the ledger.
    ``files_duplicate`` were opened and held content that was loaded before. ``nulled`` counts
    invalid cells that became NULL.
    """

    files_seen: int = 0
    files_loaded: int = 0
    files_known: int = 0
    files_duplicate: int = 0
    files_quarantined: int = 0
    files_waiting: int = 0
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
    seconds: float = 0.0

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
            (self.files_quarantined, "that cannot be read"),
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
                "files_quarantined",
                "files_waiting",
                "records",
                "accepted",
                "quarantined",
                "left_out",
                "erased",
                "nulled",
                "schema_events",
            )
        }
