"""What the commands print of texts that others wrote."""

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.table import Table

from dagster_project import cli
from dagster_project.cli.screen import Screen, bold, say, visible

HOSTILE = (
    "\x1b]0;taken over\x07",
    "\x1b[2J\x1b[1;1H",
    "\x9b31m",
    "a\x08b\rc\x00d\x7fe",
    "[/]",
    "[red]sale[/red]",
    "[link=file:///etc/passwd]x[/link]",
    ":car: :heart:",
    "/data/[prod]/landing",
    "invoice\u202efdp.exe",
    "caf\udce9.csv",
)
TEXTS = st.one_of(
    st.sampled_from(HOSTILE), st.text(), st.text("[]/:\\\x1b\x9b\x07mrad ", max_size=9)
)


def commanding(shown: str) -> set[str]:
    """What a terminal would obey or cannot print, but ends of lines and jumps to columns."""
    turning = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    return {
        char
        for char in shown
        if unicodedata.category(char) in {"Cc", "Cs"} or unicodedata.bidirectional(char) in turning
    } - {"\n", "\t"}


def shown(table: Table, width: int = 2000) -> str:
    screen = Screen()
    screen.width = width
    with screen.capture() as captured:
        screen.print(table)
    return captured.get()


@given(TEXTS)
def test_a_text_is_shown_and_not_obeyed(text):
    """A customer's name clears the analyst's terminal, ends in a stack trace, or is another."""
    screen = Screen()
    with screen.capture() as captured:
        screen.say(text)
    assert commanding(captured.get()) == set()
    # A tab is shown as blanks.
    assert captured.get().split() == visible(text).split()


@given(TEXTS)
@example("\U0001f3fb")
@example("\t000")
def test_a_cell_is_shown_and_not_obeyed(text):
    """A product's category in an audience's preview is read as markup, and the table fails."""
    table = Table(box=None, pad_edge=False)
    for title in (text, "note"):
        table.add_column(title, overflow="fold")
    table.add_row(text, bold("of it"))
    assert commanding(shown(table)) == set()
    # Of a text without width (the colour of an emoji's skin alone) a table shows nothing.
    words = [word for word in visible(text).split() if cell_len(word)]
    assert all(word in shown(table) for word in words)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_is_lost_of_it(text, capsys):
    """Who investigates an attack reads a text from which the attack was taken out."""
    say(text)
    told = capsys.readouterr().out.rstrip("\n")
    assert told.encode("ascii").decode("unicode_escape") == text


def test_every_command_prints_through_the_screen():
    """A new command prints names as markup."""
    ours = {"screen.py", "progress.py"}
    for path in Path(cli.__file__).parent.glob("*.py"):
        assert path.name in ours or "Console" not in path.read_text(encoding="utf-8"), path
        # JSON is for a program, and has no control characters and no half ones in it.
        echoed = re.findall(r"typer\.echo\((.{10})", path.read_text(encoding="utf-8"))
        assert set(echoed) <= {"json.dumps"}, path
