"""CSV dialect: the encoding of a text file, where its header stands, how its fields are written."""

import codecs
import csv
import re
from collections.abc import Set
from dataclasses import dataclass, replace
from pathlib import Path

from dagster_project.contracts import SourceSettings
from dagster_project.load.reading.code_pages import Guess, guess_code_page
from dagster_project.load.reading.file_content import (
    DELIMITERS,
    DamagedFileError,
    empty_ends,
    read_chunks,
)
from dagster_project.load.reading.header_lines import (
    Header,
    find_header,
    first_fields,
)
from dagster_project.load.reading.record_fields import FieldSigns, signs_of_records

SAMPLE = 256 << 10
RECORDS_LOOKED_AT = 200
UTF8 = ("utf-8", "utf-8-sig")
# Undecodable bytes are marked by this pair, which no text holds by itself.
BAD_BYTE = "\ufffd\ufdd0"
MARKING = "hourglass_mark"
_WIDE = re.compile(r"[^\x00-\x7f\ufeff]")
# What is tried for a file that is neither UTF-8, UTF-16 nor in a code page of one byte per letter;
# others are named in the settings.
WIDE_ENCODINGS = ("shift_jis", "gb18030", "big5", "euc_jp", "euc_kr")
# Share of the letters beyond ASCII that a language must have to be the text's.
FITS = 0.8


@dataclass(frozen=True)
class CsvDialect:
    """``header_line`` is the line (1-based) that the header stands on, the last one of several; 0
    when there is none.

    ``is_engine_readable``: DuckDB's reader and this module agree on such a file without help.
    ``encoding_guess`` says how the encoding was found out, where nothing shows it.
    ``empty_ends`` counts the empty fields at the ends of the lines up to the header.
    """

    encoding: str
    signs: FieldSigns
    header: tuple[str, ...]
    header_line: int
    is_engine_readable: bool
    empty_ends: int = 0
    encoding_guess: Guess | None = None

    @property
    def delimiter(self) -> str:
        return self.signs.delimiter


def sniff(
    path: Path,
    compression: str | None,
    settings: SourceSettings,
    known: Set[str],
    guess: Guess | None = None,
) -> CsvDialect:
    """Look at the first 256 KB of a delimited text file.

    ``known`` are the names by which a header is recognised; ``settings.header`` stands for one
    that the file lacks. Raises
    DamagedFileError when nothing in it can be a header.
    """
    head, is_whole = _head(path, compression)
    if not head.strip(b"\x00\r\n\t \xef\xbb\xbf"):
        raise DamagedFileError("no_header", "The file is empty: it has not even a header.")
    if guess is None and settings.encoding is None:
        guess = head_encoding(head, settings.phone_region)
    encoding = guess.encoding if guess else settings.encoding or "utf-8"
    if guess and guess.is_shown:
        guess = None
    text = _decoded_head(head, encoding, is_whole)
    lines = text.splitlines(keepends=True)
    if not is_whole and len(lines) > 1:
        lines.pop()
    delimiters = (settings.delimiter,) if settings.delimiter else DELIMITERS
    if settings.header:
        found = _named_columns(lines, delimiters, settings)
    else:
        found = find_header(lines, delimiters, known, settings.comment)
    record = "".join(lines[found.first - 1 : found.line]).rstrip("\r\n")
    quote = found.signs.quote
    signs = signs_of_records(
        lines[found.line : found.line + RECORDS_LOOKED_AT],
        found.signs,
        len(found.names),
        is_header_quoted=f"{quote}{found.signs.delimiter}{quote}" in record,
    )
    is_engine_readable = (
        encoding in UTF8
        and settings.comment is None
        and signs.is_standard
        and (bool(settings.header) or _is_plain_header(record, found))
        and not any('"' in line for line in lines[: max(found.first - 1, 0)])
        and _suits_engine(path, text)
    )
    ends = sum(empty_ends(line, signs.delimiter) for line in lines[: found.line])
    return CsvDialect(
        encoding, signs, found.names, found.line, is_engine_readable, ends, encoding_guess=guess
    )


def _is_plain_header(record: str, header: Header) -> bool:
    """Whether the header is one line that reads alike with and without its neighbours."""
    if header.first != header.line:
        return False
    return next(csv.reader([record], delimiter=header.signs.delimiter), []) == list(header.names)


def _mark_bad_bytes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return BAD_BYTE, error.start + 1


codecs.register_error(MARKING, _mark_bad_bytes)


def head_encoding(head: bytes, region: str | None = None) -> Guess:
    """The encoding that a file's beginning shows, by its mark or by what it decodes as; else the
    likeliest one. ``region``: the country of the source."""
    if head.startswith(codecs.BOM_UTF8):
        return Guess.shown("utf-8-sig")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return Guess.shown("utf-16")
    even, odd = head[0:4096:2].count(0), head[1:4096:2].count(0)
    half = max(1, min(len(head), 4096) // 2)
    if odd > half * 0.3 and even < half * 0.1:
        return Guess.shown("utf-16-le")
    if even > half * 0.3 and odd < half * 0.1:
        return Guess.shown("utf-16-be")
    wide, bad = wide_and_bad(codecs.getincrementaldecoder("utf-8")(MARKING).decode(head))
    if is_utf8(wide, bad):
        return Guess.shown("utf-8")
    # Whole lines only: a character of several bytes that is cut in two fits no encoding.
    return detect_encoding(head[: head.rfind(b"\n") + 1] or head, region)


def wide_and_bad(text: str) -> tuple[int, int]:
    """Characters of several bytes, and bytes that are none, in what was decoded by ``MARKING``."""
    bad = text.count(BAD_BYTE)
    return len(_WIDE.findall(text)) - len(BAD_BYTE) * bad, bad


def is_utf8(wide: int, bad: int) -> bool:
    """Whether it is UTF-8, with damaged records at most: in other encodings hardly any two bytes
    happen to be a character of it."""
    return wide > bad or not bad


def detect_encoding(sample: bytes, region: str | None = None) -> Guess:
    """The likeliest encoding of bytes that are not UTF-8; DamagedFileError when none is likely."""
    guess = guess_code_page(sample, region)
    if guess and guess.fit >= FITS:
        return guess
    from charset_normalizer import from_bytes

    best = from_bytes(sample, cp_isolation=list(WIDE_ENCODINGS)).best()
    if best is not None:
        return Guess(best.encoding.replace("_", "-"), best.language, 1 - best.chaos, 1.0)
    if guess is None:
        raise DamagedFileError(
            "undecodable",
            "The file is no text in a known encoding. Deliver it as UTF-8, or name its encoding "
            "in the source's settings.",
        )
    return replace(guess, confidence=min(guess.confidence, guess.fit))


def _head(path: Path, compression: str | None) -> tuple[bytes, bool]:
    parts: list[bytes] = []
    size = 0
    for data in read_chunks(path, compression):
        parts.append(data)
        size += len(data)
        if size > SAMPLE:
            return b"".join(parts)[:SAMPLE], False
    return b"".join(parts), True


def _decoded_head(head: bytes, encoding: str, is_whole: bool) -> str:
    try:
        decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    except LookupError:
        raise DamagedFileError(
            "undecodable", f"No encoding is called {encoding!r}; correct the source's settings."
        ) from None
    return decoder.decode(head, final=is_whole)


def _suits_engine(path: Path, text: str) -> bool:
    has_lone_returns = "\r" in text.replace("\r\n", "")
    return not has_lone_returns and not any(character in str(path) for character in "*?[]{}")


def _named_columns(
    lines: list[str], delimiters: tuple[str, ...], settings: SourceSettings
) -> Header:
    """The header of a file without a header line, by its first record's fields.

    The delimiter is the one that gives the most fields. Names beyond the first record's fields
    are left off, fields beyond the names are called ``column_<position>``.
    """
    filled = (
        start
        for start, line in enumerate(lines)
        if line.strip() and not (settings.comment and line.startswith(settings.comment))
    )
    start = next(filled, None)
    if start is None:
        raise DamagedFileError("no_header", "The file has no record.")
    widths = [
        (len(first_fields(lines, start, FieldSigns(delimiter))), delimiter)
        for delimiter in delimiters
    ]
    width, delimiter = max(widths, key=lambda found: found[0])
    more = tuple(f"column_{position + 1}" for position in range(len(settings.header), width))
    return Header(0, 0, FieldSigns(delimiter), settings.header[:width] + more)
