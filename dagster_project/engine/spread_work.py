"""Spread work: independent tasks on Spark's workers, each in Python there; results come back here.

The work is handed to a process of its own as a folder (``work.pickle``, ``done.pickle``), so that
no Java lives on in Dagster's. Every worker has to see the data's folders under the same paths, and
has this package. A task that is lost with its executor is done again by another, so a task writes
where it would write the second time.
"""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dagster_project.engine.configuration import spark_environment
from dagster_project.engine.session import start_session
from dagster_project.errors import HourglassError
from dagster_project.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

Result = TypeVar("Result")


def spread(
    settings: Settings, folder: Path, task: Callable[[int], Result], count: int, *, what: str
) -> list[Result]:
    """``task(0)`` to ``task(count - 1)``, in this order, each done by a worker.

    ``task`` and what it gives can be pickled; ``folder``, which exists, takes both on their way.
    ``what`` the tasks do, for the message of the HourglassError that is raised when Spark fails.
    """
    (folder / "work.pickle").write_bytes(pickle.dumps((task, count)))
    result = subprocess.run(
        [sys.executable, "-m", "dagster_project.engine.spread_work", str(folder)],
        env={**os.environ, **spark_environment(settings)},
        check=False,
    )
    if result.returncode != 0 or not (folder / "done.pickle").exists():
        raise HourglassError(
            f"Spark could not {what}: its process ended with {result.returncode}, and the log of "
            "this run says why. The version in force is untouched. Mend what it says, or unset "
            "HOURGLASS_ENGINE, and run again."
        )
    return pickle.loads((folder / "done.pickle").read_bytes())


def main(folder: Path) -> None:
    """Do the work that lies in ``folder`` and leave there what came of it."""
    task, count = pickle.loads((folder / "work.pickle").read_bytes())
    # The function itself: what Spark pickles by reference, workers import.
    from dagster_project.engine.spread_work import done

    spark = start_session()
    try:
        positions = spark.range(0, count, 1, numPartitions=count)
        schema = "position long, result binary"
        rows = positions.mapInArrow(lambda batches: done(task, batches), schema).collect()
    finally:
        spark.stop()
    found = {row["position"]: pickle.loads(row["result"]) for row in rows}
    partial_path = folder / "done.part"
    partial_path.write_bytes(pickle.dumps([found[position] for position in range(count)]))
    partial_path.rename(folder / "done.pickle")


def done(
    task: Callable[[int], Any], batches: Iterator["pa.RecordBatch"]
) -> Iterator["pa.RecordBatch"]:
    """What ``task`` gives for each position of ``batches``, on a worker."""
    import pyarrow as pa

    for batch in batches:
        for position in batch.column(0).to_pylist():
            result = pickle.dumps(task(position))
            yield pa.RecordBatch.from_pydict(
                {"position": pa.array([position], pa.int64()), "result": [result]}
            )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
