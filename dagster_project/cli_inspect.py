"""Commands that look into files, the quarantine and people."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    import duckdb

    from dagster_project.load.check import CheckReport
    from dagster_project.settings import Settings

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Folder with all data.")]

quarantine = typer.Typer(no_args_is_help=True, help="What was refused, and the way back.")
identity = typer.Typer(no_args_is_help=True, help="Decide who is whom, and review doubtful pairs.")


def check(
    path: Annotated[Path, typer.Argument(help="A file or folder, inside its system's folder.")],
) -> None:
    """Say what a load would accept, null, quarantine or leave out, without loading.

    Exits 1 when anything would be quarantined.
    """
    from dagster_project.load.check import check_path
    from dagster_project.settings import load_settings

    report = check_path(path, load_settings())
    print_report(Console(), report)
    raise typer.Exit(0 if report.is_clean else 1)


def print_report(console: Console, report: "CheckReport") -> None:
    """What would become of each file, and each reason with its lines and examples."""
    for file in report.files:
        console.print(
            f"{file.path} as {file.target}: {file.records:,} records, {file.accepted:,} accepted, "
            f"{file.quarantined:,} quarantined, {file.left_out:,} left out by a rule, "
            f"{file.nulled:,} cells nulled",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    for finding in report.findings:
        numbers = [str(line) for line in finding.lines if line is not None]
        lines = f", lines {', '.join(numbers)}" if numbers else ""
        examples = f" For example: {', '.join(finding.examples)}." if finding.examples else ""
        column = f" {finding.column}:" if finding.column else ""
        # A column is one thing; records and cells are counted.
        count = "" if finding.level == "column" else f", {finding.count:,}"
        console.print(
            f"{finding.path} ({finding.level}{count}{lines}):{column} {finding.message}{examples}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


@quarantine.command("list")
def list_entries(
    target: Annotated[str | None, typer.Option(help="Only one source, e.g. crm.contacts.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Show what is in quarantine, by file and reason."""
    from dagster_project.load.quarantine import list_quarantine

    with _warehouse(data_dir) as (con, _):
        groups = list_quarantine(con, target=target)
        ids = {
            (path, reason): key
            for path, reason, key in con.execute(
                "SELECT path, reason, min(quarantine_id) FROM ledger.quarantine GROUP BY ALL"
            ).fetchall()
        }
    for group in groups:
        typer.echo(
            f"{group.path} ({group.level}, {group.count:,}): {group.message} "
            f"First: {ids.get((group.path, group.reason), '')}"
        )
    if not groups:
        typer.echo("Nothing is in quarantine.")


@quarantine.command("show")
def show_entry(quarantine_id: str, data_dir: DataDir = None) -> None:
    """Show one record with its original text; it may hold personal data."""
    from dagster_project.load.quarantine import show_quarantine

    with _warehouse(data_dir) as (con, _):
        entry = show_quarantine(con, quarantine_id)
    typer.echo(f"{entry.path}, line {entry.line}: {entry.message}\n{entry.original or ''}")


@quarantine.command("export")
def export_entries(
    folder: Annotated[Path, typer.Argument(help="Where the CSV files are written.")],
    target: Annotated[str | None, typer.Option(help="Only one source, e.g. crm.contacts.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Write the refused records as CSV, to be corrected in a spreadsheet."""
    from dagster_project.load.quarantine import export_quarantine

    with _warehouse(data_dir) as (con, _):
        paths = export_quarantine(con, folder, target=target)
    for path in paths:
        typer.echo(str(path))
    if not paths:
        typer.echo("No record is in quarantine.")


@quarantine.command("replay")
def replay_entries(
    path: Annotated[Path, typer.Argument(help="A corrected export.")], data_dir: DataDir = None
) -> None:
    """Take corrected records back; the next run loads them."""
    from dagster_project.load.quarantine import accept_corrections

    with _warehouse(data_dir) as (con, settings):
        count = accept_corrections(con, settings.landing_dir, path)
    typer.echo(f"{count:,} corrected records are in landing/. The next hourglass run loads them.")


def explain(
    key: Annotated[str, typer.Argument(help="Customer id, e-mail, phone, or crm.contacts/KEY.")],
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
    plot: Annotated[
        Path | None, typer.Option(help="Write the match weights of each link as an HTML page.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Show a person's records, what links them, the id's history and the marts' rows.

    Shows personal data: it reads the private warehouse.
    """
    from dagster_project.identity.inspection.explain import explain as explained

    with _warehouse(data_dir) as (con, settings):
        found = explained(con, settings, key)
    if plot is not None:
        from dagster_project.identity.inspection.waterfall import write_waterfalls

        count = write_waterfalls(found, plot)
        typer.echo(f"{plot}: {count:,} links with their weights.")
        return
    if as_json:
        typer.echo(json.dumps(found, default=str, ensure_ascii=False, indent=1))
        return
    from dagster_project.identity.inspection.explanation_text import tell

    console = Console()
    for line in tell(found):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


@identity.command("link")
def link(
    left: str,
    right: str,
    who: Annotated[str, typer.Option(help="Who decided.")],
    why: Annotated[str, typer.Option(help="Why.")],
    data_dir: DataDir = None,
) -> None:
    """Two records are one person, whatever the evidence says; holds from the next run on."""
    _decide("link", left, right, who, why, data_dir)


@identity.command("unlink")
def unlink(
    left: str,
    right: str,
    who: Annotated[str, typer.Option(help="Who decided.")],
    why: Annotated[str, typer.Option(help="Why.")],
    data_dir: DataDir = None,
) -> None:
    """Two records are not one person; holds from the next run on."""
    _decide("unlink", left, right, who, why, data_dir)


@identity.command("review")
def review(
    export: Annotated[Path | None, typer.Option(help="Write doubtful pairs to this CSV.")] = None,
    answers: Annotated[
        Path | None, typer.Option("--import", help="Take the answers of this CSV.")
    ] = None,
    who: Annotated[str, typer.Option(help="Who answered; with --import.")] = "",
    data_dir: DataDir = None,
) -> None:
    """Export the pairs in the grey zone, most doubtful first, and take the answers back."""
    from dagster_project.errors import UsageError
    from dagster_project.identity.inspection.clerical_review import export_review, import_review
    from dagster_project.settings import load_settings

    if (export is None) == (answers is None):
        raise UsageError("Give either --export FILE or --import FILE.")
    if answers is not None:
        taken = import_review(load_settings(data_dir=data_dir), answers, who=who)
        typer.echo(f"{len(taken):,} decisions taken. They hold from the next hourglass run on.")
        return
    with _warehouse(data_dir) as (con, _):
        count = export_review(con, export, limit=1000)
    typer.echo(f"{count:,} pairs in {export}. Fill the column answer with yes or no.")


@identity.command("train")
def train_model(
    seed: Annotated[int, typer.Option(help="The same seed gives the same weights.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Write the proposed model to this file.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Estimate the weights of evidence again from the last run's records, and show the change.

    Nothing is put in force: review the file and put it in place of identity/rules/model.json.
    """
    from dagster_project.identity.inspection.training import train

    with _warehouse(data_dir) as (con, settings):
        model, weights = train(con, settings, seed=seed)
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("Field", "Level", "In force", "Estimated", "Change"):
        is_number = title not in ("Field", "Level")
        table.add_column(title, justify="right" if is_number else "left")
    for one in weights:
        estimated = (
            ("not seen", "")
            if one.estimated is None
            else (f"{one.estimated:+.1f}", f"{one.estimated - one.in_force:+.1f}")
        )
        table.add_row(one.comparison, one.level, f"{one.in_force:+.1f}", *estimated)
    console = Console()
    console.print("Weights in bits: each bit doubles the odds that two records are one person.")
    console.print(table)
    if out is not None:
        out.write_text(json.dumps(model, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        typer.echo(f"Proposed model in {out}. Nothing is in force before you put it in place.")


def _decide(kind: str, left: str, right: str, who: str, why: str, data_dir: Path | None) -> None:
    from dagster_project.identity.matching.overrides import add_overrides, make_override
    from dagster_project.settings import load_settings

    decision = make_override(kind, left, right, who=who, why=why)
    add_overrides(load_settings(data_dir=data_dir), [decision])
    typer.echo("Taken. It holds from the next hourglass run on.")


@contextmanager
def _warehouse(
    data_dir: Path | None,
) -> Iterator[tuple["duckdb.DuckDBPyConnection", "Settings"]]:
    """The warehouse between two runs; said plainly when there is none or it is at work."""
    from dagster_project.errors import UsageError
    from dagster_project.settings import load_settings
    from dagster_project.warehouse import connect

    settings = load_settings(data_dir=data_dir)
    if not settings.warehouse_path.exists():
        raise UsageError(f"There is no warehouse in {settings.data_dir} yet: hourglass run first.")
    with connect(settings) as con:
        yield con, settings
