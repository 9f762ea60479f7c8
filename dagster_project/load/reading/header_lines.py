"""Header lines: which line of a text file is the header, and whether it goes on on the next one."""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import islice

from dagster_project.load.reading.file_content import DELIMITERS, DamagedFileError
from dagster_project.load.reading.header_matching import normalised
from dagster_project.load.reading.record_fields import OTHER_QUOTES, FieldSigns

HEADER_WITHIN = 30
# Signs that stand between fields in few files, and in the texts of many: a header is taken apart
# by them where it names several columns, and the line below has as many fields.
RARE_DELIMITERS = (" ", ":")
# A field that still holds one of these was split by the wrong delimiter.
_SIGNS = frozenset('"') | frozenset(DELIMITERS)


@dataclass(frozen=True)
class Header:
    """The lines (1-based) that it starts and ends on, 0 when there is none, and its names."""

    first: int
    line: int
    signs: FieldSigns
    names: tuple[str, ...]


def find_header(
    lines: Sequence[str], delimiters: Sequence[str], known: Set[str], comment: str | None
) -> Header:
    """The line, among the first 30, that names the most ``known`` columns under any signs.

    When no line names one, the first line of the commonest width. DamagedFileError when nothing
    can be a header.
    """
    best: tuple[int, int, int, FieldSigns, list[str]] | None = None
    for start in range(min(HEADER_WITHIN, len(lines))):
        if comment and lines[start].startswith(comment):
            continue
        for signs in _possible_signs(lines[start], delimiters):
            fields = first_fields(lines, start, signs)
            if best and len(fields) < best[0]:
                continue
            candidate = (_named(fields, known), -start, len(fields), signs, fields)
            if candidate[0] and (best is None or candidate[:3] > best[:3]):
                best = candidate
    if (best is None or best[0] < 2) and delimiters == DELIMITERS:
        best = _rarely_delimited(lines, known, comment) or best
    if best is None:
        start, signs, fields = _widest(lines, delimiters, comment)
        return Header(start + 1, start + 1, signs, tuple(fields))
    return _over_lines(lines, -best[1], best[3], best[4], known)


def first_fields(lines: Sequence[str], start: int, signs: FieldSigns) -> list[str]:
    """The fields of the record that begins on a line; none where its quotes are broken."""
    if signs.is_standard:
        return next(_rows(lines[start : start + 20], signs.delimiter), [])
    match = signs.record.match("".join(lines[start : start + 20]))
    return (match and signs.split(match.group().rstrip("\r\n"))) or []


def _possible_signs(line: str, delimiters: Sequence[str]) -> Iterator[FieldSigns]:
    for delimiter in delimiters:
        yield FieldSigns(delimiter)
    for quote in OTHER_QUOTES:
        if quote in line:
            yield from (FieldSigns(delimiter, quote) for delimiter in delimiters)
    for delimiter in delimiters:
        if f"{delimiter} " in line or f" {delimiter}" in line:
            yield from (
                FieldSigns(delimiter, quote, pads=True)
                for quote in ('"', *OTHER_QUOTES)
                if quote in line
            )


def _named(fields: Sequence[str], known: Set[str]) -> int:
    return len({normalised(name) for name in fields if _is_name(name)} & known)


def _is_name(field: str) -> bool:
    is_quoted = field.startswith(OTHER_QUOTES) and field.endswith(OTHER_QUOTES)
    return not _SIGNS & set(field) and not is_quoted


def _rarely_delimited(
    lines: Sequence[str], known: Set[str], comment: str | None
) -> tuple[int, int, int, FieldSigns, list[str]] | None:
    best: tuple[int, int, int, FieldSigns, list[str]] | None = None
    for start in range(min(HEADER_WITHIN, len(lines) - 1)):
        if comment and lines[start].startswith(comment):
            continue
        for delimiter in RARE_DELIMITERS:
            for quote in ('"', *OTHER_QUOTES):
                signs = FieldSigns(delimiter, quote)
                fields = first_fields(lines, start, signs)
                score = _named(fields, known)
                candidate = (score, -start, len(fields), signs, fields)
                if (
                    score > 1
                    and (best is None or candidate[:3] > best[:3])
                    and len(first_fields(lines, start + 1, signs)) == len(fields)
                ):
                    best = candidate
    return best


def _over_lines(
    lines: Sequence[str], start: int, signs: FieldSigns, fields: list[str], known: Set[str]
) -> Header:
    """The header with the names that stand above or below it where it has none itself."""
    names, end = list(fields), start + 1
    while end < len(lines) and (below := _completing(lines, end, signs, names)):
        names, end = below, end + 1
    first = start
    while first and (above := _completing(lines, first - 1, signs, names)):
        added = [name for name, had in zip(above, names, strict=True) if name != had]
        if not all(normalised(name) in known for name in added):
            break
        names, first = above, first - 1
    return Header(first + 1, end, signs, tuple(names))


def _completing(
    lines: Sequence[str], start: int, signs: FieldSigns, names: list[str]
) -> list[str] | None:
    """``names`` with those of another line, when it has some and each stands where none did."""
    fields = signs.split(lines[start].rstrip("\r\n"))
    if not fields or len(fields) != len(names) or not any(map(str.strip, fields)):
        return None
    if any(field.strip() and name.strip() for field, name in zip(fields, names, strict=True)):
        return None
    return [name or field for field, name in zip(fields, names, strict=True)]


def _widest(
    lines: Sequence[str], delimiters: Sequence[str], comment: str | None
) -> tuple[int, FieldSigns, list[str]]:
    ranked: list[tuple[float, int, int, str]] = []
    for delimiter in delimiters:
        rows = list(islice(_rows(lines, delimiter), 100))
        widths = Counter(len(row) for row in rows if any(cell.strip() for cell in row))
        if widths:
            width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
            ranked.append((count / sum(widths.values()) if width > 1 else 0, width, 0, delimiter))
    if not ranked:
        raise DamagedFileError("no_header", "The file has no line that can be a header.")
    _, width, _, delimiter = max(ranked)
    signs = FieldSigns(delimiter)
    for start, line in enumerate(lines):
        fields = first_fields(lines, start, signs)
        is_comment = line.startswith(comment or "#") and len(fields) < width
        if line.strip() and not is_comment and len(fields) >= width:
            return start, signs, fields
    raise DamagedFileError("no_header", "The file has no line that can be a header.")


def _rows(lines: Sequence[str], delimiter: str) -> Iterator[list[str]]:
    reader = csv.reader(lines, delimiter=delimiter)
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield []
