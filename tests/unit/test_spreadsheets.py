"""What a person opens in a spreadsheet and gives back: nothing runs, and nothing is misread."""

import csv
import io
import re
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_project.errors import UsageError
from dagster_project.spreadsheets import read_back, restored, safe_cell, written

HEADER = ["key", "answer", "note"]
# A record of empty texts alone is a blank line, which CSV does not tell from none.
rows_strategy = st.lists(
    st.tuples(
        st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1),
        st.text(st.characters(codec="utf-8", exclude_characters="\x00")),
        st.sampled_from(["", "yes", "a;b", "a,b\tc", '"', "1\r\n2", "\u2028", "ы"]),
    )
)


@given(st.text())
def test_no_cell_begins_like_a_formula(text):
    """A customer's name is run by the spreadsheet of whoever opens the list."""
    cell = safe_cell(text)
    assert restored(cell) == text
    if cell[:1] in ("=", "+", "-", "@", "\t", "\r"):
        assert re.fullmatch(r"[+-]\d[\d.,]*", cell)


@given(rows_strategy, st.sampled_from(",;\t"), st.sampled_from(["", "\ufeff", "\ufeff\ufeff"]))
def test_what_a_spreadsheet_saves_is_read_as_it_is(tmp_path_factory, rows, delimiter, mark):
    """Corrections of a clerk whose Excel saves with semicolons are refused or read wrong."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
    writer.writerows([HEADER, *rows])
    path = tmp_path_factory.mktemp("saved") / "answers.csv"
    path.write_bytes((mark + text.getvalue()).encode())
    found = read_back(path, ["answer", "key"])
    assert [tuple(cells.values()) for _, cells in found] == rows


def test_what_is_written_is_ones_own_and_excel_reads_it_as_utf8(tmp_path):
    """Everybody on the machine reads the list, or Excel shows names in another alphabet."""
    path = tmp_path / "out.csv"
    with written(path, HEADER) as writer:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        writer.writerow(["1", "", "Ёлка"])
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    assert read_back(path, HEADER) == [(2, {"key": "1", "answer": "", "note": "Ёлка"})]


def test_a_short_record_has_empty_cells_and_a_long_one_no_more_than_the_header(tmp_path):
    """A record that an editor cut ends in a stack trace."""
    path = tmp_path / "in.csv"
    path.write_text("key,answer,note\n1\n2,yes,x,beyond,more\n")
    assert read_back(path, HEADER) == [
        (2, {"key": "1", "answer": "", "note": ""}),
        (3, {"key": "2", "answer": "yes", "note": "x"}),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no .*in.csv"),
        (b"", "line 1: Columns missing: key, answer. Ask Ann."),
        (b"key;note\n1;2\n", "line 1: Columns missing: answer. Ask Ann."),
        ("key,answer\nЁ,yes\n".encode("cp1251"), "byte 12: not UTF-8.*Excel calls"),
        (b'key,answer\n1,"yes\n', "no CSV"),
        (b"key,answer\n1,\x00\n" + b"x" * 200_000, "no CSV"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(tmp_path, content, message):
    """A file that was saved in another format ends in a stack trace, or is taken in part."""
    path = tmp_path / "in.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        read_back(path, ["key", "answer"], "Ask Ann.")
