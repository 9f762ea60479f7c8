"""A Spark that runs elsewhere: the daily job by Spark Connect, without a Java of its own."""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from tests.equal_marts import differences
from tests.pipeline.conftest import Company, take_key
from tests.soak import SOAK
from tests.spark.cluster import environment, free_port, spark_home
from tests.spark.conftest import ENGINE, SLOWEST
from tests.spark.test_whole_run import KEYS, small_company

pytestmark = pytest.mark.skipif(not SOAK, reason="make soak: a whole run by Spark Connect")

SERVER = "org.apache.spark.sql.connect.service.SparkConnectServer"
STARTED = "Spark Connect server started"


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """The address of a Spark Connect server of this machine."""
    port = free_port()
    log = folder / "connect.log"
    settings = [
        "spark.connect.grpc.binding.address=127.0.0.1",
        f"spark.connect.grpc.binding.port={port}",
        "spark.driver.memory=4g",
        f"spark.sql.warehouse.dir={folder / 'server'}",
        "spark.ui.enabled=false",
        "spark.driver.bindAddress=127.0.0.1",
        "spark.driver.host=127.0.0.1",
    ]
    command = [str(spark_home() / "bin" / "spark-submit"), "--master", "local[2]"]
    for setting in settings:
        command += ["--conf", setting]
    with log.open("w") as out:
        process = subprocess.Popen(
            [*command, "--class", SERVER, "spark-internal"],
            stdout=out,
            stderr=out,
            env=environment(),
            start_new_session=True,
        )
    try:
        until = time.monotonic() + 120
        while STARTED not in log.read_text() and process.poll() is None:
            assert time.monotonic() < until, log.read_text()
            time.sleep(1)
        assert process.poll() is None, log.read_text()
        yield f"sc://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def test_a_server_elsewhere_builds_the_same_marts(tmp_path: Path):
    """A company's cluster is reached by Connect, and its numbers are others, or none."""
    company = Company(tmp_path / "duckdb", timeout=SLOWEST)
    small_company(company.data_dir / "landing")
    on_spark = Company(tmp_path / "spark", timeout=SLOWEST)
    shutil.copytree(company.data_dir / "landing", on_spark.data_dir / "landing")
    company.run("--now")
    take_key(on_spark, company)
    with server(tmp_path) as address:
        result = on_spark.hourglass(
            "run",
            "--now",
            **{
                **ENGINE,
                "HOURGLASS_SPARK_REMOTE": address,
                "HOURGLASS_SPARK_LOAD_MB": "0",
                "HOURGLASS_SPARK_SCORED_PAIRS": "0",
                # Nothing that the client could start by itself.
                "JAVA_HOME": str(tmp_path / "no-java"),
            },
        )
    assert result.returncode == 0, result.stdout + result.stderr
    with (
        duckdb.connect(str(company.marts_path), read_only=True) as one,
        duckdb.connect(str(on_spark.marts_path), read_only=True) as other,
    ):
        assert differences(one, other, keys=KEYS) == {}
