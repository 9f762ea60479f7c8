"""Summary of a run: a table for the screen from what was published."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.table import Table

from dagster_project.cli.progress import STAGES
from dagster_project.cli.screen import Screen, bold
from dagster_project.errors import UsageError, counted
from dagster_project.operations.status import refused_files, waiting_files
from dagster_project.publish import opened_marts, version_in_force
from dagster_project.publish.versions import version_of
from dagster_project.settings import Settings

if TYPE_CHECKING:
    import duckdb

    from dagster_project.defs.runs import RunOutcome


def show_summary(console: Screen, settings: Settings, outcome: "RunOutcome") -> None:
    """What a run that succeeded loaded and published."""
    load, in_force = outcome.load, version_in_force(settings)
    if in_force is None or outcome.version is None:
        raise UsageError(f"No published version in {settings.published_dir}.")
    made = version_of(settings, outcome.version)
    is_current = made.name == in_force.name
    folder = settings.published_dir / "current" if is_current else made.published
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    with opened_marts(made.published) as con:
        customers, sales, revenue = con.execute(
            "SELECT (SELECT count(*) FROM customers), count(*), coalesce(sum(net_revenue), 0) "
            "FROM orders WHERE is_sale"
        ).fetchall()[0]
        orders = order_notes(con)
    quality = json.loads((folder / "quality.json").read_text(encoding="utf-8"))
    checks = quality["counts"]
    currency = manifest["currency"] or ""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    rows = {
        "Version": f"{manifest['version']} (as of {manifest['as_of']})"
        + ("" if is_current else f", restated: version {in_force.name} stays in force"),
        "Why": load["reason"],
        "Files": f"{load['files_loaded']:,} loaded, {load['files_skipped']:,} known before",
        "Records": record_counts(load),
        **empty_files(load),
        "Customers": f"{customers:,}",
        "Sales": f"{sales:,}",
        "Net revenue": f"{revenue:,.2f} {currency}".strip(),
        **orders,
        "Checks": f"{checks['passed']:,} passed"
        + (f", warnings: {checks['warnings']:,}" if checks["warnings"] else ""),
        "Marts": str(folder / "marts.duckdb"),
        "Report": str(folder / "report" / "index.html"),
        "Seconds": ", ".join(
            f"{STAGES.get(step, step).lower()} {value:.1f}"
            for step, value in outcome.seconds.items()
        ),
    }
    for name, value in rows.items():
        table.add_row(bold(name), value)
    add_notes(table, manifest.get("ledger") or {})
    console.print(table, soft_wrap=True)


def record_counts(ledger: dict[str, Any]) -> str:
    """What became of the records that were read; the parts add up to their number."""
    erased = f", {ledger['erased']:,} erased" if ledger.get("erased") else ""
    return (
        f"{ledger['records']:,} read: {ledger['accepted']:,} accepted, "
        f"{ledger['quarantined']:,} quarantined, {ledger['left_out']:,} left out by a rule{erased}"
    )


def empty_files(load: Mapping[str, Any]) -> dict[str, str]:
    """Why the run returns 4 although it published, where that is a file that gave no record."""
    if not load.get("files_empty"):
        return {}
    found = counted(load["files_empty"], "new file")
    return {"Empty": f"{found} of which no record was accepted (exit code 4): hourglass status"}


def order_notes(con: "duckdb.DuckDBPyConnection") -> dict[str, str]:
    """What of the published orders is no sale, lacks a line, or has its total from its lines.

    A shop whose delivered orders stay unpaid in its export (cash on delivery) sees them here.
    """
    notes = {}
    others = con.execute(
        "SELECT status, count(*) FROM orders WHERE NOT is_sale GROUP BY status "
        "ORDER BY count(*) DESC, status"
    ).fetchall()
    if others:
        notes["No sales"] = ", ".join(f"{count:,} {status}" for status, count in others)
    incomplete, computed = con.execute(
        "SELECT count_if(is_incomplete), count_if(is_total_computed) FROM orders"
    ).fetchall()[0]
    if incomplete:
        notes["Incomplete"] = f"{counted(incomplete, 'order')} with a line in quarantine"
    if computed:
        notes["Totals"] = f"{counted(computed, 'order')} without a total: computed of the lines"
    return notes


def add_notes(table: Table, ledger: dict[str, Any]) -> None:
    """Rows on files refused whole, what the ledger warns of, older versions of records, and columns
    that changed in a week."""
    from dagster_project.load.ledger.accounting import ledger_warnings, older_versions

    for title, entries in (
        ("Refused", refused_files(ledger)),
        ("Waiting", waiting_files(ledger)),
        ("Look at", ledger_warnings(ledger)),
        ("Superseded", older_versions(ledger)),
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
            table.add_row("" if number else bold(title), entry)
