"""Record fields: how a dialect writes fields, and one record's text taken apart by it."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

# What else than double quotes encloses fields in files that were seen.
OTHER_QUOTES = ("'", "`")
ESCAPE = "\\"


@dataclass(frozen=True)
class FieldSigns:
    """The signs between and around the fields of a record.

    A quote within quotes is doubled or, with ``escape``, stands behind that sign. With
    ``pads`` the blanks beside a delimiter are no part of the fields.
    """

    delimiter: str
    quote: str = '"'
    escape: str | None = None
    pads: bool = False

    @property
    def is_standard(self) -> bool:
        """Whether only the delimiter is the file's own choice, as in RFC 4180."""
        return self.quote == '"' and self.escape is None and not self.pads

    @cached_property
    def record(self) -> re.Pattern[str]:
        """A whole record with its line end: a quoted field may hold line ends, a plain one none."""
        plain = rf"(?:[^{re.escape(self.quote)}\r\n{self._sign}][^\r\n{self._sign}]*+)?+"
        field = f"(?:{self._quoted}{self._pad}|{plain})"
        return re.compile(
            rf"\ufeff?{self._pad}{field}(?:{self._between}{field})*+(?:\r\n|\n|\r(?!\n)|\Z)"
        )

    def split(self, text: str) -> list[str] | None:
        """The fields of a record's text without its line end; None where its quotes are broken."""
        if self.is_standard:
            if '"' not in text:
                return text.split(self.delimiter)
            try:
                return next(csv.reader([text], delimiter=self.delimiter, strict=True))
            except (csv.Error, StopIteration):
                return None
        fields, position = [], 0
        while True:
            match = self._field.match(text, position)
            if match is None:
                return None
            quoted, plain, position = match["quoted"], match["plain"], match.end()
            if quoted is None:
                fields.append(plain.strip(" ") if self.pads else plain)
            else:
                fields.append(self._unescaped(quoted))
            if position == len(text):
                return fields
            position += len(self.delimiter)

    @cached_property
    def _field(self) -> re.Pattern[str]:
        plain = rf"(?P<plain>(?:[^{re.escape(self.quote)}{self._sign}][^{self._sign}]*+)?)"
        quoted = rf"{re.escape(self.quote)}(?P<quoted>{self._inside}){re.escape(self.quote)}"
        return re.compile(
            rf"{self._pad}(?:{quoted}{self._pad}|{plain})(?={self._sign}|\Z)", re.DOTALL
        )

    def _unescaped(self, text: str) -> str:
        if self.escape is None:
            return text.replace(self.quote * 2, self.quote)
        # Other signs behind the escape are text: a Windows path has many.
        sign, quote = re.escape(self.escape), re.escape(self.quote)
        return re.sub(f"{sign}([{sign}{quote}])|{quote}({quote})", r"\1\2", text)

    @property
    def _sign(self) -> str:
        return re.escape(self.delimiter)

    @property
    def _pad(self) -> str:
        return " *+" if self.pads else ""

    @property
    def _between(self) -> str:
        return f"{self._sign}{self._pad}"

    @property
    def _inside(self) -> str:
        quote = re.escape(self.quote)
        if self.escape is None:
            return f"(?:[^{quote}]++|{quote}{quote})*+"
        sign = re.escape(self.escape)
        return rf"(?:[^{quote}{sign}]++|{sign}[\s\S]|{quote}{quote})*+"

    @property
    def _quoted(self) -> str:
        return f"{re.escape(self.quote)}{self._inside}{re.escape(self.quote)}"


def is_quoted_throughout(text: str, delimiter: str, quote: str) -> bool:
    """Whether every field of a record that has a text stands between such quotes, at least two."""
    fields = FieldSigns(delimiter, quote).split(text)
    if fields is None:
        return False
    filled = sum(bool(field) for field in fields)
    around = re.escape(delimiter)
    empty = len(re.findall(rf"(?:^|{around}){quote}{quote}(?={around}|$)", text))
    signs = text.count(delimiter + quote) + text.startswith(quote) - empty
    return filled > 1 and signs >= filled


def signs_of_records(
    lines: Sequence[str], header: FieldSigns, width: int, *, is_header_quoted: bool = False
) -> FieldSigns:
    """The signs under which the most of the records below a header have its ``width``.

    Those of the header where others do not do better; quotes around every text of a column, and
    blanks before every field, are signs too. A header that stands between quotes says which.
    """
    text = "".join(lines)
    read = {signs: _split(text, signs) for signs in _candidates(text, header, is_header_quoted)}
    if len(read) == 1:
        return header
    own_broken = read[header].count(None)

    def fitting(signs: FieldSigns) -> int:
        records = read[signs]
        is_worse = records.count(None) > own_broken
        # A text may end in a backslash: one is an escape where quotes make no sense without it.
        is_unfounded = signs.escape is not None and None not in read[replace(signs, escape=None)]
        if signs != header and (is_worse or is_unfounded):
            return 0
        return sum(fields is not None and len(fields) == width for fields in records)

    best = max(read, key=fitting)
    for signs in read:
        is_alike = replace(signs, quote=best.quote, pads=best.pads) == best
        if (
            is_alike
            and fitting(signs) == fitting(best)
            and _takes_more(read[best], read[signs], width)
        ):
            best = signs
    return best


def _takes_more(
    had: Sequence[list[str] | None], records: Sequence[list[str] | None], width: int
) -> bool:
    """Whether signs take quotes or blanks off every text of some column, or of the only record.

    ``had``: the same records under signs that leave them on; texts within other quotes keep theirs.
    """
    if len(had) != len(records):
        return False
    pairs = [
        list(zip(before, after, strict=True))
        for before, after in zip(had, records, strict=True)
        if before is not None and after is not None and len(before) == len(after) == width
    ]
    columns = [[pair for pair in column if pair[0]] for column in zip(*pairs, strict=True)]
    changed = [len(column) for column in columns if column and all(a != b for a, b in column)]
    return max(changed, default=0) > 1 or (len(pairs) == 1 and len(changed) > 1)


def _candidates(text: str, header: FieldSigns, is_header_quoted: bool) -> Iterator[FieldSigns]:
    beside = {text[match.end() : match.end() + 1] for match in re.finditer(_before(header), text)}
    yield header
    others = () if is_header_quoted else OTHER_QUOTES
    quotes = [header.quote, *(quote for quote in others if quote in beside - {header.quote})]
    escapes = [None, ESCAPE] if any(f"{ESCAPE}{quote}" in text for quote in quotes) else [None]
    pads = [header.pads]
    if not header.pads and header.delimiter != " " and f"{header.delimiter} " in text:
        pads.append(True)
    for quote, escape, pad in product(quotes, escapes, pads):
        if (signs := FieldSigns(header.delimiter, quote, escape, pad)) != header:
            yield signs


def _before(signs: FieldSigns) -> str:
    return rf"(?m)(?:^|{re.escape(signs.delimiter)}) *"


def _split(text: str, signs: FieldSigns) -> list[list[str] | None]:
    records, position = [], 0
    while position < len(text):
        match = signs.record.match(text, position)
        end = match.end() if match and match.end() > position else text.find("\n", position) + 1
        record = text[position : end or len(text)].rstrip("\r\n")
        position = end or len(text)
        if record.strip():
            records.append(signs.split(record))
    return records
