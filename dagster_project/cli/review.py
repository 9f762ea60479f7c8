"""Clerical review at a terminal: both records side by side, and one key for the answer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from dagster_project.cli.options import opened_warehouse
from dagster_project.cli.screen import Screen, say, visible
from dagster_project.errors import UsageError, counted

_KEYS = "y one person, n two people, l later, q quit"


def ask_at_terminal(data_dir: Path | None, *, who: str) -> None:
    """Ask about the pairs of the queue in turn; each answer is written down at once.

    The warehouse is closed meanwhile: a run may start. Raises UsageError without a terminal.
    """
    from dagster_project.identity.inspection.clerical_review import (
        review_pairs,
        sample_so_far,
        take_answer,
        undecided,
    )

    if not click.get_text_stream("stdin").isatty():
        raise UsageError(
            "There is no terminal to ask at. Give --export FILE, fill its column answer, and take "
            "it back with --import FILE."
        )
    with opened_warehouse(data_dir) as (con, settings):
        pairs = review_pairs(con)
    pairs = undecided(settings, pairs)
    console = Screen()
    taken = 0
    for number, pair in enumerate(pairs):
        _show(console, pair, number + 1, len(pairs))
        answer = _key()
        if answer == "q":
            break
        if answer in ("y", "n"):
            take_answer(settings, pair, is_one=answer == "y", who=who)
            taken += 1
        remain = f"{len(pairs) - taken:,} remain."
        console.say(f"{remain} {_implied(sample_so_far(settings))}\n")
    if not pairs:
        say("Nothing to review: no pair is in doubt, or all of them are decided.")
    elif taken:
        say(f"{counted(taken, 'decision')} taken, valid from the next hourglass run on.")


def _key() -> str:
    """The next key that means something; Ctrl-C and the end of input quit."""
    Screen().print(f"{_KEYS}: ", end="")
    while True:
        try:
            pressed = click.getchar().casefold()
        except (KeyboardInterrupt, EOFError):
            pressed = "q"
        key = next((char for char in pressed if char in "ynlq"), None)
        if key:
            say(key)
            return key


def _show(console: Screen, pair: Mapping[str, Any], number: int, count: int) -> None:
    from dagster_project.identity.inspection.clerical_review import FIELDS

    joined = pair["left_records"] + pair["right_records"]
    console.say(
        f"{number:,} of {count:,}: probability {pair['probability']:.2f}, {pair['reason']}. "
        f"A yes makes one customer of {joined:,} records."
    )
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("", pair["left_record"], pair["right_record"]):
        table.add_column(title)
    for field in FIELDS:
        left, right = pair[f"left_{field}"], pair[f"right_{field}"]
        if left is None and right is None:
            continue
        is_other = left is not None and right is not None and left != right
        style = "bold" if is_other else ""
        cells = (
            Text("" if value is None else visible(str(value)), style) for value in (left, right)
        )
        table.add_row(field.replace("_", " "), *cells)
    console.print(table)


def _implied(sample: Any) -> str:
    """What the answers so far say of the pairs that are not asked about."""
    if sample.share is None:
        return "Nothing is answered yet."
    low, high = sample.interval
    answered = sample.yes + sample.no
    return (
        f"Of {answered:,} answered, {sample.yes:,} were one person: linking such pairs "
        f"unasked would be right in {sample.share:.0%} (95% interval {low:.0%} to {high:.0%})."
    )
