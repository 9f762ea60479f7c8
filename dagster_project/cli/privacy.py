"""Privacy commands: erase people, tell a person what is held, and the record of processing."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from dagster_project.cli.options import DataDir, require_warehouse
from dagster_project.cli.screen import say
from dagster_project.errors import counted

if TYPE_CHECKING:
    from dagster_project.privacy.statement import Erasure

# What a stop leaves behind of an erasure; see privacy/journal.py.
_BEGUN = "what was begun is finished by the next hourglass forget or hourglass run"


def forget(
    context: typer.Context,
    keys: Annotated[
        list[str],
        typer.Argument(
            metavar="KEY...",
            help="Customer id, e-mail, phone, or record such as crm.contacts/C-000001.",
        ),
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Erase people from every file that is kept, for good; writes a signed record of it."""
    from dagster_project.operations.lock import run_lock
    from dagster_project.privacy.erasure import forget as erase
    from dagster_project.privacy.erasure import not_erased_yet, preview, resume
    from dagster_project.settings import load_settings

    settings = load_settings(data_dir=data_dir)
    require_warehouse(settings)
    signals = context.obj

    def begins() -> None:
        signals.raise_received()
        signals.leaves = _BEGUN

    with run_lock(settings):
        signals.leaves = _BEGUN
        for done in resume(settings):
            _tell(done)
        signals.leaves = "nobody was erased"
        asked = len(keys)
        keys = not_erased_yet(settings, keys)
        if len(keys) < asked:
            say(f"{asked - len(keys)} of {asked} keys: erased already.")
        if not keys:
            raise typer.Exit
        found = preview(settings, keys)
        erased = sum(found.records.values())
        say(f"{counted(found.people, 'person', 'people')}, {counted(erased, 'raw row')}:")
        for table, rows in found.records.items():
            say(f"  {table:<32}{rows:>8,}")
        if not yes and not typer.confirm("Erase them for good?"):
            say("Nothing was erased.")
            raise typer.Exit(1)
        for done in erase(settings, keys, begins=begins):
            _tell(done)
    say("The marts are built again by the next run: hourglass run")


def _tell(done: "Erasure") -> None:
    say(done.sentence())
    if warning := done.warning():
        say(warning)


def export_person(
    key: Annotated[
        str,
        typer.Argument(
            metavar="KEY",
            help="Customer id, e-mail, phone, or record such as crm.contacts/C-000001.",
        ),
    ],
    data_dir: DataDir = None,
) -> None:
    """Write everything that is held about a person, as JSON and as a page to read."""
    from dagster_project.operations.lock import run_lock
    from dagster_project.privacy.access import export_person as export
    from dagster_project.settings import load_settings

    settings = load_settings(data_dir=data_dir)
    require_warehouse(settings)
    with run_lock(settings):
        say(export(settings, key).sentence())


def privacy(
    as_json: Annotated[bool, typer.Option("--json", help="For a program to read.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Print the record of processing: which personal data come from where, go where, and why."""
    from dagster_project.privacy.lineage import record_of_processing
    from dagster_project.settings import load_settings
    from dagster_project.transform.project import cache_dir, prepare_project

    settings = load_settings(data_dir=data_dir)
    project = prepare_project(cache_dir(settings))
    record = record_of_processing(project.manifest, settings.project_dir)
    if as_json:
        typer.echo(json.dumps([asdict(entry) for entry in record], indent=2))
        return
    for entry in record:
        say(f"{entry.system}.{entry.table}: {entry.description}")
        for tag in ("direct identifier", "personal"):
            named = [name for name, found in entry.columns.items() if found == tag]
            if named:
                say(f"  {tag + 's' if tag.endswith('r') else tag}: {', '.join(named)}")
        say(f"  from: landing/{entry.system}/{entry.table}*" + "".join(
            f", landing/{name}/" for name in entry.fed_by
        ))  # fmt: skip
        say(f"  into marts, by person: {', '.join(entry.marts) or 'none'}")
        say(f"  into marts, as sums: {entry.sums}")
        say(f"  into restricted: {', '.join(entry.restricted) or 'none'}")
        say(f"  why: {', '.join(entry.purposes)} ({entry.legal_basis})")
        kept = f"{entry.keep_days} days" if entry.keep_days else "until erased"
        say(f"  how long: {kept}; versions by HOURGLASS_KEEP_VERSIONS")
