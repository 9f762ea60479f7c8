"""Audience commands: which there are, who is in them and who is left out, export and delivery."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from dagster_project.cli.options import DataDir
from dagster_project.cli.screen import Screen, say
from dagster_project.errors import counted

if TYPE_CHECKING:
    from dagster_project.activation.definitions import Audience
    from dagster_project.settings import Settings

audiences = typer.Typer(no_args_is_help=True, help="Who is to hear what, with their consent.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="An audience's name.")]
WHY = {
    "no_address": "no address of the medium",
    "no_consent": "no consent, or the address bounced",
    "hold_out": "comparison group",
    "cap": "had enough messages this week",
}


def _audience(name: str, settings: "Settings") -> "Audience":
    from dagster_project.activation.definitions import load_audiences
    from dagster_project.errors import UsageError, no_such

    known = load_audiences(settings.project_dir)
    if name not in known:
        raise UsageError(no_such("audience", name, known))
    return known[name]


@audiences.command("list")
def list_audiences(data_dir: DataDir = None) -> None:
    """Every audience, with its members in the version in force and how many may be contacted."""
    from dagster_project.activation.definitions import load_audiences
    from dagster_project.activation.exports import opened_version
    from dagster_project.settings import load_settings

    settings = load_settings(data_dir=data_dir)
    with opened_version(settings) as (con, as_of):
        counts = {
            name: (members, contacted)
            for name, members, contacted in con.execute(
                "SELECT audience, count(*), count_if(left_out_because IS NULL) "
                "FROM audiences GROUP BY 1"
            ).fetchall()
        }
    table = Table(box=None, pad_edge=False, title=f"As of {as_of}", title_justify="left")
    for column in ("audience", "medium", "owner"):
        table.add_column(column)
    table.add_column("members", justify="right")
    table.add_column("may be contacted", justify="right")
    for name, audience in load_audiences(settings.project_dir).items():
        members, contacted = counts.get(name, (0, 0))
        table.add_row(name, audience.medium, audience.owner, f"{members:,}", f"{contacted:,}")
    Screen().print(table)


@audiences.command("show")
def show(name: Name, data_dir: DataDir = None) -> None:
    """An audience's definition, its members by reason, and who is left out and why."""
    from dagster_project.activation.exports import opened_version
    from dagster_project.settings import load_settings

    settings = load_settings(data_dir=data_dir)
    audience = _audience(name, settings)
    say(f"{name}: {audience.description.strip()}")
    say(
        f"  medium {audience.medium}, consent to {audience.purpose or 'nothing'}, "
        f"owner {audience.owner}, priority {audience.priority}, hold-out {audience.hold_out:.0%}, "
        f"stays {audience.stays_days} days"
    )
    with opened_version(settings) as (con, as_of):
        why = con.execute(
            "SELECT left_out_because, count(*) FROM audiences WHERE audience = ? "
            "GROUP BY 1 ORDER BY 1 NULLS FIRST",
            [name],
        ).fetchall()
        changes = con.execute(
            "SELECT change, count(*) FROM audience_changes WHERE audience = ? "
            "AND build_id = (SELECT build_id FROM build) GROUP BY 1 ORDER BY 1",
            [name],
        ).fetchall()
    say(f"As of {as_of}: {counted(sum(count for _, count in why), 'member')}")
    for because, count in why:
        say(f"  {WHY.get(because, because) if because else 'may be contacted':<40}{count:>8,}")
    for change, count in changes:
        say(f"  {change + ' in this build':<40}{count:>8,}")
    say(audience.select.strip())


@audiences.command("preview")
def preview(
    name: Name,
    rows: Annotated[int, typer.Option(min=1, max=1000, help="Members to show.")] = 10,
    data_dir: DataDir = None,
) -> None:
    """Some members with their reason and what the message may use; no addresses."""
    from dagster_project.activation.exports import opened_version
    from dagster_project.settings import load_settings

    settings = load_settings(data_dir=data_dir)
    _audience(name, settings)
    with opened_version(settings) as (con, _):
        members = con.execute(
            "SELECT customer_id, CAST(entered_on AS VARCHAR), reason, "
            "coalesce(left_out_because, ''), coalesce(message, '') FROM audiences "
            "WHERE audience = ? ORDER BY left_out_because NULLS FIRST, customer_id LIMIT ?",
            [name, rows],
        ).fetchall()
    table = Table(box=None, pad_edge=False)
    for column in ("customer", "entered", "reason", "left out because", "message"):
        # Copied and pasted, so never cut.
        is_id = column in ("customer", "entered")
        table.add_column(column, no_wrap=is_id, overflow="fold")
    for member in members:
        table.add_row(*member)
    Screen().print(table)


@audiences.command("export")
def export(
    name: Name,
    destination: Annotated[
        str, typer.Option("--to", help="Schema of the file: generic, mailchimp, hubspot, ...")
    ] = "generic",
    data_dir: DataDir = None,
) -> None:
    """Write who may be contacted as CSV and Parquet, with addresses, for the owner only."""
    from dagster_project.activation.destination_schemas import get_destination
    from dagster_project.activation.exports import export_audience
    from dagster_project.settings import load_settings

    settings = load_settings(data_dir=data_dir)
    summary = export_audience(settings, _audience(name, settings), get_destination(destination))
    say(summary.sentence())


@audiences.command("deliver")
def deliver(context: typer.Context, name: Name, data_dir: DataDir = None) -> None:
    """Send what changed since the last accepted delivery to the webhook of the settings."""
    from dagster_project.activation.delivery import deliver as send
    from dagster_project.activation.delivery import endpoint_of
    from dagster_project.settings import load_settings

    settings = load_settings(data_dir=data_dir)
    context.obj.leaves = "what was accepted stands, and the next delivery goes on from there"
    done = send(
        settings, _audience(name, settings), endpoint_of(settings), context.obj.raise_received
    )
    say(done.sentence())
