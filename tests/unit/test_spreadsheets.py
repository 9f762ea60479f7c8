"""What a person opens in a spreadsheet and gives back: nothing runs, and nothing is misread."""

import csv
import io
import re
import stat
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dagster_project.errors import UsageError
from dagster_project.spreadsheets import read_back, restored, rewritten, safe_cell, written

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
        (b'key,answer\n1,"a"b\n', "no CSV"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(tmp_path, content, message):
    """A file that was saved in another format ends in a stack trace, or is taken in part."""
    path = tmp_path / "in.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        read_back(path, ["key", "answer"], "Ask Ann.")


@pytest.mark.parametrize(
    ("cell", "saved"),
    [
        ("447700900123", "4.47701E+11"),
        ("+447700900123", "4.47701E+11"),
        ("447700900123", "4,47701E+11"),
        ("447700000000", "4.477E+11"),
        ("+447700900123", "447700900123"),
        ("00123", "123"),
        ("12.50", "12.5"),
        ("1E5", "1.00E+05"),
        ("4006381333931726", "4006381333931720"),
        ("-4006381333931726", "-4.00638E+15"),
        ("2026-03-14", "14/03/2026"),
        ("2026-03-14", "3/14/2026"),
        ("2026-03-14", "14.03.26"),
        ("2026-03-14", "2026/3/14"),
        ("2026-03-03 15:04:05", "3/3/2026 15:04"),
        ("2026-03-14 15:04:05", "14/03/2026 15:04:05"),
        ("2026-03-14 00:00:00", "3/14/2026"),
        ("2026-03-14 15:04:05", "3/14/26, 3:04 PM"),
        ("2026-03-14 00:04:05", "3/14/2026 12:04:05 AM"),
        ("2026-03-14 15:04:05.250", "04:05.3"),
    ],
)
def test_a_cell_that_only_a_spreadsheet_changed_is_known(cell, saved):
    """A replayed record brings a phone number as 4.47701E+11, which nobody typed."""
    assert rewritten([(cell, saved)]) == [True]


@pytest.mark.parametrize(
    ("cell", "saved"),
    [
        ("447700900123", "447700900123"),
        ("447700900123", "447700900124"),
        ("447700900123", "4.47702E+11"),
        ("4006381333931726", "4006381333931730"),
        ("123456", "123450"),
        ("12.5", "12.6"),
        ("soon", "2026-03-14"),
        ("14.03.2026", "15.03.2026"),
        ("2026-03-14", "15/03/2026"),
        ("2026-03-14", "14/03/2025"),
        ("2026-03-14", "2026-03-15"),
        ("2026-03-14", "14/03.2026"),
        ("2026-03-14 15:04:05", "14/03/2026 15:05"),
        ("2026-03-14 15:04:05", "14/03/2026"),
        ("2026-03-14 15:04:05.250", "04:06.3"),
        ("", "1"),
        ("1", ""),
    ],
)
def test_a_correction_is_no_rewriting(cell, saved):
    """What a person corrected is thrown away."""
    assert rewritten([(cell, saved)]) == [False]


def test_the_order_of_day_and_month_is_the_one_of_the_whole_file():
    """The 4th of March, corrected to the 3rd of April, is taken for the other way to write it."""
    untouched = ("2026-03-14", "14/03/2026")
    corrected = ("2026-03-04", "03/04/2026")
    assert rewritten([untouched, corrected, ("7", "x")]) == [True, False, False]
    assert rewritten([("2026-03-14", "3/14/2026"), corrected]) == [True, True]
    # As many for either: nobody knows, so that what was saved holds.
    assert rewritten([("2026-03-05", "05/03/2026"), corrected]) == [False, False]


@given(
    st.lists(st.datetimes(min_value=datetime(1900, 1, 1)), min_size=1),
    st.sampled_from(["%d/%m/%Y %H:%M", "%m/%d/%Y %I:%M %p", "%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M:%S"]),
)
def test_dates_in_any_countrys_form_are_known(moments, form):
    """The dates of a corrected file come back as other days."""
    moments = [moment.replace(microsecond=0) for moment in moments]
    assert all(rewritten((str(moment), moment.strftime(form)) for moment in moments))


@given(st.text(), st.text())
def test_any_two_texts_are_compared(cell, saved):
    """A cell that nobody thought of ends the replay in a stack trace."""
    assert len(rewritten([(cell, saved)])) == 1


@given(st.from_regex(r"[+-]?[0-9]{1,40}(\.[0-9]{1,20})?(E[+-]?[0-9]{1,3})?", fullmatch=True))
def test_a_number_in_scientific_notation_is_known(cell):
    """Keys of more digits than a spreadsheet shows are loaded rounded."""
    saved = f"{Decimal(cell):.5E}"
    assume(re.fullmatch(r".*E[+-]\d{1,3}", saved) and saved != cell)
    assert rewritten([(cell, saved)]) == [True]


def test_a_long_text_comes_back(tmp_path):
    """A record with a message of 200,000 signs can be exported and never be given back."""
    path = tmp_path / "long.csv"
    path.write_text(f"a,b\n1,{'x' * 200_000}\n")
    assert read_back(path, ["a", "b"]) == [(2, {"a": "1", "b": "x" * 200_000})]
