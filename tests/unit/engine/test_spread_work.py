"""Tasks that workers do: every one, each once, and what failed is told with what to do."""

import pickle
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

from dagster_project.engine import spread_work
from dagster_project.errors import HourglassError
from dagster_project.settings import load_settings


def square(number: int, plus: int) -> int:
    return number * number + plus


def test_a_worker_does_each_task_of_its_partition():
    """A file of the night is read by nobody, or its rows are taken for another's."""
    batches = [
        pa.RecordBatch.from_pydict({"id": pa.array(ids, pa.int64())}) for ids in ([0, 3], [], [2])
    ]
    given = [
        row
        for batch in spread_work.done(partial(square, plus=1), iter(batches))
        for row in batch.to_pylist()
    ]
    assert {row["position"]: pickle.loads(row["result"]) for row in given} == {0: 1, 3: 10, 2: 5}


@pytest.mark.parametrize("left", [None, "done.part"])
def test_a_spark_that_fails_is_told_with_what_to_do(tmp_path: Path, monkeypatch, left: str | None):
    """Workers die, and half of the work is taken for all of it."""
    monkeypatch.setattr(spread_work.subprocess, "run", lambda *_, **__: ended(tmp_path, left))
    settings = load_settings(data_dir=tmp_path, engine="spark")
    with pytest.raises(HourglassError) as caught:
        spread_work.spread(settings, tmp_path, partial(square, plus=1), 2, what="square numbers")
    assert caught.value.message.startswith("Spark could not square numbers: its process ended with")
    assert "unset HOURGLASS_ENGINE" in caught.value.message


def ended(folder: Path, left: str | None) -> object:
    if left:
        (folder / left).write_bytes(b"half")
    return type("Ended", (), {"returncode": 0 if left else 1})()
