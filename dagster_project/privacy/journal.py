"""The journal of an erasure under way: what is to be erased, and what of it is done.

It lies in ``erasures/.pending/`` (0600 in 0700), holds personal data because nothing else knows
any more who is erased, and is removed as the last step. Every entry is on disk before the step that
it speaks of, so that a killed erasure goes on from where it was.
"""

import json
import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dagster_project.privacy.subject import Subject
from dagster_project.settings import Settings

PENDING = ".pending"


@dataclass(frozen=True)
class RewrittenFile:
    """One file of landing/: its hashes as delivered and as it is now, and the records that went.

    ``path`` is relative to landing/; of a member of an archive, the archive's name, ``!`` and the
    member's. ``rewritten_hash`` None: nothing was left of it, and it is removed.
    """

    path: str
    target: str
    delivered_hash: str
    rewritten_hash: str | None
    erased: int
    # Whether the file was as delivered until now: then ``erased`` is all that it ever lost.
    is_pristine: bool = True
    # As it is now; the time of change is that of the delivered file.
    size_bytes: int = 0
    mtime_ns: int = 0
    # Whether the raw rows that stay are what reading the file again would give: nothing but
    # loaded records went, and the others kept their lines.
    keeps_rows: bool = False


class Journal:
    """One erasure's journal; the folder is made with :meth:`begin`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def erasure_id(self) -> str:
        return self.folder.name

    @classmethod
    def begin(cls, settings: Settings, erasure_id: str, plan: dict[str, Any]) -> "Journal":
        """Write the plan; from here on the erasure will be done, whatever happens."""
        parent = pending_dir(settings)
        for private in (parent.parent, parent):
            private.mkdir(parents=True, exist_ok=True, mode=0o700)
            private.chmod(0o700)
        unfinished = parent / f".new-{erasure_id}"
        unfinished.mkdir(mode=0o700)
        journal = cls(unfinished)
        journal._write("plan.json", json.dumps(plan))
        folder = parent / erasure_id
        unfinished.rename(folder)
        _sync_folder(parent)
        return cls(folder)

    @property
    def plan(self) -> dict[str, Any]:
        """The plan as it was begun."""
        return json.loads((self.folder / "plan.json").read_text(encoding="utf-8"))

    @property
    def subject(self) -> Subject:
        return Subject.from_json(self.plan["subject"])

    def note(self, kind: str, entry: dict[str, Any]) -> None:
        """Append an entry of ``kind``; on disk when this returns."""
        path = self.folder / f"{kind}.jsonl"
        descriptor = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        try:
            os.write(descriptor, (json.dumps(entry) + "\n").encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def notes(self, kind: str) -> list[dict[str, Any]]:
        """The entries of ``kind``, in order; a half-written last one counts as never written."""
        path = self.folder / f"{kind}.jsonl"
        if not path.exists():
            return []
        found = []
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found

    def files(self) -> dict[str, RewrittenFile]:
        """The rewritten files by path, the last entry of each."""
        return {entry["path"]: RewrittenFile(**entry) for entry in self.notes("files")}

    def is_done(self, step: str) -> bool:
        return any(entry["step"] == step for entry in self.notes("steps"))

    def done(self, step: str) -> None:
        self.note("steps", {"step": step})

    def end(self) -> None:
        """Remove the journal."""
        gone = self.folder.with_name(f".gone-{self.erasure_id}")
        self.folder.rename(gone)
        shutil.rmtree(gone)

    def _write(self, name: str, text: str) -> None:
        descriptor = os.open(self.folder / name, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        try:
            os.write(descriptor, text.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def now_utc() -> datetime:
    """The moment, in UTC and without a zone, as every table here writes it."""
    return datetime.now(UTC).replace(tzinfo=None)


def pending_dir(settings: Settings) -> Path:
    """Where journals lie."""
    return settings.data_dir / "erasures" / PENDING


def pending_journals(settings: Settings) -> list[Journal]:
    """Erasures that were begun and are not done, oldest first; clears what never began."""
    parent = pending_dir(settings)
    if not parent.is_dir():
        return []
    for leftover in [*parent.glob(".new-*"), *parent.glob(".gone-*")]:
        shutil.rmtree(leftover)
    return [Journal(path) for path in sorted(parent.iterdir()) if path.is_dir()]


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
