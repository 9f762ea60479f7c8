"""Status on the command line: to a person, to a monitor, to whom the settings name."""

import json
from pathlib import Path
from typing import Any

from rich.table import Table

from dagster_project.cli.screen import Screen, bold
from dagster_project.cli.summary import add_notes, record_counts
from dagster_project.operations.alerts import send_alerts
from dagster_project.operations.prometheus import write_metrics
from dagster_project.operations.status import status_of
from dagster_project.settings import Settings

SHOWN_RUNS = 5


def status_now(settings: Settings) -> dict[str, Any]:
    """The status with the newest runs, whoever started them."""
    runs: list[dict[str, str]] = []
    if settings.dagster_home.exists():
        from dagster_project.defs.run_history import recent_runs

        runs = recent_runs(settings, SHOWN_RUNS)
    return status_of(settings, runs)


def show_status(
    settings: Settings,
    *,
    as_json: bool = False,
    metrics: Path | None = None,
    send: bool = False,
) -> int:
    """Print the status; 0 when all is well, else 1.

    ``metrics``: write it there for Prometheus too. ``send``: tell what is new to the addresses of
    HOURGLASS_ALERT_URLS.
    """
    status = status_now(settings)
    if metrics is not None:
        write_metrics(metrics, status)
    if send:
        for refused in send_alerts(settings, status):
            Screen(stderr=True).say(f"hourglass: {refused}")
    if as_json:
        print(json.dumps(status, indent=1, default=str, ensure_ascii=False))  # noqa: T201
        return 0 if status["is_well"] else 1
    console = Screen()
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    version = status["version"]
    if version is None:
        none = f"none: nothing was published yet in {settings.data_dir}"
        table.add_row(bold("Version in force"), none)
    else:
        table.add_row(bold("Version in force"), version["version"])
        # ISO 8601 in the JSON; here as the runs are below.
        at = version["published_at"][:16].replace("T", " ")
        table.add_row(bold("Published"), f"{at} UTC")
        table.add_row(bold("Build"), f"{version['build_id']}, as of {version['as_of']}")
    for number, run in enumerate(status["runs"]):
        cause = f": {run['cause']}" if run["cause"] else ""
        text = f"{run['status']}, {run['at']} UTC, by {run['started_by']} ({run['run_id'][:8]})"
        table.add_row("" if number else bold("Last runs"), text + cause)
    for number, warning in enumerate((version or {}).get("warnings", [])):
        table.add_row("" if number else bold("Warnings"), warning)
    ledger = status["ledger"]
    if ledger:
        table.add_row(
            bold("Records"),
            record_counts(ledger),
        )
        for reason in ledger.get("reasons", []):
            table.add_row(
                "",
                # What lies in no source's folder has no source.
                f"{reason['source'] or 'landing'}: {reason['reason']} ({reason['level']}) "
                f"{reason['records']:,}",
            )
        add_notes(table, ledger)
    if status["disk"]["is_low"]:
        table.add_row(bold("Disk"), status["disk"]["message"])
    console.print(table)
    return 0 if status["is_well"] else 1
