"""Quarantine: what was refused, and the way back."""

from pathlib import Path
from typing import Annotated

import typer

from dagster_project.cli.options import DataDir, opened_warehouse
from dagster_project.cli.screen import say
from dagster_project.errors import counted

quarantine = typer.Typer(no_args_is_help=True, help="What was refused, and the way back.")


@quarantine.command("list")
def list_entries(
    target: Annotated[str | None, typer.Option(help="Only one source, e.g. crm.contacts.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Show what is in quarantine, by file and reason."""
    from dagster_project.load.ledger.quarantine import list_quarantine

    with opened_warehouse(data_dir) as (con, _):
        groups = list_quarantine(con, target=target)
        ids = {
            (path, reason): key
            for path, reason, key in con.execute(
                "SELECT path, reason, min(quarantine_id) FROM ledger.quarantine GROUP BY ALL"
            ).fetchall()
        }
    for group in groups:
        say(
            f"{group.path} ({group.level}, {group.count:,}): {group.message} "
            f"First: {ids.get((group.path, group.reason), '')}"
        )
    if not groups:
        say("Nothing is in quarantine.")


@quarantine.command("show")
def show_entry(quarantine_id: str, data_dir: DataDir = None) -> None:
    """Show one record with its original text; it may hold personal data."""
    from dagster_project.load.ledger.quarantine import show_quarantine

    with opened_warehouse(data_dir) as (con, _):
        entry = show_quarantine(con, quarantine_id)
    say(f"{entry.path}, line {entry.line}: {entry.message}\n{entry.original or ''}")


@quarantine.command("export")
def export_entries(
    folder: Annotated[Path, typer.Argument(help="Where the CSV files are written.")],
    target: Annotated[str | None, typer.Option(help="Only one source, e.g. crm.contacts.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Write the refused records as CSV, to be corrected in a spreadsheet."""
    from dagster_project.load.ledger.quarantine import export_quarantine

    with opened_warehouse(data_dir) as (con, _):
        paths = export_quarantine(con, folder, target=target)
    for path in paths:
        say(str(path))
    if not paths:
        say("No record is in quarantine.")


@quarantine.command("replay")
def replay_entries(
    path: Annotated[Path, typer.Argument(help="A corrected export.")], data_dir: DataDir = None
) -> None:
    """Take corrected records back; the next run loads them."""
    from dagster_project.load.ledger.quarantine import accept_corrections

    with opened_warehouse(data_dir) as (con, settings):
        accepted = accept_corrections(con, settings.landing_dir, path)
    count = counted(accepted.records, "corrected record")
    say(f"In landing/: {count}. The next hourglass run loads them.")
    if accepted.rewritten:
        counts = ", ".join(f"{name} {count:,}" for name, count in accepted.rewritten.items())
        say(
            "Cells that a spreadsheet had only rewritten (2026-03-01 as 3/1/2026, long numbers as "
            f"1.2E+11) stay as they were delivered: {counts}."
        )
