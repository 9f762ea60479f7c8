"""Summary of a run, and status between two: tables for the screen from what was published."""

import json
from contextlib import suppress
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dagster_project.cli.progress import STAGES
from dagster_project.errors import HourglassError, UsageError
from dagster_project.publish import current_manifest
from dagster_project.settings import Settings
from dagster_project.warehouse import connect, connect_file


def show_summary(
    console: Console, settings: Settings, load: dict[str, Any], seconds: dict[str, float]
) -> None:
    manifest = current_manifest(settings)
    if manifest is None:
        raise UsageError(f"No published version in {settings.published_dir}.")
    current = settings.published_dir / "current"
    with connect_file(current.resolve() / "marts.duckdb", read_only=True) as con:
        customers, sales, revenue = con.execute(
            "SELECT (SELECT count(*) FROM customers), count(*), coalesce(sum(net_revenue), 0) "
            "FROM orders WHERE is_sale"
        ).fetchall()[0]
    quality = json.loads((current / "quality.json").read_text())
    checks = quality["counts"]
    currency = manifest["settings"]["currency"] or ""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    rows = {
        "Version": f"{manifest['version']} (as of {manifest['as_of']})",
        "Files": f"{load['files_loaded']:,} loaded, {load['files_skipped']:,} known before",
        "Records": f"{load['records']:,} read: {load['accepted']:,} accepted, "
        f"{load['quarantined']:,} quarantined, {load['left_out']:,} left out by a rule",
        "Customers": f"{customers:,}",
        "Sales": f"{sales:,}",
        "Net revenue": f"{revenue:,.2f} {currency}".strip(),
        "Checks": f"{checks['passed']:,} passed"
        + (f", warnings: {checks['warnings']:,}" if checks["warnings"] else ""),
        "Marts": str(current / "marts.duckdb"),
        "Report": str(current / "report" / "index.html"),
        "Seconds": ", ".join(
            f"{STAGES.get(step, step).lower()} {value:.1f}" for step, value in seconds.items()
        ),
    }
    for name, value in rows.items():
        table.add_row(f"[bold]{name}[/]", value)
    _add_notes(table, manifest.get("ledger") or {})
    console.print(table, soft_wrap=True)


def _add_notes(table: Table, ledger: dict[str, Any]) -> None:
    """Rows on files refused whole, sources late or odd, and columns that changed in a week."""
    for title, entries in (
        ("Refused", refused_files(ledger)),
        ("Late or odd", late_or_odd(ledger)),
        (
            "Columns",
            [
                f"{row['source']}: {row['message']}"
                + (f" ({row['files']:,} times)" if row["files"] > 1 else "")
                for row in ledger.get("schema_changes", [])
            ],
        ),
    ):
        for number, entry in enumerate(entries):
            table.add_row("" if number else f"[bold]{title}[/]", escape(entry))


def refused_files(ledger: dict[str, Any]) -> list[str]:
    """A sentence per source and reason: such a file counts as one record, whatever it held."""
    return [
        f"{row['source']}: {row['records']:,} {'file' if row['records'] == 1 else 'files'} refused "
        f"whole, {row['reason'].replace('_', ' ')}. hourglass quarantine list says more."
        for row in ledger.get("reasons", [])
        if row["level"] == "file"
    ]


def late_or_odd(ledger: dict[str, Any]) -> list[str]:
    """A sentence per source that did not deliver as it said, or not as much as it does."""
    return [row["message"] for row in ledger.get("deliveries", [])]


def show_status(settings: Settings) -> int:
    """Print the version in force, the last run's outcome and quarantine counts."""
    console = Console()
    manifest = current_manifest(settings)
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    if manifest is None:
        table.add_row("[bold]Version in force[/]", "none: nothing was published yet")
    else:
        table.add_row("[bold]Version in force[/]", manifest["version"])
        table.add_row("[bold]Published[/]", manifest["published_at"])
        table.add_row("[bold]Build[/]", f"{manifest['build_id']}, as of {manifest['as_of']}")
    if settings.dagster_home.exists():
        from dagster_project.defs.runs import last_run

        run = last_run(settings)
        if run is not None:
            run_id, state, started = run
            table.add_row(
                "[bold]Last run[/]", f"{state.lower()}, {started:%Y-%m-%d %H:%M} UTC ({run_id[:8]})"
            )
    ledger = ledger_now(settings) or (manifest or {}).get("ledger") or {}
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
        _add_notes(table, ledger)
    console.print(table)
    return 0


def ledger_now(settings: Settings) -> dict[str, Any] | None:
    """The ledger as the last load left it, also of a run that was not published; None while a
    run is at work, or when nothing was loaded yet."""
    if not settings.warehouse_path.exists():
        return None
    import duckdb

    from dagster_project.load.ledger.accounting import ledger_summary

    # What an earlier version of Hourglass left lacks tables or columns until the next run.
    other_version = (duckdb.CatalogException, duckdb.BinderException)
    with suppress(HourglassError, *other_version), connect(settings) as con:
        return ledger_summary(con)
    return None
