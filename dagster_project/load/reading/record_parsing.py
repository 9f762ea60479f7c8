"""Record parsing: files that DuckDB's readers cannot take as they are, one record at a time.

Damaged or oddly written CSV, JSON in any shape, and spreadsheets. Every record comes out once:
with its cells, or with the reason why it has none. Slow (about 200,000 records a second) and
exact; files in good order never come here.
"""

import codecs
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagster_project.load.reading.code_pages import Guess
from dagster_project.load.reading.csv_dialect import (
    BAD_BYTE,
    MARKING,
    UTF8,
    CsvDialect,
    detect_encoding,
    is_utf8,
    wide_and_bad,
)
from dagster_project.load.reading.file_content import DamagedFileError, read_chunks
from dagster_project.load.reading.record_fields import (
    OTHER_QUOTES,
    FieldSigns,
    is_quoted_throughout,
)

# A record under way is given up as broken quoting when it grows beyond this many characters.
MAX_RECORD = 1 << 20


@dataclass(frozen=True)
class Record:
    """``cells`` by column position, or by name for JSON; None together with a ``reason``."""

    line: int
    cells: Any
    original: str
    reason: str | None = None
    message: str | None = None


def csv_records(
    path: Path, compression: str | None, dialect: CsvDialect, comment: str | None
) -> Iterator[Record]:
    """Every record after the header of a delimited text file, in file order.

    A field that starts with a quote must end with one; a line that breaks this rule is a record
    of its own, so that one lost quote cannot swallow the rest of the file.
    """
    width = len(dialect.header)
    for line, text in record_texts(path, compression, dialect):
        if line <= dialect.header_line:
            continue
        bare = text.rstrip("\r\n")
        if not bare.strip() or (comment and bare.startswith(comment)):
            continue
        yield _csv_record(line, bare, dialect.signs, width)


def _csv_record(line: int, text: str, signs: FieldSigns, width: int) -> Record:
    if BAD_BYTE in text:
        return Record(
            line, None, text, "undecodable", "The record has bytes that are no text in UTF-8."
        )
    cells = signs.split(text)
    if signs.is_standard and text.startswith(OTHER_QUOTES):
        quote = text[0]
        others = FieldSigns(signs.delimiter, quote).split(text)
        # An apostrophe may be a text of its own: of two readings the one that has the width.
        if (
            others is not None
            and len(others) == width
            and is_quoted_throughout(text, signs.delimiter, quote)
        ):
            cells = others
    if cells is None:
        return Record(
            line,
            None,
            text,
            "broken_quotes",
            "A quoted field is not closed, or text follows its closing quote.",
        )
    if len(cells) != width:
        return Record(
            line,
            None,
            text,
            "field_count",
            f"Expected {width} fields as in the header, found {len(cells)}.",
        )
    return Record(line, cells, text)


def text_encoding(
    path: Path, compression: str | None, encoding: str, region: str | None
) -> Guess | None:
    """None where ``encoding`` is right; the likeliest one where the bytes are not the UTF-8 that
    they were taken for.

    A file of valid sequences of several bytes is UTF-8 with damaged records; one with few or none
    was written in another encoding.
    """
    if encoding not in UTF8:
        return None
    odd = bytearray()
    decoder = codecs.getincrementaldecoder("utf-8")(errors=MARKING)
    wide = bad = 0
    for data in read_chunks(path, compression):
        more_wide, more_bad = wide_and_bad(decoder.decode(data))
        wide, bad = wide + more_wide, bad + more_bad
        if len(odd) < 1 << 18:
            for line in data.split(b"\n"):
                if not line.isascii():
                    odd += line + b"\n"
    return None if is_utf8(wide, bad) else detect_encoding(bytes(odd), region)


def record_texts(
    path: Path, compression: str | None, dialect: CsvDialect, errors: str = MARKING
) -> Iterator[tuple[int, str]]:
    """(line, text with its line end) of each record, blank lines and the header included.

    ``errors``: how bytes that are no text come out, as codecs name it.
    """
    for line, text, is_plain in record_blocks(path, compression, dialect, errors):
        if is_plain:
            lines = text.split("\n")
            yield from ((line + at, f"{one}\n") for at, one in enumerate(lines[:-1]))
        else:
            yield line, text


def record_blocks(
    path: Path, compression: str | None, dialect: CsvDialect, errors: str = MARKING
) -> Iterator[tuple[int, str, bool]]:
    """(line, text, whether it is plain): a record, or many of which each is one line, as a whole.

    Plain are most files, and their records need no look at each: 0.12 s for 260,000 orders instead
    of 0.54 s (2026-12-01).
    """
    pattern = dialect.signs.record
    decoder = codecs.getincrementaldecoder(dialect.encoding)(errors=errors)
    chunks = read_chunks(path, compression)
    buffer, position, line, is_last = "", 0, 1, False
    while True:
        match = pattern.match(buffer, position)
        at_end = match is not None and match.end() == len(buffer)
        if not is_last and (match is None or at_end) and len(buffer) - position < MAX_RECORD:
            data = next(chunks, None)
            is_last = data is None
            buffer = buffer[position:] + decoder.decode(data or b"", final=is_last)
            position = _plain_end(buffer, dialect.signs)
            if position:
                yield line, buffer[:position], True
                line += buffer.count("\n", 0, position)
            continue
        if position >= len(buffer):
            return
        if match is None or match.end() == position:
            end = _line_end(buffer, position)
        else:
            end = match.end()
        text = buffer[position:end]
        yield line, text, False
        line += text.count("\n") or text.count("\r")
        position = end


def _plain_end(buffer: str, signs: FieldSigns) -> int:
    """Behind the last line of a text in which nothing is quoted; 0 when something is."""
    if signs.quote in buffer or (signs.escape and signs.escape in buffer):
        return 0
    if "\r" in buffer and buffer.count("\r") != buffer.count("\r\n"):
        return 0
    return buffer.rfind("\n") + 1


def _line_end(buffer: str, position: int) -> int:
    for sign in ("\n", "\r"):
        found = buffer.find(sign, position)
        if found >= 0:
            return found + 1
    return len(buffer)


def json_records(
    path: Path, compression: str | None, explode: Sequence[str] = ()
) -> Iterator[Record]:
    """Every object of a file of JSON lines, or of one JSON array, flattened to dotted names.

    Numbers keep their text. With ``explode`` each item of the lists at those paths is a record,
    with the fields around the lists; an object without items is one record. A line that is no JSON
    object is a record with a reason; an array that breaks off is a DamagedFileError. Records that
    begin on one line get the numbers from it on: a line names one record.
    """
    last = 0
    for line, original, value in _lines_of_json(path, compression):
        last = max(line, last + 1)
        if isinstance(value, _Broken):
            yield Record(last, None, original, "broken_json", "The line is no JSON object.")
            continue
        for number, item in enumerate(_exploded(value, explode)):
            last += number > 0
            own = original if item is value else json.dumps(item, ensure_ascii=False)
            yield Record(last, _flat(item), own)


class _Broken:
    """Marks text that is no JSON object."""


def _lines_of_json(path: Path, compression: str | None) -> Iterator[tuple[int, str, Any]]:
    decoder = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)
    chunks = read_chunks(path, compression)
    first = next(chunks, b"")
    encoding = "utf-16" if first[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    reader = codecs.getincrementaldecoder(encoding)(errors=MARKING)
    start = reader.decode(first)
    opening = start.lstrip()[:1]
    first_line = start.lstrip().split("\n", 1)[0]
    if opening == "[" or (opening == "{" and isinstance(_object(first_line, decoder), _Broken)):
        text = "".join([start, *(reader.decode(data) for data in chunks)])
        if opening == "[" or _is_document(text, decoder):
            yield from _values(text, text.index("[") + 1 if opening == "[" else 0, decoder)
            return
        start = text
    buffer, line = start, 1
    while True:
        *lines, buffer = buffer.split("\n")
        for text in lines:
            if text.strip():
                yield line, text.strip(), _object(text, decoder)
            line += 1
        data = next(chunks, None)
        if data is None:
            break
        buffer += reader.decode(data)
    if buffer.strip():
        yield line, buffer.strip(), _object(buffer, decoder)


def _object(text: str, decoder: json.JSONDecoder) -> Any:
    try:
        value = decoder.decode(text)
    except (json.JSONDecodeError, RecursionError):
        return _Broken()
    return value if isinstance(value, dict) and BAD_BYTE not in text else _Broken()


def _is_document(text: str, decoder: json.JSONDecoder) -> bool:
    """Whether the text begins with a JSON object that is spread over several lines."""
    try:
        decoder.raw_decode(text, text.index("{"))
    except (json.JSONDecodeError, RecursionError):
        return False
    return True


def _values(text: str, position: int, decoder: json.JSONDecoder) -> Iterator[tuple[int, str, Any]]:
    """The values of an array from behind its bracket, or those of a text one after the other."""
    is_array, line, counted = position > 0, 1, 0
    skip = re.compile(r"[\s,]*")
    while True:
        position = skip.match(text, position).end()  # type: ignore[union-attr]
        at_end = text[position : position + 1] == "]" if is_array else position == len(text)
        if at_end:
            return
        try:
            value, end = decoder.raw_decode(text, position)
        except (json.JSONDecodeError, RecursionError):
            raise DamagedFileError(
                "truncated", "The JSON breaks off or is damaged; send the file again."
            ) from None
        line += text.count("\n", counted, position)
        counted = position
        original = text[position:end]
        yield line, original, value if isinstance(value, dict) else _Broken()
        position = end


def _exploded(value: dict[str, Any], explode: Sequence[str]) -> list[dict[str, Any]]:
    paths = [path.split(".") for path in explode]
    bare = value
    for path in paths:
        bare = _without(bare, path)
    records = [record for path in paths for record in _items(value, bare, path)]
    return records or [value]


def _without(value: dict[str, Any], path: list[str]) -> dict[str, Any]:
    """``value`` without the list at ``path``; a list within a list goes with the outer one."""
    head, *rest = path
    inner = value.get(head)
    if rest and isinstance(inner, dict):
        return {**value, head: _without(inner, rest)}
    if isinstance(inner, list):
        return {name: item for name, item in value.items() if name != head}
    return value


def _items(value: dict[str, Any], around: dict[str, Any], path: list[str]) -> list[dict[str, Any]]:
    """``around`` with each item of the list at ``path`` in ``value`` in the list's place."""
    head, *rest = path
    inner = value.get(head)
    if not rest:
        return [{**around, head: item} for item in inner] if isinstance(inner, list) else []
    if isinstance(inner, dict):
        return [{**around, head: item} for item in _items(inner, around.get(head) or {}, rest)]
    if not isinstance(inner, list):
        return []
    return [
        {**around, head: item}
        for holder in inner
        for item in (_exploded(holder, [".".join(rest)]) if isinstance(holder, dict) else [holder])
    ]


def _flat(value: dict[str, Any], prefix: str = "") -> dict[str, str | None]:
    cells: dict[str, str | None] = {}
    for name, item in value.items():
        if isinstance(item, dict) and item:
            cells.update(_flat(item, f"{prefix}{name}."))
        else:
            cells[prefix + name] = _json_text(item)
    return cells


def _json_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False)
