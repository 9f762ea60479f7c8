"""Status between two runs: the version in force, the last runs and why one failed, what is late."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dagster_project.cli.summary import add_notes, ledger_now
from dagster_project.publish import current_manifest
from dagster_project.settings import Settings

SHOWN_RUNS = 5
# A daily version that is older was not replaced yesterday.
OLD = timedelta(hours=36)


def status_of(settings: Settings, *, now: datetime | None = None) -> dict[str, Any]:
    """What ``hourglass status`` says, as plain values; no personal data.

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
    runs: list[dict[str, Any]] = []
    if settings.dagster_home.exists():
        from dagster_project.defs.runs import recent_runs

        runs = recent_runs(settings, SHOWN_RUNS)
    has_failed = bool(runs) and runs[0]["status"] in {"failure", "canceled"}
    is_stale = version is None or (settings.schedule_enabled and version["is_old"])
    return {
        "is_well": not has_failed and not is_stale,
        "version": version,
        "runs": runs,
        "ledger": ledger_now(settings) or (manifest or {}).get("ledger") or {},
    }


def show_status(settings: Settings, *, as_json: bool = False) -> int:
    """Print the status; 0 when all is well, else 1."""
    status = status_of(settings)
    if as_json:
        print(json.dumps(status, indent=1, default=str, ensure_ascii=False))  # noqa: T201
        return 0 if status["is_well"] else 1
    console = Console()
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    version = status["version"]
    if version is None:
        table.add_row("[bold]Version in force[/]", "none: nothing was published yet")
    else:
        table.add_row("[bold]Version in force[/]", version["version"])
        table.add_row("[bold]Published[/]", version["published_at"])
        table.add_row("[bold]Build[/]", f"{version['build_id']}, as of {version['as_of']}")
    for number, run in enumerate(status["runs"]):
        cause = f": {run['cause']}" if run["cause"] else ""
        text = f"{run['status']}, {run['at']} UTC, by {run['started_by']} ({run['run_id'][:8]})"
        table.add_row("" if number else "[bold]Last runs[/]", escape(text + cause))
    for number, warning in enumerate((version or {}).get("warnings", [])):
        table.add_row("" if number else "[bold]Warnings[/]", escape(warning))
    ledger = status["ledger"]
    if ledger:
        table.add_row(
            "[bold]Records[/]",
            f"{ledger['records']:,} read, {ledger['quarantined']:,} quarantined, "
            f"{ledger['left_out']:,} left out by a rule",
        )
        for reason in ledger.get("reasons", []):
            table.add_row(
                "",
                # What lies in no source's folder has no source.
                f"{reason['source'] or 'landing'}: {reason['reason']} ({reason['level']}) "
                f"{reason['records']:,}",
            )
        add_notes(table, ledger)
    console.print(table)
    return 0 if status["is_well"] else 1
