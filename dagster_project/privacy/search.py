"""What an erased person's identifiers look like in bytes and in text.

An identifier is looked for as written, normalised, and hashed without a salt (MD5, SHA-1, SHA-256),
in UTF-8 and UTF-16; a telephone number also with other blanks and dashes between its digits. Record
keys are looked for as whole words, and only where they are not mere numbers: what is no address and
short would be found in amounts and dates of other people. Addresses are whole too:
``pjones@gmail.com`` stands inside ``philipjones@gmail.com``, who is somebody else.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property

from dagster_project.privacy.subject import Subject

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


class Patterns:
    """The identifiers of a subject, ready to be looked for and replaced."""

    def __init__(self, subject: Subject) -> None:
        words = set(subject.customer_ids)
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

    @cached_property
    def regexes(self) -> list[str]:
        """Expressions that together find every form, for RE2 (DuckDB, Arrow) without case.

        Several, because a program of RE2 has a largest size; none when there is nothing to find.
        Each has two groups, for what stands around the identifier: :data:`REPLACED` keeps it. Of
        two identifiers with one sign between them a replacement takes the first: do it twice.
        """
        return self._expressions(_escaped)

    def _expressions(self, written: Callable[[str], str], more: Iterable[str] = ()) -> list[str]:
        """Every form as ``written``, between what may stand around it; ``more`` stand anywhere."""
        emails = {text for text in self.texts if "@" in text}
        phones = self._written_phones.intersection(self.texts)
        digits = [_BETWEEN_DIGITS.join(number) for number in self._phones]
        found = []
        for (before, after), forms in (
            (_AROUND_EMAIL, map(written, emails)),
            (_AROUND_PHONE, [*map(written, phones), *digits]),
            (_AROUND_TEXT, map(written, {*self.texts} - emails - phones)),
            (_AROUND_NOTHING, [*map(written, self.hashes), *more]),
            (_AROUND_NOTHING, [rf"\b{written(word)}\b" for word in self.words]),
        ):
            parts = sorted(forms, key=lambda form: (-len(form), form))
            found += [
                f"{before}(?:{'|'.join(parts[at : at + _AT_ONCE])}){after}"
                for at in range(0, len(parts), _AT_ONCE)
            ]
        return found

    @cached_property
    def _compiled(self) -> list[re.Pattern[str]]:
        return [re.compile(regex, re.IGNORECASE) for regex in self.regexes]

    @cached_property
    def _of_bytes(self) -> list[str]:
        """Expressions over bytes, each of them a Latin-1 character to RE2.

        Two bytes a character (UTF-16) are found wherever they stand.
        """

        def written(text: str, code: str = "utf-8") -> str:
            return "".join(f"\\x{byte:02x}" for byte in text.encode(code))

        wide = (*self.texts, *self.hashes, *self.words)
        return self._expressions(written, [written(text, "utf-16-le") for text in wide])

    def with_all_keys(self, keys: Mapping[str, Iterable[str]]) -> "Patterns":
        """These patterns, with every key of a record as a word, also mere numbers."""
        more = Patterns(Subject((), 0))
        more.texts, more.hashes, more._phones = self.texts, self.hashes, self._phones
        more._written_phones = self._written_phones
        more.words = sorted({*self.words, *(key for found in keys.values() for key in found)})
        return more

    def is_in(self, data: bytes) -> bool:
        """Whether bytes hold any form of any identifier."""
        import pyarrow as pa
        import pyarrow.compute as pc

        array = pa.array([data], pa.large_binary())
        return any(
            pc.match_substring_regex(array, regex, ignore_case=True)[0].as_py()
            for regex in self._of_bytes
        )

    def is_in_text(self, text: str) -> bool:
        """Whether a text holds any form of any identifier."""
        return any(regex.search(text) for regex in self._compiled)

    def redacted(self, text: str) -> str:
        """``text`` with every identifier replaced."""
        if len(text) >= _LONG_TEXT:
            text = self._redacted_at_once(text)
        else:
            for regex in self._compiled:
                if regex.search(text):
                    text = regex.sub(REPLACED, regex.sub(REPLACED, text))
        return text

    def _redacted_at_once(self, text: str) -> str:
        import pyarrow as pa
        import pyarrow.compute as pc

        # Bytes that are no UTF-8 stand as surrogates in ``text``; RE2 gets what is between them.
        parts = re.split("([\ud800-\udfff]+)", text)
        array = pa.array(parts[::2], pa.large_string())
        for regex in self.regexes:
            for _ in range(2):
                array = pc.replace_substring_regex(array, f"(?i){regex}", REPLACED)
        parts[::2] = array.to_pylist()
        return "".join(parts)


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
