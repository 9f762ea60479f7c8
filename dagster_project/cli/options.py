"""Options that several commands share, and the warehouse that they open between two runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import duckdb

    from dagster_project.settings import Settings

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Folder with landing/ and all results.", show_default="data/"),
]


@contextmanager
def opened_warehouse(
    data_dir: Path | None,
) -> Iterator[tuple["duckdb.DuckDBPyConnection", "Settings"]]:
    """The warehouse between two runs; said plainly when there is none or it is at work."""
    from dagster_project.settings import load_settings
    from dagster_project.warehouse import connect

    settings = load_settings(data_dir=data_dir)
    require_warehouse(settings)
    with connect(settings) as con:
        yield con, settings


def require_warehouse(settings: "Settings") -> None:
    """Raise UsageError where no run has made a warehouse yet, or where it is lost."""
    from dagster_project.errors import UsageError

    if not settings.warehouse_path.exists():
        # A run in which nothing changed since the version in force builds nothing.
        is_lost = (settings.published_dir / "current").is_symlink()
        run = "hourglass run --full-refresh" if is_lost else "hourglass run"
        raise UsageError(f"There is no warehouse in {settings.data_dir}: {run} first.")
