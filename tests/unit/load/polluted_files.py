"""Polluted files: one table of orders, written in every way that the Pollock benchmark pollutes.

The kinds are those of "Pollock: A Data Loading Benchmark" (Vitagliano et al., PVLDB 16, 2023),
each with our own table: encoding, size, preamble, footnote, headers, several tables, dialect of
the file, and dialect, fields, delimiters and quotes of single rows.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

HEADER = [
    *("order_id", "ordered_at", "status", "total_amount", "city"),
    *("coupon_code", "country", "note", "comment"),
]
Row = list[str]
# Rows are said by position, as first, second, middle and last.
PLACES = (0, 1, 7, -1)


@dataclass(frozen=True)
class Style:
    """How a row is written. ``quotes_all``: fields that need no quotes have them too."""

    delimiter: str = ","
    quote: str = '"'
    escape: str = ""
    end: str = "\r\n"
    quotes_all: bool = True
    closing_quote: str = ""

    def text(self, cells: Sequence[str]) -> str:
        return self.delimiter.join(map(self.field, cells)) + self.end

    def field(self, cell: str) -> str:
        is_plain = not any(sign in cell for sign in (self.delimiter, self.quote, "\n", "\r"))
        if is_plain and not self.quotes_all:
            return cell
        inside = cell.replace(self.quote, (self.escape or self.quote) + self.quote)
        return f"{self.quote}{inside}{self.closing_quote or self.quote}"


@dataclass(frozen=True)
class Polluted:
    """A file, the rows that it holds, and how many of them may at most be refused.

    ``refusable`` is None where the file may be refused whole.
    """

    kind: str
    content: bytes
    rows: list[Row]
    refusable: int | None = 0
    file_name: str = ""

    @property
    def is_overlooked(self) -> bool:
        """Whether nobody reads such a file: its name says that it is hidden."""
        return self.file_name.startswith(".")


def table(kind: str) -> list[Row]:
    """Fourteen orders whose texts hold every sign that a dialect has; ids are of the kind."""
    texts = ["Oslo", "Saint-Denis, Réunion", "O'Hare", "", "St. John's", "Köln; Deutz", "a | b"]
    notes = ["plain", 'called "the best"', "two\nlines", "", "it's", "5\" pipe, 3' long", "x: y"]
    return [
        [
            f"{kind} {number}",
            f"2026-03-{number + 1:02} 10:{number:02}:00",
            ("paid", "shipped", "completed")[number % 3],
            f"{1000 + number * 7}.{number:02}",
            texts[number % 7],
            ("", "SAVE10", "A-1")[number % 3],
            ("NO", "FR", "DE", "")[number % 4],
            notes[number % 7],
            ("", "left at door", "two, please", "ask at 'desk 3'")[number % 4],
        ]
        for number in range(14)
    ]


def polluted_files(
    quotes_all: bool, places: Sequence[int] = PLACES, columns: Sequence[int] = range(len(HEADER))
) -> Iterator[Polluted]:
    """Every kind once; what is of a row at each of the ``places``, of a column at each of these."""
    style = Style(quotes_all=quotes_all)
    suffix = "quoted" if quotes_all else "plain"
    makers = (
        *(_of_the_file(style), _of_the_table(style), _of_the_header(style, columns)),
        *(_of_rows(style, place, columns) for place in places),
    )
    for kind, change in chain(*makers):
        name = f"{kind} {suffix}"
        yield change(name, table(name))


Change = Callable[[str, list[Row]], Polluted]


def _joined(style: Style, rows: Sequence[Row]) -> str:
    return "".join(map(style.text, rows))


def _file(kind: str, rows: list[Row], text: str, refusable: int | None = 0) -> Polluted:
    return Polluted(kind, text.encode(), rows, refusable)


def _of_the_file(style: Style) -> Iterator[tuple[str, Change]]:
    def encoded(encoding: str) -> Change:
        return lambda kind, rows: Polluted(
            kind, _joined(style, [HEADER, *rows]).encode(encoding), rows
        )

    for encoding in ("utf-8", "latin-1", "utf-16"):
        yield f"encoding {encoding}", encoded(encoding)
    for name in ("\u00a0", "\u00a0.csv", "$.csv", ".csv", "source.tsv", "source.pdf", "source.lor"):
        yield (
            f"file name {name!a}",
            lambda kind, rows, name=name: Polluted(
                kind, _joined(style, [HEADER, *rows]).encode(), rows, None, name
            ),
        )
    yield "empty file", lambda kind, rows: Polluted(kind, b"", [], None)
    yield (
        "no payload",
        lambda kind, rows: _file(kind, [], style.text([*HEADER[:-1], f"{kind}"]), None),
    )
    yield (
        "one data row",
        lambda kind, rows: _file(kind, rows[:1], _joined(style, [HEADER, rows[0]])),
    )
    yield "no header", lambda kind, rows: _file(kind, rows, _joined(style, rows), None)
    yield (
        "many rows",
        lambda kind, rows: _many(kind, style, [row for row in rows for _ in range(400)]),
    )
    yield (
        "one column",
        lambda kind, rows: _file(
            kind, [], _joined(style, [row[:1] for row in [HEADER, *rows]]), None
        ),
    )
    yield (
        "many columns",
        lambda kind, rows: _file(
            kind,
            rows,
            _joined(
                style,
                [
                    [*row, *(f"col{number}" if row is HEADER else "7" for number in range(300))]
                    for row in [HEADER, *rows]
                ],
            ),
        ),
    )
    signs = {"\n": "LF", "\r": "CR", "\r\n": "CRLF"}
    for end, name in signs.items():
        yield f"record delimiter {name}", _dialect(replace(style, end=end))
    for delimiter in (";", "|", "\t", " ", ":"):
        yield f"field delimiter {delimiter!a}", _dialect(replace(style, delimiter=delimiter))
    for delimiter in ("\t\t", ", ", r"\t"):
        yield f"field delimiter {delimiter!a}", _dialect(replace(style, delimiter=delimiter), None)
    for quote in ("'", "`"):
        yield f"quotation mark U+{ord(quote):04X}", _dialect(replace(style, quote=quote))
    yield (
        "quotation mark with a blank",
        lambda kind, rows: _file(
            kind,
            # Blanks within quotes are text; keys, numbers, dates and codes lose them.
            [[*row[:4], *(f" {cell} " for cell in row[4:])] for row in rows],
            _joined(
                replace(style, quote='" ', closing_quote=' "', quotes_all=True), [HEADER, *rows]
            ),
            None,
        ),
    )
    for quote in ('"', "'"):
        yield (
            f"escape char backslash in {quote}",
            _dialect(replace(style, quote=quote, escape="\\")),
        )
    yield "escape char doubled in '", _dialect(replace(style, quote="'", escape="'"))


def _many(kind: str, style: Style, rows: list[Row]) -> Polluted:
    numbered = [[f"{kind} {number}", *row[1:]] for number, row in enumerate(rows)]
    return _file(kind, numbered, _joined(style, [HEADER, *numbered]))


def _dialect(style: Style, refusable: int | None = 0) -> Change:
    return lambda kind, rows: _file(kind, rows, _joined(style, [HEADER, *rows]), refusable)


def _of_the_table(style: Style) -> Iterator[tuple[str, Change]]:
    width = len(HEADER)

    def around(before: str, after: str, refusable: int) -> Change:
        return lambda kind, rows: _file(
            kind, rows, before + _joined(style, [HEADER, *rows]) + after, refusable
        )

    for is_delimited in (True, False):
        for has_empty in (True, False):
            cells = lambda text: [text, *[""] * (width - 1)] if is_delimited else [text]  # noqa: B023, E731
            blank = style.text([""] * width if is_delimited else []) if has_empty else ""
            name = f"{'delimited' if is_delimited else 'bare'}{' and blank' * has_empty}"
            preamble = "".join(style.text(cells("PREAMBLE")) for _ in range(3))
            footnote = "".join(style.text(cells("FOOTNOTE")) for _ in range(3))
            yield f"preamble {name}", around(preamble + blank, "", 0)
            yield f"footnote {name}", around("", blank + footnote, 3)
    for columns in (6, 12):
        for is_blank in (True, False):
            second = [[f"other {n}.{m}" for m in range(columns)] for n in range(4)]
            text = style.end * is_blank + _joined(style, second)
            yield (
                f"second table of {columns}{' behind a blank line' * is_blank}",
                around("", text, 4),
            )


def _of_the_header(style: Style, columns: Sequence[int]) -> Iterator[tuple[str, Change]]:
    def headed(*headers: Row, refusable: int | None = 0) -> Change:
        return lambda kind, rows: _file(kind, rows, _joined(style, [*headers, *rows]), refusable)

    yield "header twice", headed(HEADER, HEADER)
    yield "header three times", headed(HEADER, HEADER, HEADER)
    for column in columns:
        name = HEADER[column]
        group = ["HEADER" if at == column else "" for at in range(len(HEADER))]
        yield f"header over rows at {column}", headed(group, group, HEADER)
        below = [name if at == column else "" for at in range(len(HEADER))]
        above = ["" if at == column else text for at, text in enumerate(HEADER)]
        yield f"header below its row at {column}", headed(above, below, refusable=None)
        for text, sort in (("", "empty"), ("HEAD/%R", "odd"), ("HEADER" * 20_000, "large")):
            changed = [text if at == column else had for at, had in enumerate(HEADER)]
            yield f"{sort} name at {column}", headed(changed, refusable=None)
    yield "one name twice, unknown", headed([*HEADER[:7], "HEADER", "HEADER"])
    yield "one name twice, known", headed([*HEADER[:7], "city", "comment"], refusable=None)


def _of_rows(style: Style, place: int, columns: Sequence[int]) -> Iterator[tuple[str, Change]]:
    yield f"row {place} empty", _row(style, place, lambda cells: style.end + style.text(cells))
    yield f"row {place} more", _row(style, place, lambda cells: style.text([*cells, *"xyzabc"]))
    yield f"row {place} one more", _row(style, place, lambda cells: style.text([*cells, ""]))
    yield f"row {place} less", _row(style, place, lambda cells: style.text(cells[:5]))
    for name, changed in (
        ("record delimiter LF", replace(style, end="\n")),
        ("record delimiter CR", replace(style, end="\r")),
        ("field delimiter ;", replace(style, delimiter=";")),
        ("field delimiter tab", replace(style, delimiter="\t")),
        # Within one row, a text such as 'x' is only a quoted one when all are.
        ("quotation mark", replace(style, quote="'", quotes_all=True)),
        ("escape char", replace(style, escape="\\")),
    ):
        yield (
            f"row {place} {name}",
            # A lone CR is no end of a line: what it joins are two records.
            _row(style, place, changed.text, 2 if "CR" in name else 1),
        )
    yield (
        f"row {place} escaped everywhere",
        _row(
            style,
            place,
            lambda cells: replace(style, escape="\\").text(_ending_in_quotes(cells)),
            changed=_ending_in_quotes,
        ),
    )
    for column in columns:
        yield (
            f"row {place} delimiter more at {column}",
            _row(style, place, lambda cells, at=column: _spliced(style, cells, at, 1)),
        )
        yield (
            f"row {place} quote more at {column}",
            _row(style, place, lambda cells, at=column: _quote_more(style, cells, at), 2),
        )
        if column:
            yield (
                f"row {place} delimiter less at {column}",
                _row(style, place, lambda cells, at=column: _spliced(style, cells, at, -1)),
            )


def _ending_in_quotes(cells: Row) -> Row:
    return [*cells[:4], *(f'{cell}"' for cell in cells[4:])]


def _row(
    style: Style,
    place: int,
    write: Callable[[Row], str],
    refusable: int = 1,
    changed: Callable[[Row], Row] = lambda cells: cells,
) -> Change:
    def change(kind: str, rows: list[Row]) -> Polluted:
        texts = list(map(style.text, rows))
        texts[place] = write(rows[place])
        rows = [changed(row) if row is rows[place] else row for row in rows]
        return _file(kind, rows, style.text(HEADER) + "".join(texts), refusable)

    return change


def _spliced(style: Style, cells: Row, at: int, more: int) -> str:
    """The row with one delimiter more before the field ``at``, or with one less."""
    fields = list(map(style.field, cells))
    between = [style.delimiter] * (len(fields) - 1)
    if at:
        between[at - 1] = style.delimiter * (1 + more)
    start = style.delimiter * (at == 0)
    return start + "".join(map("".join, zip(fields, [*between, style.end], strict=True)))


def _quote_more(style: Style, cells: Row, at: int) -> str:
    """The row with a quote too many at the beginning of the field ``at``."""
    fields = list(map(style.field, cells))
    opening = fields[at].startswith(style.quote)
    fields[at] = fields[at][:opening] + style.quote + fields[at][opening:]
    return style.delimiter.join(fields) + style.end
