"""Transliteration and spelling keys: one plain Latin form for every usual spelling of a word."""

import re
import unicodedata
from functools import lru_cache

_CYRILLIC = {
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ж": "zh", "з": "z", "и": "i",
    "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t",
    "у": "u", "ф": "f", "х": "h", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "sh", "ъ": "", "ы": "i",
    "ь": "", "э": "e", "ю": "iu", "я": "ia", "і": "i", "є": "e", "ґ": "g", "ў": "u", "ђ": "d",
    "ј": "i", "љ": "l", "њ": "n", "ћ": "ch", "џ": "dzh",
}  # fmt: skip
# ISO 9 and scientific transliteration write one Cyrillic letter as one with a mark: read before
# marks are dropped.
_MARKED = str.maketrans(
    {"ž": "zh", "č": "ch", "ć": "ch", "š": "sh", "ŝ": "sh", "û": "iu", "â": "ia", "è": "e"}
)
_LATIN = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ł": "l", "ı": "i", "þ": "th", "ð": "d"}
)
# The spellings that passports, ICAO, GOST and English custom give to one Cyrillic letter become
# one; the order matters, longest first.
# Beside each, letters of which a word has one if the pattern is in it: most words have none, and
# the pattern takes five times as long to say so.
_SPELLINGS = tuple(
    (frozenset(letters), re.compile(pattern), to)
    for letters, pattern, to in (
        ("c", r"shch|sch", "sh"),
        ("c", r"tch", "ch"),
        ("k", r"kh", "h"),
        ("p", r"ph", "f"),
        ("c", r"ck", "k"),
        ("x", r"x", "ks"),
        ("yj", r"[yj]u", "iu"),
        ("yj", r"[yj]a", "ia"),
        ("yj", r"[yj]o", "e"),
        ("yji", r"[yji]e", "e"),
        ("yj", r"[yj]", "i"),
        ("z", r"tz|cz", "ts"),
        ("c", r"c(?=[ei])", "s"),
        ("c", r"c(?!h)", "k"),
        ("q", r"q", "k"),
        ("w", r"w", "v"),
    )
)
_REPEATED = re.compile(r"(.)\1+")
_WORDS = re.compile(r"[^\W\d_]+")
_RUSSIAN = re.compile(
    r"(ov|ova|ev|eva|[eo]vi[cč]h?|in|ina|yn|yna|[sc]k(i[iyj]|y|ay?a|aja|aia|aâ)|enko|[yij]uk|[yi]x)$"
)
_X_OF_KH = re.compile(r"(?<!ale)(?<!ma)(?<!feli)x(?!en)")
_C_OF_TS = re.compile(r"(?<!s)c(?![hkz])(?!in$)(?!ina$)|c(?=k(?:i[iyj]|ay?a|aja|aia|aâ)$)")
# An apostrophe within a word, and the signs that stand for ь and ъ.
_SIGNS = re.compile(r"['’`´ʼʹʺ′″]")


def spelling_key(word: str) -> str:
    """``word`` in plain Latin letters, equal for Cyrillic and any usual transliteration of it."""
    return _key_of(word.casefold())


@lru_cache(maxsize=200_000)
def _key_of(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFC", text).translate(_MARKED)
        text = unicodedata.normalize("NFKD", text)
        text = "".join(char for char in text if not unicodedata.combining(char))
        text = "".join(_CYRILLIC.get(char, char) for char in text).translate(_LATIN)
    for letters, pattern, to in _SPELLINGS:
        if not letters.isdisjoint(text):
            text = pattern.sub(to, text)
    return _REPEATED.sub(r"\1", text)


@lru_cache(maxsize=200_000)
def family_key(word: str) -> str:
    """:func:`spelling_key` of a family name.

    In one with a Russian ending GOST 7.79 B writes х as x, and the old standards ц as c; elsewhere
    and in the stems of Александр, Алексей, Максим, Ксения and Феликс these are ks and k.
    """
    text = word.casefold()
    if len(text) == 1:
        return spelling_key(text)[:1]
    if _RUSSIAN.search(text):
        text = _X_OF_KH.sub("kh", text)
        text = _C_OF_TS.sub("ts", text)
    return spelling_key(text)


def words(raw: str) -> list[str]:
    """The words of a name; an apostrophe or a hyphen does not end the reading of a name's part."""
    return _WORDS.findall(_SIGNS.sub("", unicodedata.normalize("NFKC", raw)))
