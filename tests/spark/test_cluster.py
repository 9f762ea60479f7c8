"""A real cluster on one machine: a master, two workers, and executors that are killed at work."""

import os
import random
import re
import shutil
import signal
import threading
import time
from pathlib import Path

import duckdb
import pytest

from tests.equal_marts import differences
from tests.pipeline.conftest import Company, take_key
from tests.soak import SOAK, seeded
from tests.spark.cluster import cluster
from tests.spark.conftest import ENGINE, SLOWEST
from tests.spark.test_whole_run import KEYS, small_company

pytestmark = pytest.mark.skipif(not SOAK, reason="make soak: a whole run on a cluster")

# Seconds after the start of an application's executors, in the order of the applications: reading
# files and scoring pairs take some ten, the models a minute and more.
SHORT, LONG = (4, 7), (12, 40)
KILLED_AFTER = {"load": SHORT, "staging": LONG, "scores": SHORT, "marts": LONG, "predicted": LONG}
CONF = """
spark.driver.host 127.0.0.1
spark.driver.bindAddress 127.0.0.1
spark.executor.cores 1
spark.sql.codegen.wholeStage false
spark.sql.codegen.factoryMode NO_CODEGEN
spark.sql.adaptive.enabled false
"""


def _executors() -> dict[int, str]:
    """By process id: the application that an executor works for."""
    found = {}
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                command = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (OSError, UnicodeDecodeError):
                continue
            app = re.search(r"CoarseGrainedExecutorBackend .*--app-id (\S+)", command)
            if app and "spark-class" not in command:
                found[int(place.name)] = app[1]
    return found


def _kill_one_of_each(draw: random.Random, stop: threading.Event, killed: set[str]) -> None:
    """Of each application one executor dies, at a random moment of its work."""
    due: dict[str, float] = {}
    while not stop.wait(0.5):
        running = _executors()
        for app in set(running.values()) - due.keys():
            after = list(KILLED_AFTER.values())[min(len(due), len(KILLED_AFTER) - 1)]
            due[app] = time.monotonic() + draw.uniform(*after)
        for pid, app in running.items():
            if app not in killed and time.monotonic() > due[app]:
                os.kill(pid, signal.SIGKILL)
                killed.add(app)
                break


def test_executors_that_die_cost_time_alone(tmp_path):
    """A machine of the cluster dies at night, and the morning's numbers are others, or none."""
    draw = seeded()
    company = Company(tmp_path / "duckdb", timeout=SLOWEST)
    small_company(company.data_dir / "landing")
    on_spark = Company(tmp_path / "spark", timeout=SLOWEST)
    shutil.copytree(company.data_dir / "landing", on_spark.data_dir / "landing")
    company.run("--now")
    take_key(on_spark, company)
    conf = tmp_path / "cluster.conf"
    conf.write_text(CONF)
    killed: set[str] = set()
    stop = threading.Event()
    killer = threading.Thread(target=_kill_one_of_each, args=(draw, stop, killed))
    with cluster(tmp_path) as address:
        killer.start()
        try:
            result = on_spark.hourglass(
                "run",
                "--now",
                **{
                    **ENGINE,
                    "HOURGLASS_SPARK_MASTER": address,
                    "HOURGLASS_SPARK_MEMORY": "1g",
                    "HOURGLASS_SPARK_PARTITIONS": "2",
                    "HOURGLASS_SPARK_CONF": str(conf),
                    "HOURGLASS_SPARK_LOAD_MB": "0",
                    "HOURGLASS_SPARK_SCORED_PAIRS": "0",
                },
            )
        finally:
            stop.set()
            killer.join()
    assert result.returncode == 0, result.stdout + result.stderr
    assert len(killed) >= len(KILLED_AFTER)
    with (
        duckdb.connect(str(company.marts_path), read_only=True) as one,
        duckdb.connect(str(on_spark.marts_path), read_only=True) as other,
    ):
        assert differences(one, other, keys=KEYS) == {}
