"""The erasure record: what was erased when, without saying who, signed by the installation.

The signature is an HMAC-SHA256 over the record's own JSON with a key derived from the
installation's secret (the one of the registry, which is part of every restricted version): whoever
holds the installation can show that it made the record and that nobody changed it since.
"""

import hashlib
import hmac
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagster_project.errors import counted
from dagster_project.privacy.journal import Journal, now_utc
from dagster_project.privacy.warehouse_copy import Memory
from dagster_project.settings import Settings

PURPOSE = b"hourglass erasure record"
# Files that a sentence names.
NAMED = 5


@dataclass(frozen=True)
class Erasure:
    """What was done: counts only. ``statement`` is the signed record."""

    erasure_id: str
    people: int
    records: int
    files: int
    versions: int
    statement: Path
    # Names in landing/ of files that could not be looked into.
    not_read: tuple[str, ...] = ()

    def sentence(self) -> str:
        if not self.people:
            return (
                f"Purged as older than its source keeps it: {counted(self.records, 'record')}, "
                f"from {counted(self.files, 'file')} in landing/ and from the raw tables. Record: "
                f"{self.statement}"
            )
        return (
            f"{counted(self.people, 'person', 'people')} erased: "
            f"{counted(self.records, 'record')}, {counted(self.files, 'file')} in landing/ and "
            f"{counted(self.versions, 'version')} rewritten. Record: {self.statement}"
        )

    def warning(self) -> str | None:
        """What somebody has to see to; None when every file was looked into."""
        if not self.not_read:
            return None
        named = ", ".join(self.not_read[:NAMED])
        if len(self.not_read) > NAMED:
            named += f" and {len(self.not_read) - NAMED:,} more"
        return (
            f"{counted(len(self.not_read), 'file')} in landing/ could not be looked into (damaged, "
            f"protected or of another kind): {named}. Whoever was erased may be in there; remove "
            "what is not needed, or have it sent again whole."
        )


def not_read_of(journal: Journal) -> tuple[str, ...]:
    """The files in landing/ that could not be looked into, by name."""
    return tuple(sorted({entry["path"] for entry in journal.notes("not_read")}))


def statement_of(journal: Journal, memory: Memory) -> dict[str, Any]:
    """What the record says of an erasure: counts and places, nobody."""
    plan = journal.plan
    if purge := plan.get("purge"):
        return {
            "erasure_id": journal.erasure_id,
            "begun_at": plan["begun_at"],
            "finished_at": now_utc().isoformat(timespec="seconds"),
            "reason": plan["reason"],
            "kept_from": purge["horizons"],
            "records": memory.records,
            "landing_files_rewritten": len(journal.files()),
            "rewritten": ["landing", "raw tables", "quarantine"],
            "left_out": "Kept versions hold older rows until they are pruned.",
        }
    return {
        "erasure_id": journal.erasure_id,
        "begun_at": plan["begun_at"],
        "finished_at": now_utc().isoformat(timespec="seconds"),
        "reason": plan["reason"],
        "requests": plan["requests"],
        "people": memory.people,
        "records": memory.records,
        "landing_files_rewritten": len(journal.files()),
        "landing_files_not_read": len(not_read_of(journal)),
        "versions_rewritten": len(plan["versions"]),
        "rewritten": [
            "landing",
            "raw tables",
            "quarantine",
            "identity registry",
            "published versions",
            "restricted versions",
            "exports",
            "history and logs",
            "caches",
        ],
        # By endpoint: how many of the people were delivered there, where they must be erased too.
        "recipients": journal.notes("recipients")[-1],
        "left_out": "Backups and exports outside the data directory, and what was delivered to "
        "other systems, are not reached from here.",
    }


def write_statement(settings: Settings, key: bytes, content: dict[str, Any]) -> Path:
    """Write the record of ``content["erasure_id"]`` to ``erasures/``; the path."""
    folder = settings.data_dir / "erasures"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{content['erasure_id']}.json"
    signed = {**content, "signature": signature(key, content)}
    temporary = folder / f".{path.name}"
    descriptor = os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, (json.dumps(signed, indent=2) + "\n").encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.replace(path)
    return path


def is_genuine(key: bytes, path: Path) -> bool:
    """Whether this installation made the record and nobody changed it."""
    content = json.loads(path.read_text(encoding="utf-8"))
    given = content.pop("signature", "")
    return hmac.compare_digest(given, signature(key, content))


def signature(key: bytes, content: dict[str, Any]) -> str:
    """Hexadecimal HMAC-SHA256 of a record."""
    derived = hmac.digest(key, PURPOSE, "sha256")
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hmac.new(derived, text.encode(), hashlib.sha256).hexdigest()
