"""The command `hourglass export-marts`: marts as CSV or Excel files, where Parquet is not read."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dagster_project.cli.options import DataDir
from dagster_project.cli.screen import say


class Format(StrEnum):
    """What a mart is written as."""

    CSV = "csv"
    XLSX = "xlsx"


def export_marts(
    marts: Annotated[list[str], typer.Argument(metavar="MART...", help="Marts, as orders.")],
    to: Annotated[Format, typer.Option(help="csv, or xlsx: a workbook with typed cells.")] = (
        Format.CSV
    ),
    folder: Annotated[
        Path | None, typer.Option(help="Where to; exports/marts/<version> when not given.")
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="VERSION", help="A kept version instead of the current."),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Write marts of one version as CSV, or as Excel workbooks with typed cells."""
    from dagster_project.publish import find_version, opened_marts
    from dagster_project.report.mart_files import write_mart
    from dagster_project.settings import load_settings

    settings = load_settings(data_dir=data_dir)
    version = find_version(settings, as_of)
    target = folder or settings.exported_marts_dir / version.name
    with opened_marts(version.published) as con:
        for mart in marts:
            say(str(write_mart(con, mart, target, to.value)))
