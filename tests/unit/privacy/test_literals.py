"""The sieve before the expressions misses no form of an identifier that they find."""

import re

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.privacy import literals
from dagster_project.privacy.literals import Literals
from dagster_project.privacy.search import REPLACED, Patterns, unsalted_hashes
from dagster_project.privacy.subject import Subject

# Letters with a second small or capital letter outside ASCII, and signs that stand around texts.
LETTERS = "abkKsSiI19.-@ +éÉжЖ\u212a\u017f\u0130\u0131"
written = st.text(LETTERS, min_size=4, max_size=24)
emails = st.lists(
    st.one_of(written, st.from_regex(r"[a-k0-9]{1,9}@[a-k]{1,9}\.de", fullmatch=True))
)
phones = st.lists(st.from_regex(r"\+[1-9][0-9]{9,12}", fullmatch=True), max_size=3)
keys = st.lists(
    st.one_of(st.from_regex(r"[A-Z]{0,3}-?[0-9]{1,9}", fullmatch=True), written), max_size=5
)


def patterns_of(mails: list[str], numbers: list[str], words: list[str]) -> Patterns:
    addresses = {
        "email": tuple((text, text.lower()) for text in mails),
        "phone": tuple((text, text) for text in numbers),
    }
    return Patterns(Subject((), 1, addresses=addresses)).with_all_keys({"order": words})


@st.composite
def people_and_texts(draw):
    patterns = patterns_of(draw(emails), draw(phones), draw(keys))
    known = [*patterns.texts, *patterns.words, *sorted(unsalted_hashes(patterns.texts))[:9]]
    blanks = st.sampled_from(["", " ", ") ", "-", ". "])

    def form(text: str) -> str:
        change = draw(st.integers(0, 5))
        if change == 1:
            return text.upper()
        if change == 2:
            return text.replace("k", "\u212a").replace("s", "\u017f").replace("i", "\u0131")
        if change == 3:
            return "".join(sign + draw(blanks) if sign.isdigit() else sign for sign in text)
        if change == 4:
            return text[1:]
        return text.swapcase() if change == 5 else text

    piece = st.text(" ,;\n\"'.-@xk0123456789é%\\nu\u0130", max_size=6)
    found = []
    for _ in range(draw(st.integers(1, 6))):
        parts = [draw(piece)]
        for _ in range(draw(st.integers(0, 2)) if known else 0):
            parts += [form(draw(st.sampled_from(known))), draw(piece)]
        found.append("".join(parts))
    return patterns, found


def by_all_expressions(patterns: Patterns, text: str) -> str:
    for regex in patterns.regexes:
        for _ in range(2):
            text = re.sub(regex, REPLACED, text, flags=re.IGNORECASE)
    return text


@settings(deadline=None, max_examples=400)
@given(drawn=people_and_texts())
def test_every_form_is_found_as_by_all_expressions(drawn):
    """An erased person's address stays in a file because the first, quick look took it for none."""
    patterns, texts = drawn
    array = pa.array(texts)
    expected = [False] * len(texts)
    replaced = array
    for regex in patterns.regexes:
        hits = pc.match_substring_regex(array, regex, ignore_case=True).to_pylist()
        expected = [a or b for a, b in zip(expected, hits, strict=True)]
        for _ in range(2):
            replaced = pc.replace_substring_regex(replaced, f"(?i){regex}", REPLACED)
    assert patterns.rows_in(array).tolist() == [at for at, hit in enumerate(expected) if hit]
    assert patterns.replaced_in(array).to_pylist() == replaced.to_pylist()
    every = {form for group in patterns._forms for form in group}
    for text in texts:
        assert patterns.redacted(text) == by_all_expressions(patterns, text)
        assert patterns.is_in_text(text) == any(
            re.search(regex, text, re.IGNORECASE) for regex in patterns.regexes
        )
        for code in ("utf-8", "utf-16-le", "utf-16-be"):
            data = b"\x00x" + text.encode(code)
            assert patterns.is_in(data) == any(
                pc.match_substring_regex(pa.array([data]), regex, ignore_case=True)[0].as_py()
                for regex in patterns._expressions_of_bytes(every)
            )


@settings(deadline=None, max_examples=200)
@given(
    cores=st.sets(st.text("ab-01", min_size=4, max_size=18), max_size=6),
    text=st.text("ab-01", max_size=200),
    piece=st.sampled_from([8, 16, 24]),
)
def test_a_text_across_two_pieces_is_found(cores, text, piece):
    """Of a large file every half megabyte hides one address that begins before its end."""
    listed = [core.encode() for core in sorted(cores)]
    data = text.encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(literals, "_PIECE", piece)
        found = set(Literals(enumerate(listed)).found(data))
    assert found == {
        (at, number)
        for number, core in enumerate(listed)
        for at in range(len(data))
        if data.startswith(core, at)
    }


def test_texts_of_a_slice_and_nothing_are_told_apart():
    """Rows of the wrong people are cleaned, because a table came in parts."""
    patterns = patterns_of(["anna.meyer@example.com"], [], [])
    texts = pa.array(["anna.meyer@example.com", None, "", "x", "Anna.Meyer@example.com!", None])
    assert patterns.rows_in(texts).tolist() == [0, 4]
    assert patterns.rows_in(texts.slice(1)).tolist() == [3]
    assert patterns.rows_in(texts.slice(1, 3)).tolist() == []
    assert patterns.replaced_in(texts.slice(1)).to_pylist() == [None, "", "x", "[erased]!", None]
