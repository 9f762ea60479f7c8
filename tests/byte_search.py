"""Looks for identifiers in every file of a data directory, without the product's own patterns.

Bytes as they lie there, bytes inside gzip, zstd and zip, and every text in Parquet, DuckDB and
SQLite files, whose pages may be compressed. UTF-16 is found by leaving out the zero bytes.
"""

import gzip
import hashlib
import io
import sqlite3
import zipfile
from collections.abc import Iterable, Iterator
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
    needles = forms(identifiers)
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        for where, data in contents(path):
            low = data.lower()
            plain = low.replace(b"\0", b"")
            found += [
                f"{where}: {needle.decode()}"
                for needle in needles
                if needle in low or needle in plain
            ]
    return found


def contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every reading of a file: (where, bytes)."""
    data = path.read_bytes()
    yield str(path), data
    yield from unpacked(str(path), data)
    if path.suffix == ".duckdb":
        yield from database_texts(path)
    elif path.suffix == ".parquet":
        with duckdb.connect() as con:
            yield str(path), texts(con, f"read_parquet('{path}')")
    elif data.startswith(b"SQLite format 3\0"):
        with sqlite3.connect(path) as con:
            yield str(path), "\n".join(con.iterdump()).encode("utf-8", "replace")


def unpacked(where: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    if data.startswith(b"\x1f\x8b"):
        yield f"{where} (gzip)", gzip.decompress(data)
    elif data.startswith(b"\x28\xb5\x2f\xfd"):
        reader = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data))
        yield f"{where} (zstd)", reader.read()
    elif data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                inner = archive.read(name)
                yield f"{where}!{name}", inner
                yield from unpacked(f"{where}!{name}", inner)


def database_texts(path: Path) -> Iterator[tuple[str, bytes]]:
    with duckdb.connect(str(path), read_only=True) as con:
        for schema, table in con.execute(
            "SELECT schema_name, table_name FROM duckdb_tables()"
        ).fetchall():
            yield f"{path} {schema}.{table}", texts(con, f'"{schema}"."{table}"')


def texts(con: duckdb.DuckDBPyConnection, relation: str) -> bytes:
    """Every cell of a relation, as text."""
    rows = con.execute(
        f"SELECT string_agg(CAST(t AS VARCHAR), chr(10)) FROM {relation} AS t"
    ).fetchone()
    return ((rows[0] if rows else None) or "").encode()
