"""Spread load: new files read by Spark's workers, one file a task; the ledger commits here.

Every worker has to see landing and Spark's folder under the same paths. A task that is done again
overwrites its own folder.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dagster_project.engine.configuration import spark_folder
from dagster_project.engine.spread_work import spread
from dagster_project.load.ingest.canonical_rows import LoadStamp
from dagster_project.load.ingest.file_rows import FileRows
from dagster_project.load.landing.corrections import Corrections
from dagster_project.load.landing.discovery import Delivery
from dagster_project.load.read_apart import read_apart
from dagster_project.load.validation.load_targets import Target
from dagster_project.settings import Settings

WORK = "load_work"


@dataclass(frozen=True)
class _Work:
    """What every task needs; ``files``: position of the delivery's target, and the delivery."""

    targets: tuple[Target, ...]
    files: tuple[tuple[int, Delivery], ...]
    stamp: LoadStamp
    corrections: Corrections
    delivered: dict[str, str]
    folder: Path
    memory_limit: str


@contextmanager
def file_spread(settings: Settings) -> Iterator[Callable[..., dict[str, FileRows]] | None]:
    """What reads new files for one load of this installation; None: the load itself.

    What it wrote holds people's data and goes with the block.
    """
    if settings.engine != "spark":
        yield None
        return
    folder = spark_folder(settings) / WORK
    try:
        # What a killed load left.
        shutil.rmtree(folder, ignore_errors=True)
        yield partial(spread_files, settings)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def spread_files(
    settings: Settings,
    new: Sequence[tuple[Target, Sequence[Delivery]]],
    stamp: LoadStamp,
    corrections: Corrections,
    delivered: dict[str, str],
) -> dict[str, FileRows]:
    """Read ``new`` files on the workers; their rows by name in landing.

    Empty when there is too little to read. Raises HourglassError, with nothing loaded, when Spark
    could not.
    """
    files = [(number, delivery) for number, (_, found) in enumerate(new) for delivery in found]
    size = sum(delivery.size_bytes for _, delivery in files)
    if len(files) < 2 or size < settings.spark_load_mb << 20:
        return {}
    folder = spark_folder(settings) / WORK
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    # The largest first, so that none is begun when the others are done.
    files.sort(key=lambda item: -item[1].size_bytes)
    work = _Work(
        tuple(target for target, _ in new),
        tuple(files),
        stamp,
        corrections,
        delivered,
        folder,
        settings.memory_limit,
    )
    done = spread(settings, folder, partial(_read, work), len(files), what="read the new files")
    return {name: rows for name, rows in done if rows is not None}


def _read(work: _Work, position: int) -> tuple[str, FileRows | None]:
    number, delivery = work.files[position]
    rows = read_apart(
        delivery,
        work.targets[number],
        work.stamp,
        work.corrections,
        work.delivered,
        work.folder / str(position),
        memory_limit=work.memory_limit,
    )
    return delivery.name, rows
