"""Prerequisites of the Spark engine: the extra ``[spark]`` and Java, asked before it starts."""

import os
import re
import shutil
import socket
import subprocess
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from dagster_project.errors import UsageError
from dagster_project.settings import Settings

# PySpark 4 is compiled for it.
OLDEST_JAVA = 17
# What the servers listen on where the address names no port.
CONNECT_PORT, MASTER_PORT = 15002, 7077
ANSWER_SECONDS = 10


def require_spark(settings: Settings) -> None:
    """Raise UsageError, with what to do, unless Spark can be started, or answers where it runs."""
    needed = ["pyspark", "dbt-spark", *(["grpcio-status"] if settings.spark_remote else [])]
    absent = [name for name in needed if not _is_installed(name)]
    if absent:
        raise UsageError(
            f"HOURGLASS_ENGINE=spark needs {' and '.join(absent)}, which this installation lacks. "
            "Install them with make spark (or pip install 'hourglass[spark]'), or unset "
            "HOURGLASS_ENGINE to run on DuckDB."
        )
    if settings.spark_remote:
        _require_answer("HOURGLASS_SPARK_REMOTE", settings.spark_remote, CONNECT_PORT)
        return
    if settings.spark_master.startswith("spark://"):
        _require_answer("HOURGLASS_SPARK_MASTER", settings.spark_master, MASTER_PORT)
    found = java_version()
    if found is None or found < OLDEST_JAVA:
        what = "found none" if found is None else f"found Java {found}"
        raise UsageError(
            f"HOURGLASS_ENGINE=spark needs Java {OLDEST_JAVA} or newer; {what}. Install a Java "
            f"runtime (on Debian: apt-get install openjdk-{OLDEST_JAVA}-jre-headless) or let "
            "JAVA_HOME name one, or unset HOURGLASS_ENGINE to run on DuckDB."
        )


def _require_answer(name: str, address: str, default_port: int) -> None:
    """Raise UsageError unless somebody listens at ``address``: Spark itself tries for minutes."""
    # Several masters stand behind each other; any may be the one that leads.
    for place in address.partition("://")[2].partition("/")[0].split(","):
        host, _, port = place.partition(":")
        with suppress(OSError, ValueError):
            socket.create_connection((host, int(port or default_port)), ANSWER_SECONDS).close()
            return
    raise UsageError(
        f"{name}: nothing answers at {address}. Start that server of Spark, correct the address, "
        "or unset HOURGLASS_ENGINE to run on DuckDB."
    )


def java_version() -> int | None:
    """The major version of the Java that Spark would start; None when there is none."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if java is None:
        return None
    try:
        told = subprocess.run(
            [java, "-version"], capture_output=True, text=True, check=False, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r'version "(?:1\.)?(\d+)', told.stderr + told.stdout)
    return int(found[1]) if found and told.returncode == 0 else None


def _is_installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True
