"""Screen: what the commands print, each text as it stands and none of it obeyed.

Names, notes and paths come from files of others. On a screen they are no markup, no emoji by its
name, and no control sequence, by which a customer's name could clear a terminal or change its
title. The display of a run's progress, whose words are our own, is in ``progress``.
"""

from typing import Any

from rich.console import Console
from rich.text import Text

# What a terminal may obey: C0 but new line and tab, delete, and C1.
_CONTROL = {
    code: f"\\x{code:02x}"
    for code in (*range(0x20), *range(0x7F, 0xA0))
    if chr(code) not in {"\n", "\t"}
}


class Screen(Console):
    """A console of rich for texts of others, also in the cells of its tables."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False)

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(visible(text), **options)

    def say(self, text: str, style: str = "") -> None:
        """A text of one or more lines, which the terminal wraps where they are long."""
        self.print(text, style=style, soft_wrap=True)


def visible(text: str) -> str:
    """The text with its control characters written as ``\\x1b`` and the like."""
    return text.translate(_CONTROL)


def say(text: str) -> None:
    """Print a text of one or more lines to standard output."""
    Screen().say(text)


def bold(text: str) -> Text:
    """A title in a table."""
    return Text(text, "bold")
