"""The ``hourglass`` command: its subcommands. How it is called and ends stands in ``entry``."""

from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from dagster_project.cli.audiences import audiences
from dagster_project.cli.identity import identity
from dagster_project.cli.inspection import check, explain
from dagster_project.cli.mappings import mappings
from dagster_project.cli.marts import export_marts
from dagster_project.cli.metric import metric
from dagster_project.cli.options import DataDir
from dagster_project.cli.privacy import export_person, forget, privacy
from dagster_project.cli.quarantine import quarantine
from dagster_project.cli.screen import say
from dagster_project.cli.ui import Part, serve_ui
from dagster_project.cli.versions import diff, rollback, versions
from dagster_project.errors import UsageError

app = typer.Typer(
    name="hourglass",
    help="From a company's extracts to trusted customer analytics, on one machine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        say(f"hourglass {metadata.version('hourglass')}")
        raise typer.Exit


@app.callback()
def hourglass(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_show_version, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """From a company's extracts to trusted customer analytics, on one machine."""


def _date(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"--as-of must be a date such as 2026-06-30 (YYYY-MM-DD); found {text!r}."
        ) from None


@app.command()
def run(
    context: typer.Context,
    data_dir: DataDir = None,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="DATE", help="The last business date that counts."),
    ] = None,
    make_current: Annotated[
        bool,
        typer.Option("--make-current", help="With --as-of a past day: put that version in force."),
    ] = False,
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh", help="Read every file in landing/ again.")
    ] = False,
    now: Annotated[
        bool,
        typer.Option("--now", help="Take files at once: nobody is writing them any more."),
    ] = False,
    sample: Annotated[
        bool,
        typer.Option(
            "--sample", help="Land the committed sample first, unless other files are there."
        ),
    ] = False,
) -> None:
    """Load what landed, build the marts, check them and publish.

    Exits 0 only when a new version was published or nothing had changed.
    """
    from dagster_project.settings import load_settings

    settings = load_settings(data_dir=data_dir)
    day = _date(as_of)
    from dagster_project.cli.run import land_sample, run_and_show

    if sample:
        land_sample(settings)
    raise typer.Exit(
        run_and_show(
            settings,
            context.obj,
            as_of=day,
            full_refresh=full_refresh,
            make_current=make_current,
            take_now=now,
        )
    )


@app.command()
def ui(
    data_dir: DataDir = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on this machine.")] = 3000,
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than this machine can then reach it.")
    ] = "127.0.0.1",
    part: Annotated[
        Part, typer.Option(help="One of the two services, where each is started by itself.")
    ] = Part.ALL,
) -> None:
    """Start Dagster's web server and daemon."""
    from dagster_project.settings import load_settings

    serve_ui(load_settings(data_dir=data_dir), host=host, port=port, part=part)


@app.command()
def status(
    data_dir: DataDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
    metrics: Annotated[
        Path | None,
        typer.Option("--prometheus", metavar="FILE", help="Write metrics there, for a collector."),
    ] = None,
    alert: Annotated[
        bool, typer.Option("--alert", help="Tell what is new to HOURGLASS_ALERT_URLS.")
    ] = False,
) -> None:
    """Show the version in force, the last runs, what was quarantined and what is late.

    Exits 1 when the last run failed, nothing is in force, or a scheduled version is missing.
    """
    from dagster_project.cli.status import show_status
    from dagster_project.settings import load_settings

    settings = load_settings(data_dir=data_dir)
    raise typer.Exit(show_status(settings, as_json=as_json, metrics=metrics, send=alert))


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="New folder for definitions of one's own.")],
) -> None:
    """Lay out a project folder: mappings, contracts, words, expectations, marts, settings."""
    from dagster_project.operations.project_folder import create_project_folder

    written = create_project_folder(folder)
    for path in written:
        say(str(path))
    say(f"Copy {folder}/.env.example to {folder}/.env, then work in {folder}.")


@app.command(name="sample")
def write_sample_company(
    out: Annotated[Path, typer.Option("--out", help="Folder to write, new or empty.")],
    customers: Annotated[int, typer.Option(min=1, help="People to simulate.")] = 2000,
    months: Annotated[int, typer.Option(min=1, max=240, help="Months of history.")] = 24,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same files.")] = 1,
) -> None:
    """Write a simulated company: extracts under landing/, the truth beside them."""
    from dagster_project.cli.sample import write_sample

    raise typer.Exit(write_sample(out, customers=customers, months=months, seed=seed))


app.command()(check)
app.command()(explain)
app.command()(forget)
app.command("export-person")(export_person)
app.command("export-marts")(export_marts)
app.command()(privacy)
app.command()(metric)
app.command()(versions)
app.command()(diff)
app.command()(rollback)
app.add_typer(quarantine, name="quarantine")
app.add_typer(identity, name="identity")
app.add_typer(mappings, name="mappings")
app.add_typer(audiences, name="audiences")
