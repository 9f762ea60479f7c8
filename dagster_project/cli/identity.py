"""Identity decisions: overrides by a person, review of doubtful pairs, training of the weights."""

import getpass
import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from dagster_project.cli.options import DataDir, opened_warehouse
from dagster_project.cli.screen import Screen, say
from dagster_project.errors import counted

if TYPE_CHECKING:
    from dagster_project.identity.matching.overrides import Override
    from dagster_project.settings import Settings

# Unknown records that are named; the others are counted.
_SHOWN = 5

identity = typer.Typer(no_args_is_help=True, help="Decide who is whom, and review doubtful pairs.")


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
    who: Annotated[
        str, typer.Option(help="Who answers; at a terminal the user who is logged in.")
    ] = "",
    data_dir: DataDir = None,
) -> None:
    """Decide on doubtful pairs, those with the most to gain first.

    At the terminal with y, n and l for later; or export them and take the answers back.
    """
    from dagster_project.errors import UsageError
    from dagster_project.identity.inspection.clerical_review import export_review, import_review
    from dagster_project.settings import load_settings

    if export is not None and answers is not None:
        raise UsageError("Give --export FILE or --import FILE, or neither to be asked here.")
    if answers is not None:
        settings = load_settings(data_dir=data_dir)
        taken = import_review(settings, answers, who=who)
        say(f"{counted(len(taken), 'decision')} taken, valid from the next hourglass run on.")
        _say_what_is_unknown(settings, taken)
        return
    if export is None:
        from dagster_project.cli.review import ask_at_terminal

        ask_at_terminal(data_dir, who=who or getpass.getuser())
        return
    with opened_warehouse(data_dir) as (con, _):
        count = export_review(con, export, limit=1000)
    say(f"{counted(count, 'pair')} in {export}. Fill the column answer with yes or no.")


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

    with opened_warehouse(data_dir) as (con, settings):
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
    console = Screen()
    console.say("Weights in bits: each bit doubles the odds that two records are one person.")
    console.print(table)
    if out is not None:
        out.write_text(json.dumps(model, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        say(f"Proposed model in {out}. Nothing is in force before you put it in place.")


def _decide(kind: str, left: str, right: str, who: str, why: str, data_dir: Path | None) -> None:
    from dagster_project.identity.matching.overrides import add_overrides, make_override
    from dagster_project.settings import load_settings

    decision = make_override(kind, left, right, who=who, why=why)
    settings = load_settings(data_dir=data_dir)
    add_overrides(settings, [decision])
    say("Taken. It holds from the next hourglass run on.")
    _say_what_is_unknown(settings, [decision])


def _say_what_is_unknown(settings: "Settings", decisions: "list[Override]") -> None:
    """A decision may come before its record; a key that was mistyped waits for ever."""
    from dagster_project.errors import HourglassError
    from dagster_project.identity.inspection.clerical_review import unknown_records
    from dagster_project.warehouse import connect

    if not settings.warehouse_path.exists():
        return
    # A run is at work, or nothing is built: the decision is taken all the same.
    with suppress(HourglassError), connect(settings) as con:
        unknown = unknown_records(con, decisions)
        more = f" and {len(unknown) - _SHOWN:,} more" if len(unknown) > _SHOWN else ""
        if unknown:
            say(
                f"Not known to the last run: {', '.join(unknown[:_SHOWN])}{more}. A decision waits "
                "until its records come; where a key is wrong, decide again with the right one."
            )
