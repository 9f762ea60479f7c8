"""CSV dialect: the encoding and delimiter of a text file, and where its header stands."""

import codecs
import csv
from collections import Counter
from collections.abc import Set
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from dagster_project.contracts import SourceSettings
from dagster_project.load.reading.code_pages import Guess, guess_code_page
from dagster_project.load.reading.file_content import (
    DELIMITERS,
    DamagedFileError,
    empty_ends,
    read_chunks,
)
from dagster_project.load.reading.header_matching import normalised

SAMPLE = 256 << 10
HEADER_WITHIN = 30
# A field that still holds one of these was split by the wrong delimiter.
_SIGNS = frozenset('"') | frozenset(DELIMITERS)
UTF8 = ("utf-8", "utf-8-sig")
# What is tried for a file that is neither UTF-8, UTF-16 nor in a code page of one byte per letter;
# others are named in the settings.
WIDE_ENCODINGS = ("shift_jis", "gb18030", "big5", "euc_jp", "euc_kr")
# Share of the letters beyond ASCII that a language must have to be the text's.
FITS = 0.8


@dataclass(frozen=True)
class CsvDialect:
    """``header_line`` is the line (1-based) that the header starts on; 0 when there is none.

    ``is_engine_readable``: DuckDB's reader and this module agree on such a file without help.
    ``encoding_guess`` says how the encoding was found out, where nothing shows it.
    ``empty_ends`` counts the empty fields at the ends of the lines up to the header.
    """

    encoding: str
    delimiter: str
    header: tuple[str, ...]
    header_line: int
    is_engine_readable: bool
    empty_ends: int = 0
    encoding_guess: Guess | None = None


def sniff(
    path: Path,
    compression: str | None,
    settings: SourceSettings,
    known: Set[str],
    guess: Guess | None = None,
) -> CsvDialect:
    """Look at the first 256 KB of a delimited text file.

    The header is the line, among the first 30, that names the most ``known`` columns under any
    delimiter; when no line names one, the first line of the commonest width. ``settings.header``
    stands for a header that the file lacks. Raises
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
        delimiter, header = _named_columns(lines, delimiters, settings)
        is_engine_readable = (
            encoding in UTF8 and settings.comment is None and _suits_engine(path, text)
        )
        return CsvDialect(encoding, delimiter, header, 0, is_engine_readable, encoding_guess=guess)
    start, delimiter, header = _find_header(lines, delimiters, known, settings.comment)
    record = "".join(lines[start : start + 1]).rstrip("\r\n")
    is_engine_readable = (
        encoding in UTF8
        and settings.comment is None
        and next(csv.reader([record], delimiter=delimiter), []) == list(header)
        and not any('"' in line for line in lines[:start])
        and _suits_engine(path, text)
    )
    ends = sum(empty_ends(line, delimiter) for line in lines[: start + 1])
    return CsvDialect(
        encoding, delimiter, tuple(header), start + 1, is_engine_readable, ends, guess
    )


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
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        # Whole lines only: a character of several bytes that is cut in two fits no encoding.
        return detect_encoding(head[: head.rfind(b"\n") + 1] or head, region)
    return Guess.shown("utf-8")


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
) -> tuple[str, tuple[str, ...]]:
    """(delimiter, header) of a file without a header line, by its first record's fields.

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
    widths = [(len(_fields(lines, start, delimiter)), delimiter) for delimiter in delimiters]
    width, delimiter = max(widths, key=lambda found: found[0])
    more = tuple(f"column_{position + 1}" for position in range(len(settings.header), width))
    return delimiter, settings.header[:width] + more


def _find_header(
    lines: list[str], delimiters: tuple[str, ...], known: Set[str], comment: str | None
) -> tuple[int, str, list[str]]:
    best: tuple[int, int, int, str, list[str]] | None = None
    for start in range(min(HEADER_WITHIN, len(lines))):
        if comment and lines[start].startswith(comment):
            continue
        for delimiter in delimiters:
            fields = _fields(lines, start, delimiter)
            score = len({normalised(name) for name in fields if not _SIGNS & set(name)} & known)
            candidate = (score, -start, len(fields), delimiter, fields)
            if score and (best is None or candidate[:3] > best[:3]):
                best = candidate
    if best:
        return -best[1], best[3], best[4]
    return _widest(lines, delimiters, comment)


def _widest(
    lines: list[str], delimiters: tuple[str, ...], comment: str | None
) -> tuple[int, str, list[str]]:
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
    for start, line in enumerate(lines):
        fields = _fields(lines, start, delimiter)
        is_comment = line.startswith(comment or "#") and len(fields) < width
        if line.strip() and not is_comment and len(fields) >= width:
            return start, delimiter, fields
    raise DamagedFileError("no_header", "The file has no line that can be a header.")


def _fields(lines: list[str], start: int, delimiter: str) -> list[str]:
    return next(_rows(lines[start : start + 20], delimiter), [])


def _rows(lines: list[str], delimiter: str):  # noqa: ANN202
    reader = csv.reader(lines, delimiter=delimiter)
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield []
