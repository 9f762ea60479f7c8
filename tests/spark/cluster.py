"""Standalone cluster on one machine: a master and its workers, for a test or a bench."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WORKERS = 2


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def spark_home() -> Path:
    """The folder of the installed Spark."""
    import pyspark

    return Path(pyspark.__file__).parent


def environment() -> dict[str, str]:
    """Of a server of Spark: its workers take this Python, which has this package."""
    return {**os.environ, "PYSPARK_PYTHON": sys.executable}


@contextmanager
def cluster(folder: Path, *, workers: int = WORKERS, memory: str = "2g") -> Iterator[str]:
    """The address of a master with ``workers``, each of one core and so much ``memory``."""
    spark_class = spark_home() / "bin" / "spark-class"
    port = free_port()
    address = f"spark://127.0.0.1:{port}"
    deploy = "org.apache.spark.deploy"
    own = ("--host", "127.0.0.1", "--webui-port", "0")
    commands = [
        [str(spark_class), f"{deploy}.master.Master", *own, "--port", str(port)],
        *(
            [str(spark_class), f"{deploy}.worker.Worker", *own, "-c", "1", "-m", memory, address]
            for _ in range(workers)
        ),
    ]
    running = []
    try:
        for number, command in enumerate(commands):
            with (folder / f"{number}.log").open("w") as log:
                running.append(
                    subprocess.Popen(
                        command,
                        stdout=log,
                        stderr=log,
                        env=environment() | {"SPARK_WORKER_DIR": str(folder / str(number))},
                        start_new_session=True,
                    )
                )
            time.sleep(3)
        yield address
    finally:
        for process in reversed(running):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
