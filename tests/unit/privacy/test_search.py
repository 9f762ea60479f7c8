"""Identifiers in long texts are found and replaced as in short ones."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.privacy import search
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
    text = "Anna.Meyer@example.com\n".join(around) + "\udcff anna.meyer@example.com\n"
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
