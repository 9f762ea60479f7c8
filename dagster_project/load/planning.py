"""Load plan: which delivered files are new, and by which definition each of them is read.

Decided from the ledger, names and hashes alone. Nothing is read into tables and nothing is
written here; ``ingest.commit`` writes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby

from dagster_project.load.landing.corrections import Corrections, corrections_mark
from dagster_project.load.landing.discovery import Delivery
from dagster_project.load.ledger.state import KnownContent, LedgerState
from dagster_project.load.reading.file_content import FileContent
from dagster_project.load.validation.load_targets import Target


class LoadPlanner:
    """What one load has to do. ``full_refresh`` makes every file in landing new again."""

    def __init__(
        self,
        ledger: LedgerState,
        targets: Mapping[str, Target],
        corrections: Corrections,
        *,
        full_refresh: bool = False,
    ) -> None:
        self._ledger = ledger
        self._targets = targets
        self._corrections = corrections
        self._full_refresh = full_refresh

    def new_deliveries(self, found: list[Delivery]) -> Iterator[tuple[Target, list[Delivery]]]:
        """The files that must be opened, by target and in order of their names."""
        fresh = [item for item in found if self._full_refresh or not self._is_known_path(item)]
        ordered = sorted(fresh, key=lambda item: (item.target, item.name))
        for name, deliveries in groupby(ordered, key=lambda item: item.target):
            yield self._targets[name], list(deliveries)

    def definition(self, delivery: Delivery, file_hash: str) -> str:
        """What a content is read by: the target's definition, and people's corrections.

        Any correction may concern a member of an archive.
        """
        concerned = sorted(self._corrections) if delivery.format == "zip" else [file_hash]
        marks = [corrections_mark(self._corrections, key) for key in concerned]
        return self._targets[delivery.target].definition + "".join(marks)

    def as_delivered(self, content: FileContent) -> FileContent:
        """A content under the hash that it was delivered with, whatever was erased from it."""
        return replace(content, file_hash=self._ledger.delivered_hash(content.file_hash))

    def take(self, delivery: Delivery, file_hash: str) -> bool:
        """Whether the content must be read; once per content and load, again if its rows went.

        Not when it was read before by the same definition, under whatever path. A content that
        comes again with a later date in its name is read again where a mapping asks for that date.
        """
        content = (file_hash, delivery.target)
        known = self._ledger.contents.get(content)
        is_read = content in self._ledger.taken or (
            known is not None
            and known.definition == self.definition(delivery, file_hash)
            and not self._full_refresh
        )
        if is_read and not (known and self._is_later(delivery, known)):
            return False
        self._ledger.mark_taken(content)
        return True

    def is_pending(self, delivery: Delivery, file_hash: str) -> bool:
        """Whether the content was taken in this load and is not committed yet."""
        return (file_hash, delivery.target) in self._ledger.pending

    def _is_later(self, delivery: Delivery, known: KnownContent) -> bool:
        """Whether a mapping would read another date from this delivery of a known content."""
        return (
            self._targets[delivery.target].reads_delivery_date
            and delivery.delivered_on is not None
            and (known.delivered_on is None or known.delivered_on < delivery.delivered_on)
        )

    def _is_known_path(self, delivery: Delivery) -> bool:
        file_hash = self._ledger.hash_of(delivery)
        return file_hash is not None and self._ledger.has_path(
            delivery, self.definition(delivery, file_hash)
        )
