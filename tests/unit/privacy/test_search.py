"""Identifiers in long texts are found and replaced as in short ones."""

import json

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.privacy import search
from dagster_project.privacy.rows import redacted_sql, use_patterns
from dagster_project.privacy.search import ERASED, Patterns
from dagster_project.privacy.subject import Subject

texts = st.lists(st.text(min_size=1, max_size=30), max_size=5)


def patterns_of(*emails: str) -> Patterns:
    return Patterns(Subject((), 1, addresses={"email": tuple((text, text) for text in emails)}))


@settings(deadline=None)
@given(emails=texts, around=texts)
def test_a_long_text_is_cleaned_like_a_short_one(emails, around):
    """An erased person stands on in a large log, or other people's lines are lost from it."""
    patterns = patterns_of("anna.meyer@example.com", *emails)
    text = "\nAnna.Meyer@example.com\n".join(around) + "\udcff anna.meyer@example.com\n"
    short = patterns.redacted(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "_LONG_TEXT", 0)
        assert patterns.redacted(text) == short
    assert "anna.meyer" not in short.lower()


def test_hostile_identifiers_clean_a_large_log_in_seconds(shared_data):
    """A request full of odd strings holds up the day's run for minutes."""
    strings = json.loads((shared_data / "bad_input" / "blns" / "blns.json").read_text())
    patterns = patterns_of(*strings)
    line = "2026-01-31 05:00:00 - dagster - DEBUG - step success, nothing of anybody\n"
    cleaned = patterns.redacted(line * 20_000 + f"{max(strings, key=len)}\n")
    assert cleaned.startswith(line)
    assert cleaned.endswith(f"{ERASED}\n")


OTHERS = (
    "philipjones@example.com",
    "philip.pjones@example.com",
    "x-pjones@example.com",
    "pjones@example.com.br",
    "pjones@example.community",
    "pjones@example.com-pany.de",
    "+4479405189912345",
    "LC12345678",
    "ALC1234567",
)
OWN = (
    "pjones@example.com",
    "PJones@Example.com",
    "07940 518991",
    "+44 (0)7940-518 991",
    "0044 7940518991",
    "LC1234567",
)


def subject() -> Patterns:
    addresses = {
        "email": (("PJones@Example.com", "pjones@example.com"),),
        "phone": (("07940 518991", "+447940518991"),),
        "card": (("LC1234567", "LC1234567"),),
    }
    return Patterns(Subject((), 1, addresses=addresses))


@pytest.mark.parametrize(
    "around", ["{}", " {} ", "<{}>", '"{}"', "a={}&b", "{}.", "x: {}, y", "{};{}"]
)
@pytest.mark.parametrize("engine", ["Python", "RE2", "DuckDB"])
def test_an_address_is_whole(around, engine, monkeypatch):
    """Erasing pjones@ erases a part of philipjones@, who stays, and whose orders then go to nobody.

    Or the erased address stays where a text puts a sign beside it. Found by the soak of 50 people.
    """
    patterns = subject()
    monkeypatch.setattr(search, "_LONG_TEXT", 0 if engine == "RE2" else 1 << 30)

    def cleaned(text: str) -> str:
        if engine != "DuckDB":
            return patterns.redacted(text)
        with duckdb.connect() as con:
            use_patterns(con, patterns)
            return con.execute(f"SELECT {redacted_sql('$1')}", [text]).fetchone()[0]

    for text in OTHERS:
        written = around.format(text, text)
        assert cleaned(written) == written
        assert not patterns.is_in(written.encode())
    for text in OWN:
        written = around.format(text, text)
        assert patterns.is_in(written.encode())
        left = cleaned(written)
        assert left == around.format(*[prefix(text) + ERASED] * 2)
        assert not patterns.is_in(left.encode())


def prefix(text: str) -> str:
    """What stays of a telephone number that is written otherwise than it was known."""
    return {"+44 (0)7940-518 991": "+44 (0)7", "0044 7940518991": "0044 7"}.get(text, "")


@pytest.mark.parametrize(
    "text", ['{"note": "Hi\\npjones@example.com\\tbye"}', "?to%3Dpjones@example.com"]
)
def test_an_address_behind_an_escape_is_found(text):
    """The last letter of an escape counts as the first of the address, which stays."""
    assert "pjones" not in subject().redacted(text)
    assert subject().is_in(text.encode())
