"""Publishing while others read, and being killed, and running out of room."""

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import duckdb
import pytest

from dagster_project.publish import (
    current_manifest,
    list_versions,
    publish,
    restricted_database,
    version_in_force,
)
from dagster_project.settings import PROJECT_ROOT, Settings
from dagster_project.warehouse import connect
from tests.small_warehouse import fill, pass_gate, report_page, write_suites
from tests.soak import SOAK, seeded

KILLS = 100 if SOAK else 4
PUBLISHES = 10


def worker(*args: str | Path, **given) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.pipeline.publish_worker", *map(str, args)],
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        text=True,
        **given,
    )


@pytest.fixture
def settings(tmp_path):
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture
def suites_dir(tmp_path):
    return write_suites(tmp_path / "suites")


def put_out(settings: Settings, suites_dir: Path, stamp: int) -> None:
    """Publish in a process of its own, which must succeed."""
    process = worker("publish", settings.data_dir, suites_dir, str(stamp))
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said


def stamps_in_force(settings: Settings) -> tuple[set[int], set[int]]:
    """The stamps of all rows, published and restricted, of the version in force."""
    found = []
    for path, marts in (
        (settings.published_dir / "current" / "marts.duckdb", ("build", "customers", "orders")),
        (restricted_database(settings), ("build", "customer_contacts")),
    ):
        with duckdb.connect(str(path), read_only=True) as con:
            rows = [con.execute(f"SELECT DISTINCT stamp FROM {mart}").fetchall() for mart in marts]
        found.append({row[0] for mart in rows for row in mart})
    return found[0], found[1]


def test_readers_see_one_version_during_ten_publishes(settings, suites_dir):
    """If this fails, dashboards show errors or mix two days whenever the pipeline publishes."""
    put_out(settings, suites_dir, 1)
    readers = [worker("read", settings.data_dir) for _ in range(2)]
    assert [reader.stdout.readline() for reader in readers] == ["reading\n"] * 2
    errors: list[str] = []
    stopped = threading.Event()

    def read_in_this_process() -> None:
        """BI servers hold one process with many connections, and DuckDB shares files in it."""
        path = str(settings.published_dir / "current" / "marts.duckdb")
        while not stopped.is_set():
            try:
                with duckdb.connect(path, read_only=True) as con:
                    row = con.execute(
                        "SELECT min(stamp), max(stamp), (SELECT any_value(stamp) FROM build) "
                        "FROM orders"
                    ).fetchone()
                if len(set(row)) != 1:
                    errors.append(f"mixed: {row}")
            except duckdb.Error as error:
                errors.append(str(error))

    thread = threading.Thread(target=read_in_this_process)
    thread.start()
    try:
        with connect(settings) as con:
            for stamp in range(2, 2 + PUBLISHES):
                fill(con, f"b{stamp}", stamp=stamp)
                pass_gate(con, settings, suites_dir, settings.data_dir / "dbt")
                publish(con, settings, render=report_page, suites_dir=suites_dir)
    finally:
        stopped.set()
        thread.join()
        (settings.data_dir / "stop").touch()
        seen = [json.loads(reader.communicate(timeout=60)[0]) for reader in readers]
    assert errors == []
    for one in seen:
        assert one["errors"] == []
        assert one["mixed"] == []
        assert one["stamps"] == sorted(one["stamps"])
        assert one["reads"] >= PUBLISHES
    # They did follow: what was read is not only the first version.
    assert max(len(one["stamps"]) for one in seen) > 2


def test_killed_at_any_moment_the_next_publish_is_as_if_nothing_had_been(settings, suites_dir):
    """If this fails, a crash while publishing needs a person, or leaves half a version in force."""
    draw = seeded()
    put_out(settings, suites_dir, 1)
    started = time.monotonic()
    put_out(settings, suites_dir, 2)
    longest = time.monotonic() - started
    in_force = 2
    for stamp in range(3, 3 + KILLS):
        process = worker("publish", settings.data_dir, suites_dir, str(stamp))
        assert process.stdout.readline() == "publishing\n"
        time.sleep(draw.random() ** 2 * longest / 2)
        process.send_signal(signal.SIGKILL)
        process.wait()
        # Before anybody cleans up, readers have one whole version, the old or the new.
        published, restricted = stamps_in_force(settings)
        assert published == restricted
        assert published in ({in_force}, {stamp})
        [in_force] = published
        assert current_manifest(settings)["build_id"] == f"b{in_force}"
    put_out(settings, suites_dir, 1000)
    assert stamps_in_force(settings) == ({1000}, {1000})
    names = {version.name for version in list_versions(settings)}
    for tree in (settings.published_dir, settings.restricted_dir):
        assert {path.name for path in (tree / "versions").iterdir()} == names
        assert {path.name for path in tree.iterdir()} <= {"versions", "current", ".lock"}
        assert (tree / "current").readlink().name == version_in_force(settings).name


@pytest.mark.parametrize("room", [4096, 100_000, 300_000])
def test_a_full_disk_leaves_the_version_in_force(settings, suites_dir, room):
    """If this fails, a full disk ends in a stack trace, or in half a version."""
    put_out(settings, suites_dir, 1)
    first = version_in_force(settings).name
    process = worker("publish", settings.data_dir, suites_dir, "2", str(room))
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "cannot be written" in said
    build_id, left = json.loads(said.splitlines()[-1])
    assert build_id == "b1"
    assert left == [first, first]
    # With room again, the same process goes on as if nothing had been.
    assert stamps_in_force(settings) == ({2}, {2})
