"""What an erased person's identifiers look like in bytes and in text.

An identifier is looked for as written, normalised, and hashed without a salt (MD5, SHA-1, SHA-256),
in UTF-8 and UTF-16; a telephone number also with other blanks and dashes between its digits. Record
keys are looked for as whole words, and only where they are not mere numbers: what is no address and
short would be found in amounts and dates of other people. Addresses are whole too:
``pjones@gmail.com`` stands inside ``philipjones@gmail.com``, who is somebody else.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from dagster_project.privacy.literals import Sieve
from dagster_project.privacy.subject import Subject

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

ERASED = "[erased]"
# What an expression found, with what stood around it.
REPLACED = rf"\1{ERASED}\2"
# Shorter texts are found by chance.
SHORTEST = 5
# Digits of a telephone number that tell it from any other, whatever comes before them.
PHONE_DIGITS = 9
_BETWEEN_DIGITS = r"[ ().\-]{0,2}"
# What may stand before a whole text, beside the characters that part texts: the escapes of JSON and
# of addresses, whose last sign is a letter or a digit.
_ESCAPES = r"\\[bfnrt]|\\u[0-9A-Fa-f]{4}|%[0-9A-Fa-f]{2}"
# Before and after each kind of text, as two groups: RE2 cannot look without taking. A domain goes
# on behind a point or a dash (``@yahoo.com.br``), unless the sentence ends there.
_AROUND_EMAIL = (
    rf"(^|{_ESCAPES}|[^A-Za-z0-9_.%+\-])",
    r"($|[^A-Za-z0-9.\-]|[.\-](?:$|[^A-Za-z0-9]))",
)
_AROUND_TEXT = (rf"(^|{_ESCAPES}|[^A-Za-z0-9])", "($|[^A-Za-z0-9])")
# Country codes and trunk prefixes differ; behind the last digit no other may follow.
_AROUND_PHONE = ("()", "($|[^0-9])")
_AROUND_NOTHING = ("()", "()")
# Alternatives in one expression.
_AT_ONCE = 400
# Characters from which RE2 replaces sooner than Python: 1 MB under 3,000 alternatives took Python a
# minute (2026-11), while RE2 compiles the expressions anew at each call.
_LONG_TEXT = 50_000


class _Form(NamedTuple):
    """One way to write one identifier. ``around``: what may stand before and after it."""

    around: tuple[str, str]
    literal: str
    kind: str = ""

    def written(self, spell: Callable[[str], str]) -> str:
        """As an expression, of which ``spell`` gives the fixed texts."""
        if self.kind == "digits":
            return _BETWEEN_DIGITS.join(self.literal)
        return rf"\b{spell(self.literal)}\b" if self.kind == "word" else spell(self.literal)


class Patterns:
    """The identifiers of a subject, ready to be looked for and replaced.

    Every expression is asked only of what its fixed text stands in, see :mod:`literals`.
    """

    def __init__(self, subject: Subject, more_words: Iterable[str] = ()) -> None:
        self._subject = subject
        words = {*subject.customer_ids, *more_words}
        for keys in subject.records.values():
            words.update(key for key in keys if is_distinctive(key))
        texts: set[str] = set()
        phones: set[str] = set()
        written: set[str] = set()
        for kind, pairs in subject.addresses.items():
            for raw, value in pairs:
                texts.update(text for text in (raw.strip(), value) if len(text) >= SHORTEST)
                if kind == "phone":
                    written.update((raw.strip(), value))
                if kind == "phone" and len(digits := re.sub(r"\D", "", value)) > PHONE_DIGITS:
                    phones.add(digits[-PHONE_DIGITS:])
        self.words = sorted(words)
        self.texts = sorted(texts)
        self.hashes = sorted(unsalted_hashes(self.texts))
        self._phones = sorted(phones)
        self._written_phones = written

    @property
    def is_empty(self) -> bool:
        return not (self.words or self.texts or self._phones)

    def with_all_keys(self, keys: Mapping[str, Iterable[str]]) -> "Patterns":
        """These patterns, with every key of a record as a word, also mere numbers."""
        return Patterns(self._subject, {key for found in keys.values() for key in found})

    @cached_property
    def _forms(self) -> list[list[_Form]]:
        """Every form, by what may stand around it; the longest first."""
        emails = {text for text in self.texts if "@" in text}
        phones = self._written_phones.intersection(self.texts)
        groups = (
            [_Form(_AROUND_EMAIL, text) for text in emails],
            [
                *(_Form(_AROUND_PHONE, text) for text in phones),
                *(_Form(_AROUND_PHONE, number, "digits") for number in self._phones),
            ],
            [_Form(_AROUND_TEXT, text) for text in {*self.texts} - emails - phones],
            [_Form(_AROUND_NOTHING, digest) for digest in self.hashes],
            [_Form(_AROUND_NOTHING, word, "word") for word in self.words],
        )
        found = []
        for forms in groups:
            written = {form: form.written(_escaped) for form in forms}
            ordered = sorted(forms, key=lambda form: (-len(written[form]), written[form]))
            found += [ordered[at : at + _AT_ONCE] for at in range(0, len(ordered), _AT_ONCE)]
        return found

    @cached_property
    def _sieve(self) -> Sieve[_Form]:
        forms = [form for group in self._forms for form in group]
        return Sieve((form, form.literal, form.kind == "digits") for form in forms)

    @cached_property
    def regexes(self) -> list[str]:
        """Expressions that together find every form, for RE2 (DuckDB, Arrow) without case.

        Several, because a program of RE2 has a largest size; none when there is nothing to find.
        Each has two groups, for what stands around the identifier: :data:`REPLACED` keeps it. Of
        two identifiers with one sign between them a replacement takes the first: do it twice.
        """
        return self._expressions(None)

    def _expressions(
        self, only: Set[_Form] | None, spell: Callable[[str], str] | None = None
    ) -> list[str]:
        """The expressions of these forms; None: of all. An alternative whose fixed text is not
        there finds nothing, so that without it the others find and replace what they did.
        """
        found = []
        for group in self._forms:
            parts = [
                form.written(spell or _escaped) for form in group if only is None or form in only
            ]
            if parts:
                before, after = group[0].around
                found.append(f"{before}(?:{'|'.join(parts)}){after}")
        return found

    def _expressions_of_bytes(self, only: Set[_Form]) -> list[str]:
        """Expressions over bytes, each of them a Latin-1 character to RE2.

        Two bytes a character (UTF-16) are found wherever they stand.
        """

        def spell(text: str, code: str = "utf-8") -> str:
            return "".join(f"\\x{byte:02x}" for byte in text.encode(code))

        wide = sorted({spell(form.literal, "utf-16-le") for form in only if form.kind != "digits"})
        return self._expressions(only, spell) + [
            f"()(?:{'|'.join(wide[at : at + _AT_ONCE])})()" for at in range(0, len(wide), _AT_ONCE)
        ]

    def can_be_in(self, text: str) -> bool:
        """False where a text certainly holds no form of any identifier; cheap."""
        return bool(self._sieve.forms_in_text(text))

    def possible_rows(self, texts: Sequence[str]) -> set[int]:
        """The numbers of the texts that may hold a form of an identifier; all others hold none."""
        import pyarrow as pa

        return set(self._sieve.rows_in(pa.array(texts, pa.large_string()))[0].tolist())

    def is_in(self, data: bytes) -> bool:
        """Whether bytes hold any form of any identifier."""
        import pyarrow as pa
        import pyarrow.compute as pc

        forms = self._sieve.forms_in(data)
        if b"\0" in data:
            # Of a text in UTF-16 every letter of ASCII has such a byte beside it.
            forms |= self._sieve.forms_in(data.replace(b"\0", b""))
        if not forms:
            return False
        array = pa.array([data], pa.large_binary())
        return any(
            pc.match_substring_regex(array, regex, ignore_case=True)[0].as_py()
            for regex in self._expressions_of_bytes(forms)
        )

    def rows_in(self, texts: "pa.Array") -> "np.ndarray":
        """Which of the texts (their numbers) hold any form of any identifier, by RE2."""
        return self._rows_and_expressions(texts)[0]

    def _rows_and_expressions(self, texts: "pa.Array") -> tuple["np.ndarray", list[str]]:
        import numpy as np
        import pyarrow.compute as pc

        rows, forms = self._sieve.rows_in(texts)
        expressions = self._expressions(forms)
        chosen = texts.take(rows)
        is_hit = np.zeros(len(rows), dtype=bool)
        for regex in expressions if len(rows) else ():
            found = pc.match_substring_regex(chosen, regex, ignore_case=True)
            is_hit |= found.fill_null(False).to_numpy(zero_copy_only=False)
        return rows[is_hit], expressions

    def replaced_in(self, texts: "pa.Array") -> "pa.Array":
        """The texts with every identifier replaced, by RE2."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        rows, expressions = self._rows_and_expressions(texts)
        if not len(rows):
            return texts
        mask = np.zeros(len(texts), dtype=bool)
        mask[rows] = True
        return pc.replace_with_mask(texts, pa.array(mask), _replaced(texts.take(rows), expressions))

    def is_in_text(self, text: str) -> bool:
        """Whether a text holds any form of any identifier."""
        return any(
            re.search(regex, text, re.IGNORECASE)
            for regex in self._expressions(self._sieve.forms_in_text(text))
        )

    def redacted(self, text: str) -> str:
        """``text`` with every identifier replaced."""
        forms = self._sieve.forms_in_text(text)
        if not forms:
            return text
        expressions = self._expressions(forms)
        if len(text) >= _LONG_TEXT:
            return _redacted_at_once(text, expressions)
        for regex in expressions:
            # The module keeps what it compiled last.
            if re.search(regex, text, re.IGNORECASE):
                for _ in range(2):
                    text = re.sub(regex, REPLACED, text, flags=re.IGNORECASE)
        return text


def _redacted_at_once(text: str, expressions: Sequence[str]) -> str:
    import pyarrow as pa

    # Bytes that are no UTF-8 stand as surrogates in ``text``; RE2 gets what is between them.
    parts = re.split("([\ud800-\udfff]+)", text)
    array = pa.array(parts[::2], pa.large_string())
    parts[::2] = _replaced(array, expressions).to_pylist()
    return "".join(parts)


def _replaced(texts: "pa.Array", expressions: Sequence[str]) -> "pa.Array":
    import pyarrow.compute as pc

    for regex in expressions:
        for _ in range(2):
            texts = pc.replace_substring_regex(texts, f"(?i){regex}", REPLACED)
    return texts


def _escaped(text: str) -> str:
    """``text`` as an expression that Python and RE2 read alike."""
    return re.escape(text).replace(r"\ ", " ")


def is_distinctive(key: str) -> bool:
    """Whether a record's key can be told from other words of a text: letters and digits."""
    return (
        len(key) >= SHORTEST
        and any(char.isdigit() for char in key)
        and any(char.isalpha() for char in key)
    )


def unsalted_hashes(texts: Iterable[str]) -> set[str]:
    """Hexadecimal digests that an advertising platform would know the texts by."""
    return {
        hashlib.new(name, form.encode(), usedforsecurity=False).hexdigest()
        for text in texts
        for form in (text, text.lower(), text.lstrip("+"))
        for name in ("md5", "sha1", "sha256")
    }
