"""Looks for identifiers in every file of a data directory, without the product's own patterns.

Bytes as they lie there, bytes inside gzip, zstd and zip, and every text in Parquet, DuckDB and
SQLite files, whose pages may be compressed. UTF-16 is found by leaving out the zero bytes.
"""

import hashlib
import io
import os
import re
import sqlite3
import subprocess
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import duckdb
import zstandard


def forms(identifiers: Iterable[str]) -> set[bytes]:
    """The identifiers in lower case, and what their hashes without a salt look like."""
    found = set()
    for text in identifiers:
        for form in {text, text.lower(), text.upper(), text.lstrip("+")}:
            found.add(form.lower().encode())
            for name in ("md5", "sha1", "sha256"):
                found.add(hashlib.new(name, form.encode()).hexdigest().encode())
    return found


def search(folder: Path, identifiers: Iterable[str]) -> list[str]:
    """Where an identifier stands: ``path: identifier``. Empty when nowhere."""
    found = []
    with tempfile.NamedTemporaryFile() as needles:
        needles.write(b"\n".join(sorted(forms(identifiers))) + b"\n")
        needles.flush()
        for path in sorted(folder.rglob("*")):
            if path.is_symlink() or not path.is_file():
                continue
            for where, data in contents(path):
                low = data.lower()
                there = hits(needles.name, low)
                if b"\0" in low:
                    there |= hits(needles.name, low.replace(b"\0", b""))
                found += [f"{where}: {text}" for text in sorted(there)]
    return found


def hits(needles: str, data: bytes) -> set[str]:
    """Which lines of the file ``needles`` are in ``data``: one pass, however many there are."""
    result = subprocess.run(
        ["grep", "-a", "-o", "-F", "-f", needles],
        input=data,
        capture_output=True,
        env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
        check=False,
    )
    assert result.returncode in (0, 1), result.stderr
    return {line.decode() for line in result.stdout.splitlines()}


def contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every reading of a file: (where, bytes)."""
    data = path.read_bytes()
    yield str(path), data
    yield from unpacked(str(path), data)
    if path.suffix == ".duckdb":
        yield from database_texts(path)
    elif path.suffix == ".parquet" and data.endswith(b"PAR1"):
        with duckdb.connect() as con, suppress(duckdb.Error):
            pattern = re.sub(r"([*?[])", r"[\1]", str(path))
            yield str(path), texts(con, f"read_parquet('{pattern}')")
    elif data.startswith(b"SQLite format 3\0"):
        with sqlite3.connect(path) as con:
            yield str(path), "\n".join(con.iterdump()).encode("utf-8", "replace")


def unpacked(where: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """What is inside an archive; of a damaged one what can be unpacked."""
    if data.startswith(b"\x1f\x8b"):
        yield f"{where} (gzip)", in_pieces(zlib.decompressobj(31).decompress, data)
    elif data.startswith(b"\x28\xb5\x2f\xfd"):
        reader = zstandard.ZstdDecompressor().decompressobj(read_across_frames=True)
        yield f"{where} (zstd)", in_pieces(reader.decompress, data)
    elif data.startswith(b"PK"):
        try:
            archive = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, NotImplementedError, ValueError):
            return
        with archive:
            for info in archive.infolist():
                try:
                    inner = archive.read(info)
                except Exception:  # noqa: BLE001 - of damaged bytes anything comes
                    continue
                yield f"{where}!{info.filename}", inner
                yield from unpacked(f"{where}!{info.filename}", inner)


def in_pieces(unpack: Callable[[bytes], bytes], data: bytes) -> bytes:
    """What came before the damage."""
    found = bytearray()
    with suppress(zlib.error, zstandard.ZstdError):
        for start in range(0, len(data), 64):
            found += unpack(data[start : start + 64])
    return bytes(found)


def database_texts(path: Path) -> Iterator[tuple[str, bytes]]:
    with duckdb.connect(str(path), read_only=True) as con:
        for schema, table in con.execute(
            "SELECT schema_name, table_name FROM duckdb_tables()"
        ).fetchall():
            yield f"{path} {schema}.{table}", texts(con, f'"{schema}"."{table}"')


def texts(con: duckdb.DuckDBPyConnection, relation: str) -> bytes:
    """Every distinct text of a relation's columns; numbers and times name nobody."""
    columns = con.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    parts = [
        f'SELECT DISTINCT CAST("{name}" AS VARCHAR) AS v FROM {relation}'
        for name, kind, *_ in columns
        if kind == "VARCHAR" or "[" in kind or "STRUCT" in kind
    ]
    if not parts:
        return b""
    row = con.execute(
        f"SELECT string_agg(v, chr(10)) FROM ({' UNION ALL '.join(parts)})"
    ).fetchone()
    return ((row[0] if row else None) or "").encode()
