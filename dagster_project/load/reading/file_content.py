"""File content: a file's bytes, their hash, whether they are whole, the line of each record."""

import gzip
import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
import zstandard

CHUNK = 1 << 20
_LINE_FEED, _RETURN, _QUOTE = 10, 13, 34
# Signs between fields that are looked for.
DELIMITERS = (",", ";", "\t", "|")
# Enough for the empty fields at the end of any line that is a record.
_LOOK_BACK = 4096
LARGE_ARCHIVE = 8 << 20
# A block of zstd can hold 128 KB in 4 bytes: 32 MB at most in what is unpacked at a time.
_ZSTD_READ = 1024
# A table of text seldom shrinks more than 100-fold; a bomb shrinks 1,000-fold and more.
MAX_RATIO = 300
MAX_RATIO_FROM_BYTES = 256 << 20
MAX_BYTES = 1 << 40


class DamagedFileError(Exception):
    """A file that cannot be read as a whole: ``reason`` is a code, ``message`` a sentence.

    ``column`` names the column at fault, where one is.
    """

    def __init__(self, reason: str, message: str, column: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.column = column

    def __reduce__(self) -> tuple[type, tuple[str, str, str | None]]:
        # An exception is otherwise made again from its message alone when it comes from a worker.
        return type(self), (self.reason, self.message, self.column)


@dataclass(frozen=True)
class LineCount:
    """Lines of a text file, ended by line feeds (an unended last one counts too).

    ``empty_ends`` counts, by delimiter, the empty fields at the ends of all lines, written as
    nothing or as two quotes.
    """

    lines: int
    empty_ends: dict[str, int]


@dataclass(frozen=True)
class FileContent:
    """``file_hash`` is SHA-256 of the bytes as delivered, ``lines`` counts those inside.

    Lines are None for a large archive, which is not unpacked only to be counted.
    """

    file_hash: str
    lines: LineCount | None


class _Hashing:
    """A binary file that hashes what is read from it."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.digest = hashlib.sha256()
        self.count = 0

    def read(self, size: int = -1) -> bytes:
        data = self.file.read(size)
        self.digest.update(data)
        self.count += len(data)
        return data


def read_chunks(path: Path, compression: str | None) -> Iterator[bytes]:
    """The decompressed bytes in order; DamagedFileError when the archive is broken or a bomb."""
    with path.open("rb") as file:
        yield from _decompressed(_Hashing(file), compression)


def hash_file(path: Path, compression: str | None) -> FileContent:
    """Hash a file and, unless it is a large archive, count its lines.

    DamagedFileError when an archive that was unpacked is not whole.
    """
    if compression and path.stat().st_size > LARGE_ARCHIVE:
        with path.open("rb") as file:
            return FileContent(hashlib.file_digest(file, "sha256").hexdigest(), None)
    with path.open("rb") as file:
        source = _Hashing(file)
        lines = _lines(_decompressed(source, compression))
        while source.read(CHUNK):
            pass
    return FileContent(source.digest.hexdigest(), lines)


def count_lines(path: Path, compression: str | None) -> LineCount:
    """Lines of the decompressed bytes; DamagedFileError when the archive is not whole."""
    return _lines(read_chunks(path, compression))


def _lines(chunks: Iterable[bytes]) -> LineCount:
    lines, ends = 0, dict.fromkeys(DELIMITERS, 0)
    carried = b"\n" * _LOOK_BACK
    for data in chunks:
        data = carried + data
        lines += _count_lines(data, ends)
        carried = data[-_LOOK_BACK:]
    if carried[-1:] != b"\n":
        lines += _count_lines(carried + b"\n", ends)
    return LineCount(lines, ends)


def _count_lines(data: bytes, ends: dict[str, int]) -> int:
    """Lines that end behind the first ``_LOOK_BACK`` bytes; adds their empty ends to ``ends``."""
    array = np.frombuffer(data, dtype=np.uint8)
    feeds = np.flatnonzero(array[_LOOK_BACK:] == _LINE_FEED) + _LOOK_BACK
    last = feeds - 1 - (array[feeds - 1] == _RETURN)
    for delimiter in DELIMITERS:
        sign, at = ord(delimiter), last
        while len(at):
            found = array[at]
            is_quoted = (found == _QUOTE) & (array[at - 1] == _QUOTE) & (array[at - 2] == sign)
            ends[delimiter] += int(np.count_nonzero(found == sign))
            at = np.concatenate((at[found == sign] - 1, at[is_quoted] - 2))
            at = at[at >= 2]
    return len(feeds)


def empty_ends(line: str, delimiter: str) -> int:
    """Empty fields at the end of one line of text, as ``LineCount`` counts them."""
    text, count = line.rstrip("\r\n"), 0
    while True:
        if text.endswith(delimiter):
            text, count = text[:-1], count + 1
        elif text.endswith(f'{delimiter}""'):
            text = text[:-2]
        else:
            return count


def texts_of_lines(
    path: Path, compression: str | None, spans: Sequence[tuple[int, int]]
) -> list[str]:
    """The text of each span of lines (first, last; 1-based, ascending by first, not overlapping).

    Chunks without a wanted line are counted and passed over.
    """
    texts: list[str] = []
    parts: list[bytes] = []
    wanted = iter(spans)
    span = next(wanted, None)
    line, rest = 1, b""
    for data in read_chunks(path, compression):
        if span is None:
            return texts
        data = rest + data
        feeds = data.count(b"\n")
        if line + feeds <= span[0] and not parts:
            cut = data.rfind(b"\n") + 1
            line, rest = line + feeds, data[cut:]
            continue
        *lines, rest = data.split(b"\n")
        for text in lines:
            if span and span[0] <= line <= span[1]:
                parts.append(text)
                if line == span[1]:
                    texts.append(_joined(parts))
                    parts, span = [], next(wanted, None)
            line += 1
    if span and span[0] <= line:
        texts.append(_joined([*parts, rest]))
    return texts


def _joined(parts: list[bytes]) -> str:
    return b"\n".join(parts).decode("utf-8-sig", "replace").rstrip("\r\n")


def _decompressed(source: _Hashing, compression: str | None) -> Iterator[bytes]:
    written = 0
    try:
        for data in _unpacked(source, compression):
            written += len(data)
            check_expansion(source.count, written)
            yield data
    except EOFError:
        raise DamagedFileError(
            "truncated",
            "The compressed file ends before its end: it is still being written, or was cut off. "
            "A complete file under the same name is taken up by the next run.",
        ) from None
    except (gzip.BadGzipFile, zlib.error, zstandard.ZstdError):
        raise DamagedFileError(
            "broken_archive", "The compressed file is damaged; send it again."
        ) from None


def check_expansion(packed: int, unpacked: int) -> None:
    """DamagedFileError when a compressed file grows beyond the limits."""
    too_dense = unpacked > MAX_RATIO_FROM_BYTES and unpacked > MAX_RATIO * max(packed, 1)
    if too_dense or unpacked > MAX_BYTES:
        raise DamagedFileError(
            "too_large",
            f"The file grows to more than {unpacked >> 20} MB from {packed >> 20} MB, more than "
            f"{MAX_RATIO} times its size. It is not unpacked further; deliver it uncompressed if "
            "that is right.",
        )


def _unpacked(source: _Hashing, compression: str | None) -> Iterator[bytes]:
    """Pieces of what is in an archive; EOFError when it ends before its end."""
    if compression == "zstd":
        yield from _unpacked_zstd(source)
    elif compression == "gzip":
        with gzip.GzipFile(fileobj=source) as stream:  # type: ignore[arg-type]
            yield from iter(partial(stream.read, CHUNK), b"")
    else:
        yield from iter(partial(source.read, CHUNK), b"")


def _unpacked_zstd(source: _Hashing) -> Iterator[bytes]:
    # zstandard's stream_reader (0.25), and DuckDB's, take half a frame for a whole one.
    decompressor, frame = zstandard.ZstdDecompressor(), None
    pieces: list[bytes] = []
    size = 0
    while packed := source.read(_ZSTD_READ):
        while packed:
            frame = frame or decompressor.decompressobj()
            pieces.append(frame.decompress(packed))
            size += len(pieces[-1])
            packed = frame.unused_data if frame.eof else b""
            frame = None if frame.eof else frame
        if size >= CHUNK:
            yield b"".join(pieces)
            pieces, size = [], 0
    if size:
        yield b"".join(pieces)
    if frame is not None:
        raise EOFError


def record_lines(path: Path, compression: str | None, skip_lines: int) -> np.ndarray:
    """The line (1-based) on which each record of a well-formed CSV starts.

    Lines are those of the file, ended by line feeds. A line feed inside quotes is text of the
    record; quotes are doubled inside quotes, so that their parity tells inside from outside.
    Blank lines are no records. The first ``skip_lines`` lines (up to the header) are left out,
    and so are their quotes: one that is never closed in a header hides no record.
    """
    starts: list[np.ndarray] = []
    line, inside, blank, tail = 1 + skip_lines, 0, True, 1 + skip_lines
    for data in _without_lines(read_chunks(path, compression), skip_lines):
        found, line, inside, blank, tail = _record_starts(data, line, inside, blank, tail)
        starts.append(found)
    if not blank:
        starts.append(np.array([tail], dtype=np.int64))
    return np.concatenate(starts) if starts else np.empty(0, dtype=np.int64)


def _without_lines(chunks: Iterable[bytes], count: int) -> Iterator[bytes]:
    """The bytes behind the first ``count`` lines."""
    for data in chunks:
        while count and data:
            _, feed, data = data.partition(b"\n")
            count -= len(feed)
        if data:
            yield data


def _record_starts(
    data: bytes, line: int, inside: int, blank: bool, start: int
) -> tuple[np.ndarray, int, int, bool, int]:
    """Starts of the records that end within ``data``, and the state at its end.

    ``line`` is the line that the data begins in, ``inside`` whether that is inside quotes,
    ``blank`` whether the record under way has no text yet, ``start`` the line it started on.
    """
    array = np.frombuffer(data, dtype=np.uint8)
    feeds = np.flatnonzero(array == 10)
    quotes = np.flatnonzero(array == 34)
    parity = (np.searchsorted(quotes, feeds) + inside) & 1
    ends = np.flatnonzero(parity == 0)
    positions = feeds[ends]
    first_lines = np.concatenate(([start], line + ends + 1)).astype(np.int64)
    texts = np.flatnonzero((array != 10) & (array != 13))
    before = np.searchsorted(texts, np.concatenate(([0], positions + 1)))
    has_text = np.diff(np.append(before, len(texts))) > 0
    if not blank:
        has_text[0] = True
    return (
        first_lines[:-1][has_text[:-1]],
        line + len(feeds),
        (inside + len(quotes)) & 1,
        not bool(has_text[-1]),
        int(first_lines[-1]),
    )
