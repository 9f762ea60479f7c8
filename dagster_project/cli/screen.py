"""Screen: what the commands print, each text as it stands and none of it obeyed.

Names, notes and paths come from files of others. On a screen they are no markup, no emoji by its
name, and no control sequence, by which a customer's name could clear a terminal or change its
title. The display of a run's progress, whose words are our own, is in ``progress``.
"""

import re
from typing import Any

from rich.console import Console
from rich.text import Text

# What a terminal may obey: C0 but new line and tab, delete, C1, and what turns the direction of a
# line. Half a character (a file name that is no UTF-8) cannot be printed at all.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Screen(Console):
    """A console of rich for texts of others, also in the cells of its tables."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False)

    def render_str(self, text: str, **options: Any) -> Text:
        shown = super().render_str(visible(text), **options)
        # rich 15 measures a tab as no wider than one blank and then shows eight: a cell would be
        # folded within a word.
        shown.expand_tabs()
        return shown

    def say(self, text: str, style: str = "") -> None:
        """A text of one or more lines, which the terminal wraps where they are long."""
        self.print(text, style=style, soft_wrap=True)


def visible(text: str) -> str:
    """The text with its control characters written as ``\\x1b`` and the like."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def say(text: str) -> None:
    """Print a text of one or more lines to standard output."""
    Screen().say(text)


def bold(text: str) -> Text:
    """A title in a table."""
    return Text(text, "bold")
