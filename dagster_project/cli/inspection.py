"""Inspection: what a load would make of files, and what is known of one person."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dagster_project.cli.options import DataDir, opened_warehouse
from dagster_project.cli.screen import Screen, say
from dagster_project.errors import counted

if TYPE_CHECKING:
    from dagster_project.load.dry_run.check import CheckReport


def check(
    path: Annotated[Path, typer.Argument(help="A file or folder, inside its system's folder.")],
) -> None:
    """Say what a load would accept, null, quarantine or leave out, without loading.

    Exits 1 when anything would be quarantined.
    """
    from dagster_project.load.dry_run.check import check_path
    from dagster_project.settings import load_settings

    report = check_path(path, load_settings())
    print_report(Screen(), report)
    raise typer.Exit(0 if report.is_clean else 1)


def print_report(console: Screen, report: "CheckReport") -> None:
    """What would become of each file, and each reason with its lines and examples."""
    for file in report.files:
        console.say(
            f"{file.path} as {file.target}: {counted(file.records, 'record')}, "
            f"{file.accepted:,} accepted, {file.quarantined:,} quarantined, "
            f"{file.left_out:,} left out by a rule, {counted(file.nulled, 'cell')} nulled"
            + (f", older versions: {file.older:,}" if file.older else "")
        )
    for finding in report.findings:
        numbers = [str(line) for line in finding.lines if line is not None]
        word = "line" if len(numbers) == 1 else "lines"
        lines = f", {word} {', '.join(numbers)}" if numbers else ""
        examples = f" For example: {', '.join(finding.examples)}." if finding.examples else ""
        column = f" {finding.column}:" if finding.column else ""
        # A column is one thing; records and cells are counted.
        count = "" if finding.level == "column" else f", {finding.count:,}"
        console.say(
            f"{finding.path} ({finding.level}{count}{lines}):{column} {finding.message}{examples}"
        )


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

    with opened_warehouse(data_dir) as (con, settings):
        found = explained(con, settings, key)
    if plot is not None:
        from dagster_project.report.match_weights import write_match_weights

        count = write_match_weights(found, plot)
        say(f"{plot}: {counted(count, 'link')} with weights.")
        return
    if as_json:
        typer.echo(json.dumps(found, default=str, ensure_ascii=False, indent=1))
        return
    from dagster_project.identity.inspection.explanation_text import tell

    console = Screen()
    for line in tell(found):
        console.say(line)
