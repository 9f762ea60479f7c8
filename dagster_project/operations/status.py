"""Status between two runs: version in force and its warnings, runs, sources, room on the disk.

Plain values for the command line, monitors and alerts; no personal data in them.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

from dagster_project.errors import HourglassError
from dagster_project.operations.disk import room_for_a_run
from dagster_project.publish import current_manifest
from dagster_project.settings import Settings
from dagster_project.warehouse import connect

# A daily version that is older was not replaced yesterday.
OLD = timedelta(hours=36)
FAILED = frozenset({"failure", "canceled"})


def status_of(
    settings: Settings,
    runs: Sequence[Mapping[str, Any]] = (),
    *,
    ledger: Mapping[str, Any] | None = None,
    now: datetime | None = None,
) -> dict[str, Any]:
    """What ``hourglass status`` says. ``runs``: the newest runs first, as defs.run_history tells
    them. ``ledger`` None: as the warehouse has it, which no run may have open then.

    ``is_well``: the newest run did not fail, a version is in force and, where the schedule is on,
    it is not older than a day and a half.
    """
    now = now or datetime.now(UTC)
    manifest = current_manifest(settings)
    version: dict[str, Any] | None = None
    if manifest is not None:
        published = datetime.fromisoformat(manifest["published_at"]).replace(tzinfo=UTC)
        path = settings.published_dir / "current" / "quality.json"
        results = json.loads(path.read_text(encoding="utf-8"))["results"]
        version = {
            "version": manifest["version"],
            "build_id": manifest["build_id"],
            "as_of": manifest["as_of"],
            "published_at": published.isoformat(),
            "is_old": now - published > OLD,
            "warnings": [
                f"{row['mart']}: {row['message']}" for row in results if row["status"] == "warn"
            ],
        }
    has_failed = bool(runs) and runs[0]["status"] in FAILED
    is_stale = version is None or (settings.schedule_enabled and version["is_old"])
    room = room_for_a_run(settings)
    return {
        "is_well": not has_failed and not is_stale,
        "version": version,
        "runs": [dict(run) for run in runs],
        "ledger": ledger or ledger_now(settings) or (manifest or {}).get("ledger") or {},
        "disk": {"free_bytes": room.free, "needed_bytes": room.needed, "is_low": room.is_low}
        | ({"message": room.sentence} if room.is_low else {}),
    }


def refused_files(ledger: Mapping[str, Any]) -> list[str]:
    """A sentence per source and reason: such a file counts as one record, whatever it held."""
    return [
        f"{row['source']}: {row['records']:,} {'file' if row['records'] == 1 else 'files'} refused "
        f"whole, {row['reason'].replace('_', ' ')}. hourglass quarantine list says more."
        for row in ledger.get("reasons", [])
        if row["level"] == "file"
    ]


def waiting_files(ledger: Mapping[str, Any]) -> list[str]:
    """A sentence per file that may still be written: when it will be taken."""
    return [row["message"] for row in ledger.get("waiting", [])]


def late_or_odd(ledger: Mapping[str, Any]) -> list[str]:
    """A sentence per source that did not deliver as it said, or not as much as it does."""
    return [row["message"] for row in ledger.get("deliveries", [])]


def ledger_now(settings: Settings) -> dict[str, Any] | None:
    """The ledger as the last load left it, also of a run that was not published; None while a
    run is at work, or when nothing was loaded yet."""
    if not settings.warehouse_path.exists():
        return None
    from dagster_project.load.ledger.accounting import ledger_summary

    # What an earlier version of Hourglass left lacks tables or columns until the next run.
    other_version = (duckdb.CatalogException, duckdb.BinderException)
    with suppress(HourglassError, *other_version), connect(settings) as con:
        return ledger_summary(con)
    return None
