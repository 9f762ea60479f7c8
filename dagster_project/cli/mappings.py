"""Mappings of vendors' exports: which there are, and what one makes of a file."""

from pathlib import Path
from typing import Annotated

import typer

from dagster_project.cli.inspection import print_report
from dagster_project.cli.screen import Screen
from dagster_project.errors import counted

mappings = typer.Typer(
    invoke_without_command=True,
    help="List the vendors' exports that are understood; try a mapping on a file.",
)


@mappings.callback()
def list_mappings(context: typer.Context) -> None:
    """List every mapping: what it reads, and which tables it feeds."""
    if context.invoked_subcommand is not None:
        return
    from dagster_project.contracts.mapping import load_mappings
    from dagster_project.settings import load_settings

    console = Screen()
    for mapping in load_mappings(load_settings().project_dir).values():
        for title, text in (
            (mapping.mapping, mapping.description),
            ("  tables", ", ".join(mapping.tables)),
            ("  files", ", ".join(mapping.files)),
            ("  reference", mapping.reference),
        ):
            if text:
                console.say(f"{title}: {text}")
    console.say("A file in landing/<mapping>/ is read through that mapping.")


@mappings.command("test")
def try_on_file(
    mapping: Annotated[str, typer.Argument(help="A mapping's name, or the path of a .yml file.")],
    file: Annotated[Path, typer.Argument(help="A file in the vendor's format.")],
    rows: Annotated[int, typer.Option(min=0, help="Rows to show of each table.")] = 20,
) -> None:
    """Show the canonical rows that a file gives, without loading it; and what it would lose.

    Shows personal data. Exits 1 when anything would be quarantined.
    """
    from dagster_project.load.dry_run.mapping_trial import mapping_path, try_mapping
    from dagster_project.settings import load_settings

    settings = load_settings()
    definition = mapping_path(mapping, settings.project_dir)
    report, tables = try_mapping(definition, file, settings, limit=rows)
    console = Screen()
    for table in tables:
        console.say(f"{table.table}: {counted(table.count, 'row')}")
        for line, values in table.first:
            filled = ", ".join(f"{k}={_plain(v)}" for k, v in values.items() if v is not None)
            console.say(f"  line {line}: {filled}")
        if table.count > len(table.first):
            console.say(f"  and {table.count - len(table.first):,} more: --rows shows them")
    print_report(console, report)
    raise typer.Exit(0 if report.is_clean else 1)


def _plain(value: object) -> str:
    """A value in one line."""
    return str(value).replace("\n", "\\n")
