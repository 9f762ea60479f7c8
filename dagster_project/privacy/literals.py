"""Literals: which of thousands of fixed texts stand in bytes, looked for all at once.

A sieve before the exact expressions of :mod:`search`, never instead of them: it may say that a text
is there that no expression finds (case, boundaries and blanks are looked at roughly), and never
misses one. RE2 falls out of its cache of states under some hundred alternatives: on 6.5 million
records, looking for 200 people took nine minutes (2026-12-01), and takes seconds with only the
alternatives that can be there.

Of each text up to eight bytes in a row are looked at, as one number; a number per position of the
data is looked up in a table.
"""

import re
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Generic, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Form = TypeVar("Form", bound=Hashable)

# Signs that may stand between the digits of a telephone number.
BETWEEN_DIGITS = b" ().-"
# Bytes in one number, and the fewest that a sieve is worth: three letters stand everywhere.
_WIDEST = 8
SHORTEST_CORE = 4
_PIECE = 1 << 19
# Bits of hash: a table of 1 MB. 4 ns a byte with 10,000 texts, against 10 of 16 bits (2026-12-01).
_TABLE_BITS = 20
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_IS_KEPT = np.array([byte not in BETWEEN_DIGITS for byte in range(256)])
# Letters beyond ASCII that RE2 or Python take for one of ASCII when case does not count.
_SAME_LETTERS = {"\u212a": "k", "\u017f": "s", "\u0130": "i", "\u0131": "i"}
_ASCII_RUN = re.compile(rb"[\x00-\x7f]+")


def core_of(text: str) -> bytes | None:
    """The longest run of ASCII in a text, in small letters; None when it is too short.

    Other letters have a case that bytes do not show.
    """
    runs = _ASCII_RUN.findall(text.encode("utf-8", "surrogatepass"))
    longest = max(runs, key=len, default=b"")
    return longest.lower() if len(longest) >= SHORTEST_CORE else None


class Literals:
    """Cores (see :func:`core_of`), each with a number, ready to be found in folded bytes."""

    def __init__(self, cores: Iterable[tuple[int, bytes]]) -> None:
        by_width: dict[int, list[tuple[int, bytes]]] = {}
        for number, core in cores:
            by_width.setdefault(min(len(core), _WIDEST), []).append((number, core))
        self._sieves = [_Sieve(width, found) for width, found in sorted(by_width.items())]

    def __bool__(self) -> bool:
        return bool(self._sieves)

    def found(self, folded: bytes) -> Iterator[tuple[int, int]]:
        """(where it begins, number) of each core in ``folded``, which has only small letters."""
        padded = folded + bytes(_WIDEST)
        for sieve in self._sieves:
            for at in sieve.positions(padded, len(folded)):
                window = padded[at : at + sieve.width]
                for offset, core, number in sieve.grams[int.from_bytes(window, "little")]:
                    if at >= offset and folded.startswith(core, at - offset):
                        yield at - offset, number


def _telling(core: bytes, width: int) -> int:
    """Where in a core the bytes stand that tell it best from others: those with most digits.

    Keys differ in their last digits, e-mails in their first letters.
    """
    starts = range(len(core) - width + 1)
    return max(starts, key=lambda at: (sum(48 <= byte < 58 for byte in core[at : at + width]), -at))


class _Sieve:
    """The numbers of one width; ``grams``: number to what it may be a part of.

    When every core is long enough, only each second, fourth or eighth position is looked at, and
    as many numbers of each core are known.
    """

    def __init__(self, width: int, cores: Sequence[tuple[int, bytes]]) -> None:
        self.width = width
        shortest = min(len(core) for _, core in cores)
        self.stride = max(one for one in (1, 2, 4, 8) if one <= shortest - width + 1)
        self.grams: dict[int, list[tuple[int, bytes, int]]] = {}
        for number, core in cores:
            first = _telling(core, width + self.stride - 1)
            for at in range(first, first + self.stride):
                gram = int.from_bytes(core[at : at + width], "little")
                self.grams.setdefault(gram, []).append((at, core, number))
        self._mask = np.uint64((1 << (8 * width)) - 1)
        self._sorted = np.array(sorted(self.grams), dtype=np.uint64)
        self._table = np.zeros(1 << _TABLE_BITS, dtype=bool)
        self._table[self._hashed(self._sorted)] = True

    @staticmethod
    def _hashed(values: np.ndarray) -> np.ndarray:
        return ((values * _FACTOR) >> np.uint64(64 - _TABLE_BITS)).view(np.int64)

    def positions(self, padded: bytes, size: int) -> list[int]:
        """Where in the first ``size`` bytes one of the numbers begins."""
        found: list[int] = []
        last = size - self.width
        for begin in range(0, max(last + 1, 0), _PIECE):
            count = min(_PIECE, last + 1 - begin)
            for shift in range(0, min(_WIDEST, count), self.stride):
                first = begin + shift
                steps = -(-(count - shift) // _WIDEST)
                # A copy: NumPy reckons slowly with numbers that begin anywhere.
                data = padded[first : first + steps * _WIDEST]
                values = np.frombuffer(data, "<u8").astype(np.uint64, copy=False)
                if self.width < _WIDEST:
                    values = values & self._mask
                maybe = np.flatnonzero(self._table[self._hashed(values)])
                if len(maybe):
                    chosen = values[maybe]
                    near = np.searchsorted(self._sorted, chosen)
                    near[near == len(self._sorted)] = 0
                    hits = maybe[self._sorted[near] == chosen]
                    found += (first + hits * _WIDEST).tolist()
        return found


class Sieve(Generic[Form]):
    """Which forms of identifiers can be in a text: all that are, and few that are not.

    ``forms``: each with its fixed text, and whether blanks may stand between its digits.
    """

    def __init__(self, forms: Iterable[tuple[Form, str, bool]]) -> None:
        self._forms: list[Form] = []
        # Without a text that can be looked for: always possible.
        self._always: set[Form] = set()
        plain: list[tuple[int, bytes]] = []
        digits: list[tuple[int, bytes]] = []
        for form, text, has_blanks in forms:
            core = core_of(text)
            if core is None:
                self._always.add(form)
            else:
                (digits if has_blanks else plain).append((len(self._forms), core))
                self._forms.append(form)
        self._plain = Literals(plain)
        self._digits = Literals(digits)

    def forms_in(self, data: bytes) -> set[Form]:
        """The forms that can be in bytes, or in a text of which these are the bytes."""
        return self._always | {self._forms[number] for _, number in self._found(data.lower())}

    def forms_in_text(self, text: str) -> set[Form]:
        for sign, letter in () if text.isascii() else _SAME_LETTERS.items():
            if sign in text:
                text = text.replace(sign, letter)
        return self.forms_in(text.encode("utf-8", "surrogatepass"))

    def rows_in(self, texts: pa.Array) -> tuple[np.ndarray, set[Form]]:
        """Which of the texts (their numbers) can hold a form, and which forms those are."""
        array = texts.cast(pa.large_string())
        ends, data = _buffers(array)
        for sign, letter in () if data.isascii() else _SAME_LETTERS.items():
            if sign.encode() in data:
                array = pc.replace_substring(array, sign, letter)
                ends, data = _buffers(array)
        found = list(self._found(data.lower()))
        forms = self._always | {self._forms[number] for _, number in found}
        if self._always:
            return np.arange(len(texts)), forms
        starts = np.array([at for at, _ in found], dtype=np.int64)
        return np.unique(np.searchsorted(ends, starts, side="right")), forms

    def _found(self, folded: bytes) -> Iterator[tuple[int, int]]:
        yield from self._plain.found(folded)
        if self._digits:
            hits = list(self._digits.found(folded.translate(None, BETWEEN_DIGITS)))
            if hits:
                kept = np.flatnonzero(_IS_KEPT[np.frombuffer(folded, np.uint8)])
                places = kept[np.array([at for at, _ in hits])].tolist()
                yield from zip(places, (number for _, number in hits), strict=True)


def _buffers(array: pa.Array) -> tuple[np.ndarray, bytes]:
    """Where each text ends in the bytes of all of them, and those bytes."""
    if not len(array):
        return np.zeros(0, dtype=np.int64), b""
    _, offsets, data = array.buffers()
    places = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    first, last = int(places[0]), int(places[-1])
    whole = data.slice(first, last - first).to_pybytes() if data is not None else b""
    return places[1:] - first, whole
