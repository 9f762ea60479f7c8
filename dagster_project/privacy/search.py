"""What an erased person's identifiers look like in bytes and in text.

An identifier is looked for as written, normalised, and hashed without a salt (MD5, SHA-1, SHA-256),
in UTF-8 and UTF-16; a telephone number also with other blanks and dashes between its digits. Record
keys are looked for as whole words, and only where they are not mere numbers: what is no address and
short would be found in amounts and dates of other people.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from functools import cached_property

from dagster_project.privacy.subject import Subject

ERASED = "[erased]"
# Shorter texts are found by chance.
SHORTEST = 5
# Digits of a telephone number that tell it from any other, whatever comes before them.
PHONE_DIGITS = 9
_BETWEEN_DIGITS = r"[ ().\-]{0,2}"
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
        for kind, pairs in subject.addresses.items():
            for raw, value in pairs:
                texts.update(text for text in (raw.strip(), value) if len(text) >= SHORTEST)
                if kind == "phone" and len(digits := re.sub(r"\D", "", value)) > PHONE_DIGITS:
                    phones.add(digits[-PHONE_DIGITS:])
        self.words = sorted(words)
        self.texts = sorted(texts)
        self.hashes = sorted(unsalted_hashes(self.texts))
        self._phones = sorted(phones)

    @property
    def is_empty(self) -> bool:
        return not (self.words or self.texts or self._phones)

    @cached_property
    def regexes(self) -> list[str]:
        """Expressions that together find every form, for RE2 (DuckDB, Arrow) without case.

        Several, because a program of RE2 has a largest size; none when there is nothing to find.
        """
        parts = [_escaped(text) for text in (*self.texts, *self.hashes)]
        parts += [_BETWEEN_DIGITS.join(digits) for digits in self._phones]
        parts += [rf"\b{_escaped(word)}\b" for word in self.words]
        parts.sort(key=len, reverse=True)
        return ["|".join(parts[at : at + _AT_ONCE]) for at in range(0, len(parts), _AT_ONCE)]

    @cached_property
    def _compiled(self) -> list[re.Pattern[str]]:
        return [re.compile(regex, re.IGNORECASE) for regex in self.regexes]

    @cached_property
    def _of_bytes(self) -> list[str]:
        """Expressions over bytes, each of them a Latin-1 character to RE2."""
        forms = [*self.texts, *self.hashes]
        encoded = [form.encode(code) for form in forms for code in ("utf-8", "utf-16-le")]
        encoded += [word.encode("utf-16-le") for word in self.words]
        parts = ["".join(f"\\x{byte:02x}" for byte in data) for data in encoded]
        parts += [_BETWEEN_DIGITS.join(digits) for digits in self._phones]
        parts += [rf"\b{_escaped(word)}\b" for word in self.words]
        return ["|".join(parts[at : at + _AT_ONCE]) for at in range(0, len(parts), _AT_ONCE)]

    def with_all_keys(self, keys: Mapping[str, Iterable[str]]) -> "Patterns":
        """These patterns, with every key of a record as a word, also mere numbers."""
        more = Patterns(Subject((), 0))
        more.texts, more.hashes, more._phones = self.texts, self.hashes, self._phones
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
                text = regex.sub(ERASED, text)
        return text

    def _redacted_at_once(self, text: str) -> str:
        import pyarrow as pa
        import pyarrow.compute as pc

        # Bytes that are no UTF-8 stand as surrogates in ``text``; RE2 gets what is between them.
        parts = re.split("([\ud800-\udfff]+)", text)
        array = pa.array(parts[::2], pa.large_string())
        for regex in self.regexes:
            array = pc.replace_substring_regex(array, f"(?i){regex}", ERASED)
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
