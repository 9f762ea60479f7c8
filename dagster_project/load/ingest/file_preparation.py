"""File preparation: a delivered file hashed, recognised, converted where it must be."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.load.ingest.batch_staging import ParquetColumn, SourceUnit, write_corrected
from dagster_project.load.landing.corrections import Corrections, correction_of
from dagster_project.load.landing.discovery import FORMATS, Delivery, delivery_date, format_of
from dagster_project.load.reading.conversion import convert_csv, convert_json, convert_sheet
from dagster_project.load.reading.csv_dialect import sniff
from dagster_project.load.reading.file_content import (
    DamagedFileError,
    FileContent,
    check_expansion,
    hash_file,
)
from dagster_project.load.reading.header_matching import known_names, match_header
from dagster_project.load.reading.parquet_files import check_parquet, path_literal
from dagster_project.load.reading.zip_archive import member_chunks, opened_zip
from dagster_project.load.validation.load_targets import Target

_GLOB = frozenset("*?[]{}")


class FilePreparation:
    """Makes units of deliveries; what it writes lies in ``folder`` and goes with it."""

    def __init__(
        self, con: duckdb.DuckDBPyConnection, folder: Path, corrections: Corrections
    ) -> None:
        self.con = con
        self.folder = folder
        self.corrections = corrections
        self._count = 0

    def new_path(self, suffix: str) -> Path:
        """A path in the working folder that nothing uses yet."""
        self._count += 1
        return self.folder / f"{self._count}{suffix}"

    def unit(self, delivery: Delivery, content: FileContent, target: Target) -> SourceUnit:
        """Recognise a file's columns. DamagedFileError when it cannot be read as a whole."""
        known = known_names(target.fields)
        path = delivery.path
        if delivery.format == "csv":
            dialect = sniff(path, delivery.compression, target.settings, known)
            if not dialect.is_engine_readable or correction_of(self.corrections, content.file_hash):
                return self._converted(delivery, content, target)
            header_match = match_header(dialect.header, target.fields, target.one_of)
            return SourceUnit(
                delivery,
                content,
                "csv",
                path,
                dialect.header,
                header_match,
                dialect,
                lines=content.lines,
            )
        if delivery.format == "parquet":
            source = self._readable(path)
            columns = self._parquet_columns(source)
            header = tuple(".".join(path) for path, _ in columns)
            header_match = match_header(header, target.fields, target.one_of)
            unit = SourceUnit(
                delivery, content, "parquet", source, header, header_match, columns=columns
            )
            corrected = correction_of(self.corrections, content.file_hash)
            if not corrected:
                return unit
            out = self.new_path(".parquet")
            write_corrected(self.con, unit, corrected, out)
            return SourceUnit(delivery, content, "converted", out, header, header_match)
        if delivery.format in ("json", "xlsx"):
            return self._converted(delivery, content, target)
        endings = ", ".join(FORMATS)
        raise DamagedFileError(
            "unknown_format",
            f"The file's ending is not known. Known are {endings}, the text formats also with .gz "
            "or .zst.",
        )

    def converted(self, unit: SourceUnit, target: Target) -> SourceUnit:
        """The same file read record by record, after DuckDB's reader did not take it."""
        return self._converted(unit.delivery, unit.content, target)

    def _converted(self, delivery: Delivery, content: FileContent, target: Target) -> SourceUnit:
        out = self.new_path(".parquet")
        corrected = correction_of(self.corrections, content.file_hash)
        known = known_names(target.fields)
        dialect, skipped = None, ()
        if delivery.format == "csv":
            path, compression = delivery.path, delivery.compression
            dialect = sniff(path, compression, target.settings, known)
            # A file without its required columns is not worth converting.
            if dialect.is_engine_readable:
                match_header(dialect.header, target.fields, target.one_of)
            dialect = convert_csv(delivery, dialect, target.settings, known, corrected, out)
            header = dialect.header
        elif delivery.format == "json":
            header = convert_json(delivery, target.explode, corrected, out)
        elif delivery.format == "xlsx":
            header, skipped = convert_sheet(delivery, known, corrected, out)
        else:
            raise DamagedFileError("unreadable", "The file is damaged; send it again.")
        header_match = match_header(header, target.fields, target.one_of)
        return SourceUnit(
            delivery,
            content,
            "converted",
            out,
            header,
            header_match,
            dialect,
            skipped_sheets=skipped,
        )

    def _readable(self, path: Path) -> Path:
        """A path without the characters that DuckDB would take for a pattern."""
        if not _GLOB & set(str(path)):
            return path
        copy = self.new_path(path.suffix)
        shutil.copyfile(path, copy)
        return copy

    def _parquet_columns(self, path: Path) -> tuple[ParquetColumn, ...]:
        check_parquet(self.con, path)
        cursor = self.con.execute(f"SELECT * FROM read_parquet({path_literal(path)}) LIMIT 0")
        return tuple(
            column for name, kind, *_ in cursor.description for column in _fields((name,), kind)
        )

    def members(self, delivery: Delivery) -> Iterator[Delivery]:
        """The files within a zip, unpacked; DamagedFileError when it is broken or a bomb."""
        with opened_zip(delivery.path) as archive:
            for info in archive.infolist():
                name = Path(info.filename).name
                if info.is_dir() or name.startswith((".", "_")):
                    continue
                kind, compression = format_of(name)
                out = self.new_path("".join(Path(name).suffixes[-2:]) if kind else ".unknown")
                written = 0
                with out.open("wb") as copy:
                    for data in member_chunks(archive, info):
                        written += len(data)
                        check_expansion(info.compress_size, written)
                        copy.write(data)
                yield replace(
                    delivery,
                    path=out,
                    name=f"{delivery.name}!{info.filename}",
                    format=kind if kind != "zip" else "",
                    compression=compression,
                    size_bytes=written,
                    delivered_on=delivery_date(name) or delivery.delivered_on,
                )


def _fields(path: tuple[str, ...], kind: Any) -> Iterator[ParquetColumn]:
    """A column, or each field of one that holds records, as paths and types."""
    if kind.id != "struct":
        yield path, str(kind)
        return
    for name, inner in kind.children:
        yield from _fields((*path, name), inner)


def hash_delivery(delivery: Delivery) -> FileContent:
    """Hash a delivered file; DamagedFileError with reason ``changing`` when it is still written."""
    content = hash_file(delivery.path, delivery.compression)
    check_unchanged(delivery)
    return content


def check_unchanged(delivery: Delivery) -> None:
    """DamagedFileError with reason ``changing`` when a file is not what was discovered."""
    status = delivery.path.stat()
    if "!" not in delivery.name and (
        status.st_size != delivery.size_bytes or status.st_mtime_ns != delivery.mtime_ns
    ):
        raise DamagedFileError("changing", "The file changed while it was read; it waits.")
