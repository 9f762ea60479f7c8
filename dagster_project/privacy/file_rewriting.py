"""A delivered file without some of its records: rewritten by copying, every other record as it was.

Text files keep the line of every record that stays (a blank line takes the place of one that
goes), so that what the ledger says of lines goes on being true; rows of Parquet move up. Nothing
here knows who is erased: lines, a test for further records and patterns come from the caller.
"""

import codecs
import gzip
import io
import json
import zipfile
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import zstandard

from dagster_project.load.landing.discovery import Delivery
from dagster_project.load.reading.csv_dialect import MARKING, sniff
from dagster_project.load.reading.file_content import read_chunks
from dagster_project.load.reading.header_matching import known_names
from dagster_project.load.reading.parquet_files import check_parquet, path_literal
from dagster_project.load.reading.record_parsing import (
    Record,
    json_records,
    record_blocks,
    text_encoding,
)
from dagster_project.load.reading.workbooks import read_workbook
from dagster_project.load.validation.load_targets import Target
from dagster_project.privacy.rows import redacted_sql, use_patterns
from dagster_project.privacy.search import Patterns
from dagster_project.warehouse import connect_file, identifier, quoted

BATCH = 20_000

# A record's cells by the name of their column.
Cells = dict[str, str]

_WIDE = ("utf-16", "utf-32")


@dataclass(frozen=True)
class Removal:
    """What goes: records on ``lines``, those whose cells ``is_gone`` says so of, texts that fit."""

    lines: Set[int]
    patterns: Patterns
    # Asked of records that fed no table, by line and cells.
    is_gone: Callable[[int, Cells], bool] | None = None

    def takes(self, line: int, cells: Callable[[], Cells]) -> bool:
        if line in self.lines:
            return True
        return self.is_gone is not None and self.is_gone(line, cells())


@dataclass
class Rewritten:
    """What became of a file: records that stay, lines that went, records with texts replaced."""

    kept: int = 0
    gone: list[int] = field(default_factory=list)
    redacted: int = 0

    @property
    def is_changed(self) -> bool:
        return bool(self.gone or self.redacted)

    @property
    def is_empty(self) -> bool:
        """Whether no record is left."""
        return bool(self.gone) and not self.kept


def rewrite(delivery: Delivery, target: Target, removal: Removal, out: Path) -> Rewritten:
    """Write ``delivery`` without what ``removal`` takes to ``out``, in the same format.

    DamagedFileError when the file cannot be read as a whole.
    """
    if delivery.format == "csv":
        return _csv(delivery, target, removal, out)
    if delivery.format == "json":
        return _json(delivery, target, removal, out)
    if delivery.format == "parquet":
        return _parquet(delivery.path, removal, out)
    if delivery.format == "xlsx":
        return _sheet(delivery, target, removal, out)
    return _opaque(delivery, removal, out)


def _csv(delivery: Delivery, target: Target, removal: Removal, out: Path) -> Rewritten:
    known = known_names(target.fields)
    dialect = sniff(delivery.path, delivery.compression, target.settings, known)
    if not dialect.is_engine_readable:
        path, compression, settings = delivery.path, delivery.compression, target.settings
        guess = text_encoding(path, compression, dialect.encoding, settings.phone_region)
        if guess is not None:
            dialect = sniff(path, compression, settings, known, guess)
    result = Rewritten()
    # Bytes that are no text stay; in UTF-16 they cannot, and come out as the mark of them.
    errors = MARKING if dialect.encoding.startswith(_WIDE) else "surrogateescape"
    encoder = codecs.getincrementalencoder(dialect.encoding)(errors=errors)
    comment = target.settings.comment
    blocks = record_blocks(delivery.path, delivery.compression, dialect, errors=errors)
    numbers = sorted(removal.lines)

    def cells(text: str) -> Cells:
        found = dialect.signs.split(text.rstrip("\r\n")) or []
        return dict(zip(dialect.header, found, strict=False))

    def is_record(line: int, text: str) -> bool:
        bare = text.rstrip("\r\n")
        is_said = bare.strip() and not (comment and bare.startswith(comment))
        return line > dialect.header_line and bool(is_said)

    def remaining(line: int, text: str) -> str:
        if not is_record(line, text):
            return text
        if removal.takes(line, lambda: cells(text)):
            result.gone.append(line)
            return "\n" * text.count("\n") or "\r" * text.count("\r")
        result.kept += 1
        return text

    def remaining_lines(first: int, text: str) -> list[str]:
        lines = [f"{one}\n" for one in text.split("\n")[:-1]]
        end = first + len(lines)
        if removal.is_gone is not None:
            return [remaining(first + at, one) for at, one in enumerate(lines)]
        asked = numbers[bisect_left(numbers, first) : bisect_left(numbers, end)]
        result.kept += sum(is_record(first + at, one) for at, one in enumerate(lines))
        for line in asked:
            result.kept -= is_record(line, lines[line - first])
            lines[line - first] = remaining(line, lines[line - first])
        return lines

    def texts() -> Iterator[str]:
        records: list[str] = []
        for line, text, is_plain in blocks:
            more = remaining_lines(line, text) if is_plain else [remaining(line, text)]
            # Mostly nobody is in them: one look for all.
            if is_plain and not removal.patterns.can_be_in(whole := "".join(more)):
                yield "".join(_redacted(records, removal.patterns, result))
                yield whole
                records = []
                continue
            records += more
            if len(records) >= BATCH:
                yield "".join(_redacted(records, removal.patterns, result))
                records = []
        yield "".join(_redacted(records, removal.patterns, result))

    with _compressed(out, delivery.compression) as file:
        for text in texts():
            file.write(encoder.encode(text))
        file.write(encoder.encode("", final=True))
    return result


def _redacted(texts: Iterable[str], patterns: Patterns, result: Rewritten) -> Iterator[str]:
    """The texts with identifiers replaced in those that hold one; most hold none."""
    import pyarrow as pa

    source = iter(texts)
    while batch := list(islice(source, BATCH)):
        if patterns.is_empty:
            yield from batch
            continue
        array = pa.array([text.encode("utf-8", "replace").decode() for text in batch])
        for number in patterns.rows_in(array).tolist():
            changed = patterns.redacted(batch[number])
            result.redacted += changed != batch[number]
            batch[number] = changed
        yield from batch


def _json(delivery: Delivery, target: Target, removal: Removal, out: Path) -> Rewritten:
    """Every record becomes one object on the line that is its number, whatever it was before.

    An item of an exploded list is an object of its own then, with the fields around the list: the
    loader reads the same cells from it.
    """
    result = Rewritten()
    kept: list[int] = []
    objects: list[str] = []
    for record in json_records(delivery.path, delivery.compression, target.explode):
        if removal.takes(record.line, lambda r=record: _named(r)):  # type: ignore[misc]
            result.gone.append(record.line)
        else:
            kept.append(record.line)
            objects.append(record.original)
    result.kept = len(kept)
    lines: list[str] = []
    for number, text in zip(kept, _redacted(objects, removal.patterns, result), strict=True):
        lines += [""] * (number - 1 - len(lines))
        lines.append(text if "\n" not in text else _one_line(text))
    with _compressed(out, delivery.compression) as file:
        file.write("\n".join(lines).encode("utf-8", "surrogatepass") + b"\n" * bool(lines))
    return result


def _one_line(text: str) -> str:
    try:
        # Numbers keep their digits, as texts: the loader reads both alike.
        value = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
        return json.dumps(value, ensure_ascii=False)
    except json.JSONDecodeError:
        return text.replace("\n", " ")


def _named(record: Record, header: Sequence[str] = ()) -> Cells:
    cells = record.cells or {}
    pairs = cells.items() if isinstance(cells, dict) else zip(header, cells, strict=False)
    return {name: str(value) for name, value in pairs if value is not None}


def _parquet(path: Path, removal: Removal, out: Path) -> Rewritten:
    """Rows are numbered, so those behind a removed one move up."""
    with connect_file(":memory:", allowed_dirs=(path.parent, out.parent), keep_order=True) as con:
        check_parquet(con, path)
        use_patterns(con, removal.patterns)
        source = f"read_parquet({path_literal(path)}, file_row_number = true)"
        described = con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        columns = [(name, kind) for name, kind, *_ in described if name != "file_row_number"]
        gone = set(removal.lines)
        if removal.is_gone is not None:
            texts = ", ".join(f"CAST({identifier(name)} AS VARCHAR)" for name, _ in columns)
            rows = con.execute(f"SELECT file_row_number + 1, {texts} FROM {source}").fetchall()
            gone |= {
                line
                for line, *cells in rows
                if removal.is_gone(
                    line,
                    {
                        name: cell
                        for (name, _), cell in zip(columns, cells, strict=True)
                        if cell is not None
                    },
                )
            }
        con.execute("CREATE TABLE gone AS SELECT unnest($1::BIGINT[]) AS line", [sorted(gone)])
        changed, selected = [], []
        for name, kind in columns:
            column = identifier(name)
            if kind == "VARCHAR" and not removal.patterns.is_empty:
                new = redacted_sql(column)
                selected.append(f"{new} AS {column}")
                changed.append(f"{new} IS DISTINCT FROM {column}")
            else:
                selected.append(column)
        stays = f"FROM {source} WHERE file_row_number + 1 NOT IN (SELECT line FROM gone)"
        kept = _count(con, f"SELECT count(*) {stays}")
        redacted = _count(con, f"SELECT count(*) {stays} AND ({' OR '.join(changed) or 'false'})")
        found = [
            row[0]
            for row in con.execute(
                f"SELECT file_row_number + 1 FROM {source} "
                "WHERE file_row_number + 1 IN (SELECT line FROM gone) ORDER BY 1"
            ).fetchall()
        ]
        con.execute(
            f"COPY (SELECT {', '.join(selected)} {stays} ORDER BY file_row_number) "
            f"TO {quoted(str(out))} (FORMAT parquet, COMPRESSION zstd)"
        )
    return Rewritten(kept, found, redacted)


def _count(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    return row[0] if row else 0


def _sheet(delivery: Delivery, target: Target, removal: Removal, out: Path) -> Rewritten:
    """The sheet that is read, as text cells on their rows; other sheets are left out."""
    table = target.table.name if target.table else ""
    book = read_workbook(delivery.path, known_names(target.fields), table)
    header, records = book.header, list(book.records)
    result = Rewritten()
    first = min((record.line for record in records), default=2) - 1
    rows: dict[int, list[str]] = {max(1, first): list(header)}
    stays = []
    for record in records:
        if removal.takes(record.line, lambda r=record: _named(r, header)):  # type: ignore[misc]
            result.gone.append(record.line)
        else:
            stays.append(record)
    result.kept = len(stays)
    for record in stays:
        rows[record.line] = [
            "" if cell is None else next(_redacted([str(cell)], removal.patterns, result))
            for cell in record.cells
        ]
    write_sheet(rows, out)
    return result


def write_sheet(rows: dict[int, list[str]], out: Path) -> None:
    """A workbook of one sheet (Office Open XML) with text cells; ``rows`` by number, from 1."""
    from xml.sax.saxutils import escape

    body = io.StringIO()
    for number in sorted(rows):
        cells = "".join(
            f'<c r="{_column(at)}{number}" t="inlineStr"><is><t xml:space="preserve">'
            f"{escape(cell)}</t></is></c>"
            for at, cell in enumerate(rows[number])
            if cell != ""
        )
        body.write(f'<row r="{number}">{cells}</row>')
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        '<Override PartName="/xl/worksheets/sheet1.xml" '
        f'ContentType="{kind}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="r1" Type="{office}/officeDocument" Target="xl/workbook.xml"/>'
        "</Relationships>",
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="Sheet1" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="r1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/>'
        "</Relationships>",
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>'
        f"{body.getvalue()}</sheetData></worksheet>",
    }
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            declared = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>' + text
            archive.writestr(zipfile.ZipInfo(name), declared, zipfile.ZIP_DEFLATED)


def _column(number: int) -> str:
    name = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(65 + rest) + name
    return name


def _opaque(delivery: Delivery, removal: Removal, out: Path) -> Rewritten:
    """A file that nobody reads as records: its text with the identifiers replaced."""
    result = Rewritten()
    data = b"".join(read_chunks(delivery.path, delivery.compression))
    text = data.decode("utf-8", "surrogateescape")
    lines = "".join(_redacted(text.splitlines(keepends=True), removal.patterns, result))
    with _compressed(out, delivery.compression) as file:
        file.write(lines.encode("utf-8", "surrogateescape"))
    return result


@contextmanager
def _compressed(path: Path, compression: str | None) -> Iterator[BinaryIO | Any]:
    """A binary file that compresses what is written; the same content gives the same bytes."""
    with path.open("wb") as raw:
        if compression == "gzip":
            # Level 9 takes five times as long for 7 % less (2026-12-01).
            with gzip.GzipFile("", "wb", compresslevel=4, fileobj=raw, mtime=0) as file:
                yield file
        elif compression == "zstd":
            with zstandard.ZstdCompressor().stream_writer(raw, closefd=False) as file:
                yield file
        else:
            yield raw
