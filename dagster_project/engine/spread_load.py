"""Spread load: new files read by Spark's workers, one file a task; the ledger commits here.

The work is handed to a process of its own as a folder (``work.pickle``, ``done.pickle``), so that
no Java lives on in Dagster's. Every worker has to see landing and the folder under the same paths.
A task that is lost with its executor is done again by another; it overwrites its own folder.
"""

import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dagster_project.engine.configuration import spark_environment, spark_folder
from dagster_project.errors import HourglassError
from dagster_project.load.ingest.canonical_rows import LoadStamp
from dagster_project.load.ingest.file_rows import FileRows
from dagster_project.load.landing.corrections import Corrections
from dagster_project.load.landing.discovery import Delivery
from dagster_project.load.read_apart import read_apart
from dagster_project.load.validation.load_targets import Target
from dagster_project.settings import Settings

# Below, starting Spark takes longer than reading the files.
WORTH_BYTES = 256 << 20
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
    *,
    worth_bytes: int = WORTH_BYTES,
) -> dict[str, FileRows]:
    """Read ``new`` files on the workers; their rows by name in landing.

    Empty when there is too little to read. Raises HourglassError when Spark could not.
    """
    files = [(number, delivery) for number, (_, found) in enumerate(new) for delivery in found]
    size = sum(delivery.size_bytes for _, delivery in files)
    if len(files) < 2 or size < worth_bytes:
        return {}
    folder = spark_folder(settings) / WORK
    environment = {**os.environ, **spark_environment(settings)}
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
    (folder / "work.pickle").write_bytes(pickle.dumps(work))
    result = subprocess.run(
        [sys.executable, "-m", "dagster_project.engine.spread_load", str(folder)],
        env=environment,
        check=False,
    )
    if result.returncode != 0 or not (folder / "done.pickle").exists():
        raise HourglassError(
            f"Spark could not read the new files: its process ended with {result.returncode}, and "
            "the log of this run says why. Nothing was loaded; the version in force is untouched."
        )
    return pickle.loads((folder / "done.pickle").read_bytes())


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


def main(folder: Path) -> None:
    """Do the work that lies in ``folder`` and leave there what came of it."""
    from pyspark.sql import SparkSession

    work: _Work = pickle.loads((folder / "work.pickle").read_bytes())
    spark = SparkSession.builder.getOrCreate()
    try:
        positions = range(len(work.files))
        tasks = spark.sparkContext.parallelize(positions, len(positions))
        done = tasks.map(partial(_read, work)).collect()
    finally:
        spark.stop()
    found = {name: rows for name, rows in done if rows is not None}
    partial_path = folder / "done.part"
    partial_path.write_bytes(pickle.dumps(found))
    partial_path.rename(folder / "done.pickle")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
