"""CSV dialect: the encoding and delimiter of a text file, and where its header stands."""

import codecs
import csv
from collections import Counter
from collections.abc import Set
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from dagster_project.contracts import SourceSettings
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
# What is tried for a file that is neither UTF-8 nor UTF-16; others are named in the settings.
ENCODINGS = (
    "cp1251",
    "cp1252",
    "latin_1",
    "shift_jis",
    "cp1250",
    "koi8_r",
    "gb18030",
    "big5",
    "euc_kr",
)


@dataclass(frozen=True)
class CsvDialect:
    """``header_line`` is the line (1-based) that the header starts on; 0 when there is none.

    ``is_engine_readable``: DuckDB's reader and this module agree on such a file without help.
    ``empty_ends`` counts the empty fields at the ends of the lines up to the header.
    """

    encoding: str
    delimiter: str
    header: tuple[str, ...]
    header_line: int
    is_engine_readable: bool
    empty_ends: int = 0


def sniff(
    path: Path,
    compression: str | None,
    settings: SourceSettings,
    known: Set[str],
    encoding: str | None = None,
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
    encoding = encoding or settings.encoding or head_encoding(head)
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
        return CsvDialect(encoding, delimiter, header, 0, is_engine_readable)
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
    return CsvDialect(encoding, delimiter, tuple(header), start + 1, is_engine_readable, ends)


def head_encoding(head: bytes) -> str:
    """The encoding that a file's beginning shows: by its mark, or by what it decodes as."""
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    even, odd = head[0:4096:2].count(0), head[1:4096:2].count(0)
    half = max(1, min(len(head), 4096) // 2)
    if odd > half * 0.3 and even < half * 0.1:
        return "utf-16-le"
    if even > half * 0.3 and odd < half * 0.1:
        return "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        # Whole lines only: a character of several bytes that is cut in two fits no encoding.
        return detect_encoding(head[: head.rfind(b"\n") + 1] or head)
    return "utf-8"


def detect_encoding(sample: bytes) -> str:
    """The likeliest encoding of bytes that are not UTF-8; DamagedFileError when none is likely."""
    from charset_normalizer import from_bytes

    matches = from_bytes(sample, cp_isolation=list(ENCODINGS))
    best = matches.best()
    if best is None:
        raise DamagedFileError(
            "undecodable",
            "The file is no text in a known encoding. Deliver it as UTF-8, or name its encoding "
            "in the source's settings.",
        )
    # Western and Central European code pages differ in few letters; the western is the commoner.
    western = next((match for match in matches if match.encoding == "cp1252"), None)
    if best.encoding == "cp1250" and western and western.chaos <= best.chaos + 0.05:
        return "cp1252"
    return best.encoding.replace("_", "-")


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
