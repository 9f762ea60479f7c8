"""Conversion: a file that DuckDB cannot read as it is, written once as Parquet.

The Parquet file has the columns ``c0`` to ``cN`` as text, ``_line``, ``_original`` (the record's
text as delivered) and, for records that could not be taken apart, ``_reason`` and ``_message``.
It lies in the loader's working folder and is removed after the load.
"""

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from dagster_project.contracts import SourceSettings
from dagster_project.load.landing.corrections import Corrected
from dagster_project.load.landing.discovery import Delivery, split_instance
from dagster_project.load.reading.csv_dialect import CsvDialect, sniff
from dagster_project.load.reading.file_content import DamagedFileError
from dagster_project.load.reading.record_parsing import (
    Record,
    csv_records,
    json_records,
    text_encoding,
)
from dagster_project.load.reading.workbooks import read_workbook

BATCH = 20_000


def convert_csv(
    delivery: Delivery,
    dialect: CsvDialect,
    settings: SourceSettings,
    known: Set[str],
    corrected: Corrected,
    out: Path,
) -> CsvDialect:
    """Write a delimited text file's records to ``out``; the dialect that it turned out to have."""
    guess = text_encoding(
        delivery.path, delivery.compression, dialect.encoding, settings.phone_region
    )
    if guess is not None:
        dialect = sniff(delivery.path, delivery.compression, settings, known, guess)
    records = csv_records(delivery.path, delivery.compression, dialect, settings.comment)
    _write(_correct(records, dialect.header, corrected), len(dialect.header), out)
    return replace(dialect, is_engine_readable=False)


def convert_json(
    delivery: Delivery, explode: Sequence[str], corrected: Corrected, out: Path
) -> tuple[str, ...]:
    """Write a JSON file's objects to ``out``; the header is every name that occurs in it.

    The file is read twice, so that a name which first occurs in its last object has its column.
    """
    names: dict[str, None] = {}
    for record in json_records(delivery.path, delivery.compression, explode):
        names.update(dict.fromkeys(record.cells or ()))
    header = tuple(names)
    if not header:
        raise DamagedFileError("no_header", "The file has no JSON object with a name in it.")
    rows = (
        replace(record, cells=[record.cells.get(name) for name in header])
        if record.cells is not None
        else record
        for record in json_records(delivery.path, delivery.compression, explode)
    )
    _write(_correct(rows, header, corrected), len(header), out)
    return header


def convert_sheet(
    delivery: Delivery, known: Set[str], corrected: Corrected, out: Path
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Write a workbook's rows to ``out``; its header, and the names of sheets that do not fit."""
    book = read_workbook(delivery.path, known, split_instance(delivery.target)[0].split(".")[-1])
    _write(_correct(book.records, book.header, corrected), len(book.header), out)
    return book.header, book.skipped


def _correct(
    records: Iterable[Record], header: Sequence[str], corrected: Corrected
) -> Iterator[Record]:
    """The records, with those that a person corrected in place of the delivered ones."""
    for record in records:
        cells = corrected.get(record.line)
        if cells is None:
            yield record
        else:
            yield Record(record.line, [cells.get(name) for name in header], record.original)


def _write(records: Iterable[Record], width: int, out: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [(f"c{position}", pa.string()) for position in range(width)]
        + [
            ("_line", pa.int64()),
            ("_original", pa.string()),
            ("_reason", pa.string()),
            ("_message", pa.string()),
        ]
    )
    with pq.ParquetWriter(out, schema, compression="zstd") as writer:
        for batch in _batches(iter(records)):
            writer.write_batch(pa.record_batch(_columns(batch, width), schema=schema))


def _batches(records: Iterator[Record]) -> Iterator[list[Record]]:
    while batch := list(islice(records, BATCH)):
        yield batch


def _columns(batch: list[Record], width: int) -> list[Any]:
    columns: list[list[Any]] = [[] for _ in range(width + 4)]
    for record in batch:
        cells = record.cells
        texts = [_utf8(cell) for cell in cells] if cells is not None else []
        texts += [None] * (width - len(texts))
        for column, text in zip(columns, texts, strict=False):
            column.append(text)
        meta = (record.line, _utf8(record.original), record.reason, record.message)
        for column, value in zip(columns[width:], meta, strict=True):
            column.append(value)
    return columns


def _utf8(text: str | None) -> str | None:
    """None for the empty text; lone surrogates, which are no text, become question marks."""
    if not text:
        return None
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text
